"""The life of [web] checks in an agent: before the first result, over reloads, deaths and outages
of udpwatch-web, and in the commands that look once."""

import json
import os
import shutil
import signal
import subprocess
import socket
import threading
import time

import pytest

import bad_servers
import harness
from bad_servers import says
from exposition import Exposition
from web_checks import counts, outcome, section, wait_for_more, wait_until_known

RESULTS = {"ok", "dns", "connect", "tls", "timeout", "status", "body"}
KNOWN_ONCE_DONE = ("up", "status_code", "duration_seconds", "phase_duration_seconds",
                   "certificate_expiry_timestamp_seconds")
SUCCESS = "udpwatch_collector_success"
PORT = "[receiver one]\nports = 514\n"
OK_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def url_of(server):
    return f"http://127.0.0.1:{server.port}/"


def samples_of_results(scrape, name):
    """The samples of a check that there are only when something is known of it."""
    return [sample for metric in KNOWN_ONCE_DONE
            for sample in scrape.samples(f"udpwatch_web_{metric}", web=name)]


class Gate:
    """A server that holds each request until it is opened, then answers 200."""

    def __init__(self):
        self.opened = threading.Event()

    def behave(self, connection, over):
        bad_servers.read_request(connection)
        while not self.opened.wait(0.01) and not over.is_set():
            pass
        connection.sendall(OK_ANSWER)
        connection.recv(1)


def test_a_check_that_is_not_done_has_no_sample(agent, misbehave):
    gate = Gate()
    server = misbehave(gate.behave)
    running = agent(section("held", url_of(server)))
    harness.wait_for(lambda: server.accepted == 1, "the check to begin")
    scrape = running.scrape()
    assert samples_of_results(scrape, "held") == []
    assert scrape.value("udpwatch_web_info", web="held", url=url_of(server)) == 1
    assert {labels["result"]: value for labels, value in
            scrape.samples("udpwatch_web_checks_total", web="held")} == dict.fromkeys(RESULTS, 0)
    assert scrape.value(SUCCESS, collector="web") == 1
    gate.opened.set()
    scrape = wait_until_known(running, ["held"])
    assert outcome(scrape, "held") == (1, 200, {"ok"})


def test_checks_run_side_by_side(agent, nginx, misbehave):
    """Many that hang keep none from its rhythm."""
    server = misbehave(bad_servers.silent)
    running = agent("".join(section(f"hangs {number}", url_of(server)) for number in range(50))
                    + section("quick", "http://127.0.0.1:8080/ok"))
    harness.wait_for(lambda: server.accepted == 50, "all to hang")
    scrape = wait_for_more(running, "quick")
    assert set(counts(scrape, "quick")) == {"ok"}


def test_each_check_has_its_turn(agent, misbehave, monkeypatch):
    """Where there is room for some of the checks at a time, as many as take theirs again and again
    do not keep the last one from it."""
    monkeypatch.setattr(harness, "RUNNER", [*harness.RUNNER, "prlimit", "--nofile=64:64"])
    hanging = misbehave(bad_servers.silent)
    running = agent("".join(section(f"hangs {number}", url_of(hanging), "timeout = 500ms")
                            for number in range(30))
                    + section("last", url_of(misbehave(says(OK_ANSWER)))))
    wait_for_more(running, "last", runs=3)
    assert hanging.most_open < 10


def test_a_check_that_still_runs_is_not_begun_again(agent, misbehave):
    connections, overlaps = [], []

    def is_open(connection):
        try:
            return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return True

    def behave(connection, over):
        # The end of the run before came in before this one's connection.
        overlaps.extend(other for other in connections if is_open(other))
        copy = connection.dup()
        bad_servers.read_request(connection)
        connections.append(copy)
        over.wait()

    server = misbehave(behave)
    try:
        running = agent(section("long", url_of(server), "timeout = 2500ms"))
        scrape = wait_for_more(running, "long", "timeout", 2)
        assert counts(scrape, "long").keys() == {"timeout"}
        # One may run now, no more were begun than are over.
        assert server.accepted - counts(running.scrape(), "long")["timeout"] <= 1
        assert overlaps == []
    finally:
        for connection in connections:
            connection.close()


def lateness(requests, first):
    """By how much the most punctual of these misses the rhythm of one second."""
    return min((time - first + 0.5) % 1 for _, _, _, time in requests)


def test_a_reload_leaves_the_other_checks_alone(agent, nginx, misbehave):
    gate = Gate()
    held = misbehave(gate.behave)
    base = "http://127.0.0.1:8080"
    stays = section("stays", f"{base}/ok/stays") + section("held", url_of(held))
    running = agent(stays + section("goes", f"{base}/ok/goes") + section("changes", f"{base}/ok"))
    harness.wait_for(lambda: held.accepted == 1 and len(nginx.requests("/ok/stays")) >= 3,
                     "some runs")
    wait_until_known(running, ["goes", "changes"])
    before, checker = running.scrape(), running.web_pid()
    past = len(nginx.requests("/ok/stays"))
    after = running.reload(stays + section("changes", f"{base}/500")
                           + section("comes", f"{base}/nothing"),
                           lambda scrape: "status" in counts(scrape, "changes")
                           and counts(scrape, "comes"))
    assert outcome(after, "comes") == (0, 404, {"status"})
    assert outcome(after, "changes") == (0, 500, {"ok", "status"})
    assert counts(after, "changes")["ok"] >= counts(before, "changes")["ok"]
    assert not any(labels.get("web") == "goes"
                   for name in after.types for labels, _ in after.samples(name))
    # One that ran when the reload came goes on, and was begun once.
    assert counts(after, "held") == {} and held.accepted == 1
    gate.opened.set()
    wait_until_known(running, ["held"])
    assert counts(running.scrape(), "held").keys() == {"ok"}
    # Another goes on in its rhythm and its count, which is that of the server.
    requests = harness.wait_for(
        lambda: len(found := nginx.requests("/ok/stays")) >= past + 3 and found, "more runs")
    assert abs(lateness(requests[:past], requests[0][3])
               - lateness(requests[past:], requests[0][3])) < 0.2, requests
    told = counts(running.scrape(), "stays")["ok"]
    # A run may be told of before nginx wrote of it, and the other way round.
    assert len(requests) - 1 <= told <= len(nginx.requests("/ok/stays")) + 1
    assert running.web_pid() == checker
    gone = len(nginx.requests("/ok/goes"))
    wait_for_more(running, "stays")
    assert len(nginx.requests("/ok/goes")) == gone


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_checks_that_are_removed_leave_nothing_behind(agent, misbehave):
    """Those that ran are broken off, and their connections closed."""
    server = misbehave(bad_servers.silent)
    idle = "[web idle]\nurl = http://127.0.0.1:1/\ninterval = 24h\n"
    running = agent(idle)
    wait_until_known(running, ["idle"])
    before = descriptors(running.web_pid())
    hanging = "".join(section(f"hangs {number}", url_of(server)) for number in range(20))
    running.reload(idle + hanging, lambda scrape: len(scrape.samples("udpwatch_web_info")) == 21)
    harness.wait_for(lambda: len(server.open) == 20, "all to run")
    assert descriptors(running.web_pid()) > before
    running.reload(idle, lambda scrape: len(scrape.samples("udpwatch_web_info")) == 1)
    harness.wait_for(lambda: not server.open, "their connections to end")
    harness.wait_for(lambda: descriptors(running.web_pid()) == before, "all else to be closed")
    assert "hangs" not in running.log()


def test_udpwatch_web_runs_only_while_there_are_checks(agent, nginx):
    check = section("one", "http://127.0.0.1:8080/ok")
    running = agent(PORT)
    assert running.web_pid() is None
    assert running.scrape().samples(SUCCESS, collector="web") == []
    running.reload(PORT + check, lambda scrape: counts(scrape, "one"))
    checker = running.web_pid()
    assert checker is not None
    scrape = running.reload(PORT, lambda scrape: not scrape.samples("udpwatch_web_info"))
    assert not any(name.startswith("udpwatch_web") for name in scrape.types)
    assert not harness.process_exists(checker) and running.web_pid() is None
    # And with the agent it ends.
    running.reload(PORT + check, lambda scrape: counts(scrape, "one"))
    checker = running.web_pid()
    running.stop()
    assert not harness.process_exists(checker)


def test_a_killed_collector_takes_udpwatch_web_with_it(agent, nginx):
    running = agent(section("one", "http://127.0.0.1:8080/ok"))
    wait_until_known(running, ["one"])
    checker = running.web_pid()
    running.process.kill()
    running.process.wait()
    harness.wait_for(lambda: not harness.process_exists(checker), "the end of udpwatch-web")


def test_a_killed_udpwatch_web_is_started_again(agent, nginx, hold):
    hold("0.0.0.0:514")
    running = agent(PORT + section("one", "http://127.0.0.1:8080/ok"))
    before = wait_until_known(running, ["one"])
    server, old = running.server_pid(), running.web_pid()
    os.kill(old, signal.SIGKILL)
    harness.wait_for(lambda: running.web_pid() not in (None, old), "another udpwatch-web")
    after = wait_for_more(running, "one")
    for series, value in before.counters().items():
        assert after.values[series] >= value, series
    assert set(after.values) == set(before.values)
    assert after.value("udpwatch_server_restarts_total") == 0
    assert before.value("udpwatch_web_restarts_total") == 0
    assert after.value("udpwatch_web_restarts_total") == 1
    assert running.server_pid() == server
    assert "the web checker was killed by signal 9" in running.log()


def test_a_ca_file_that_udpwatch_may_not_read_says_nothing_of_the_address(agent, nginx):
    authority = nginx.directory / "secret.crt"
    authority.write_bytes((nginx.directory / "right.crt").read_bytes())
    authority.chmod(0o600)
    running = agent(section("one", "https://127.0.0.1:8443/ping", "timeout = 100ms",
                            f"ca_file = {authority}")
                    + section("two", "http://127.0.0.1:8080/ok"))
    wait_until_known(running, ["two"])
    harness.wait_for(lambda: f"cannot be read from {authority}" in running.log(), "the reason")
    scrape = harness.wait_for(
        lambda: (now := running.scrape()).value(SUCCESS, collector="web") == 0 and now,
        "a check without a result to be told")
    assert samples_of_results(scrape, "one") == []
    assert "says nothing any more" not in running.log()


def test_an_udpwatch_web_that_hangs_is_started_again(agent, nginx):
    running = agent(section("one", "http://127.0.0.1:8080/ok", "timeout = 100ms"))
    wait_until_known(running, ["one"])
    old = running.web_pid()
    os.kill(old, signal.SIGSTOP)
    harness.wait_for(lambda: running.web_pid() not in (None, old), "another udpwatch-web")
    wait_for_more(running, "one")
    assert "the web checker says nothing any more" in running.log()
    assert running.scrape().value("udpwatch_web_restarts_total") >= 1


def test_a_result_that_comes_while_the_agent_stands_still(agent, misbehave):
    """It is as old as it is when the agent reads it."""
    gate = Gate()
    server = misbehave(gate.behave)
    running = agent(f"[web held]\nurl = {url_of(server)}\ninterval = 24h\ntimeout = 1m\n")
    harness.wait_for(lambda: server.accepted == 1, "the check to begin")
    os.kill(running.process.pid, signal.SIGSTOP)
    try:
        gate.opened.set()
        harness.wait_for(lambda: not server.open, "udpwatch-web to be done")
        end = time.time() + 2
        harness.wait_for(lambda: time.time() > end, "some time")
    finally:
        os.kill(running.process.pid, signal.SIGCONT)
    wait_until_known(running, ["held"])
    check, = json.loads(harness.get("/api/v1/status")[2])["web_checks"]
    assert check["up"] and check["time"] < end - 1


@pytest.fixture
def broken_later(directory, monkeypatch):
    """The programs in a place of this test's own; break_it() has udpwatch-web exit at once, and
    mend() puts it back."""
    monkeypatch.setattr(harness, "program", harness.program)
    place = directory / "programs"
    place.mkdir()
    place.chmod(0o755)
    harness.install_for_everyone(place)

    class Programs:
        @staticmethod
        def replace(source):
            shutil.copy(source, place / "new")
            os.replace(place / "new", place / "udpwatch-web")

        def break_it(self):
            self.replace("/bin/false")

        def mend(self):
            self.replace(harness.BUILD / "udpwatch-web")

    return Programs()


def test_while_udpwatch_web_cannot_run_nothing_is_known(agent, nginx, hold, broken_later):
    hold("0.0.0.0:514")
    running = agent(PORT + section("one", "http://127.0.0.1:8080/ok", "timeout = 100ms"))
    before = wait_until_known(running, ["one"])
    assert before.value("udpwatch_web_up", web="one") == 1
    broken_later.break_it()
    os.kill(running.web_pid(), signal.SIGKILL)

    def is_unknown():
        scrape = running.scrape()
        # What is known and what is said of it change together, and the ports are served as ever.
        up = scrape.value("udpwatch_web_up", web="one")
        success = scrape.value(SUCCESS, collector="web")
        assert (up, success) in ((1, 1), (None, 0))
        assert scrape.state(514) == "ok"
        return scrape if success == 0 else None

    scrape = harness.wait_for(is_unknown, "the check to be unknown")
    assert samples_of_results(scrape, "one") == []
    assert scrape.value("udpwatch_web_info", web="one") == 1
    assert counts(scrape, "one")["ok"] >= counts(before, "one")["ok"]
    assert "the web checker ended with status 1" in running.log()
    broken_later.mend()
    after = wait_for_more(running, "one", runs=1)
    assert after.value("udpwatch_web_up", web="one") == after.value(SUCCESS, collector="web") == 1
    assert "the web checks go on again" in running.log()


def test_udpwatch_web_that_never_ran_keeps_no_port_from_being_served(agent, hold, broken_later):
    hold("0.0.0.0:514")
    broken_later.break_it()
    # However rare a check is, that nobody does it is said soon.
    running = agent(PORT + "[web one]\nurl = http://127.0.0.1:8080/ok\ninterval = 24h\n")
    assert running.scrape().state(514) == "ok"
    scrape = harness.wait_for(
        lambda: (found := running.scrape()).value(SUCCESS, collector="web") == 0 and found,
        "the word that nothing is known")
    assert samples_of_results(scrape, "one") == []
    assert set(counts(scrape, "one")) == set()


def test_a_time_in_which_udpwatch_web_did_not_run(agent, misbehave):
    """An answer that came meanwhile was in time, as far as anybody knows."""
    asked, stopped = threading.Event(), threading.Event()

    def behave(connection, over):
        bad_servers.read_request(connection)
        asked.set()
        harness.wait_for(lambda: stopped.is_set() or over.is_set(), "the stop")
        connection.sendall(OK_ANSWER)

    # Nothing else is due meanwhile, by which it would notice.
    running = agent(f"[web one]\nurl = {url_of(misbehave(behave))}\ninterval = 6s\ntimeout = 2s\n")
    checker = running.web_pid()
    assert asked.wait(harness.DEADLINE)
    os.kill(checker, signal.SIGSTOP)
    stopped.set()
    begin = time.monotonic()
    harness.wait_for(lambda: time.monotonic() > begin + 4, "more than the check's timeout")
    os.kill(checker, signal.SIGCONT)
    assert set(counts(wait_for_more(running, "one", runs=1), "one")) == {"ok"}
    assert running.web_pid() == checker


def set_local_ports(first, last):
    subprocess.run(["sysctl", "-qw", f"net.ipv4.ip_local_port_range={first} {last}",
                    "net.ipv4.tcp_tw_reuse=0"], check=True)


def test_no_local_port_is_left(agent, nginx):
    """That says nothing of the address."""
    names = ["one", "two", "three"]
    running = agent("".join(section(name, "http://127.0.0.1:8080/ok") for name in names))
    wait_until_known(running, names)
    set_local_ports(40000, 40000)
    harness.wait_for(lambda: "a web check cannot be done: Cannot assign" in running.log(),
                     "the word that there is no port")
    set_local_ports(41000, 60000)
    for name in names:
        assert outcome(wait_for_more(running, name), name) == (1, 200, {"ok"})


def test_a_reload_while_udpwatch_web_cannot_run(agent, nginx, broken_later):
    """The next udpwatch-web does what the configuration says by then."""
    broken_later.break_it()
    running = agent(section("old", "http://127.0.0.1:8080/ok/old"))
    harness.wait_for(lambda: "the web checker ended" in running.log(), "its failure")
    running.reload(section("new", "http://127.0.0.1:8080/ok/new"),
                   lambda scrape: scrape.samples("udpwatch_web_info", web="new"))
    broken_later.mend()
    scrape = wait_until_known(running, ["new"])
    assert outcome(scrape, "new") == (1, 200, {"ok"})
    assert nginx.requests("/ok/old") == []


@pytest.mark.parametrize("command", [("metrics",), ("status", "--json")])
def test_commands_do_each_check_once(write, nginx, misbehave, command):
    late = misbehave(bad_servers.silent)
    paths = [f"/ok/{number}" for number in range(20)]
    # None is put off: so many would not all begin in the time that the longest may take.
    config = write("[agent]\nstate_dir =\n" + "".join(
        f"[web {path}]\nurl = http://127.0.0.1:8080{path}\ninterval = 24h\ntimeout = 2s\n"
        for path in paths)
        + f"[web late]\nurl = {url_of(late)}\ntimeout = 500ms\n")
    result = harness.command(*command, "--config", config, check=0)
    assert [len(nginx.requests(path)) for path in paths] == [1] * 20
    assert late.accepted == 1
    if command == ("metrics",):
        scrape = Exposition(result.stdout)
        ups = {labels["web"]: value for labels, value in scrape.samples("udpwatch_web_up")}
        assert ups == {**dict.fromkeys(paths, 1), "late": 0}
        # What only a history can tell is left out.
        assert not scrape.samples("udpwatch_web_checks_total")
    else:
        json.loads(result.stdout)


def test_a_command_whose_udpwatch_web_cannot_run(write, hold, broken_later):
    hold("0.0.0.0:514")
    broken_later.break_it()
    config = write(PORT + "[web one]\nurl = http://127.0.0.1:8080/ok\ntimeout = 100ms\n")
    scrape = Exposition(harness.command("metrics", "--config", config, check=3).stdout)
    assert scrape.state(514) == "ok"
    assert samples_of_results(scrape, "one") == []
    assert scrape.value(SUCCESS, collector="web") == 0


def test_no_proxy_of_the_environment_is_asked(agent, misbehave, monkeypatch):
    proxy = misbehave(says(OK_ANSWER))
    for name in "http_proxy", "https_proxy", "all_proxy", "ALL_PROXY":
        monkeypatch.setenv(name, url_of(proxy))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    running = agent(section("direct", f"http://127.0.0.1:{port}/"))
    scrape = wait_until_known(running, ["direct"])
    assert outcome(scrape, "direct") == (0, None, {"connect"})
    assert proxy.accepted == 0
