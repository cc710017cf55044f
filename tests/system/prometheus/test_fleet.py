"""A hundred hosts, each a network namespace with an agent and its receivers, on one bridge; one
Prometheus finds them through a file of targets and sums them up by the recording rules."""

import contextlib
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

import harness

HOSTS = 100
CONFIG = """[agent]
sample_interval = 10s
[filebeat switches]
ports = 6984, 6985
[receiver relay]
ports = 514
process = rsyslogd
[receiver spare]
ports = 515
required = no
"""
PORTS = 4
DEAD_RECEIVERS, DEAD_AGENTS = 5, 3


class Host:
    """A namespace at 10.99.0.0/16 and what runs there."""

    def __init__(self, number):
        self.address = f"10.99.{number // 200 + 1}.{number % 200 + 1}"
        with harness.network_namespace():
            self.namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.processes = []

    @contextlib.contextmanager
    def entered(self):
        """This thread is there."""
        with open("/proc/thread-self/ns/net", "rb") as before:
            assert harness.libc.setns(self.namespace, harness.CLONE_NEWNET) == 0
            try:
                yield
            finally:
                assert harness.libc.setns(before.fileno(), harness.CLONE_NEWNET) == 0

    def start(self, directory, programs):
        with self.entered():
            ip(f"addr add {self.address}/16 dev eth0", "link set eth0 up")
            self.filebeat = harness.Holder(programs, "0.0.0.0:6984", "0.0.0.0:6985", name="filebeat")
            self.processes.append(self.filebeat)
            self.processes.append(harness.Holder(programs, "0.0.0.0:514", name="rsyslogd"))
            self.agent = harness.Agent(directory, CONFIG, source=self.address,
                                       address=self.address)
            self.processes.append(self.agent)


def ip(*commands):
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands), text=True, check=True)


def connect(hosts):
    """A bridge in the test's namespace, with a cable to each host."""
    ip("link add hosts type bridge", "addr add 10.99.0.1/16 dev hosts", "link set hosts up")
    ip(*(f"link add host{number} master hosts up type veth peer name eth0 "
         f"netns /proc/{os.getpid()}/fd/{host.namespace}" for number, host in enumerate(hosts)))


@pytest.fixture
def fleet(directory, programs):
    # Copied before the threads would do so at once.
    for name in ("filebeat", "rsyslogd"):
        harness.Holder(programs, name=name).stop()
    hosts = [Host(number) for number in range(HOSTS)]
    try:
        connect(hosts)
        with ThreadPoolExecutor(4) as pool:
            for started in [pool.submit(host.start, directory, programs) for host in hosts]:
                started.result()
        yield hosts
    finally:
        processes = [each for host in hosts for each in host.processes]
        for each in processes:
            each.process.terminate()
        for each in processes:
            each.stop()
        for host in hosts:
            os.close(host.namespace)


def test_a_hundred_hosts(fleet, directory, prometheus, capsys):
    (directory / "targets.json").write_text(json.dumps(
        [{"targets": [f"{host.address}:{harness.PORT}" for host in fleet]}]))
    server = prometheus({
        "global": {"scrape_interval": "2s", "scrape_timeout": "2s"},
        "rule_files": [str(harness.ROOT / "etc/prometheus/udpwatch.rules.yml")],
        "scrape_configs": [{"job_name": "udpwatch",
                            "file_sd_configs": [{"files": ["targets.json"]}]}]})
    server.wait_for_value('sum(up{job="udpwatch"})', HOSTS)

    # What a port costs Prometheus.
    of_port = 'count by (instance, port) ({__name__=~"udpwatch_port_.+", receiver!=""})'
    assert server.value(f"count({of_port})") == HOSTS * PORTS
    most = server.value(f"max({of_port})")
    assert most <= 26
    of_holder = ('count by (instance, port, bound_address, pid) '
                 '({__name__=~"udpwatch_sockets|udpwatch_socket_.+"})')
    assert server.value(f"count({of_holder})") == HOSTS * 3
    assert server.value(f"max({of_holder})") == server.value(f"min({of_holder})") == 4

    healthy = {"job:udpwatch_ports_unhealthy:sum": 0, "job:udpwatch_receivers_down:sum": 0,
               "job:udpwatch_receivers:count": 3 * HOSTS, "job:udpwatch_agents_down:sum": 0,
               "job:udpwatch_dropped_datagrams:rate5m": 0}
    for name, value in healthy.items():
        server.wait_for_value(name, value)

    for host in fleet[:DEAD_RECEIVERS]:
        host.filebeat.kill()
    for host in fleet[-DEAD_AGENTS:]:
        host.agent.stop()
    faulty = {"job:udpwatch_ports_unhealthy:sum": 2 * DEAD_RECEIVERS,
              "job:udpwatch_receivers_down:sum": DEAD_RECEIVERS,
              "job:udpwatch_receivers:count": 3 * (HOSTS - DEAD_AGENTS),
              "job:udpwatch_agents_down:sum": DEAD_AGENTS}
    for name, value in faulty.items():
        server.wait_for_value(name, value)
    server.wait_for_value('count(receiver:udpwatch_port_up:min{receiver="switches"} == 0)',
                          DEAD_RECEIVERS)
    expected = sorted(
        [(alert, f"{host.address}:{harness.PORT}") for alert in ("UdpPortAbsent", "UdpPortUnhealthy")
         for host in fleet[:DEAD_RECEIVERS] for _ in range(2)]
        + [("UdpwatchDown", f"{host.address}:{harness.PORT}") for host in fleet[-DEAD_AGENTS:]])
    harness.wait_for(lambda: sorted((labels["alertname"], labels["instance"])
                                    for labels in server.alerts("pending")) == expected,
                     "the alerts to be pending")
    with capsys.disabled():
        print(f"\n{HOSTS} hosts up, at most {most:g} series a port and 4 a holder")
