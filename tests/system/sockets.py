"""Sockets that a test itself holds, and what the agent keeps of its ports: reading that asks for no
look, as a scrape does."""

import socket
import time

import harness


def listen(port, address="0.0.0.0", buffer=None, option=None):
    """A bound socket; buffer: of the receive queue, option: SO_REUSEADDR, say."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    if option:
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
    sock.bind((address, port))
    return sock


def receive_errors():
    """InErrors of the test's namespace: each datagram that the kernel dropped at a socket."""
    with open("/proc/thread-self/net/snmp", encoding="ascii") as snmp:
        names, values = (line.split() for line in snmp if line.startswith("Udp:"))
    return int(values[names.index("InErrors")])


class Kept:
    """What state_dir holds of an expected port. The agent keeps each opening and close at once."""

    def __init__(self, directory):
        self.path = directory / "state/ledger"

    def port(self, number):
        """(opens, closes) of the port."""
        for line in self.path.read_text().splitlines():
            words = line.split()
            if words[:2] == ["port", str(number)]:
                return int(words[6]), int(words[7])
        raise AssertionError(f"port {number} is not kept")

    def wait(self, number, opens, closes):
        """Until exactly so many are kept; the agent is not asked."""
        harness.wait_for(lambda: self.port(number) == (opens, closes),
                         f"{opens} openings and {closes} closes of port {number} to be kept")


class Clock:
    """How late a process that only sleeps was woken: what a busy host does to the agent too."""

    def __init__(self):
        self.lateness = 0

    def tick(self, seconds=0.005):
        begin = time.monotonic()
        time.sleep(seconds)
        self.lateness = max(self.lateness, time.monotonic() - begin - seconds)
