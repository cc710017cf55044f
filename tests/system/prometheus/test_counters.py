"""Over the lives of many sockets, receivers and agents, Prometheus sees counters that never begin
again, and whose increase() is what the kernel dropped."""

import random

import pytest

import harness
from causes import BUFFER, Reader, Stage

CONFIG = """[agent]
state_dir = {state}
sample_interval = 50ms
[receiver one]
ports = 5001, 5002
"""
DROPS = "udpwatch_port_dropped_datagrams_total"
PORTS = (5001, 5002)


class Receivers:
    """Sockets that are replaced; truth: what the kernel dropped at each port, over all of them."""

    def __init__(self, stage):
        self.readers = {port: Reader(stage, port, BUFFER) for port in PORTS}
        self.ended = dict.fromkeys(PORTS, 0)

    def overflow(self, chance):
        for reader in self.readers.values():
            reader.fill(1)
            reader.send(chance.randrange(10, 80))

    def replace(self, port):
        self.ended[port] += self.readers[port].drops()
        self.readers[port].bind()

    def truth(self):
        return {port: self.ended[port] + reader.drops() for port, reader in self.readers.items()}


def told(server):
    """{port: the counter now}"""
    return {int(labels["port"]): value for labels, value in server.query(DROPS)}


def increase(server, series):
    """increase() from the first to the last sample: with one at each end of its window, Prometheus
    extrapolates nothing."""
    (found,) = server.get("/api/v1/query", query=f"{series}[300s]")["data"]["result"]
    first, last = found["values"][0][0], found["values"][-1][0]
    ((_, value),) = server.query(f"increase({series}[{round(1000 * (last - first))}ms])", time=last)
    return value


def test_no_reset_and_every_drop(directory, hold, prometheus, capsys):
    seed = random.SystemRandom().randrange(10**9)
    chance = random.Random(seed)
    stage = Stage(directory, hold)
    with stage.exits:
        receivers = Receivers(stage)
        running = stage.agent("one", CONFIG.format(state=directory / "state"))
        server = prometheus({"scrape_configs": [{"job_name": "udpwatch", "static_configs": [
            {"targets": [f"{running.address}:{harness.PORT}"]}]}]})
        server.wait_for(DROPS, lambda found: [value for _, value in found] == [0, 0])
        for kill in (True, False, True, False):
            receivers.overflow(chance)
            running.scrape()  # a sample, after which a socket may go
            receivers.replace(chance.choice(PORTS))
            receivers.overflow(chance)
            if kill:
                running.process.kill()
                running.process.wait()
            else:
                running.stop()
            receivers.overflow(chance)  # nobody watches, but the sockets stay
            server.wait_for_value("up", 0)
            running = stage.agent("one", CONFIG.format(state=directory / "state"),
                                  address=running.address)
            harness.wait_for(lambda: told(server) == receivers.truth(), lambda: (
                f"{told(server)} to be {receivers.truth()}, seed {seed}"))
        for port, drops in receivers.truth().items():
            series = f'{DROPS}{{port="{port}"}}'
            assert increase(server, series) == pytest.approx(drops, rel=1e-9), seed
            assert server.value(f"resets({series}[5m])") == 0
        counters = server.samples('{__name__=~"udpwatch_.+_(total|bucket|count)"}', 300)
        assert len(counters) > 20
        assert {series: values for series, values in counters.items()
                if values != sorted(values)} == {}
    with capsys.disabled():
        print(f"\nseed {seed}: Prometheus counted {told(server)} drops as the kernel did, over 4 "
              f"restarts of the agent; none of {len(counters)} counters fell")
