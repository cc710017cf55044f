"""Sockets that are there all the while are neither opened nor closed, whichever port they serve."""

import json
import socket

import pytest

import harness
from sockets import Kept, listen, receive_errors

STATE = "[agent]\nstate_dir = {state}\nsample_interval = {interval}\n"


def history(scrape, name, port=5514, **labels):
    return scrape.value(f"udpwatch_port_{name}", port=str(port), **labels)


def counts(scrape, port=5514, **labels):
    return history(scrape, "opens_total", port, **labels), \
        history(scrape, "closes_total", port, **labels)


def test_a_receiver_hands_its_port_over(agent, directory):
    """By SO_REUSEPORT, four times: at no time was the port without a socket."""
    kept = Kept(directory)
    holder = listen(5514, option=socket.SO_REUSEPORT)
    running = agent(STATE.format(state=directory / "state", interval="1s")
                    + "[receiver one]\nports = 5514\n")
    before = running.scrape()
    for number in range(1, 5):
        successor = listen(5514, option=socket.SO_REUSEPORT)
        holder.close()
        holder = successor
        kept.wait(5514, number, number)
    after = running.scrape()
    (port,) = json.loads(harness.get("/api/v1/status")[2])["ports"]
    holder.close()
    assert counts(after) == (4, 4)
    assert after.state(5514) == "ok"
    assert history(after, "down_seconds_total") == port["history"]["recent_outages"] == 0
    assert "flaps" not in (port["advice"] or "")
    last_change = "last_change_timestamp_seconds"
    assert history(after, last_change) == history(before, last_change)


def test_a_wildcard_behind_a_specific_socket(agent):
    """It serves the port whenever the other does not, and is open all along."""
    drops = 0
    with listen(5514, buffer=4096, option=socket.SO_REUSEADDR):
        harness.fill("127.0.0.1", 5514, 100)
        running = agent("[agent]\nsample_interval = 1s\n"
                        "[receiver one]\nports = 127.0.0.1:5514\n")
        assert history(running.scrape(), "dropped_datagrams_total") == 0
        for number in range(1, 5):
            with listen(5514, "127.0.0.1", option=socket.SO_REUSEADDR):
                # A second socket at a port is told within some milliseconds: COST in udpwatch(8).
                harness.wait_for(lambda: counts(running.scrape()) == (number, number - 1),
                                 "the specific socket to be seen")
                harness.fill("127.0.0.2", 5514, 10)  # to the wildcard, which serves no port now
                harness.wait_for(lambda: running.scrape().value(
                    "udpwatch_host_unattributed_drops_total") == 10 * number, "its drops")
            scrape = running.scrape()
            assert counts(scrape) == (number, number)
            assert history(scrape, "dropped_datagrams_total") == drops
            harness.fill("127.0.0.1", 5514, 3)
            drops += 3
            scrape = running.scrape()
            assert history(scrape, "dropped_datagrams_total") == drops
            assert scrape.value("udpwatch_host_unattributed_drops_total") == 10 * number
        (port,) = json.loads(harness.get("/api/v1/status")[2])["ports"]
    assert port["state"] == "ok"
    assert port["history"]["down_seconds"] == port["history"]["recent_outages"] == 0


def test_a_listener_that_is_shown_for_lack_of_others(agent):
    """More listeners than max_sockets: of those that are not shown nothing is counted."""
    unattributed = "udpwatch_host_unattributed_drops_total"
    first, second = listen(5001), listen(5002)
    with second, listen(6000, buffer=4096), listen(9000, buffer=4096) as connected, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        connected.connect(peer.getsockname())
        harness.fill("127.0.0.1", 6000, 200)
        running = agent("[agent]\nscope = all\nmax_sockets = 2\nsample_interval = 1s\n"
                        "[receiver one]\nports = 7000\n")
        running.scrape()
        errors = receive_errors()
        harness.fill("127.0.0.1", 6000, 100)
        assert receive_errors() == errors + 100
        scrape = running.scrape()
        assert not scrape.samples("udpwatch_port_sockets", port="6000")
        assert scrape.value(unattributed) == 100
        first.close()
        scrape = running.scrape()
        assert history(scrape, "sockets", 6000) == 1
        assert history(scrape, "dropped_datagrams_total", 6000) == 0
        assert counts(scrape, 6000) == (0, 0)
        harness.fill("127.0.0.1", 6000, 20)
        scrape = running.scrape()
        assert history(scrape, "dropped_datagrams_total", 6000) == 20
        errors = receive_errors()
        for _ in range(50):  # no listener, so it is watched nowhere
            peer.sendto(b"x" * 1000, ("127.0.0.1", 9000))
        assert receive_errors() > errors
        assert running.scrape().value(unattributed) == 100 + receive_errors() - errors


def drops_at(scrape, port):
    """At all that watch the port number."""
    return sum(value for _, value in
               scrape.samples("udpwatch_port_dropped_datagrams_total", port=str(port)))


@pytest.mark.parametrize("scope, before, after", [
    pytest.param("expected", "[receiver one]\nports = 5514, 5515\n[receiver two]\nports = 5516\n",
                 "[receiver one]\nports = 5514\n[receiver two]\nports = 5516, 5515\n",
                 id="a port goes to another receiver"),
    pytest.param("expected", "[receiver one]\nports = 5515\n",
                 "[receiver one]\nports = 5515\n[receiver two]\nports = 127.0.0.1:5515\n",
                 id="a more specific port is named"),
    pytest.param("expected",
                 "[receiver one]\nports = 5515\n[receiver two]\nports = 127.0.0.1:5515\n",
                 "[receiver one]\nports = 5515\n", id="a more specific port is named no longer"),
    pytest.param("all", "[receiver one]\nports = 5515\n[receiver two]\nports = 5516\n",
                 "[receiver two]\nports = 5516\n", id="a receiver is dropped, all are shown"),
])
def test_a_reload_opens_and_closes_nothing(agent, hold, scope, before, after):
    """The sockets and their holder are older than the agent."""
    head = f"[agent]\nscope = {scope}\nsample_interval = 1s\n"
    hold("--idle", "0.0.0.0:5514", "0.0.0.0:5515,rcvbuf=4096")
    harness.fill("127.0.0.1", 5515, 100)
    running = agent(head + before)
    harness.fill("127.0.0.1", 5515, 50)
    assert drops_at(running.scrape(), 5515) == 50
    running.reload(f"{head}{after}[receiver three]\nports = 1\n",
                   lambda scrape: scrape.samples("udpwatch_receiver_up", receiver="three"))
    kept = drops_at(running.scrape(), 5515)
    assert kept in (0, 50)  # of a series that goes on, or of one that begins
    harness.fill("127.0.0.1", 5515, 20)
    scrape = running.scrape()
    assert drops_at(scrape, 5515) == kept + 20
    for name in ("port_opens_total", "port_closes_total", "receiver_starts_total"):
        values = [value for _, value in scrape.samples(f"udpwatch_{name}")]
        assert values and not any(values), name


def starts(scrape):
    return scrape.value("udpwatch_receiver_starts_total", receiver="one")


def test_a_holder_that_was_not_recognized_has_not_started(agent, hold, directory):
    """At the first look the criteria were wrong, or procfs was."""
    (directory / "proc").mkdir()
    holder = hold("0.0.0.0:5514", "an-argument", name="receiver")
    config = "[agent]\nsample_interval = 1s\n{}[receiver one]\nports = 5514\n{}"
    running = agent(config.format("", "process = another\n"))
    assert running.scrape().state(5514) == "wrong_owner"
    for right in "process = receiver\n", "cmdline = *an-argument*\n":
        assert starts(running.reload(config.format("", right),
                                     lambda scrape: scrape.state(5514) == "ok")) == 0
        running.reload(config.format("", "process = another\n"),
                       lambda scrape: scrape.state(5514) == "wrong_owner")
    running.stop()
    blind = agent(config.format(f"procfs = {directory}/proc\n", "process = receiver\n"))
    assert blind.scrape().state(5514) == "unknown"
    assert starts(blind.reload(config.format("", "process = receiver\n"),
                               lambda scrape: scrape.state(5514) == "ok")) == 0
    holder.stop()
    hold("0.0.0.0:5514", name="receiver")  # and this one has
    harness.wait_for(lambda: starts(blind.scrape()) == 1, "the start to be counted")


def test_a_state_of_another_namespace(agent, directory):
    """The totals go on; what is there was there before, and coming back counts nothing again."""
    config = STATE.format(state=directory / "state", interval="1s") + \
        "[receiver one]\nports = 5514\n"

    def totals(drops, lost=0):
        running = agent(config)
        assert history(running.scrape(), "dropped_datagrams_total") == drops
        assert counts(running.scrape()) == (0, 0)
        harness.fill("127.0.0.1", 5514, lost)
        scrape = running.scrape()
        assert history(scrape, "dropped_datagrams_total") == drops + lost
        assert scrape.value("udpwatch_host_unattributed_drops_total") == 0
        running.stop()

    with listen(5514, buffer=4096):
        harness.fill("127.0.0.1", 5514, 30)
        totals(0, lost=50)
        with harness.network_namespace(), listen(5514, buffer=4096):
            harness.fill("127.0.0.1", 5514, 30)
            totals(50, lost=7)
        totals(57, lost=5)


def test_sockets_that_pass_by_after_another_closed(agent, directory):
    """At the wildcard, which serves the port only since the specific socket is gone."""
    kept = Kept(directory)
    specific = listen(5514, "127.0.0.1")
    running = agent(STATE.format(state=directory / "state", interval="60s")
                    + "[receiver one]\nports = 127.0.0.1:5514\n")
    running.scrape()
    specific.close()
    kept.wait(5514, 0, 1)
    for number in range(1, 3):
        listen(5514).close()
        kept.wait(5514, number, number + 1)
    assert counts(running.scrape()) == (2, 3)
