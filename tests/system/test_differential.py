"""Random sockets, and ss(8) as the oracle: both must tell the same of every listener.

UDPWATCH_SEED repeats a run, UDPWATCH_SCENARIOS sets its length."""

import collections
import contextlib
import os
import random
import re
import subprocess
from pathlib import Path

import pytest

import harness

SCENARIOS = int(os.environ.get("UDPWATCH_SCENARIOS", "300"))
SEED = int(os.environ.get("UDPWATCH_SEED", str(random.SystemRandom().randrange(10**9))))
IPV4 = ["0.0.0.0", "0.0.0.0", "127.0.0.1", "127.0.0.2", "127.255.0.9", "239.1.2.3"]
IPV6 = ["[::]", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[fd00::5]"]
ROW = re.compile(r"(?P<state>\S+) +\d+ +\d+ +(?P<address>\S+?)(?:%(?P<interface>[^:\s]+))?"
                 r":(?P<port>\d+) +\S+ .*\bino:(?P<inode>\d+) .*"
                 r"skmem:\(r(?P<queue>\d+),rb(?P<buffer>\d+),.*,d(?P<drops>\d+)\)")
Socket = collections.namedtuple(
    "Socket", "address port interface ipv6_only inode pids queue buffer drops")


def listeners_of_ss():
    """Every unconnected UDP socket of the namespace, as ss tells it."""
    output = subprocess.run(["ss", "-uanpmeOH"], capture_output=True, text=True, check=True).stdout
    found = set()
    for line in output.splitlines():
        row = ROW.match(line)
        assert row, line
        if row["state"] != "UNCONN":
            continue
        address = row["address"].strip("[]").replace("*", "::").removeprefix("::ffff:")
        found.add(Socket(address, int(row["port"]), row["interface"], "v6only:1" in line,
                         int(row["inode"]), frozenset(map(int, re.findall(r"pid=(\d+)", line))),
                         int(row["queue"]), int(row["buffer"]), int(row["drops"])))
    return found


def listeners_of_udpwatch(config):
    """The same, as `status --json --all` tells it. A socket may show at several expected ports, but
    counts at one."""
    found = [Socket(bound["address"], port["port"], bound["interface"], bound["ipv6_only"],
                    bound["inode"], frozenset(holder["pid"] for holder in bound["holders"]),
                    bound["receive_queue_bytes"], bound["receive_buffer_bytes"],
                    bound["dropped_datagrams"])
             for port in harness.status(config, "--all")["ports"] for bound in port["bound"]
             if bound["counted"]]
    assert len(found) == len(set(found)), found
    return set(found)


def holders_of_ss(listeners):
    """{(port, bound address, pid): [sockets, queue, buffer, drops]}, as the metrics group them."""
    groups = collections.defaultdict(lambda: [0, 0, 0, 0])
    for sock in listeners:
        bound = f"{sock.address}%{sock.interface}" if sock.interface else sock.address
        for pid in sock.pids:
            group = groups[str(sock.port), bound, str(pid)]
            for index, value in enumerate((1, sock.queue, sock.buffer, sock.drops)):
                group[index] += value
    return dict(groups)


def holders_of(scrape):
    """The same, from a scrape."""
    names = ["udpwatch_sockets", "udpwatch_socket_receive_queue_bytes",
             "udpwatch_socket_receive_buffer_bytes", "udpwatch_socket_dropped_datagrams"]
    groups = collections.defaultdict(lambda: [0, 0, 0, 0])
    # A process may hold several sockets at one address that serve different expected ports.
    for labels, _ in scrape.samples(names[0]):
        group = groups[labels["port"], labels["bound_address"], labels["pid"]]
        for index, name in enumerate(names):
            group[index] += scrape.value(name, **labels)
    return dict(groups)


@pytest.fixture
def any_address():
    """Addresses that the host does not have can be bound: fd00::5."""
    Path("/proc/sys/net/ipv6/ip_nonlocal_bind").write_text("1")


class Scenario:
    """What one seed makes: some programs, their sockets, and datagrams for them."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.ports = self.random.sample(range(2000, 30000), 12)
        # All sockets of a port share it the same way, else the second bind fails.
        self.sharing = {port: self.random.choice(["", "", ",reuseport", ",reuseaddr"])
                        for port in self.ports}
        self.used = set()
        self.programs = [self._program() for _ in range(self.random.randint(1, 4))]

    def _socket(self):
        port = self.random.choice([p for p in self.ports[:6]
                                   if self.sharing[p] or p not in self.used] or [0])
        if port == 0:
            return None
        self.used.add(port)
        is_ipv6 = self.random.random() < 0.45
        address = self.random.choice(IPV6 if is_ipv6 else IPV4)
        options = self.sharing[port]
        if is_ipv6 and address != "[::ffff:127.0.0.1]" and self.random.random() < 0.4:
            options += ",v6only"
        if self.random.random() < 0.5:
            options += f",rcvbuf={self.random.choice([1, 3000, 20000, 100000, 10**8])}"
        if self.random.random() < 0.1:
            options += ",device=lo"
        if self.random.random() < 0.15:
            options += ",dup"
        if self.random.random() < 0.15 and address not in ("239.1.2.3", "[fd00::5]"):
            peer = {"[::ffff:127.0.0.1]": "[::ffff:127.0.0.1]"}.get(
                address, "[::1]" if is_ipv6 else "127.0.0.1")
            options += f",connect={peer}:9"
        return f"{address}:{port}{options}"

    def _program(self):
        sockets = list(filter(None, (self._socket() for _ in range(self.random.randint(0, 5)))))
        options = self.random.choice([[], [], ["--fork=1"], ["--fork=3"], ["--pass"],
                                      ["--pass", "--fork=1"]])
        options = options + self.random.choice([["--idle"], ["--idle"], []])
        return self.random.choice(["filebeat", "rsyslogd", "a b"]), options, sockets

    def config(self):
        """Half of the time some ports are expected: it must not change what is seen."""
        lines = ["[agent]", "scope = all"]
        if self.random.random() < 0.5:
            for number, port in enumerate(self.random.sample(self.ports, 3)):
                address = self.random.choice(["", "", "127.0.0.1:", "[::1]:"])
                lines += [f"[receiver r{number}]", f"ports = {address}{port}",
                          self.random.choice(["process = filebeat", "required = no"])]
        return "\n".join(lines) + "\n"

    def send(self):
        for _, _, sockets in self.programs:
            for sock in sockets:
                # fd00::5 is no address of this host: nothing can reach it.
                if "connect" in sock or "fd00" in sock or self.random.random() < 0.3:
                    continue
                address, port = re.match(r"(.*):(\d+)", sock).groups()
                target = {"0.0.0.0": "127.0.0.1", "[::]": "::1", "239.1.2.3": "127.0.0.1",
                          "[::ffff:127.0.0.1]": "127.0.0.1"}.get(address, address.strip("[]"))
                harness.fill(target, int(port), self.random.randint(1, 40),
                             self.random.choice([0, 10, 1000, 9000]))

    def describe(self):
        return "; ".join(f"{name} {' '.join(options + sockets)}"
                         for name, options, sockets in self.programs)


def quiet_listeners(compare):
    """ss before and after: only when both agree has nothing changed while the other looked."""
    for _ in range(50):
        before = listeners_of_ss()
        result = compare()
        if listeners_of_ss() == before:
            return before, result
    raise AssertionError("the sockets never come to rest")


def run(scenario, programs, write, tally):
    config = write(scenario.config())
    with contextlib.ExitStack() as stack:
        for name, options, sockets in scenario.programs:
            holder = harness.Holder(programs, *options, *sockets, name=name)
            stack.callback(holder.stop)
        scenario.send()
        oracle, answers = quiet_listeners(
            lambda: (listeners_of_udpwatch(config), holders_of(harness.Exposition(
                harness.command("metrics", "--config", config, check=0).stdout))))
        assert answers[0] == oracle
        assert answers[1] == holders_of_ss(oracle)
    count(tally, scenario, oracle)


def count(tally, scenario, oracle):
    """What was there: a run in which something never came up would prove nothing of it."""
    text = scenario.describe()
    inodes = collections.Counter((sock.address, sock.port) for sock in oracle)
    tally["listeners"] += len(oracle)
    tally["IPv6"] += sum(":" in sock.address for sock in oracle)
    tally["v6only"] += sum(sock.ipv6_only for sock in oracle)
    tally["device-bound"] += sum(sock.interface is not None for sock in oracle)
    tally["IPv4-mapped"] += "[::ffff:" in text
    tally["reuse groups"] += sum(number > 1 for number in inodes.values())
    tally["several holders"] += sum(len(sock.pids) > 1 for sock in oracle)
    tally["passed"] += "--pass" in text
    tally["connected"] += "connect=" in text
    tally["queued"] += sum(sock.queue > 0 for sock in oracle)
    tally["dropping"] += sum(sock.drops > 0 for sock in oracle)


def test_no_difference_to_ss(any_address, programs, write, capsys):
    tally = collections.Counter()
    for number in range(SCENARIOS):
        scenario = Scenario(SEED + number)
        try:
            run(scenario, programs, write, tally)
        except AssertionError as error:
            raise AssertionError(f"UDPWATCH_SEED={SEED + number} UDPWATCH_SCENARIOS=1: "
                                 f"{scenario.describe()}\n{error}") from error
    with capsys.disabled():
        print(f"\n{SCENARIOS} scenarios from seed {SEED}, 0 differences: "
              + ", ".join(f"{value} {name}" for name, value in tally.items()))
    assert SCENARIOS < 100 or all(tally.values()), tally
