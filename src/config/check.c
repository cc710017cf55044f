#include "config/check.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/ports.h"
#include "config/values.h"

enum { RANGES_SHOWN = 20 };

static int compare_indices(const void *left, const void *right)
{
    size_t a = *(const size_t *)left;
    size_t b = *(const size_t *)right;
    return (a > b) - (a < b);
}

/* Returns 0 to count-1, which the caller frees, or NULL. */
static size_t *make_indices(struct config_draft *draft, size_t count)
{
    size_t *indices = reallocarray(NULL, count, sizeof *indices);
    if (!indices)
        draft->messages->failed = true;
    for (size_t i = 0; indices && i < count; i++)
        indices[i] = i;
    return indices;
}

static bool is_same_line(const struct config_place *a, const struct config_place *b)
{
    return a->file == b->file && a->line == b->line;
}

static void check_ports_present(const struct config_draft *draft)
{
    for (size_t i = 0; i < draft->receiver_count; i++) {
        const struct config_draft_receiver *receiver = &draft->receivers[i];
        if (receiver->keys[0].line == 0 && !receiver->is_damaged)
            config_error(&receiver->header,
                         "receiver \"%s\" has no ports; add a line as ports = "
                         "6984, 7878-7880",
                         receiver->receiver.name);
    }
}

static void check_webs(const struct config_draft *draft)
{
    for (size_t i = 0; i < draft->web_count; i++) {
        const struct config_draft_web *web = &draft->webs[i];
        if (web->check.head && web->check.body_contains)
            config_error(&web->keys[CONFIG_KEY_BODY_CONTAINS],
                         "body_contains, but the answer to HEAD has no body; write method = GET, "
                         "or remove one of the two lines");
        if (web->keys[CONFIG_KEY_URL].line == 0 && !web->is_damaged)
            config_error(&web->header,
                         "web check \"%s\" has no url; add a line as url = "
                         "https://127.0.0.1:8443/ping",
                         web->check.name);
    }
}

static const char *name_of(const struct config_draft *draft, size_t receiver)
{
    const char *name = draft->receivers[receiver].receiver.name;
    return name ? name : "";
}

/* What has a name that no other of its kind may have. */
struct named {
    const char *name; /* "" where there is none */
    const struct config_place *header;
    size_t index; /* in the order of the files */
};

static int compare_names(const void *left, const void *right)
{
    const struct named *a = left;
    const struct named *b = right;
    int order = strcmp(a->name, b->name);
    return order != 0 ? order : compare_indices(&a->index, &b->index);
}

static void report_name(const struct named *again, const struct named *first, const char *kind)
{
    struct text place = {0};
    config_place_print(first->header, &place);
    config_error(again->header,
                 "the name \"%s\" is repeated; it stands at %s already: give this %s another",
                 again->name, place.failed ? "" : place.bytes, kind);
    text_free(&place);
}

/* Those with one name are neighbours once they are sorted, the first of the files first. */
static void report_repeated(struct named *named, size_t count, const char *kind)
{
    size_t first = 0;
    qsort(named, count, sizeof *named, compare_names);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(named[i].name, named[first].name) != 0)
            first = i;
        else if (*named[i].name)
            report_name(&named[i], &named[first], kind);
    }
}

static void check_names(struct config_draft *draft)
{
    size_t most =
        draft->receiver_count > draft->web_count ? draft->receiver_count : draft->web_count;
    struct named *named = calloc(most + 1, sizeof *named);
    if (!named) {
        draft->messages->failed = true;
        return;
    }
    for (size_t i = 0; i < draft->receiver_count; i++)
        named[i] = (struct named){name_of(draft, i), &draft->receivers[i].header, i};
    report_repeated(named, draft->receiver_count, "receiver");
    for (size_t i = 0; i < draft->web_count; i++)
        named[i] = (struct named){draft->webs[i].check.name, &draft->webs[i].header, i};
    report_repeated(named, draft->web_count, "web check");
    free(named);
}

/* Order by what is expected, without regard to who expects it. */
static int compare_expected(const struct config_draft_port *a, const struct config_draft_port *b)
{
    if (a->any_address != b->any_address)
        return a->any_address ? -1 : 1;
    int order = a->any_address ? 0 : address_compare(&a->address, &b->address);
    return order != 0 ? order : (a->port > b->port) - (a->port < b->port);
}

static int compare_ports(const void *left, const void *right, void *user)
{
    const struct config_draft *draft = user;
    int order = compare_expected(&draft->ports[*(const size_t *)left],
                                 &draft->ports[*(const size_t *)right]);
    return order != 0 ? order : compare_indices(left, right);
}

/* Returns for each port the index of the first that expects the same, which the caller frees. */
static size_t *find_first_ports(struct config_draft *draft)
{
    size_t *order = make_indices(draft, draft->port_count);
    size_t *first = make_indices(draft, draft->port_count);
    if (order && first) {
        qsort_r(order, draft->port_count, sizeof *order, compare_ports, draft);
        for (size_t i = 1; i < draft->port_count; i++) {
            const struct config_draft_port *ports = draft->ports;
            if (compare_expected(&ports[order[i - 1]], &ports[order[i]]) == 0)
                first[order[i]] = first[order[i - 1]];
        }
    }
    free(order);
    return first;
}

/* Report the ports from start on, of one line, whose first places are on one line too.
 * Returns the index behind them. */
static size_t report_ports(const struct config_draft *draft, const size_t *first, size_t start)
{
    const struct config_draft_port *ports = draft->ports;
    const struct config_draft_port *original = &ports[first[start]];
    struct text list = {0};
    struct text place = {0};
    struct config_port_writer writer = {.text = &list, .separator = ", ", .limit = RANGES_SHOWN};
    size_t i = start;
    while (i < draft->port_count && first[i] != i &&
           is_same_line(&ports[i].place, &ports[start].place) &&
           is_same_line(&ports[first[i]].place, &original->place)) {
        struct config_port_range port = {ports[i].any_address, ports[i].address, ports[i].port,
                                         ports[i].port};
        config_port_writer_add(&writer, &port);
        i++;
    }
    config_port_writer_end(&writer);
    config_place_print(&original->place, &place);
    config_error(&ports[start].place,
                 "%s expected already by receiver \"%s\" at %s; expect an address and port once",
                 list.failed ? "" : list.bytes, name_of(draft, original->receiver),
                 place.failed ? "" : place.bytes);
    text_free(&list);
    text_free(&place);
    return i;
}

static void check_ports_once(struct config_draft *draft)
{
    size_t *first = find_first_ports(draft);
    for (size_t i = 0; first && i < draft->port_count;) {
        if (first[i] == i)
            i++;
        else
            i = report_ports(draft, first, i);
    }
    free(first);
}

/* At the line of peak_window; where it has none, a long sample_interval made the default short. */
static void warn_of_few_samples(const struct config_draft *draft)
{
    const struct config_place *place = &draft->agent_keys[CONFIG_KEY_PEAK_WINDOW];
    struct text enough = {0};
    if (place->line == 0)
        place = &draft->agent_keys[CONFIG_KEY_SAMPLE_INTERVAL];
    config_duration_print(&enough, CONFIG_WINDOW_SAMPLES * draft->agent.sample_interval);
    config_warning(place,
                   "peak_window is less than %d times sample_interval, so its lowest sample says "
                   "little of the reader and is no reason for advice; write peak_window = %s or "
                   "longer, or a shorter sample_interval",
                   CONFIG_WINDOW_SAMPLES, enough.failed ? "" : enough.bytes);
    text_free(&enough);
}

/* Whatever sample_interval is, the default of peak_window is not shorter. */
static void check_peak_window(const struct config_draft *draft)
{
    const struct config *agent = &draft->agent;
    if (agent->peak_window < agent->sample_interval)
        config_error(&draft->agent_keys[CONFIG_KEY_PEAK_WINDOW],
                     "peak_window is shorter than sample_interval, so most of the time no sample "
                     "is in it; write a longer one, or leave the line out");
    else if (agent->peak_window < CONFIG_WINDOW_SAMPLES * agent->sample_interval)
        warn_of_few_samples(draft);
}

void config_check(struct config_draft *draft)
{
    check_ports_present(draft);
    check_webs(draft);
    check_peak_window(draft);
    check_names(draft);
    if (draft->port_count > 0)
        check_ports_once(draft);
}
