"""How long a port was down, beside a stopped agent, a busy host, another address."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import harness
from exposition import Exposition
from sockets import Clock, Kept, listen

DESCRIPTORS = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
print(flush=True)
sys.stdin.readline()
null = os.open("/dev/null", os.O_RDONLY)
for _ in range(19000):
    os.dup(null)
print(flush=True)
sys.stdin.readline()
"""


def down_seconds(scrape, port=5514):
    return scrape.value("udpwatch_port_down_seconds_total", port=str(port))


def wait_for_state(running, state):
    return harness.wait_for(
        lambda: (scrape := running.scrape()) and scrape.state(5514) == state and scrape, state)


@contextlib.contextmanager
def many_descriptors():
    """Six processes; called, each of them takes 19,000 descriptors."""
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(subprocess.Popen(
            [sys.executable, "-S", "-c", DESCRIPTORS], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)) for _ in range(6)]

        def go_on():
            for process in processes:
                process.stdin.write("\n")
                process.stdin.flush()
            for process in processes:
                assert process.stdout.readline() == "\n"

        for process in processes:
            assert process.stdout.readline() == "\n"
        yield go_on


def scrape_on(client):
    """A scrape on a connection that is open, so that it is soon there."""
    client.request("GET", "/metrics")
    response = client.getresponse()
    assert response.status == 200
    return Exposition(response.read().decode())


def test_an_outage_ends_when_the_socket_is_seen(agent, hold):
    """Not when its holder is found among 114,000 descriptors, which takes far longer."""
    with many_descriptors() as take_descriptors:
        holder = hold("0.0.0.0:5514")
        running = agent("[agent]\nsample_interval = 60s\n[receiver one]\nports = 5514\n")
        before = wait_for_state(running, "ok")
        take_descriptors()
        begin = time.monotonic()
        holder.kill()
        wait_for_state(running, "absent")
        known = time.monotonic()
        client = http.client.HTTPConnection("127.0.0.1", harness.PORT, harness.DEADLINE)
        scrape_on(client)
        clock = Clock()
        while time.monotonic() < begin + 0.1:
            clock.tick()
        opened = time.monotonic()
        with listen(5514):  # this process is older than the agent
            after = scrape_on(client)
            end = time.monotonic()
            client.close()
    owners = after.value("udpwatch_collector_duration_seconds", collector="owners")
    down = down_seconds(after) - down_seconds(before)
    # The look read the sockets before it went to find their owners.
    print(f"down {down:.4f} s, at least {opened - known:.4f}, at most {end - owners - begin:.4f}; "
          f"owners took {owners:.4f} s")
    assert after.state(5514) == "ok"
    assert opened - known <= down <= end - owners - begin


def test_a_port_that_comes_back_at_another_address(agent, directory):
    """It is looked for everywhere, not where its last socket was."""
    kept = Kept(directory)
    clock = Clock()
    sock = listen(5514, "127.0.0.1")
    running = agent(f"[agent]\nstate_dir = {directory}/state\nsample_interval = 10s\n"
                    "[receiver one]\nports = 5514\n")
    running.scrape()
    begin = time.monotonic()
    sock.close()
    kept.wait(5514, 0, 1)
    closed = time.monotonic()
    while time.monotonic() < closed + 0.3:
        clock.tick()
    opened = time.monotonic()
    with listen(5514, "127.0.0.2"):
        end = time.monotonic()
        while kept.port(5514) != (1, 1) and time.monotonic() < end + harness.DEADLINE:
            clock.tick()
        down = down_seconds(running.scrape())
    print(f"down {down:.4f} s, the test's clock {opened - closed:.4f} to {end - begin:.4f}")
    assert down >= opened - closed
    assert down <= end - begin + 0.1 + 10 * clock.lateness


def test_a_port_that_another_expectation_takes_from(agent):
    """The wildcard serves who names it. The other is vacant, and no look is due because of that."""
    with listen(5514):
        running = agent("[agent]\nsample_interval = 60s\n[receiver one]\nports = 0.0.0.0:5514\n"
                        "[receiver two]\nports = 5514\n")
        before = running.scrape()
        assert before.states() == {("one", "0.0.0.0", 5514): "ok", ("two", "*", 5514): "absent"}
        begin = time.monotonic()
        while time.monotonic() < begin + 2:
            time.sleep(0.05)
        after = running.scrape()
    assert after.value("udpwatch_samples_total") - before.value("udpwatch_samples_total") == 1


def is_stopped(pid):
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"


def test_a_stopped_agent_has_seen_no_outage(agent):
    """The port was vacant when it stopped, and served again soon after."""
    sock = listen(5514)
    running = agent("[agent]\nsample_interval = 100ms\n[receiver one]\nports = 5514\n")
    wait_for_state(running, "ok")
    begin = time.monotonic()
    sock.close()
    harness.wait_for(lambda: down_seconds(running.scrape()) > 0.1, "the outage to be seen")
    os.kill(running.pid, signal.SIGSTOP)
    harness.wait_for(lambda: is_stopped(running.pid), "the agent to stop")
    with listen(5514):
        truth = time.monotonic() - begin
        while time.monotonic() < begin + truth + 2:  # longer than two samples and a second
            time.sleep(0.05)
        os.kill(running.pid, signal.SIGCONT)
        down = down_seconds(wait_for_state(running, "ok"))
    print(f"down {down:.4f} s, the test's clock {truth:.4f}")
    assert 0.1 < down <= truth + 0.05
