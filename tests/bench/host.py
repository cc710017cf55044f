"""The host that is measured on: what runs there besides, the watched ports, the agent, and the
programs that it is compared with."""

import contextlib
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import harness
from measuring import Scraped

PORTS = [6984, 6985, 6998, 7878, 7879, 7880, 618, 8814, 8815, 8816, 8817, 8818, 8819, 718, 815]
RECEIVERS = f"""[filebeat one]
ports = {', '.join(map(str, PORTS[:8]))}
[filebeat two]
ports = {', '.join(map(str, PORTS[8:]))}
"""
# Each that holds; a reader of the whole takes seconds for thousands of listeners.
STATES = re.compile(rb'^udpwatch_port_state\{receiver="(?:one|two)",.*state="(\w+)"\} 1$',
                    re.MULTILINE)
NODE_EXPORTER = harness.DAEMONS / "prometheus-node-exporter/usr/bin/prometheus-node-exporter"
PROCESS_EXPORTER = (harness.DAEMONS
                    / "prometheus-process-exporter/usr/bin/prometheus-process-exporter")


class Size(NamedTuple):
    processes: int
    descriptors: int
    sockets: int

    def __str__(self):
        return (f"{self.processes:,} processes, {self.descriptors:,} descriptors, "
                f"{self.sockets:,} UDP sockets")


TYPICAL = Size(378, 8196, 300)
HUGE = Size(1074, 155366, 50000)


def counted():
    """How much of each there is in this namespace, by /proc itself."""
    processes = descriptors = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            descriptors += sum(1 for _ in (process / "fd").iterdir())
            processes += 1
    sockets = sum(len(Path(f"/proc/thread-self/net/{table}").read_text().splitlines()) - 1
                  for table in ("udp", "udp6"))
    return Size(processes, descriptors, sockets)


def parallel(verb, *numbers):
    """A load that runs until its standard input is closed. See load.c."""
    load = subprocess.Popen([harness.BUILD / "tests/load", verb, *map(str, numbers)],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert load.stdout.readline() == "ready\n", f"load {verb} {numbers} did not start"
    return load


@contextlib.contextmanager
def load(verb, *numbers):
    """One that runs meanwhile; yields the process, whose output is read here at the end into
    its attribute rate."""
    running = parallel(verb, *numbers)
    try:
        yield running
    finally:
        running.stdin.close()
        output = running.stdout.read()
        running.stdout.close()
        running.wait(harness.HANGS)
    assert running.returncode == 0, (verb, running.returncode)
    running.rate = float(output) if output else None


@contextlib.contextmanager
def filled_up_to(size):
    """What is missing in this namespace to that size, the agent to come included."""
    present = counted()
    agent = Size(2, 23, 0)
    missing = [wanted - here - own for wanted, here, own in zip(size, present, agent)]
    with load("hold", *missing):
        yield


class Host:
    """A network namespace of its own with the watched ports in it, a directory on the disk, and
    the programs where every user can run them."""

    def __init__(self, stack):
        self.stack = stack
        stack.enter_context(harness.network_namespace())
        self.directory = stack.enter_context(harness.public_directory())
        harness.install_for_everyone(self.directory)
        self.holders = [self.holder(PORTS[:8]), self.holder(PORTS[8:])]

    def holder(self, ports):
        holder = harness.Holder(self.directory, *[f"0.0.0.0:{port}" for port in ports],
                                name="filebeat")
        holder.ports = ports
        self.stack.callback(holder.stop)
        return holder

    def config(self, keys="", receivers=RECEIVERS):
        """As installed, its counters kept on the disk."""
        return f"[agent]\nstate_dir = {self.directory}/state\n{keys}{receivers}"

    def agent(self, keys="", receivers=RECEIVERS):
        agent = harness.Agent(self.directory, self.config(keys, receivers))
        self.stack.callback(agent.stop)
        harness.wait_for(lambda: healthy(harness.get()[2]), "all ports to be ok")
        return agent

    def exporter(self, port, program, *arguments):
        exporter = subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def stop():
            exporter.terminate()
            exporter.wait(harness.DEADLINE)

        self.stack.callback(stop)
        scraped = Scraped([exporter.pid], port)
        harness.wait_for(lambda: answers(scraped), f"{program} to answer")
        return scraped

    def node_exporter(self):
        return self.exporter(9100, NODE_EXPORTER, "--web.listen-address=127.0.0.1:9100",
                             "--collector.disable-defaults",
                             *(f"--collector.{name}"
                               for name in ("udp_queues", "netstat", "sockstat", "netclass")))

    def process_exporter(self):
        names = self.directory / "process-exporter.yml"
        names.write_text('process_names:\n  - name: "{{.Comm}}"\n    cmdline: [".+"]\n')
        return self.exporter(9256, PROCESS_EXPORTER, "-web.listen-address=127.0.0.1:9256",
                             "-config.path", names)


def answers(scraped):
    with contextlib.suppress(OSError):
        return scraped.kept(1) >= 0
    return False


def scraped(agent, port=None):
    return Scraped([agent.pid, agent.server_pid()], port)


def healthy(body):
    """Whether a scrape's body says of all watched ports that they are ok."""
    return STATES.findall(body) == [b"ok"] * len(PORTS)


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
