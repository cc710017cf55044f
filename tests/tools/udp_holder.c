/* Holds UDP sockets for the system tests, as a receiver of any name: a test copies it to that name.
 *
 * udp_holder [--idle] [--fork=N] [--pass] ADDRESS:PORT[,OPTION...]... [anything else, ignored]
 *
 * OPTION: v6only, reuseaddr, reuseport, rcvbuf=BYTES, device=NAME, connect=ADDRESS:PORT, dup (one
 * more descriptor of the socket). An argument that begins with a digit or '[' is a socket. --fork:
 * N children hold the sockets too. --pass: a child gets them by SCM_RIGHTS, then this process
 * closes its own. --idle: nothing is read. Prints "ready" and the children's pids, and leaves at
 * end of file on standard input or at SIGTERM, the children first. */
#include <arpa/inet.h>
#include <ctype.h>
#include <err.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* SCM_MAX_FD of the kernel's include/net/scm.h is 253. */
enum { MAX_SOCKETS = 250, MAX_CHILDREN = 16 };

struct holder {
    int sockets[MAX_SOCKETS];
    nfds_t socket_count;
    pid_t children[MAX_CHILDREN];
    int child_count;
    int forks;
    bool pass;
    bool idle;
};

static socklen_t parse_endpoint(const char *text, struct sockaddr_storage *endpoint)
{
    char address[INET6_ADDRSTRLEN] = "";
    unsigned port = 0;
    struct sockaddr_in *v4 = (struct sockaddr_in *)endpoint;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)endpoint;

    memset(endpoint, 0, sizeof(*endpoint));
    if (sscanf(text, "[%45[^]]]:%u", address, &port) == 2 && port <= UINT16_MAX &&
        inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        return sizeof(*v6);
    }
    if (sscanf(text, "%45[0-9.]:%u", address, &port) == 2 && port <= UINT16_MAX &&
        inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        return sizeof(*v4);
    }
    errx(2, "%s: not ADDRESS:PORT or [ADDRESS]:PORT", text);
}

static void set_option(int sock, int level, int name, int value)
{
    if (setsockopt(sock, level, name, &value, sizeof(value)) != 0)
        err(1, "setsockopt %d %d", level, name);
}

/* What has to be set before bind; the rest is apply_late_option's. */
static void apply_early_option(int sock, const char *option)
{
    if (strcmp(option, "v6only") == 0)
        set_option(sock, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    else if (strcmp(option, "reuseaddr") == 0)
        set_option(sock, SOL_SOCKET, SO_REUSEADDR, 1);
    else if (strcmp(option, "reuseport") == 0)
        set_option(sock, SOL_SOCKET, SO_REUSEPORT, 1);
    else if (strncmp(option, "rcvbuf=", 7) == 0)
        set_option(sock, SOL_SOCKET, SO_RCVBUF, atoi(option + 7));
    else if (strncmp(option, "device=", 7) == 0) {
        if (setsockopt(sock, SOL_SOCKET, SO_BINDTODEVICE, option + 7,
                       (socklen_t)strlen(option + 7)) != 0)
            err(1, "SO_BINDTODEVICE %s", option + 7);
    } else if (strncmp(option, "connect=", 8) != 0 && strcmp(option, "dup") != 0)
        errx(2, "%s: unknown socket option", option);
}

static void apply_late_option(int sock, const char *option)
{
    struct sockaddr_storage peer;

    if (strncmp(option, "connect=", 8) == 0) {
        socklen_t length = parse_endpoint(option + 8, &peer);
        if (connect(sock, (struct sockaddr *)&peer, length) != 0)
            err(1, "%s", option);
    }
    if (strcmp(option, "dup") == 0 && dup(sock) < 0)
        err(1, "dup");
}

static void each_option(int sock, const char *options, void (*apply)(int, const char *))
{
    char copy[512];
    char *rest = copy;

    snprintf(copy, sizeof(copy), "%s", options);
    for (char *option = strsep(&rest, ","); option != NULL; option = strsep(&rest, ","))
        if (*option != '\0')
            apply(sock, option);
}

static int open_socket(const char *argument)
{
    char place[64];
    struct sockaddr_storage endpoint;
    size_t place_length = strcspn(argument, ",");

    if (place_length >= sizeof(place))
        errx(2, "%s: too long", argument);
    memcpy(place, argument, place_length);
    place[place_length] = '\0';

    socklen_t length = parse_endpoint(place, &endpoint);
    int sock = socket(endpoint.ss_family, SOCK_DGRAM, 0);
    if (sock < 0)
        err(1, "socket");
    each_option(sock, argument + place_length, apply_early_option);
    if (bind(sock, (struct sockaddr *)&endpoint, length) != 0)
        err(1, "bind %s", place);
    each_option(sock, argument + place_length, apply_late_option);
    return sock;
}

static bool is_socket_argument(const char *argument)
{
    return isdigit((unsigned char)argument[0]) || argument[0] == '[';
}

static void open_sockets(struct holder *holder, char **arguments)
{
    for (; *arguments != NULL; arguments++) {
        if (!is_socket_argument(*arguments))
            continue;
        if (holder->socket_count == MAX_SOCKETS)
            errx(2, "more than %d sockets", MAX_SOCKETS);
        holder->sockets[holder->socket_count++] = open_socket(*arguments);
    }
}

static void send_sockets(int channel, const struct holder *holder)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * MAX_SOCKETS)];
        struct cmsghdr align;
    } control = {0};
    char byte = 0;
    size_t size = sizeof(int) * holder->socket_count;
    struct iovec vector = {&byte, 1};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_SPACE(size)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(header), holder->sockets, size);
    if (sendmsg(channel, &message, 0) != 1)
        err(1, "sendmsg");
}

static void receive_sockets(int channel, struct holder *holder)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * MAX_SOCKETS)];
        struct cmsghdr align;
    } control;
    char byte;
    struct iovec vector = {&byte, 1};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control)};

    if (recvmsg(channel, &message, 0) != 1)
        err(1, "recvmsg");
    if (CMSG_FIRSTHDR(&message) == NULL)
        return; /* no sockets were asked for */
    size_t size = CMSG_FIRSTHDR(&message)->cmsg_len - CMSG_LEN(0);
    memcpy(holder->sockets, CMSG_DATA(CMSG_FIRSTHDR(&message)), size);
    holder->socket_count = size / sizeof(int);
}

/* Serve until a byte, end of file or a signal can be read from one of the two, or for ever (-1). */
static void serve(const struct holder *holder, int input, int signals)
{
    struct pollfd polled[2 + MAX_SOCKETS] = {{.fd = input, .events = POLLIN},
                                             {.fd = signals, .events = POLLIN}};
    nfds_t count = 2 + (holder->idle ? 0 : holder->socket_count);
    char byte;

    for (nfds_t i = 2; i < count; i++)
        polled[i] = (struct pollfd){.fd = holder->sockets[i - 2], .events = POLLIN};
    while (poll(polled, count, -1) > 0) {
        if (polled[0].revents != 0 || polled[1].revents != 0)
            return;
        for (nfds_t i = 2; i < count; i++)
            if (polled[i].revents != 0)
                (void)recv(polled[i].fd, &byte, 1, MSG_DONTWAIT);
    }
}

/* A child: receives the sockets when channel says so, reports, and holds them until it is killed.
 */
static void start_child(struct holder *holder, int channel)
{
    pid_t parent = getpid();
    pid_t child = fork();

    if (child < 0)
        err(1, "fork");
    if (child > 0) {
        holder->children[holder->child_count++] = child;
        return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    if (channel >= 0) {
        receive_sockets(channel, holder);
        if (send(channel, "", 1, 0) != 1)
            err(1, "send");
    }
    for (;;)
        serve(holder, -1, -1);
}

/* The child is forked before the sockets exist, so that it holds them by SCM_RIGHTS alone. */
static void open_and_pass(struct holder *holder, char **arguments)
{
    int channel[2];
    char byte;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0)
        err(1, "socketpair");
    start_child(holder, channel[1]);
    close(channel[1]);
    open_sockets(holder, arguments);
    send_sockets(channel[0], holder);
    if (recv(channel[0], &byte, 1, 0) != 1)
        errx(1, "the child did not get the sockets");
    for (nfds_t i = 0; i < holder->socket_count; i++)
        close(holder->sockets[i]);
    holder->socket_count = 0;
    close(channel[0]);
}

static void parse_options(struct holder *holder, char **arguments)
{
    for (; *arguments != NULL; arguments++) {
        if (strcmp(*arguments, "--idle") == 0)
            holder->idle = true;
        if (strcmp(*arguments, "--pass") == 0)
            holder->pass = true;
        if (strncmp(*arguments, "--fork=", 7) == 0)
            holder->forks = atoi(*arguments + 7);
    }
    if (holder->forks < 0 || holder->forks > MAX_CHILDREN - 1)
        errx(2, "--fork= takes 0 to %d", MAX_CHILDREN - 1);
}

static int open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

int main(int argc, char **argv)
{
    struct holder holder = {0};

    (void)argc;
    parse_options(&holder, argv + 1);
    int signals = open_signals();
    if (signals < 0)
        err(1, "signalfd");
    if (holder.pass)
        open_and_pass(&holder, argv + 1);
    else
        open_sockets(&holder, argv + 1);
    for (int i = 0; i < holder.forks; i++)
        start_child(&holder, -1);

    printf("ready");
    for (int i = 0; i < holder.child_count; i++)
        printf(" %d", (int)holder.children[i]);
    printf("\n");
    fflush(stdout);

    serve(&holder, STDIN_FILENO, signals);
    for (int i = 0; i < holder.child_count; i++) {
        kill(holder.children[i], SIGKILL);
        waitpid(holder.children[i], NULL, 0);
    }
    return 0;
}
