"""What happens between two scrapes, and between two samples, is not lost."""

import json
import os
import signal
import socket
import time

import pytest

import harness

CONFIG = """[agent]
sample_interval = {interval}
peak_window = {window}
[receiver one]
ports = {ports}
"""
PIDFD_GETFD = 438
OUTAGE_TOLERANCE = 0.030  # seconds: what the contract of down_seconds allows


def listen(port, buffer=None, **options):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    if options.get("reuseport"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(("0.0.0.0", port))
    return sock


def port_value(scrape, name, port=5514, **labels):
    return scrape.value(f"udpwatch_port_{name}", port=str(port), **labels)


def wait_for_samples(running, count):
    """Until so many samples were taken that no scrape took: this one looks but once."""
    begin = running.scrape().value("udpwatch_samples_total")
    time_limit = time.monotonic() + harness.DEADLINE
    scrapes = 0
    while True:
        scrapes += 1
        scrape = running.scrape()
        if scrape.value("udpwatch_samples_total") - begin - scrapes >= count:
            return scrape
        assert time.monotonic() < time_limit, "no samples are taken"
        time.sleep(0.02)


def drain(sock):
    sock.setblocking(False)
    try:
        while True:
            sock.recv(65536)
    except BlockingIOError:
        sock.setblocking(True)


def shrink_event_socket(pid):
    """Give the agent's socket for close events the smallest receive buffer."""
    pidfd = os.pidfd_open(pid)
    shrunk = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        descriptor = harness.libc.syscall(PIDFD_GETFD, pidfd, int(name), 0)
        if descriptor < 0:
            continue  # closed since it was listed: the agent is at work
        if os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:"):
            with socket.socket(fileno=os.dup(descriptor)) as sock:
                if sock.family == socket.AF_NETLINK and sock.getsockname()[1]:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
                    shrunk += 1
        os.close(descriptor)
    os.close(pidfd)
    assert shrunk == 1


def test_a_burst_between_two_scrapes_is_seen(agent):
    """The queue is full for 60 ms, while nobody scrapes."""
    with listen(5514, 65536) as sock:
        running = agent(CONFIG.format(interval="20ms", window="60s", ports=5514))
        before = running.scrape()
        assert port_value(before, "receive_queue_peak_bytes") == 0
        harness.fill("127.0.0.1", 5514, 100)
        begin = time.monotonic()
        while time.monotonic() < begin + 0.060:
            time.sleep(0.005)
        drain(sock)
        after = running.scrape()
    assert port_value(after, "receive_queue_bytes") == 0
    peak = port_value(after, "receive_queue_peak_bytes")
    assert peak > 65536, peak
    full = port_value(after, "receive_queue_fill_ratio_count") \
        - port_value(after, "receive_queue_fill_ratio_bucket", le="0.8")
    assert full >= 1
    assert port_value(before, "receive_queue_fill_ratio_count") \
        == port_value(before, "receive_queue_fill_ratio_bucket", le="0.25")


def test_a_stopped_receiver_shows_in_the_low(agent, hold):
    """Under SIGSTOP its queue never drains, and the low says so once the window is full."""
    holder = hold("0.0.0.0:5514")
    running = agent(CONFIG.format(interval="50ms", window="1s", ports=5514))
    low = harness.wait_for(lambda: [port_value(running.scrape(), "receive_queue_low_bytes")],
                           "the first scrape")
    assert low in ([None], [0])
    harness.wait_for(lambda: port_value(running.scrape(), "receive_queue_low_bytes") == 0,
                     "the window to be full")
    os.kill(holder.pid, signal.SIGSTOP)
    try:
        harness.fill("127.0.0.1", 5514, 20)
        harness.wait_for(lambda: port_value(running.scrape(), "receive_queue_low_bytes") > 0,
                         "a low above 0")
        (port,) = json.loads(harness.get("/api/v1/status")[2])["ports"]
        assert port["history"]["receive_queue_low_bytes"] > 0
        assert "never found empty" in port["advice"]
    finally:
        os.kill(holder.pid, signal.SIGCONT)
    harness.wait_for(lambda: port_value(running.scrape(), "receive_queue_low_bytes") == 0,
                     "the queue to be read")


def test_two_hundred_quick_rebinds_are_all_counted(agent):
    """Each socket is closed and bound anew at once; only the events can tell."""
    sock = listen(5514)
    running = agent(CONFIG.format(interval="1s", window="60s", ports=5514))
    before = running.scrape()
    for _ in range(200):
        sock.close()
        sock = listen(5514)
        time.sleep(0.003)  # the life of each socket
    after = harness.wait_for(
        lambda: (scrape := running.scrape()) and
        port_value(scrape, "opens_total") - port_value(before, "opens_total") == 200 and scrape,
        "200 openings")
    assert port_value(after, "closes_total") - port_value(before, "closes_total") == 200
    sock.close()
    after = harness.wait_for(
        lambda: (scrape := running.scrape()) and
        port_value(scrape, "closes_total") - port_value(before, "closes_total") == 201 and scrape,
        "the last close")
    assert port_value(after, "opens_total") - port_value(before, "opens_total") == 200


@pytest.mark.plain
def test_an_outage_is_measured_finer_than_the_samples(agent):
    """3 s without a socket, at one sample a second."""
    sock = listen(5514)
    running = agent(CONFIG.format(interval="1s", window="60s", ports=5514))
    assert port_value(running.scrape(), "down_seconds_total") == 0
    sock.close()
    begin = time.monotonic()
    while time.monotonic() < begin + 3:
        time.sleep(0.01)
    sock = listen(5514)
    truth = time.monotonic() - begin
    while time.monotonic() < begin + truth + 0.5:  # a scrape would look at once: it comes late
        time.sleep(0.01)
    scrape = running.scrape()
    assert scrape.state(5514) == "ok"
    down = port_value(scrape, "down_seconds_total")
    print(f"3 s outage: down seconds {down:.4f}, the test's clock {truth:.4f}")
    assert abs(down - truth) < OUTAGE_TOLERANCE
    sock.close()


def test_clients_and_failed_binds_on_a_watched_port_are_no_openings(agent):
    with listen(5514):
        running = agent(CONFIG.format(interval="100ms", window="60s", ports="5514, 5515"))
        for _ in range(50):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as failing:
                try:
                    failing.bind(("0.0.0.0", 5514))
                    raise AssertionError("the port is taken twice")
                except OSError:
                    pass
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unbound:
                unbound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        scrape = wait_for_samples(running, 2)
    assert port_value(scrape, "opens_total") == 0
    assert port_value(scrape, "closes_total") == 0


@pytest.mark.parametrize("count, closed", [(5000, 4999), (1000, 500)])
def test_events_that_are_lost_are_counted_and_healed(agent, count, closed):
    """Many sockets of a group close at once, and the event socket's buffer is tiny: it overflows."""
    sockets = [listen(5514, reuseport=True) for _ in range(count)]
    running = agent(CONFIG.format(interval="1s", window="60s", ports=5514))
    assert port_value(running.scrape(), "sockets") == count
    shrink_event_socket(running.pid)
    os.kill(running.pid, signal.SIGSTOP)
    for sock in sockets[:closed]:
        sock.close()
    os.kill(running.pid, signal.SIGCONT)
    scrape = harness.wait_for(
        lambda: (scrape := running.scrape()) and
        scrape.value("udpwatch_events_lost_total") > 0 and scrape, "lost events")
    scrape = running.scrape()
    assert port_value(scrape, "closes_total") == closed
    assert port_value(scrape, "opens_total") == 0
    assert port_value(scrape, "sockets") == count - closed
    assert running.log().count("could not deliver") == 1
    print(f"{scrape.value('udpwatch_events_lost_total'):.0f} of {closed} events lost, all closes counted")
    for sock in sockets[closed:]:
        sock.close()


def test_a_reload_leaves_what_it_does_not_touch(agent):
    """A port added, one removed, a receiver renamed."""
    config = ("[agent]\nsample_interval = 50ms\n[receiver stays]\nports = 5514, 5515\n"
              "[receiver {name}]\nports = 5516\n{more}")
    with listen(5514, 4096), listen(5516, 4096), listen(5517, 4096):
        running = agent(config.format(name="old", more=""))
        for port in (5514, 5516, 5517):
            harness.fill("127.0.0.1", port, 50)
        listen(5515).close()
        before = harness.wait_for(
            lambda: (scrape := running.scrape()) and
            port_value(scrape, "closes_total", 5515) == 1 and scrape, "the drops and the close")
        assert port_value(before, "dropped_datagrams_total", 5514) > 0
        running.reload("[agent]\nsample_interval = 50ms\n[receiver new]\nports = 5516\n"
                       "[receiver stays]\nports = 5517, 5514\n",
                       lambda scrape: scrape.samples("udpwatch_receiver_up", receiver="new"))
        after = running.scrape()
        for name in ("dropped_datagrams_total", "opens_total", "closes_total",
                     "receive_queue_fill_ratio_sum"):
            old, new = port_value(before, name), port_value(after, name)
            assert new >= old and (new == old or name.endswith("sum")), name
            if not name.endswith("sum"):
                assert port_value(after, name, 5516) == port_value(after, name, 5517) == 0
        assert not after.samples("udpwatch_port_up", port="5515")
        assert not after.samples("udpwatch_port_up", receiver="old")
        # Watched from now on, the sockets that were there count what they lose from here.
        harness.fill("127.0.0.1", 5517, 50)
        assert port_value(running.scrape(), "dropped_datagrams_total", 5517) == 50
