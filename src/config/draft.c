#include "config/draft.h"

#include <stdlib.h>
#include <string.h>

#include "config/keys.h"
#include "config/reader.h"

/* The words that sections begin with. */
enum { KIND_AGENT, KIND_FILEBEAT, KIND_RECEIVER, KIND_WEB, KIND_COUNT };
static const char *const kinds[KIND_COUNT] = {"agent", "filebeat", "receiver", "web"};

static const char blanks[] = " \t";

void config_draft_start(struct config_draft *draft, struct config_messages *messages)
{
    *draft = (struct config_draft){
        .messages = messages,
        .agent = {.sample_interval = INT64_C(1000000000),
                  .peak_window = INT64_C(60000000000),
                  .scope = SCOPE_EXPECTED,
                  .max_sockets = 1000,
                  .log_level = LOG_LEVEL_INFO},
    };
}

static struct config_place place_of(const struct config_draft *draft, size_t line)
{
    struct config_place place = draft->file;
    place.line = line;
    return place;
}

/* Begin [agent], which stands once. */
static void begin_agent(struct config_draft *draft, const struct config_place *place)
{
    draft->section = SECTION_AGENT;
    if (draft->agent_header.line == 0) {
        draft->agent_header = *place;
        return;
    }
    struct text first = {0};
    config_place_print(&draft->agent_header, &first);
    config_error(place, "[agent] is repeated; put its keys below the one at %s",
                 first.failed ? "" : first.bytes);
    text_free(&first);
}

/* Make room for one more receiver. Returns whether there is room. */
static bool reserve_receiver(struct config_draft *draft)
{
    if (draft->receiver_count < draft->receiver_capacity)
        return true;
    size_t capacity = draft->receiver_capacity ? draft->receiver_capacity * 2 : 8;
    struct config_draft_receiver *receivers =
        reallocarray(draft->receivers, capacity, sizeof *receivers);
    if (!receivers) {
        draft->messages->failed = true;
        return false;
    }
    draft->receivers = receivers;
    draft->receiver_capacity = capacity;
    return true;
}

/* Begin a receiver. */
static void begin_receiver(struct config_draft *draft, bool is_filebeat, const char *name,
                           const struct config_place *place)
{
    char *copy = strdup(name);
    if (!copy || !reserve_receiver(draft)) {
        draft->messages->failed = true;
        free(copy);
        return;
    }
    if (*name == '\0')
        config_error(place, "a receiver without a name; write [%s NAME]",
                     kinds[is_filebeat ? KIND_FILEBEAT : KIND_RECEIVER]);
    draft->receivers[draft->receiver_count++] = (struct config_draft_receiver){
        .receiver = {.name = copy, .required = true}, .header = *place, .is_filebeat = is_filebeat};
    draft->section = SECTION_RECEIVER;
}

/* Make room for one more check. Returns whether there is room. */
static bool reserve_web(struct config_draft *draft, const struct config_place *place)
{
    if (draft->web_count < draft->web_capacity)
        return true;
    if (draft->web_count == CONFIG_WEB_CHECKS_MAX) {
        config_error(place,
                     "more than %d [web] sections; check fewer addresses, or have another "
                     "agent check some of them",
                     CONFIG_WEB_CHECKS_MAX);
        return false;
    }
    size_t capacity = draft->web_capacity ? draft->web_capacity * 2 : 8;
    if (capacity > CONFIG_WEB_CHECKS_MAX)
        capacity = CONFIG_WEB_CHECKS_MAX;
    struct config_draft_web *webs = reallocarray(draft->webs, capacity, sizeof *webs);
    if (!webs) {
        draft->messages->failed = true;
        return false;
    }
    draft->webs = webs;
    draft->web_capacity = capacity;
    return true;
}

/* Begin an HTTP(S) check. */
static void begin_web(struct config_draft *draft, const char *name,
                      const struct config_place *place)
{
    if (!reserve_web(draft, place))
        return;
    char *copy = strdup(name);
    if (!copy) {
        draft->messages->failed = true;
        return;
    }
    if (*name == '\0')
        config_error(place, "a web check without a name; write [web NAME]");
    draft->webs[draft->web_count++] =
        (struct config_draft_web){.check = {.name = copy,
                                            .interval = INT64_C(15000000000),
                                            .timeout = INT64_C(5000000000),
                                            .verify = true,
                                            .statuses = {{200, 200}},
                                            .status_count = 1},
                                  .header = *place};
    draft->section = SECTION_WEB;
}

/* Report a section that is none, with those that are. */
static void report_unknown(const char *section, const char *kind, const struct config_place *place)
{
    struct text text = {0};
    text_append(&text, "[agent], [filebeat NAME], [receiver NAME], [web NAME]");
    config_suggest(&text, kind, kinds, KIND_COUNT);
    config_error(place, "unknown section [%.80s]; the sections are %s", section,
                 text.failed ? "" : text.bytes);
    text_free(&text);
}

/* Report blanks where none belong; the section is understood all the same. */
static void check_blanks(const char *section, const char *kind, const char *name,
                         const struct config_place *place)
{
    struct text right = {0};
    text_print(&right, *name ? "%s %s" : "%s%s", kind, name);
    if (!right.failed && strcmp(section, right.bytes) != 0)
        config_error(place, "blanks in the section header [%s]; write [%s]", section, right.bytes);
    text_free(&right);
}

/* Begin the section of a header, split into its first word and the rest. */
static void begin_section(struct config_draft *draft, const char *section, const char *kind,
                          const char *name, const struct config_place *place)
{
    size_t found = 0;
    while (found < KIND_COUNT && strcmp(kind, kinds[found]) != 0)
        found++;
    draft->section = SECTION_UNKNOWN;
    if (found == KIND_COUNT) {
        report_unknown(section, kind, place);
        return;
    }
    if (*name || found == KIND_AGENT)
        check_blanks(section, kind, name, place);
    if (found == KIND_WEB) {
        begin_web(draft, name, place);
        return;
    }
    if (found != KIND_AGENT) {
        begin_receiver(draft, found == KIND_FILEBEAT, name, place);
        return;
    }
    if (*name)
        config_error(place, "[agent] takes no name, but has \"%.80s\"; write [agent]", name);
    begin_agent(draft, place);
}

static void on_section(void *user, size_t line, const char *section)
{
    struct config_draft *draft = user;
    struct config_place place = place_of(draft, line);
    draft->section = SECTION_UNKNOWN;
    char *copy = section ? strdup(section) : NULL;
    if (!copy) {
        draft->messages->failed |= section != NULL;
        return;
    }
    char *kind = copy + strspn(copy, blanks);
    char *end = copy + strlen(copy);
    while (end > kind && strchr(blanks, end[-1]))
        *--end = '\0';
    char *name = kind + strcspn(kind, blanks);
    if (*name) {
        *name++ = '\0';
        name += strspn(name, blanks);
    }
    begin_section(draft, section, kind, name, &place);
    free(copy);
}

static void on_key(void *user, size_t line, const char *key, const char *value)
{
    struct config_draft *draft = user;
    struct config_place place = place_of(draft, line);
    if (draft->section == SECTION_NONE)
        config_error(&place,
                     "%.80s stands before any section; put [agent], [filebeat NAME], "
                     "[receiver NAME] or [web NAME] above it",
                     key);
    else if (draft->section != SECTION_UNKNOWN)
        config_keys_take(draft, key, value, &place);
}

static void on_problem(void *user, size_t line, const char *problem)
{
    struct config_draft *draft = user;
    struct config_place place = place_of(draft, line);
    config_error(&place, "%s", problem);
    if (draft->section == SECTION_RECEIVER)
        draft->receivers[draft->receiver_count - 1].is_damaged = true;
    if (draft->section == SECTION_WEB)
        draft->webs[draft->web_count - 1].is_damaged = true;
}

void config_draft_read(struct config_draft *draft, const char *name, const char *bytes,
                       size_t length)
{
    static const struct config_reader_events events = {on_section, on_key, on_problem};
    draft->file = config_messages_add_file(draft->messages, name);
    draft->section = SECTION_NONE;
    if (config_reader_read(bytes, length, &events, draft) < 0)
        draft->messages->failed = true;
}

static void free_receiver(struct receiver *receiver)
{
    free(receiver->name);
    free(receiver->process);
    free(receiver->cmdline);
    free(receiver->unit);
    free(receiver->user);
}

void config_draft_free(struct config_draft *draft)
{
    for (size_t i = 0; i < draft->receiver_count; i++)
        free_receiver(&draft->receivers[i].receiver);
    for (size_t i = 0; i < draft->web_count; i++)
        web_check_free(&draft->webs[i].check);
    free(draft->receivers);
    free(draft->webs);
    free(draft->ports);
    free(draft->agent.listen);
    free(draft->agent.allow);
    free(draft->agent.auth_file);
    free(draft->agent.users);
    free(draft->agent.procfs);
    free(draft->agent.state_dir);
    *draft = (struct config_draft){0};
}
