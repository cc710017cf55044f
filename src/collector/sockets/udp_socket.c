#include "collector/sockets/udp_socket.h"

double udp_socket_fill(const struct udp_socket *socket)
{
    if (socket->receive_buffer_bytes == 0)
        return socket->receive_queue_bytes > 0;
    return (double)socket->receive_queue_bytes / (double)socket->receive_buffer_bytes;
}
