"""The search for holders as on a large host: where they should be, and everywhere in slices."""

import contextlib
import os

import pytest

import harness
from sockets import listen

CONFIG = """[filebeat core]
ports = 5514
cmdline = *core.yml*
[filebeat edge]
ports = 5515
cmdline = *edge.yml*
"""


@pytest.fixture(autouse=True)
def in_slices(monkeypatch):
    monkeypatch.setattr(harness, "FAST_PATHS", ["--fast-path=owners=on"])


def descriptors(running):
    return len(os.listdir(f"/proc/{running.process.pid}/fd"))


def test_the_first_answer_tells_right_from_wrong(hold, agent):
    """A twin is found where the right holder should be, and is none."""
    right = hold("0.0.0.0:5514", "core.yml", name="filebeat")
    hold("0.0.0.0:5515", "other.yml", name="filebeat")
    scrape = agent(CONFIG).scrape()
    assert (scrape.state(5514), scrape.state(5515)) == ("ok", "wrong_owner")
    [(labels, _)] = scrape.samples("udpwatch_sockets", port="5514")
    assert labels["pid"] == str(right.pid)


def test_a_receiver_that_starts_is_never_accused(hold, agent):
    running = agent(CONFIG)
    for _ in range(5):
        holder = hold("0.0.0.0:5514", "core.yml", name="filebeat")
        states = []

        def is_ok():
            states.append(running.scrape().state(5514))
            return states[-1] == "ok"

        harness.wait_for(is_ok, "the port to be ok")
        assert set(states) <= {"absent", "unknown", "ok"}
        holder.stop()


def test_descriptors_grow_with_few_of_the_sockets_of_a_holder(agent):
    """And not with those that there were."""
    kept = 2 + 256  # of the holder, and of its links
    running = agent("[receiver many]\nports = 20000-20299\n")
    before = descriptors(running)

    def all_are(state):
        scrape = running.scrape()
        return set(scrape.states().values()) == {state} and \
            scrape.value("udpwatch_unresolved_sockets") == 0

    for _ in range(3):
        with contextlib.ExitStack() as stack:
            for port in range(20000, 20300):
                stack.enter_context(listen(port))
            harness.wait_for(lambda: all_are("ok"), "the holder to be found")
            harness.wait_for(lambda: descriptors(running) == before + kept, "the search to end")
        harness.wait_for(lambda: all_are("absent"), "the end of the sockets")
    harness.wait_for(lambda: descriptors(running) == before, "all to be closed")


def test_half_of_the_descriptors_is_left_to_the_search(agent, hold, monkeypatch):
    """With more holders, and sockets, than can be kept open."""
    monkeypatch.setattr(harness, "RUNNER", ["prlimit", "--nofile=64", *harness.RUNNER])
    running = agent("[receiver many]\nports = 20000-20200\n")
    before = descriptors(running)

    def are_ok(ports):
        return list(running.scrape().states().values()).count("ok") == ports

    for first in range(20000, 20200, 5):
        hold(*[f"0.0.0.0:{port}" for port in range(first, first + 5)])
    harness.wait_for(lambda: are_ok(200), "the holders to be found")
    harness.wait_for(lambda: running.scrape() and descriptors(running) == before + 32,
                     "half of them to be kept")
    hold("0.0.0.0:20200")
    harness.wait_for(lambda: are_ok(201), "one more to be found")
    assert "Too many open files" not in running.log()
