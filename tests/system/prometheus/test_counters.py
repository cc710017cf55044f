"""Over the lives of many sockets, receivers and agents, Prometheus sees counters that never begin
again, and whose growth is what the kernel dropped. increase() guesses at what lay outside the first
and the last sample of its range, so what is compared is the difference of the raw samples, which
resets() == 0 makes the true growth."""

import random

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
            (values,) = server.samples(f'{DROPS}{{port="{port}"}}', 300).values()
            assert values[-1] - values[0] == drops > 0, (port, values)
            assert server.value(f'resets({DROPS}{{port="{port}"}}[5m])') == 0
        counters = server.samples('{__name__=~"udpwatch_.+_(total|bucket|count)"}', 300)
        assert len(counters) > 20
        assert {series: values for series, values in counters.items()
                if values != sorted(values)} == {}
    with capsys.disabled():
        print(f"\nseed {seed}: Prometheus counted {told(server)} drops as the kernel did, over 4 "
              f"restarts of the agent; none of {len(counters)} counters fell")
