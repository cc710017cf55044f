"""One program a privilege: what each process of a serving agent holds, and what happens when one
of them is killed."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

import harness
from processes import capabilities, inet_sockets, libraries, process_status

CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE = 1 << 2, 1 << 19
CONFIG = "[receiver one]\nports = 514\n"


def test_the_collector_has_no_library_for_what_comes_from_the_network(agent):
    running = agent(CONFIG)
    assert libraries(running.pid) == {"libmnl"}
    assert {"civetweb", "deflate"} <= libraries(running.server_pid())


def test_the_collector_keeps_two_capabilities_and_no_inet_socket(agent):
    pid = agent(CONFIG).pid
    two = CAP_DAC_READ_SEARCH | CAP_SYS_PTRACE
    assert capabilities(pid) == {"CapInh": 0, "CapPrm": two, "CapEff": two, "CapAmb": 0}
    status = process_status(pid)
    assert status["NoNewPrivs"] == "1"
    assert "0" not in status["Uid"].split() + status["Gid"].split() + status["Groups"].split()
    assert inet_sockets(pid) == set()


@pytest.mark.plain
def test_the_server_has_nothing(agent):
    pid = agent(CONFIG).server_pid()
    assert set(capabilities(pid).values()) == {0}
    for task in Path(f"/proc/{pid}/task").iterdir():
        status = process_status(f"{pid}/task/{task.name}")
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2"), task
    assert "0" not in process_status(pid)["Uid"].split()
    # This shows that inet_sockets can see one.
    assert len(inet_sockets(pid)) == 1


def test_started_without_rights_it_says_once_what_is_missing(agent, hold):
    hold("0.0.0.0:514")
    running = agent(CONFIG + "process = udp_holder\n", user="nobody")
    for _ in range(3):
        scrape = running.scrape()
        assert scrape.state(514) == "unknown"
        assert scrape.value("udpwatch_port_up", port="514") == 1
        assert scrape.value("udpwatch_port_owner_ok", port="514") is None
        assert scrape.value("udpwatch_receiver_up", receiver="one") is None
        assert scrape.value("udpwatch_unreadable_processes") >= 1
    assert set(capabilities(running.pid).values()) == {0}
    lines = [line for line in running.log().splitlines() if "CAP_SYS_PTRACE" in line]
    assert len(lines) == 1, running.log()


def restart_by(running, kill):
    """Seconds from the server's death until it answers again; checks that nothing was lost."""
    before, old = running.scrape(), running.server_pid()
    begin = time.monotonic()
    kill(old)
    harness.wait_for(lambda: running.server_pid() not in (old, None) and running.answers(),
                     "another server")
    seconds = time.monotonic() - begin
    after = running.scrape()
    for series, value in before.counters().items():
        assert after.values[series] >= value, series
    assert set(after.values) == set(before.values)
    name = "udpwatch_server_restarts_total"
    assert after.value(name) == before.value(name) + 1
    return seconds


def test_a_killed_server_is_replaced_under_scraping(agent, hold, capsys):
    hold("0.0.0.0:514")
    running = agent(CONFIG)
    stop = threading.Event()

    def scrape():
        while not stop.is_set():
            running.answers()

    scrapers = [threading.Thread(target=scrape) for _ in range(4)]
    for scraper in scrapers:
        scraper.start()
    try:
        seconds = [restart_by(running, lambda pid: os.kill(pid, signal.SIGKILL))
                   for _ in range(3)]
    finally:
        stop.set()
        for scraper in scrapers:
            scraper.join()
    with capsys.disabled():
        print("\nserving again after kill -9 of the server: "
              + ", ".join(f"{second:.2f} s" for second in seconds))


def test_a_killed_collector_takes_the_server_with_it(agent):
    running = agent(CONFIG)
    server = running.server_pid()
    running.process.kill()
    running.process.wait()
    harness.wait_for(lambda: not harness.process_exists(server), "the end of the server")
    assert not running.answers()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_both(agent, number):
    running = agent(CONFIG)
    server = running.server_pid()
    running.process.send_signal(number)
    running.stop()
    assert not harness.process_exists(server)


def test_an_address_in_use_is_said(agent, directory, write):
    running = agent(CONFIG)
    config = write(harness.with_state_dir(CONFIG))
    result = harness.command("run", "--config", config, "--listen", f"127.0.0.1:{harness.PORT}",
                             check=1)
    assert str(harness.PORT) in result.stderr
    running.stop()
