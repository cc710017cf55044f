/* Ways to learn with less work what a plain reading of everything tells too. Each can be forced, so
 * that tests, and whoever doubts a number, can compare. */
#ifndef UDPWATCH_FAST_PATH_H
#define UDPWATCH_FAST_PATH_H

enum fast_path {
    FAST_PATH_AUTO, /* where it is cheaper, as the agent itself measures */
    FAST_PATH_ON,   /* wherever it can be taken at all */
    FAST_PATH_OFF
};

/* filter: have the kernel pass only the sockets of the watched ports. look_up: ask for each known
 * socket instead of for all. owners: believe what verified links tell, search where a holder should
 * be, and scan everything in slices. */
struct fast_paths {
    enum fast_path filter, look_up, owners;
};

/* Take one setting, "owners=off": a name (filter, look-up, owners) and auto, on or off. Returns 0,
 * or -EINVAL with the rest as before. */
int fast_paths_set(struct fast_paths *paths, const char *setting);

#endif
