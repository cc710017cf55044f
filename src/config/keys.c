#include "config/keys.h"

#include <stdlib.h>
#include <string.h>

#include "config/ports.h"
#include "config/values.h"
#include "users.h"

static struct config_draft_receiver *current_receiver(struct config_draft *draft)
{
    return &draft->receivers[draft->receiver_count - 1];
}

static void set_listen(struct config_draft *draft, const char *value,
                       const struct config_place *place)
{
    config_value_listen(value, &draft->agent.listen, place);
}

static void set_allow(struct config_draft *draft, const char *value,
                      const struct config_place *place)
{
    config_value_allow(value, &draft->agent.allow, place);
}

static void set_auth_file(struct config_draft *draft, const char *value,
                          const struct config_place *place)
{
    config_value_auth_file(value, &draft->agent.auth_file, place);
}

static void set_scope(struct config_draft *draft, const char *value,
                      const struct config_place *place)
{
    config_value_scope(value, &draft->agent.scope, place);
}

static void set_max_sockets(struct config_draft *draft, const char *value,
                            const struct config_place *place)
{
    config_value_max_sockets(value, &draft->agent.max_sockets, place);
}

static void set_sample_interval(struct config_draft *draft, const char *value,
                                const struct config_place *place)
{
    static const struct config_duration_limits limits = {"sample_interval", "20ms", "60s", 20,
                                                         60000};
    config_value_duration(value, &draft->agent.sample_interval, &limits, place);
}

static void set_peak_window(struct config_draft *draft, const char *value,
                            const struct config_place *place)
{
    static const struct config_duration_limits limits = {"peak_window", "1s", "24h", 1000,
                                                         86400000};
    config_value_duration(value, &draft->agent.peak_window, &limits, place);
}

static void set_state_dir(struct config_draft *draft, const char *value,
                          const struct config_place *place)
{
    config_value_state_dir(value, &draft->agent.state_dir, place);
}

static void set_procfs(struct config_draft *draft, const char *value,
                       const struct config_place *place)
{
    config_value_procfs(value, &draft->agent.procfs, place);
}

static void set_log_level(struct config_draft *draft, const char *value,
                          const struct config_place *place)
{
    config_value_log_level(value, &draft->agent.log_level, place);
}

static void set_process(struct config_draft *draft, const char *value,
                        const struct config_place *place)
{
    config_value_process(value, &current_receiver(draft)->receiver.process, place);
}

static void set_cmdline(struct config_draft *draft, const char *value,
                        const struct config_place *place)
{
    config_value_string(value, &current_receiver(draft)->receiver.cmdline, place);
}

static void set_unit(struct config_draft *draft, const char *value,
                     const struct config_place *place)
{
    config_value_unit(value, &current_receiver(draft)->receiver.unit, place);
}

static void set_user(struct config_draft *draft, const char *value,
                     const struct config_place *place)
{
    struct receiver *receiver = &current_receiver(draft)->receiver;
    config_value_string(value, &receiver->user, place);
    receiver->has_user = user_find(value, &receiver->uid) == 0;
    if (!receiver->has_user)
        config_warning(place,
                       "no user \"%.80s\" in /etc/passwd, so no process matches; create the "
                       "user, or write another name or a number",
                       value);
}

static void set_buffer(struct config_draft *draft, const char *value,
                       const struct config_place *place)
{
    config_value_buffer(value, &current_receiver(draft)->receiver.buffer, place);
}

static void set_required(struct config_draft *draft, const char *value,
                         const struct config_place *place)
{
    config_value_yes(value, &current_receiver(draft)->receiver.required, place);
}

/* Make room for count more ports. Returns whether there is room; reports once when not. */
static bool reserve_ports(struct config_draft *draft, size_t count,
                          const struct config_place *place)
{
    if (count > CONFIG_PORTS_MAX - draft->port_count) {
        if (!draft->is_full)
            config_error(place, "more than %d expected ports; expect fewer", CONFIG_PORTS_MAX);
        draft->is_full = true;
        return false;
    }
    size_t needed = draft->port_count + count;
    if (needed <= draft->port_capacity)
        return true;
    size_t capacity = draft->port_capacity ? draft->port_capacity : 64;
    while (capacity < needed)
        capacity *= 2;
    struct config_draft_port *ports = reallocarray(draft->ports, capacity, sizeof *ports);
    if (!ports) {
        place->messages->failed = true;
        return false;
    }
    draft->ports = ports;
    draft->port_capacity = capacity;
    return true;
}

static void add_range(struct config_draft *draft, const struct config_port_range *range,
                      const struct config_place *place)
{
    size_t count = (size_t)(range->last - range->first) + 1;
    if (!reserve_ports(draft, count, place))
        return;
    for (size_t i = 0; i < count; i++) {
        draft->ports[draft->port_count++] =
            (struct config_draft_port){.receiver = draft->receiver_count - 1,
                                       .any_address = range->any_address,
                                       .address = range->address,
                                       .port = (uint16_t)(range->first + i),
                                       .place = *place};
    }
}

static void add_ports(struct config_draft *draft, const char *value,
                      const struct config_place *place)
{
    struct config_list list = {.rest = value};
    struct config_port_range range;
    while (config_list_next(&list)) {
        if (config_port_range_read(list.item, &range, place))
            add_range(draft, &range, place);
    }
}

static const struct config_key agent_keys[CONFIG_AGENT_KEYS] = {
    {"listen", set_listen, "0.0.0.0:9117", false, false},
    {"allow", set_allow, "0.0.0.0/0", false, false},
    {"auth_file", set_auth_file, "/etc/udpwatch/auth", false, true},
    {"sample_interval", set_sample_interval, "1s", false, false},
    {"peak_window", set_peak_window, "60s", false, false},
    {"scope", set_scope, "expected", false, false},
    {"max_sockets", set_max_sockets, "1000", false, false},
    {"state_dir", set_state_dir, "/var/lib/udpwatch", false, true},
    {"procfs", set_procfs, "/proc", false, false},
    {"log_level", set_log_level, "info", false, false},
};

static const struct config_key receiver_keys[CONFIG_RECEIVER_KEYS] = {
    {"ports", add_ports, "6984, 7878-7880", true, false},
    {"process", set_process, "filebeat", false, false},
    {"cmdline", set_cmdline, "*core-switches.yml*", false, false},
    {"unit", set_unit, "filebeat.service", false, false},
    {"user", set_user, "syslog", false, false},
    {"buffer", set_buffer, "8MiB", false, false},
    {"required", set_required, "yes", false, false},
};

/* The keys of a section, and where each stood already. */
struct section {
    const char *name; /* in messages */
    const struct config_key *keys;
    struct config_place *seen;
    size_t count;
};

/* The one that is being read. */
static struct section section_of(struct config_draft *draft)
{
    switch (draft->section) {
    case SECTION_AGENT:
        return (struct section){"[agent]", agent_keys, draft->agent_keys, CONFIG_AGENT_KEYS};
    case SECTION_WEB:
        return (struct section){"a web check", config_web_keys,
                                draft->webs[draft->web_count - 1].keys, CONFIG_WEB_KEYS};
    default:
        return (struct section){"a receiver", receiver_keys, current_receiver(draft)->keys,
                                CONFIG_RECEIVER_KEYS};
    }
}

/* Report a key that the section does not have, with those that it has. */
static void report_unknown(const char *name, const struct section *section,
                           const struct config_place *place)
{
    const char *names[CONFIG_WEB_KEYS > CONFIG_AGENT_KEYS ? CONFIG_WEB_KEYS : CONFIG_AGENT_KEYS];
    struct text text = {0};
    for (size_t i = 0; i < section->count; i++) {
        names[i] = section->keys[i].name;
        text_print(&text, "%s%s", i ? ", " : "", names[i]);
    }
    config_suggest(&text, name, names, section->count);
    config_error(place, "unknown key \"%.80s\" in %s; the keys are %s", name, section->name,
                 text.failed ? "" : text.bytes);
    text_free(&text);
}

/* Take a key that is known; seen is where it stood before. */
static void take_known(struct config_draft *draft, const struct config_key *key, const char *value,
                       struct config_place *seen, const struct config_place *place)
{
    if (seen->line > 0 && !key->may_repeat) {
        struct text first = {0};
        config_place_print(seen, &first);
        config_error(place, "%s is repeated; it stands at %s already: keep one of them", key->name,
                     first.failed ? "" : first.bytes);
        text_free(&first);
        return;
    }
    if (seen->line == 0)
        *seen = *place;
    if (*value == '\0' && !key->may_be_empty)
        config_error(place, "%s has no value; write one, as %s = %s, or remove the line", key->name,
                     key->name, key->example);
    else
        key->set(draft, value, place);
}

void config_keys_take(struct config_draft *draft, const char *key, const char *value,
                      const struct config_place *place)
{
    struct section section = section_of(draft);
    for (size_t i = 0; i < section.count; i++) {
        if (strcmp(key, section.keys[i].name) == 0) {
            take_known(draft, &section.keys[i], value, &section.seen[i], place);
            return;
        }
    }
    report_unknown(key, &section, place);
}
