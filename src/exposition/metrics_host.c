#include "exposition/metrics_writer.h"

static const char *const ip_names[HOST_IPS] = {"v4", "v6"};

static const struct {
    const char *name;
    const char *help;
} host_counters[HOST_COUNTERS] = {
    [HOST_RECEIVED] = {"udpwatch_host_received_datagrams_total",
                       "Datagrams that the host's UDP sockets received (InDatagrams)."},
    [HOST_NO_PORT] = {"udpwatch_host_no_port_total",
                      "Datagrams for a port without a socket (NoPorts)."},
    [HOST_RECEIVE_ERRORS] = {"udpwatch_host_receive_errors_total",
                             "Datagrams that could not be received (InErrors): full buffers, bad "
                             "checksums, lack of memory. Kernels book some of IPv6 under v4."},
    [HOST_RECEIVE_BUFFER_ERRORS] = {"udpwatch_host_receive_buffer_errors_total",
                                    "Datagrams dropped because a socket's receive buffer was full "
                                    "(RcvbufErrors); part of the receive errors."},
    [HOST_CHECKSUM_ERRORS] = {"udpwatch_host_checksum_errors_total",
                              "Datagrams with a bad checksum (InCsumErrors); part of the receive "
                              "errors."},
    [HOST_MEMORY_ERRORS] = {"udpwatch_host_memory_errors_total",
                            "Datagrams dropped for lack of memory (MemErrors, from kernel 5.11 "
                            "on); part of the receive errors."},
};

static void write_counter(struct metrics_writer *writer, int counter)
{
    const struct host_facts *host = &writer->look->host;

    exposition_family(&writer->out, host_counters[counter].name, METRIC_COUNTER,
                      host_counters[counter].help);
    for (int ip = 0; ip < HOST_IPS; ip++)
        if (host->known[ip][counter])
            exposition_integer(&writer->out, labels_of_one(&writer->out, "ip", ip_names[ip]),
                               host->values[ip][counter]);
}

static void write_unattributed(struct metrics_writer *writer)
{
    exposition_single(&writer->out, "udpwatch_host_unattributed_drops_total", METRIC_COUNTER,
                      "The kernel's UDP receive errors, v4 and v6 together (full buffers, bad "
                      "checksums, lack of memory), that no watched socket accounts for: at "
                      "unwatched and connected sockets, of datagrams whose checksum is found wrong "
                      "before they reach a socket, and at a watched socket after its last sample. "
                      "It cannot tell these apart.",
                      writer->look->has_unattributed, writer->look->unattributed_drops);
}

void metrics_write_host(struct metrics_writer *writer)
{
    for (int counter = 0; counter < HOST_COUNTERS; counter++)
        write_counter(writer, counter);
    if (metrics_tell_history(writer))
        write_unattributed(writer);
    exposition_single(&writer->out, "udpwatch_host_receive_buffer_max_bytes", METRIC_GAUGE,
                      "The largest receive buffer that a program can ask for without privilege "
                      "(net.core.rmem_max); the kernel doubles it.",
                      writer->look->host.receive_buffer_max_known,
                      writer->look->host.receive_buffer_max);
}
