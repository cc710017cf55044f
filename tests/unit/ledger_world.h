/* A random world for ledger_model_test.c: sockets that come, drop datagrams and go, the processes
 * that hold them, and what a look at them would find. */
#ifndef UDPWATCH_LEDGER_WORLD_H
#define UDPWATCH_LEDGER_WORLD_H

#include "ledger_view.h"

/* How closely a socket fits the sites of its port number: a lower number is closer. Those that fit
 * closest serve a port, as long as they are there; the others have to wait. */
enum world_fit { FIT_HOME, FIT_NONE = 4 };

struct world_socket {
    bool alive;
    bool listens;   /* false: connected, and not shown by any look */
    bool automatic; /* its port was the kernel's choice: no listener that nobody named */
    bool mapped;    /* an IPv6 socket at an IPv4 address */
    bool leapt;     /* its counter has grown by nearly 2^32 once, which must not come twice */
    int home;
    int fits[MODEL_SITES];
    uint64_t drops;
};

struct world_process {
    uint64_t start; /* ticks; whoever has this pid next starts later, or is the same */
    bool holds[MODEL_RECEIVERS];
};

struct world {
    uint64_t random;
    uint64_t cookies;
    int64_t now;
    double time;
    uint64_t errors; /* InErrors of this boot */
    struct world_socket sockets[MODEL_SOCKETS];
    int used; /* sockets that were ever made in this boot and namespace */
    struct world_process processes[MODEL_PROCESSES];
    struct model_config config;
};

/* splitmix64: any seed is good, also one that is a neighbour of the last. */
static inline uint64_t world_random(struct world *world)
{
    uint64_t value = world->random += UINT64_C(0x9e3779b97f4a7c15);

    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

/* A number from 0 up to, but not, below. */
static inline int world_pick(struct world *world, int below)
{
    return (int)(world_random(world) % (uint64_t)below);
}

static inline bool world_chance(struct world *world, int percent)
{
    return world_pick(world, 100) < percent;
}

/* The same in each boot and namespace, as the kernel's begin anew; in no order, as processors take
 * them in lots.
 */
static inline uint64_t world_cookie(const struct world *world, int slot)
{
    uint64_t scattered = (world->cookies + (uint64_t)slot) * UINT64_C(0x9e3779b97f4a7c15);

    return (scattered & ~UINT64_C(0xff)) | (uint64_t)slot;
}

/* By tenths of a second, so that times are equal now and then. */
static inline void world_pass_time(struct world *world)
{
    int64_t passed = INT64_C(100000000) * world_pick(world, 20);

    if (world_chance(world, 4))
        passed *= world_pick(world, 400); /* the agent is stopped, or the host */
    world->now += passed;
    world->time += (double)passed / 1e9;
    if (world_chance(world, 2))
        world->time += world_pick(world, 200000) - 100000; /* someone sets the clock */
}

/* Few, so that many things happen in the same one. */
static inline uint64_t world_ticks(const struct world *world)
{
    return 1 + (uint64_t)(world->now / 1000000000);
}

static inline void world_drop(struct world *world, struct world_socket *socket, uint64_t datagrams)
{
    socket->drops += datagrams;
    world->errors += datagrams;
}

static inline void world_bind(struct world *world, struct world_socket *socket)
{
    do {
        socket->home = world_pick(world, MODEL_SITES);
    } while (sites[socket->home].address[0] == '*');
    for (int site = 0; site < MODEL_SITES; site++) {
        bool same_number = sites[site].port == sites[socket->home].port;

        socket->fits[site] = FIT_NONE;
        if (same_number && world_chance(world, 70))
            socket->fits[site] = FIT_HOME + 1 + world_pick(world, 3);
    }
    socket->fits[socket->home] = FIT_HOME;
}

/* A socket opens. Returns it, or -1 when there have been enough. */
static inline int world_open_socket(struct world *world)
{
    static const uint64_t drops[] = {0, 0, 0, 1, 700, UINT32_MAX, UINT32_MAX - 40};
    struct world_socket *socket = &world->sockets[world->used];

    if (world->used == MODEL_SOCKETS)
        return -1;
    *socket = (struct world_socket){.alive = true};
    socket->listens = world_chance(world, 95);
    socket->automatic = world_chance(world, 10);
    socket->mapped = world_chance(world, 20);
    world_bind(world, socket);
    world_drop(world, socket, drops[world_pick(world, sizeof(drops) / sizeof(*drops))]);
    return world->used++;
}

/* A socket that is alive, or -1. */
static inline int world_pick_socket(struct world *world)
{
    int start = world->used ? world_pick(world, world->used) : 0;

    for (int i = 0; i < world->used; i++)
        if (world->sockets[(start + i) % world->used].alive)
            return (start + i) % world->used;
    return -1;
}

static inline void world_traffic(struct world *world)
{
    int slot = world_pick_socket(world);

    if (world_chance(world, 20))
        world->errors += (uint64_t)world_pick(world, 5); /* short ones with a wrong checksum */
    if (slot < 0)
        return;
    if (world_chance(world, 5) && !world->sockets[slot].leapt) {
        world->sockets[slot].leapt = true;
        world_drop(world, &world->sockets[slot], UINT32_MAX - 100000);
    } else {
        world_drop(world, &world->sockets[slot], 1 + (uint64_t)world_pick(world, 100));
    }
}

/* Connect or disconnect, or bind to another address. */
static inline void world_change_socket(struct world *world)
{
    int slot = world_pick_socket(world);
    struct world_socket *socket;

    if (slot < 0)
        return;
    socket = &world->sockets[slot];
    if (world_chance(world, 60))
        socket->listens = !socket->listens;
    else
        world_bind(world, socket);
}

/* A process gets a socket of a receiver, or has it no more, or ends and leaves its pid. */
static inline void world_change_process(struct world *world)
{
    struct world_process *process = &world->processes[world_pick(world, MODEL_PROCESSES)];
    int receiver = world_pick(world, MODEL_RECEIVERS);

    if (world_chance(world, 40))
        process->start = world_ticks(world);
    process->holds[receiver] = !process->holds[receiver];
}

/* Something that no agent has a word in; closes tell no event. */
static inline void world_live_on(struct world *world)
{
    int slot = world_pick_socket(world);

    world_pass_time(world);
    world_traffic(world);
    world_change_process(world);
    if (world_chance(world, 40))
        world_open_socket(world);
    else if (world_chance(world, 40) && slot >= 0)
        world->sockets[slot].alive = false;
    else
        world_change_socket(world);
}

static inline void world_add_ports(struct world *world, int receiver, uint32_t *free_sites)
{
    struct model_config *config = &world->config;
    int wanted = 1 + world_pick(world, 2);

    for (int i = 0; i < wanted; i++) {
        int site = world_pick(world, MODEL_SITES);

        if (!(*free_sites >> site & 1))
            continue;
        *free_sites &= ~(UINT32_C(1) << site);
        config->keys[config->key_count++] = model_key(receiver, site);
    }
}

/* Another config: one to three receivers in any order, at most six ports, each named once. */
static inline void world_make_config(struct world *world)
{
    struct model_config *config = &world->config;
    uint32_t free_sites = (UINT32_C(1) << MODEL_SITES) - 1;
    int first = world_pick(world, MODEL_RECEIVERS);

    *config = (struct model_config){.all = world_chance(world, 50)};
    config->most_others = world_chance(world, 40) ? MODEL_SOCKETS : world_pick(world, 4);
    config->sample_interval = INT64_C(1000000000) * (1 + world_pick(world, 2));
    config->receiver_count = 1 + (size_t)world_pick(world, MODEL_RECEIVERS);
    for (size_t i = 0; i < config->receiver_count; i++) {
        config->receivers[i] = (first + (int)i) % MODEL_RECEIVERS;
        config->required[config->receivers[i]] = world_chance(world, 70);
        world_add_ports(world, config->receivers[i], &free_sites);
    }
}

/* Another config, or one port less, or listeners that nobody named shown or not. */
static inline void world_change_config(struct world *world)
{
    struct model_config *config = &world->config;

    if (world_chance(world, 50))
        world_make_config(world);
    else if (config->key_count > 1)
        config->key_count--;
    else
        config->all = !config->all;
}

static inline void world_move(struct world *world)
{
    int sockets = world_pick(world, 5);

    world->errors = (uint64_t)world_pick(world, 1000);
    world->used = 0;
    for (int i = 0; i < sockets; i++)
        world_open_socket(world);
}

static inline void world_boot(struct world *world)
{
    world->now = INT64_C(100000000) * (1 + world_pick(world, 50));
    world_move(world);
    world->errors = 0;
    for (int i = 0; i < world->used; i++)
        world->errors += world->sockets[i].drops;
    for (int i = 0; i < MODEL_PROCESSES; i++) {
        world->processes[i].start = 1 + (uint64_t)world_pick(world, (int)world_ticks(world));
        for (int j = 0; j < MODEL_RECEIVERS; j++)
            world->processes[i].holds[j] = world_chance(world, 20);
    }
}

static inline struct world world_make(uint64_t seed)
{
    struct world world = {.random = seed, .time = 1.7e9};

    world.cookies = world_random(&world);
    world_boot(&world);
    world.errors += (uint64_t)world_pick(&world, 1000); /* of sockets that are gone */
    world_make_config(&world);
    return world;
}

static inline bool world_is_there(const struct world *world, int slot)
{
    return world->sockets[slot].alive && world->sockets[slot].listens;
}

/* Whether a socket serves a site when it is there: none that is there is closer. */
static inline bool world_serves(const struct world *world, int slot, int site)
{
    int fit = world->sockets[slot].fits[site];
    bool serves = fit < FIT_NONE;

    for (int i = 0; i < world->used && serves; i++)
        serves = i == slot || !world_is_there(world, i) || world->sockets[i].fits[site] >= fit;
    return serves;
}

static inline bool world_is_served(const struct world *world, int site)
{
    for (int i = 0; i < world->used; i++)
        if (world_is_there(world, i) && world->sockets[i].fits[site] < FIT_NONE)
            return true;
    return false;
}

/* The expected port that counts a socket, by its index: the one that it fits closest of those that
 * it serves, else the number of ports. */
static inline size_t world_find_port(const struct world *world, int slot)
{
    const struct model_config *config = &world->config;
    size_t found = config->key_count;
    int best = FIT_NONE;

    for (size_t i = 0; i < config->key_count; i++) {
        int site = model_site(config->keys[i]), fit = world->sockets[slot].fits[site];

        if (fit >= best || !world_serves(world, slot, site))
            continue;
        best = fit;
        found = i;
    }
    return found;
}

static inline struct view_socket view_see(struct world *world, int slot)
{
    static const uint32_t buffers[] = {0, 1000, 1000, 212992};
    static const uint32_t queues[] = {0, 0, 250, 251, 500, 800, 801, 950, 951, 2000, 212992};
    int buffer = world_pick(world, sizeof(buffers) / sizeof(*buffers));
    int queue = world_pick(world, sizeof(queues) / sizeof(*queues));

    return (struct view_socket){.socket = slot,
                                .home = world->sockets[slot].home,
                                .drops = world->sockets[slot].drops,
                                .queue = queues[queue],
                                .buffer = buffers[buffer]};
}

static inline void view_read(struct model_view *view, struct world *world, int slot, size_t port,
                             bool counted)
{
    struct view_socket *reading = &view->readings[view->reading_count++];

    *reading = view_see(world, slot);
    reading->port = port;
    reading->counted = counted;
}

/* Readings of a socket at each expected port it serves. Returns whether there is any. */
static inline bool view_read_expected(struct model_view *view, struct world *world, int slot)
{
    const struct model_config *config = &world->config;
    size_t counting = world_find_port(world, slot);

    for (size_t i = 0; i < config->key_count; i++)
        if (world_serves(world, slot, model_site(config->keys[i])))
            view_read(view, world, slot, i, i == counting);
    return counting < config->key_count;
}

/* A reading of a socket at a port that nobody named. */
static inline void view_read_other(struct model_view *view, struct world *world, int slot)
{
    int key = model_key(MODEL_NOBODY, world->sockets[slot].home);
    size_t port = world->config.key_count;

    while (port < view->port_count && view->ports[port].key != key)
        port++;
    if (port == view->port_count)
        view->ports[view->port_count++].key = key;
    view_read(view, world, slot, port, true);
}

/* A socket that serves no expected port: shown as one that nobody named, or a candidate. */
static inline void view_place(struct model_view *view, struct world *world, int slot, int *others)
{
    const struct model_config *config = &world->config;
    const struct world_socket *socket = &world->sockets[slot];
    bool is_other = config->all && !socket->automatic, may_be_placed = is_other;

    for (size_t i = 0; i < config->key_count; i++)
        may_be_placed |= sites[model_site(config->keys[i])].port == sites[socket->home].port;
    if (is_other && (*others)++ < config->most_others)
        view_read_other(view, world, slot);
    else if (may_be_placed)
        view->unplaced[view->unplaced_count++] = view_see(world, slot);
}

static inline enum port_state view_state(const struct model_view *view, struct world *world,
                                         size_t port)
{
    static const enum port_state states[] = {PORT_OK, PORT_OK, PORT_SHARED, PORT_WRONG_OWNER,
                                             PORT_UNKNOWN};

    for (size_t i = 0; i < view->reading_count; i++)
        if (view->readings[i].port == port)
            return states[world_pick(world, sizeof(states) / sizeof(*states))];
    return world->config.required[model_named_by(view->ports[port].key)] ? PORT_ABSENT
                                                                         : PORT_STANDBY;
}

/* A process with two sockets of a receiver is told twice. */
static inline void view_read_holders(struct model_view *view, struct world *world)
{
    for (size_t i = 0; i < world->config.receiver_count; i++)
        for (int j = 0; j < MODEL_PROCESSES; j++) {
            const struct world_process *process = &world->processes[j];
            int receiver = world->config.receivers[i];
            int times = process->holds[receiver] ? 1 + world_chance(world, 20) : 0;

            for (; times > 0; times--)
                view->holders[view->holder_count++] = (struct view_holder){
                    .receiver = receiver, .process = j, .start = process->start};
        }
}

static inline void world_look(struct world *world, struct model_view *view)
{
    /* Others are shown up to a number of them: now and then from elsewhere on. */
    int first = world_chance(world, 10) ? world_pick(world, MODEL_SOCKETS) : 0, others = 0;

    view->now = world->now;
    view->time = world->time;
    view->ticks = world_ticks(world);
    view->shows_others = world->config.all;
    view->port_count = world->config.key_count;
    view->reading_count = view->unplaced_count = view->holder_count = 0;
    for (size_t i = 0; i < world->config.key_count; i++)
        view->ports[i].key = world->config.keys[i];
    for (int i = 0; i < world->used; i++) {
        int slot = (first + i) % world->used;

        if (world_is_there(world, slot) && !view_read_expected(view, world, slot))
            view_place(view, world, slot, &others);
    }
    for (size_t i = 0; i < view->port_count; i++)
        view->ports[i].state = view_state(view, world, i);
    view_read_holders(view, world);
}

#endif
