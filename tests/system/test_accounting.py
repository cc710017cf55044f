"""Every datagram that the kernel drops at a watched port is counted once, whatever is replaced in
between: the socket, the receiver, the agent."""

import contextlib
import http.client
import random
import re
import socket
import subprocess
import threading

import pytest

import harness

PORTS = (5514, 5515, 5516)
CONFIG = """[agent]
state_dir = {state}
sample_interval = 50ms
[receiver one]
ports = 5514, 5515
[receiver two]
ports = 5516
"""


@pytest.fixture
def state(directory):
    path = directory / "state"
    path.mkdir()
    path.chmod(0o777)
    return path


class Receiver:
    """A socket of this process that is never read: what does not fit its buffer is dropped."""

    def __init__(self, port):
        self.port = port
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.bind(("0.0.0.0", port))

    def close(self):
        self.socket.close()


def drops_of_ss():
    """{port: the kernel's count of drops} of the unconnected sockets there are."""
    output = subprocess.run(["ss", "-uanm"], capture_output=True, text=True, check=True).stdout
    drops = {}
    for place, count in re.findall(r"UNCONN.*?:(\d+) +\S+ *\n?.*?skmem:\(.*?,d(\d+)\)", output):
        drops[int(place)] = drops.get(int(place), 0) + int(count)
    return drops


def total(scrape, port):
    return scrape.value("udpwatch_port_dropped_datagrams_total", port=str(port))


def samples(scrape):
    return scrape.value("udpwatch_samples_total")


def wait_for_sample(running):
    """A sample that began after now: the second from here. A scrape takes one itself."""
    begin = samples(running.scrape())
    harness.wait_for(lambda: samples(running.scrape()) >= begin + 2, "a sample")


def test_drops_over_fifty_replaced_receivers(agent, state, capsys):
    """Of each socket, the kernel's own count is read before the receiver is closed."""
    seed = random.SystemRandom().randrange(10**9)
    chance = random.Random(seed)
    running = agent(CONFIG.format(state=state))
    expected = dict.fromkeys(PORTS, 0)
    for _ in range(50):
        receivers = [Receiver(port) for port in PORTS]
        for port in PORTS:
            harness.fill("127.0.0.1", port, chance.randrange(10, 80))
        counts = drops_of_ss()
        for port in PORTS:
            expected[port] += counts[port]
        wait_for_sample(running)
        for receiver in receivers:
            receiver.close()
    scrape = running.scrape()
    assert {port: total(scrape, port) for port in PORTS} == expected, f"seed {seed}"
    assert all(expected.values())
    with capsys.disabled():
        print(f"\n50 rounds, seed {seed}: counted {expected}, as the kernel did")


class Scraper(threading.Thread):
    """Scrapes every 50 ms; no counter may ever be lower than it was served before."""

    def __init__(self):
        super().__init__()
        self.highest, self.faults, self.scrapes = {}, [], 0
        self.stopped = threading.Event()

    def run(self):
        while not self.stopped.wait(0.05):
            with contextlib.suppress(OSError, http.client.HTTPException):
                code, _, body = harness.get()
                if code == 200:
                    try:
                        self.check(harness.Exposition(body.decode()))
                    except AssertionError as error:
                        self.faults.append(error)

    def check(self, scrape):
        self.scrapes += 1
        counters = {key: value for key, value in scrape.values.items()
                    if scrape.types.get(re.sub(r"_(bucket|count|sum)$", "", key[0]),
                                        scrape.types.get(key[0])) in ("counter", "histogram")}
        for key, value in counters.items():
            before = self.highest.get(key, 0)
            if value < before:
                self.faults.append((key, before, value))
            self.highest[key] = value
        self.faults += [(key, value, None) for key, value in self.highest.items()
                        if key not in counters]

    def wait_for_more(self, count):
        wanted = self.scrapes + count
        harness.wait_for(lambda: self.scrapes >= wanted or not self.is_alive(), "scrapes")

    def stop(self):
        self.stopped.set()
        self.join()


def restart(running, directory, config, kill):
    """End the agent, by SIGKILL or in order. A receiver drops and another is replaced meanwhile."""
    if kill:
        server = running.server_pid()
        running.process.kill()
        running.process.wait()
        harness.wait_for(lambda: not harness.process_exists(server), "the server to end")
    else:
        running.stop()


@pytest.mark.parametrize("restarts", [10])
def test_drops_over_restarts_of_the_agent(directory, state, restarts, capsys):
    seed = random.SystemRandom().randrange(10**9)
    chance = random.Random(seed)
    config = CONFIG.format(state=state)
    expected = dict.fromkeys(PORTS, 0)
    receivers = {}
    running = harness.Agent(directory, config)
    scraper = Scraper()
    scraper.start()
    try:
        kills = [True] * restarts + [False] * restarts
        chance.shuffle(kills)
        for kill in kills:
            for port in PORTS:  # known ones, and new ones
                if port not in receivers:
                    receivers[port] = Receiver(port)
                harness.fill("127.0.0.1", port, chance.randrange(10, 80))
            wait_for_sample(running)
            scraper.wait_for_more(2)
            restart(running, directory, config, kill)
            for port in PORTS:  # known ones go on dropping while nobody watches
                harness.fill("127.0.0.1", port, chance.randrange(10, 80))
            running = harness.Agent(directory, config)
            counts = drops_of_ss()
            wait_for_sample(running)
            for port in chance.sample(PORTS, 2):
                expected[port] += counts[port]
                receivers.pop(port).close()
        for port, count in drops_of_ss().items():
            if port in PORTS:
                expected[port] += count
        scrape = running.scrape()
    finally:
        scraper.stop()
        running.stop()
        for receiver in receivers.values():
            receiver.close()
    assert scraper.faults == [], f"seed {seed}"
    assert {port: total(scrape, port) for port in PORTS} == expected, f"seed {seed}"
    with capsys.disabled():
        print(f"\n{2 * restarts} restarts, seed {seed}: counted {expected}, as the kernel did; "
              f"{scraper.scrapes} scrapes, none lower than one before")


def test_unattributed_drops_are_those_of_unwatched_sockets(agent, state):
    watched, unwatched = Receiver(5514), Receiver(7000)
    harness.fill("127.0.0.1", 7000, 50)  # before the agent: not counted
    before = drops_of_ss()[7000]
    running = agent(CONFIG.format(state=state))
    for _ in range(5):
        harness.fill("127.0.0.1", 5514, 40)
        harness.fill("127.0.0.1", 7000, 30)
        wait_for_sample(running)
        counts = drops_of_ss()
        scrape = running.scrape()
        assert counts[7000] > before
        assert scrape.value("udpwatch_host_unattributed_drops_total") == counts[7000] - before
    watched.close()
    unwatched.close()
    with contextlib.closing(Receiver(5515)):
        harness.fill("127.0.0.1", 5515, 40)
        scrape = running.scrape()
        assert scrape.value("udpwatch_host_unattributed_drops_total") == counts[7000] - before
        assert total(scrape, 5515) == drops_of_ss()[5515] > 0


def test_starts_are_counted_once(directory, hold, state):
    """Of the receiver, not of the agent; those that began while no agent ran too."""
    config = CONFIG.format(state=state)

    def starts(running):
        return running.scrape().value("udpwatch_receiver_starts_total", receiver="one")

    with contextlib.ExitStack() as stack:
        holder = hold("0.0.0.0:5514", "0.0.0.0:5515", name="filebeat")
        running = harness.Agent(directory, config)
        stack.callback(lambda: running.stop())
        assert starts(running) == 0  # it was there before
        holder.stop()
        holder = hold("0.0.0.0:5514", "0.0.0.0:5515", name="filebeat")
        harness.wait_for(lambda: starts(running) == 1, "the start")
        running.stop()
        running = harness.Agent(directory, config)
        assert starts(running) == 1
        running.stop()
        holder.stop()
        hold("0.0.0.0:5514", name="filebeat")
        running = harness.Agent(directory, config)
        harness.wait_for(lambda: starts(running) == 2, "the start while no agent ran")
