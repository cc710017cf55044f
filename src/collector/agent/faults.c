#include "collector/agent/faults.h"

#include <string.h>

#include "log.h"

static const int64_t quiet_nanoseconds = INT64_C(3600000000000);

static void say_change(int *before, int now, const char *what, const char *remedy)
{
    if (now && now != *before)
        log_error("cannot read %s: %s; ports that depend on it are shown as unknown; %s", what,
                  strerror(-now), remedy);
    if (!now && *before)
        log_info("can read %s again", what);
    *before = now;
}

void faults_say(struct faults *faults, int result, const struct look *look)
{
    if (result && result != faults->look)
        log_error("cannot take a look: %s", strerror(-result));
    faults->look = result;
    if (result)
        return;
    say_change(&faults->sockets, look->sockets_error, "the UDP sockets",
               "is the kernel module udp_diag there? try: modprobe udp_diag");
    say_change(&faults->owners, look->owners.error, "the processes",
               "is procfs the right directory?");
    if (!look->partial)
        say_change(&faults->host, look->host.error, "the host's UDP counters (net/snmp)",
                   "is procfs the right directory?");
}

void faults_say_lost(struct faults *faults, uint64_t lost, int64_t now)
{
    if (faults->events_lost_said == 0 || now - faults->events_lost_said > quiet_nanoseconds)
        log_warning("the kernel could not deliver %llu close events, as sockets closed faster than "
                    "they were read; the next look counts the sockets that are gone, but not those "
                    "that came and went unseen; a larger net.core.rmem_max helps",
                    (unsigned long long)lost);
    faults->events_lost_said = now;
}
