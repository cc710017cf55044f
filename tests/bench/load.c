/* What a host has besides what is watched, made to measure.
 *
 * load hold PROCESSES DESCRIPTORS SOCKETS   so many processes in all, this one among them, named
 *     "other"; they share the descriptors, all counted, and the UDP sockets, which are descriptors
 *     too. Prints "ready", and all leave at end of file on standard input.
 * load start RATE    starts so many programs a second: this one, as "load leave", which leaves at
 *     once
 * load open RATE     opens, binds and closes so many UDP sockets a second
 *     Both print what they did a second when standard input ends. */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Above the ports that the benchmarks watch; one address for so many ports. */
enum { FIRST_PORT = 20000, PORTS = 40000, STANDARD = 3 };
enum { LOOPBACK = 0x7f010001 }; /* 127.1.0.1 and up */

static long number(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value < 0)
        errx(2, "%s: not a number", text);
    return value;
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        err(1, "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        err(1, "setrlimit");
}

/* The socket of this number in the whole load: no two have the same place. */
static void open_socket(long index)
{
    struct sockaddr_in place = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)(FIRST_PORT + index % PORTS)),
                                .sin_addr.s_addr = htonl((uint32_t)(LOOPBACK + index / PORTS))};
    int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (sock < 0)
        err(1, "socket");
    if (bind(sock, (struct sockaddr *)&place, sizeof(place)) != 0)
        err(1, "bind of socket %ld", index);
}

/* The part of the total that falls to one of so many: the first get what does not divide. */
static long share(long total, long parts, long index)
{
    return total / parts + (index < total % parts);
}

/* Make up to so many descriptors of this process: a pipe's ends, over and over. */
static void open_others(long count)
{
    int pipe_ends[2];

    if (count >= 2) {
        if (pipe(pipe_ends) != 0)
            err(1, "pipe");
        count -= 2;
    }
    for (; count > 0; count--)
        if (dup(pipe_ends[count % 2]) < 0)
            err(1, "dup");
}

static void fill_process(long processes, long descriptors, long sockets, long index)
{
    long here = share(sockets, processes, index);
    long others = share(descriptors - sockets, processes, index) - STANDARD;

    for (long i = 0; i < here; i++)
        open_socket(index + i * processes);
    if (others < 0)
        errx(2, "%ld descriptors are too few for %ld processes", descriptors, processes);
    open_others(others);
}

/* A child, that leaves when its parent does. */
static void run_child(long processes, long descriptors, long sockets, long index, int report)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (report != STDOUT_FILENO && dup2(report, STDOUT_FILENO) < 0)
        err(1, "dup2");
    closefrom(STANDARD);
    fill_process(processes, descriptors, sockets, index);
    if (write(STDOUT_FILENO, "x", 1) != 1)
        err(1, "write");
    for (;;)
        pause();
}

static void wait_for_children(int report, long count)
{
    char bytes[512];

    while (count > 0) {
        ssize_t size = read(report, bytes, sizeof(bytes));
        if (size <= 0)
            errx(1, "%ld processes could not be filled", count);
        count -= size;
    }
}

static void start_children(pid_t *pids, long processes, long descriptors, long sockets)
{
    int report[2];

    if (pipe(report) != 0)
        err(1, "pipe");
    for (long index = 1; index < processes; index++) {
        pids[index] = fork();
        if (pids[index] < 0)
            err(1, "fork");
        if (pids[index] == 0)
            run_child(processes, descriptors, sockets, index, report[1]);
    }
    close(report[1]);
    wait_for_children(report[0], processes - 1);
    close(report[0]);
}

/* When this returns, their descriptors are closed. */
static void end_children(const pid_t *pids, long processes)
{
    for (long index = 1; index < processes; index++)
        kill(pids[index], SIGKILL);
    while (wait(NULL) > 0) {
    }
}

static int hold(long processes, long descriptors, long sockets)
{
    pid_t *pids = calloc((size_t)processes + 1, sizeof(*pids));
    char end;

    if (pids == NULL || processes < 1)
        errx(2, "%ld processes", processes);
    raise_descriptor_limit();
    prctl(PR_SET_NAME, "other");
    start_children(pids, processes, descriptors, sockets);
    fill_process(processes, descriptors, sockets, 0);
    puts("ready");
    fflush(stdout);
    while (read(STDIN_FILENO, &end, 1) > 0) {
    }
    end_children(pids, processes);
    free(pids);
    return 0;
}

static void start_program(long unused)
{
    extern char **environ;
    char name[] = "load", verb[] = "leave";
    char *arguments[] = {name, verb, NULL};
    pid_t pid;

    (void)unused;
    if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments, environ) != 0)
        errx(1, "no program can be started");
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
}

static void open_and_close(long index)
{
    struct sockaddr_in place = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)(FIRST_PORT + index % PORTS)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int sock = socket(AF_INET, SOCK_DGRAM, 0);

    if (sock < 0 ||
        (bind(sock, (struct sockaddr *)&place, sizeof(place)) != 0 && errno != EADDRINUSE))
        err(1, "a socket");
    close(sock);
}

static double seconds_since(const struct timespec *begin)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - begin->tv_sec) + (double)(now.tv_nsec - begin->tv_nsec) / 1e9;
}

/* Do it at this rate until standard input ends. It is asked
 * for that often enough also where the machine is too slow for the rate. */
static int repeat(void (*action)(long), long rate)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    struct timespec begin;
    long done = 0;

    clock_gettime(CLOCK_MONOTONIC, &begin);
    puts("ready");
    fflush(stdout);
    while (poll(&input, 1, 1) == 0) {
        for (long i = 0; i < rate / 10 && (double)done < seconds_since(&begin) * (double)rate; i++)
            action(done++);
    }
    printf("%.0f\n", (double)done / seconds_since(&begin));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "hold") == 0)
        return hold(number(argv[2]), number(argv[3]), number(argv[4]));
    if (argc == 3 && strcmp(argv[1], "start") == 0)
        return repeat(start_program, number(argv[2]));
    if (argc == 3 && strcmp(argv[1], "open") == 0)
        return repeat(open_and_close, number(argv[2]));
    if (argc == 2 && strcmp(argv[1], "leave") == 0)
        return 0;
    errx(2, "usage: load hold PROCESSES DESCRIPTORS SOCKETS | start RATE | open RATE");
}
