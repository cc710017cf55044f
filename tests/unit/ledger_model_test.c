/* Random histories of sockets, looks, events, restarts and wraps: the ledger against a model of it.
 * UDPWATCH_SEED repeats the histories of a run, UDPWATCH_HISTORIES says how many. A difference is
 * told by the shortest history that shows one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "collector/ledger/ledger_text.h"
#include "collector/sockets/sock_diag.h"
#include "ledger_comparison.h"

static const unsigned long default_histories = 100000;

static void make_expected(const struct world *world, const struct receiver *receivers,
                          struct expected_port *expected, int key)
{
    const char *address = sites[model_site(key)].address;

    *expected = (struct expected_port){.port = sites[model_site(key)].port};
    expected->any_address = strcmp(address, "*") == 0;
    if (!expected->any_address)
        assert_int_equal(address_parse(address, &expected->address), 0);
    for (size_t i = 0; i < world->config.receiver_count; i++)
        if (world->config.receivers[i] == model_named_by(key))
            expected->receiver = &receivers[i];
}

static void configure(struct history *history)
{
    const struct model_config *from = &history->world.config;
    struct receiver receivers[MODEL_RECEIVERS] = {0};
    struct expected_port ports[MODEL_SITES];
    struct config config = {.scope = from->all ? SCOPE_ALL : SCOPE_EXPECTED,
                            .peak_window = 60000000000,
                            .sample_interval = from->sample_interval,
                            .receivers = receivers,
                            .receiver_count = from->receiver_count,
                            .ports = ports,
                            .port_count = from->key_count};

    tell(history, "configure:%s interval %d s", from->all ? " others too," : "",
         (int)(from->sample_interval / 1000000000));
    for (size_t i = 0; i < from->receiver_count; i++) {
        receivers[i].name = (char *)names[from->receivers[i]];
        receivers[i].required = from->required[from->receivers[i]];
    }
    for (size_t i = 0; i < from->key_count; i++) {
        make_expected(&history->world, receivers, &ports[i], from->keys[i]);
        tell(history, "    %s %s:%u", name_of(from->keys[i]),
             sites[model_site(from->keys[i])].address, sites[model_site(from->keys[i])].port);
    }
    assert_int_equal(ledger_configure(history->ledger, &config), 0);
    model_configure(&history->model, from);
    history->looked = false;
    for (int key = 0; key < MODEL_KEYS; key++)
        if (!history->model.ports[key].exists)
            history->before[key] = (struct port_history){0};
}

/* A socket as the kernel shows it: drops in 32 bits. */
static struct udp_socket show(const struct history *history, const struct view_socket *seen)
{
    struct udp_socket socket = {.cookie = world_cookie(&history->world, seen->socket),
                                .inode = 1000U + (uint32_t)seen->socket,
                                .port = sites[seen->home].port,
                                .receive_queue_bytes = seen->queue,
                                .receive_buffer_bytes = seen->buffer,
                                .drops = (uint32_t)seen->drops};

    assert_int_equal(address_parse(sites[seen->home].address, &socket.address), 0);
    socket.family = socket.address.family;
    if (history->world.sockets[seen->socket].mapped)
        socket.family = AF_INET6;
    return socket;
}

static void fill_readings(const struct history *history, struct udp_socket *sockets,
                          struct ledger_reading *readings)
{
    const struct model_view *view = &history->view;

    for (size_t i = 0; i < view->reading_count; i++) {
        const struct view_socket *reading = &view->readings[i];

        sockets[i] = show(history, reading);
        readings[i] = (struct ledger_reading){
            .socket = &sockets[i], .port = reading->port, .counted = reading->counted};
        tell(history, "    socket %d at %zu%s, %llu drops", reading->socket, reading->port,
             reading->counted ? "" : " (not counted)", (unsigned long long)reading->drops);
    }
}

static void fill_unplaced(const struct history *history, struct socket_list *list)
{
    const struct model_view *view = &history->view;

    for (size_t i = 0; i < view->unplaced_count; i++) {
        const struct view_socket *seen = &view->unplaced[i];

        list->sockets[list->count++] = show(history, seen);
        tell(history, "    socket %d unplaced at %s:%u, %llu drops", seen->socket,
             sites[seen->home].address, sites[seen->home].port, (unsigned long long)seen->drops);
    }
    socket_list_sort(list);
}

static size_t place_of_receiver(const struct model_config *config, int receiver)
{
    size_t place = 0;

    while (config->receivers[place] != receiver)
        place++;
    return place;
}

static void enter_view(struct history *history)
{
    const struct model_view *view = &history->view;
    struct udp_socket sockets[sizeof(view->readings) / sizeof(*view->readings)];
    struct ledger_reading readings[sizeof(view->readings) / sizeof(*view->readings)];
    struct ledger_port_sample ports[sizeof(view->ports) / sizeof(*view->ports)];
    struct udp_socket unplaced[MODEL_SOCKETS];
    struct socket_list list = {.sockets = unplaced};
    struct ledger_holder holders[sizeof(view->holders) / sizeof(*view->holders)];
    struct ledger_sample sample = {.now = view->now,
                                   .time = view->time,
                                   .ticks = view->ticks,
                                   .ports = ports,
                                   .port_count = view->port_count,
                                   .readings = readings,
                                   .reading_count = view->reading_count,
                                   .unplaced = unplaced,
                                   .unplaced_count = view->unplaced_count,
                                   .holders = holders,
                                   .holder_count = view->holder_count,
                                   .shows_others = view->shows_others};

    for (size_t i = 0; i < view->port_count; i++) {
        int site = model_site(view->ports[i].key);

        ports[i] = (struct ledger_port_sample){.address = sites[site].address,
                                               .port = sites[site].port,
                                               .state = view->ports[i].state};
        tell(history, "    port %zu: %s %s:%u %s", i, name_of(view->ports[i].key),
             sites[site].address, sites[site].port, port_state_name(view->ports[i].state));
    }
    fill_readings(history, sockets, readings);
    fill_unplaced(history, &list);
    for (size_t i = 0; i < view->holder_count; i++)
        holders[i] = (struct ledger_holder){
            .receiver = place_of_receiver(&history->world.config, view->holders[i].receiver),
            .pid = 100 + view->holders[i].process,
            .start_ticks = view->holders[i].start};
    assert_int_equal(ledger_sample(history->ledger, &sample), 0);
}

/* A look: the errors are read before the sockets, and after them where they are the baseline. */
static void sample(struct history *history)
{
    struct world *world = &history->world;
    bool has_baseline = ledger_host_has_baseline(history->ledger);
    uint64_t errors = world->errors;

    tell(history, "sample at %lld, tick %llu", (long long)world->now,
         (unsigned long long)world_ticks(world));
    if (has_baseline && world_chance(world, 20))
        world_traffic(world);
    world_look(world, &history->view);
    if (!has_baseline && world_chance(world, 20))
        world_traffic(world);
    if (!has_baseline)
        errors = world->errors;
    enter_view(history);
    model_sample(&history->model, &history->view, &world->config);
    history->looked = true;
    tell(history, "    receive errors: %llu", (unsigned long long)errors);
    ledger_host_errors(history->ledger, errors);
    model_host_errors(&history->model, errors);
}

/* Ask for the vacant ports, or for some of them: those that are served are not told. */
static void ask(struct history *history)
{
    struct world *world = &history->world;

    for (size_t i = 0; i < world->config.key_count; i++) {
        int key = world->config.keys[i];

        if (!history->model.ports[key].vacant || world_is_served(world, model_site(key)) ||
            world_chance(world, 20))
            continue;
        tell(history, "asked at %lld: no socket at port %zu", (long long)world->now, i);
        ledger_saw_vacant(history->ledger, i, world->now, world->time);
        model_saw_vacant(&history->model, key, world->now, world->time);
    }
}

static void tell_of_close(struct history *history, int slot)
{
    struct world *world = &history->world;
    uint64_t cookie = world_cookie(world, slot);
    size_t port = world_find_port(world, slot);
    bool known = ledger_knows(history->ledger, cookie);

    tell(history, "event: socket %d closed at %lld", slot, (long long)world->now);
    compare(history, "whether a close was told as one", -1,
            ledger_close_socket(history->ledger, cookie, world->now),
            model_close_socket(&history->model, slot, world->now));
    if (known || port == world->config.key_count)
        return;
    tell(history, "    it passed by port %zu", port);
    ledger_pass_by(history->ledger, port, world->now);
    model_pass_by(&history->model, world->config.keys[port], world->now);
}

/* A socket closes: the event comes at once, late, or never. Connected ones have none. */
static void close_one(struct history *history)
{
    int slot = world_pick_socket(&history->world);

    if (slot < 0)
        return;
    history->world.sockets[slot].alive = false;
    if (!history->world.sockets[slot].listens || world_chance(&history->world, 30))
        tell(history, "socket %d closes, and no event tells of it", slot);
    else if (world_chance(&history->world, 60))
        tell_of_close(history, slot);
    else
        history->told_late[history->told_late_count++] = slot;
}

static void tell_late(struct history *history)
{
    for (int i = 0; i < history->told_late_count; i++)
        tell_of_close(history, history->told_late[i]);
    history->told_late_count = 0;
}

static void fail_a_look(struct history *history)
{
    tell(history, "failed look");
    ledger_sample_failed(history->ledger, history->world.time);
    model_sample_failed(&history->model, history->world.time);
}

static void save(struct history *history, bool clean)
{
    struct ledger_head head = {.clean = clean};

    tell(history, "save");
    text_free(&history->saved);
    ledger_write(history->ledger, &head, &history->saved);
    assert_false(history->saved.failed);
    history->saved_model = history->model;
    model_write(&history->saved_model);
    history->has_saved = true;
}

/* As ledger_file_load does: what is read is kept at once, as it is seen from here. */
static void load(struct history *history, enum ledger_origin origin)
{
    struct ledger_head head;

    ledger_close(history->ledger);
    if (history->has_saved) {
        assert_int_equal(
            ledger_read(history->saved.bytes, history->saved.length, &head, &history->ledger), 0);
        ledger_resume(history->ledger, origin);
        history->model = history->saved_model;
        model_resume(&history->model, origin);
        save(history, false);
        return;
    }
    assert_int_equal(ledger_open(&history->ledger), 0);
    history->model = (struct model){0};
}

static enum ledger_origin choose_origin(struct world *world)
{
    int what = world_pick(world, 100);

    if (what < 50)
        return LEDGER_SAME_PLACE;
    if (what < 70) {
        world_move(world);
        return LEDGER_ANOTHER_NAMESPACE;
    }
    world_boot(world);
    return LEDGER_ANOTHER_BOOT;
}

/* What began before this is nothing to compare with. */
static void begin_comparison(struct history *history)
{
    history->told_late_count = 0;
    history->revision_before = ledger_revision(history->ledger);
    history->changes_before = history->model.changes;
}

/* The agent ends, in order or not, and starts again, perhaps after a reboot or in another
 * namespace, and with another config. What an unclean end leaves counts only in the same boot, and
 * is of the last save. */
static void restart(struct history *history)
{
    static const char *const places[] = {"same place", "another namespace", "another boot"};
    struct world *world = &history->world;
    bool clean = world_chance(world, 60);
    enum ledger_origin origin;

    if (clean)
        save(history, true);
    origin = choose_origin(world);
    history->has_saved = history->has_saved && (clean || origin != LEDGER_ANOTHER_BOOT);
    tell(history, "restart: %s, %s", clean ? "clean" : "crash", places[origin]);
    for (int i = world_pick(world, 5); i > 0; i--)
        world_live_on(world);
    if (world_chance(world, 30))
        world_change_config(world);
    load(history, origin);
    configure(history);
    if (!clean || !history->has_saved) {
        memset(history->before, 0, sizeof(history->before));
        history->unattributed_before = 0;
    }
    begin_comparison(history);
}

static void reconfigure(struct history *history)
{
    world_change_config(&history->world);
    configure(history);
}

/* A socket that comes and goes, once in a history: there is more than one outage in a step. */
static void flap(struct history *history)
{
    struct world *world = &history->world;
    int slot = world_pick_socket(world);

    for (int i = world_pick(world, 24); i > 0 && slot >= 0 && !history->flapped; i--) {
        world->sockets[slot].listens = !world->sockets[slot].listens;
        world_pass_time(world);
        sample(history);
    }
    history->flapped = true;
}

/* The agent's part of a step. */
static void watch_on(struct history *history)
{
    int what = world_pick(&history->world, 100);

    if (what < 50)
        sample(history);
    else if (what < 65)
        close_one(history);
    else if (what < 75)
        ask(history);
    else if (what < 82)
        tell_late(history);
    else if (what < 83)
        flap(history);
    else if (what < 87)
        fail_a_look(history);
    else if (what < 91)
        reconfigure(history);
    else if (what < 95)
        save(history, false);
    else
        restart(history);
    check(history);
}

static void step(struct history *history)
{
    struct world *world = &history->world;
    int what = world_pick(world, 100);

    world_pass_time(world);
    if (what < 14)
        world_traffic(world);
    else if (what < 26)
        world_open_socket(world);
    else if (what < 32)
        world_change_socket(world);
    else if (what < 36)
        world_change_process(world);
    else
        watch_on(history);
}

/* Live through a history up to its first difference. Returns the number of steps it took, or 0 when
 * there is none. */
static int live(uint64_t seed, bool trace)
{
    static struct history history;
    int steps, found = 0;

    history = (struct history){.world = world_make(seed), .trace = trace};
    steps = 5 + world_pick(&history.world, 56);
    assert_int_equal(ledger_open(&history.ledger), 0);
    configure(&history);
    for (int i = 1; i <= steps && !found; i++) {
        step(&history);
        if (history.difference[0] != '\0')
            found = i;
    }
    tell(&history, "%s", history.difference);
    ledger_close(history.ledger);
    text_free(&history.saved);
    return found;
}

static uint64_t choose_seed(void)
{
    const char *given = getenv("UDPWATCH_SEED");
    uint64_t seed = 0;

    if (given)
        return strtoull(given, NULL, 0);
    assert_int_equal(getrandom(&seed, sizeof(seed), 0), sizeof(seed));
    return seed;
}

static void test_random_histories(void **state)
{
    const char *given = getenv("UDPWATCH_HISTORIES");
    unsigned long count = given ? strtoul(given, NULL, 10) : default_histories, differences = 0;
    uint64_t seed = choose_seed(), shortest = 0;
    int fewest = 0;
    (void)state;

    print_message("%lu histories, UDPWATCH_SEED=%llu\n", count, (unsigned long long)seed);
    for (unsigned long i = 0; i < count; i++) {
        int steps = live(seed + i, false);

        differences += steps > 0;
        if (steps == 0 || (fewest > 0 && steps >= fewest))
            continue;
        fewest = steps;
        shortest = seed + i;
    }
    if (differences == 0)
        return;
    live(shortest, true);
    fail_msg("%lu histories differ; the shortest: UDPWATCH_HISTORIES=1 UDPWATCH_SEED=%llu",
             differences, (unsigned long long)shortest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_histories),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
