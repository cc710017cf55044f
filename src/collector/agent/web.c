#include "collector/agent/web.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "clock.h"
#include "collector/agent/supervisor.h"
#include "log.h"
#include "text.h"
#include "web_wire.h"

static const int64_t second = 1000000000;

/* For so long the program may not be there: a start takes much less. */
static const int64_t longest_outage = 10000000000;

/* More than these wait for the next turn: a flood of results must not keep the agent from the rest.
 */
enum { MOST_MESSAGES = 256 };

/* One check, in the order of the configuration. */
struct slot {
    uint64_t id;
    char *name;
    char *url;
    struct text wired; /* tells checks that are done the same */
    int64_t timeout;
    int64_t patience;  /* nanoseconds without a result after which the last one is too old */
    int64_t came;      /* CLOCK_MONOTONIC: end of the last run, or when waiting for one began */
    int64_t least_end; /* CLOCK_BOOTTIME: no run whose result is to come was over before */
    bool has_result;
    struct web_state state;
};

struct web {
    char *program;
    bool at_once;
    bool waited_for;               /* whoever has no result now had its time */
    struct supervisor *supervisor; /* NULL while there are no checks */
    struct slot *slots;
    size_t count;
    uint64_t last_id;
    uint64_t restarts_before; /* of earlier supervisors */
    int64_t heard; /* CLOCK_MONOTONIC: when the program last said something, or was not there */
    int64_t least_patience; /* of all checks */
    int64_t silent_at;      /* CLOCK_MONOTONIC: the program should say something until then */
    struct web_state *told; /* of the slots, for web_tell */
    struct web_states states;
};

int web_open(struct web **web, const char *program, bool at_once)
{
    struct web *made = calloc(1, sizeof *made);
    if (!made)
        return -ENOMEM;
    made->at_once = at_once;
    made->program = strdup(program);
    if (!made->program) {
        free(made);
        return -ENOMEM;
    }
    *web = made;
    return 0;
}

/* NULL is allowed. */
static void free_slots(struct slot *slots, size_t count)
{
    for (size_t i = 0; slots && i < count; i++) {
        free(slots[i].name);
        free(slots[i].url);
        text_free(&slots[i].wired);
    }
    free(slots);
}

static const struct slot *find_name(const struct web *web, const char *name)
{
    for (size_t i = 0; i < web->count; i++)
        if (strcmp(web->slots[i].name, name) == 0)
            return &web->slots[i];
    return NULL;
}

/* Runs that take all their time come an interval and the timeout apart, the first one is put off
 * for up to an interval, and the machine may be busy. */
static int64_t patience_for(const struct web_check *check)
{
    return 2 * check->interval + check->timeout + 5 * second;
}

/* What is done as before goes on; of one that is done in another way the counts do. */
static int make_slot(struct web *web, const struct web_check *check, int64_t now, struct slot *slot)
{
    const struct slot *old = find_name(web, check->name);
    web_wire_write_check(check, &slot->wired);
    slot->name = strdup(check->name);
    slot->url = strdup(check->shown_url);
    slot->timeout = check->timeout;
    slot->patience = patience_for(check);
    if (slot->wired.failed || !slot->name || !slot->url)
        return -ENOMEM;
    if (old && strcmp(old->wired.bytes, slot->wired.bytes) == 0) {
        slot->id = old->id;
        slot->came = old->came;
        slot->least_end = old->least_end;
        slot->has_result = old->has_result;
        slot->state = old->state;
    } else {
        slot->id = ++web->last_id;
        slot->came = now;
        slot->least_end = clock_boot_time();
        if (old)
            memcpy(slot->state.counts, old->state.counts, sizeof old->state.counts);
    }
    slot->state.name = slot->name;
    slot->state.url = slot->url;
    return 0;
}

/* Returns the slots, or NULL. */
static struct slot *make_slots(struct web *web, const struct config *config, int64_t now)
{
    struct slot *slots = calloc(config->web_check_count + 1, sizeof *slots);
    for (size_t i = 0; slots && i < config->web_check_count; i++)
        if (make_slot(web, &config->web_checks[i], now, &slots[i])) {
            free_slots(slots, config->web_check_count);
            slots = NULL;
        }
    return slots;
}

static void wire_all(const struct slot *slots, size_t count, struct text *text)
{
    for (size_t i = 0; i < count; i++) {
        web_wire_write_id(slots[i].id, text);
        text_append_bytes(text, slots[i].wired.bytes, slots[i].wired.length);
    }
}

static int start_or_tell(struct web *web, const char *wired)
{
    const struct supervised what = {.name = "the web checker",
                                    .returned = "the web checks go on again",
                                    .text = web->at_once ? "at once" : "",
                                    .bytes = wired};
    if (web->supervisor)
        return supervisor_tell(web->supervisor, &what);
    return supervisor_plan(&web->supervisor, web->program, &what);
}

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The program said something, or is not there to say it. */
static void hear(struct web *web, int64_t now)
{
    web->heard = now;
    web->silent_at = now + web->least_patience;
}

/* With other checks: it is waited for those that are new from now on, and for the others as ever.
 */
static void renew_patience(struct web *web)
{
    web->least_patience = web->silent_at = INT64_MAX / 2;
    for (size_t i = 0; i < web->count; i++) {
        const struct slot *slot = &web->slots[i];
        int64_t since = slot->came > web->heard ? slot->came : web->heard;
        web->least_patience = lesser(web->least_patience, slot->patience);
        web->silent_at = lesser(web->silent_at, since + slot->patience);
    }
}

/* Have the program do the checks of these slots. Returns 0, or -ENOMEM. */
static int tell_program(struct web *web, const struct slot *slots, size_t count)
{
    struct text wired = {0};
    wire_all(slots, count, &wired);
    int result = wired.failed ? -ENOMEM : start_or_tell(web, wired.bytes);
    text_free(&wired);
    return result;
}

/* Put these slots, which it takes over with the room to tell of them, in the place of those before.
 */
static void adopt(struct web *web, struct slot *slots, struct web_state *told, size_t count)
{
    free_slots(web->slots, web->count);
    free(web->told);
    web->slots = slots;
    web->told = told;
    web->count = count;
    renew_patience(web);
}

int web_change(struct web *web, const struct config *config)
{
    size_t count = config->web_check_count;
    struct web_state *told = calloc(count + 1, sizeof *told);
    struct slot *slots = make_slots(web, config, clock_monotonic());
    int result = told && slots ? 0 : -ENOMEM;
    if (!result && count > 0)
        result = tell_program(web, slots, count);
    if (result) {
        free_slots(slots, count);
        free(told);
        return result;
    }
    if (count == 0) {
        web->restarts_before += supervisor_restarts(web->supervisor);
        supervisor_stop(web->supervisor);
        web->supervisor = NULL;
    }
    adopt(web, slots, told, count);
    return 0;
}

/* When nothing came of the check whose results come most often, nor of any other, it is the program
 * that hangs. */
static void replace_if_silent(struct web *web, int64_t now)
{
    struct pollfd channel = {.fd = supervisor_channel(web->supervisor), .events = POLLIN};
    if (channel.fd < 0) /* who is not there is not silent: the next one has all its time */
        hear(web, now);
    if (now <= web->silent_at)
        return;
    if (poll(&channel, 1, 0) != 0) /* it spoke while this process stood still */
        return;
    log_error("the web checker says nothing any more; it is started again");
    supervisor_replace(web->supervisor);
    hear(web, now);
}

int64_t web_run(struct web *web, int64_t now)
{
    int64_t wait, silence;
    if (!web->supervisor)
        return -1;
    replace_if_silent(web, now);
    wait = supervisor_run(web->supervisor, now);
    silence = web->silent_at + 1 - now;
    if (silence < 0) /* what it said is about to be taken */
        silence = 0;
    return clock_shorter(wait, silence);
}

int web_channel(const struct web *web)
{
    return web->supervisor ? supervisor_channel(web->supervisor) : -1;
}

/* When a run was over: its result may have lain in the channel while this process stood still. The
 * program is not believed that it was before it can have begun, or is still to come. Both are
 * CLOCK_BOOTTIME. */
static int64_t end_of(const struct web_result *result, const struct slot *slot, int64_t now)
{
    return result->end >= slot->least_end && result->end <= now ? result->end : now;
}

static void enter_result(struct slot *slot, const struct web_result *result, int64_t now)
{
    int64_t boot_now = clock_boot_time();
    int64_t end = end_of(result, slot, boot_now), age = boot_now - end;
    slot->has_result = true;
    slot->came = now - age;
    slot->least_end = end;
    slot->state.last = *result;
    slot->state.time = clock_unix_time() - (double)age / 1e9;
    slot->state.counts[result->cause]++;
}

/* Returns 0, or -EPROTO. A check that is no more is none of ours. */
static int take_result(struct web *web, const struct channel_message *message, int64_t now)
{
    struct web_result result;
    if (web_wire_read_result(message->text, &result))
        return -EPROTO;
    for (size_t i = 0; i < web->count; i++)
        if (web->slots[i].id == message->id) {
            enter_result(&web->slots[i], &result, now);
            break;
        }
    return 0;
}

/* Returns 1, 0 at end of file, or -errno. */
static int take_message(struct web *web, int64_t now)
{
    struct channel_message message;
    int descriptor;
    int result = channel_receive(supervisor_channel(web->supervisor), &message, &descriptor);
    if (result <= 0)
        return result;
    hear(web, now);
    if (descriptor >= 0)
        close(descriptor); /* it has none to give */
    if (message.kind != CHANNEL_RESULT)
        supervisor_handle_message(web->supervisor, &message, now);
    else if (take_result(web, &message, now))
        return -EPROTO;
    return 1;
}

void web_handle(struct web *web, int64_t now)
{
    int result = 1;
    for (int i = 0; i < MOST_MESSAGES && result > 0; i++)
        result = take_message(web, now);
    if (result > 0 || result == -EAGAIN || result == -EINTR)
        return;
    if (result == -EPROTO)
        log_error("the web checker sent a message that is not understood; it is started again");
    supervisor_handle_death(web->supervisor, now);
}

const struct web_states *web_tell(struct web *web, int64_t now)
{
    web->states = (struct web_states){.states = web->told,
                                      .count = web->count,
                                      .restarts = web->restarts_before +
                                                  supervisor_restarts(web->supervisor)};
    web->states.failed =
        web->supervisor && supervisor_outage(web->supervisor, now) > longest_outage;
    for (size_t i = 0; i < web->count; i++) {
        const struct slot *slot = &web->slots[i];
        bool late = now - slot->came > slot->patience || (web->waited_for && !slot->has_result);
        web->told[i] = slot->state;
        web->told[i].known = slot->has_result && !late;
        web->told[i].late = late;
        web->states.failed |= late;
    }
    return &web->states;
}

void web_go_on(struct web *web, int64_t now)
{
    /* First: one that has been ready for long must not be taken for one that is not. */
    if (web_channel(web) >= 0)
        web_handle(web, now);
    web_run(web, now);
}

static bool all_have_results(const struct web *web)
{
    for (size_t i = 0; i < web->count; i++)
        if (!web->slots[i].has_result)
            return false;
    return true;
}

static int64_t longest_timeout(const struct web *web)
{
    int64_t longest = 0;
    for (size_t i = 0; i < web->count; i++)
        if (web->slots[i].timeout > longest)
            longest = web->slots[i].timeout;
    return longest;
}

void web_wait(struct web *web)
{
    int64_t now = clock_monotonic();
    int64_t end = now + longest_timeout(web) + 5 * second;
    while (!all_have_results(web) && now < end) {
        int64_t wait = web_run(web, now);
        struct pollfd channel = {.fd = web_channel(web), .events = POLLIN};
        if (channel.fd < 0) /* it cannot be started, or is gone, as the log says */
            break;
        if (wait < 0 || wait > end - now)
            wait = end - now;
        if (poll(&channel, 1, (int)(wait / 1000000) + 1) > 0)
            web_handle(web, clock_monotonic());
        now = clock_monotonic();
    }
    web->waited_for = true;
}

void web_close(struct web *web)
{
    if (!web)
        return;
    supervisor_stop(web->supervisor);
    free_slots(web->slots, web->count);
    free(web->told);
    free(web->program);
    free(web);
}
