"""What udpwatch-web may do, and that no secret of a [web] section is shown anywhere."""

import subprocess
from pathlib import Path

import pytest

import bad_servers
import harness
from processes import capabilities, inet_sockets, libraries, process_status
from web_checks import assert_outcomes, outcome, section, sections, wait_until_known

USER, PASSWORD, QUERY, FRAGMENT, TOKEN = SECRETS = (
    "secret-user", "s3cret-word", "s3cret-query", "s3cret-fragment", "s3cret-token")
URL = f"127.0.0.1:{{port}}/{{path}}?key={QUERY}#{FRAGMENT}"


def url(path, scheme="http", port=8080):
    return f"{scheme}://{USER}:{PASSWORD}@{URL.format(port=port, path=path)}"


@pytest.fixture
def checking(agent, misbehave):
    """An agent with a check that runs, and has a connection open."""
    server = misbehave(bad_servers.silent)
    running = agent(section("runs", f"http://127.0.0.1:{server.port}/", "timeout = 60s"))
    harness.wait_for(lambda: server.accepted == 1, "the check to run")
    return running


def test_each_program_has_only_its_own_libraries(checking):
    assert libraries(checking.pid) == {"libmnl"}
    assert not libraries(checking.server_pid()) & {"libcurl", "libmnl"}
    web = libraries(checking.web_pid())
    assert {"libcurl", "libssl", "libcrypto"} <= web and not web & {"civetweb", "libmnl"}


def test_the_collector_has_no_inet_socket_while_udpwatch_web_has(checking):
    assert inet_sockets(checking.pid) == set()
    assert len(inet_sockets(checking.web_pid())) == 1


@pytest.mark.plain
def test_udpwatch_web_has_nothing(checking):
    pid = checking.web_pid()
    assert set(capabilities(pid).values()) == {0}
    for task in Path(f"/proc/{pid}/task").iterdir():
        status = process_status(f"{pid}/task/{task.name}")
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2"), task
    status = process_status(pid)
    assert "0" not in status["Uid"].split() + status["Gid"].split() + status["Groups"].split()


def test_started_without_rights_it_checks_all_the_same(agent, nginx):
    running = agent(section("one", "http://127.0.0.1:8080/ok"), user="nobody")
    scrape = wait_until_known(running, ["one"])
    assert outcome(scrape, "one") == (1, 200, {"ok"})


def sections_with_secrets(nginx, closed):
    """Checks that are right, and others that are wrong in each way, so that each reason is told."""
    token = f"header = X-Token: {TOKEN}"
    return {
        "password": (url("password"), (1, 200, {"ok"})),
        "header": (url("token"), token, (1, 200, {"ok"})),
        "status": (url("nothing"), token, (0, 404, {"status"})),
        "loop": (url("loop"), token, "follow_redirects = yes", (0, 302, {"status"})),
        "body": (url("password"), token, "body_contains = something else", (0, 200, {"body"})),
        "closed": (url("x", port=closed), token, (0, None, {"connect"})),
        "tls": (url("x", "https", 8443), token, (0, None, {"tls"})),
        "name": (f"http://{USER}:{PASSWORD}@nobody.invalid/?{QUERY}#{FRAGMENT}", token,
                 (0, None, {"dns"})),
    }


def command_lines():
    """Of all processes there are, with their environments."""
    texts = []
    for process in Path("/proc").glob("[0-9]*"):
        for name in "cmdline", "environ":
            try:
                texts.append((f"{process}/{name}", (process / name).read_bytes().decode("latin-1")))
            except OSError:
                continue  # it left meanwhile
    return texts


def places_to_look(running, config):
    """(name, text) of all that is shown."""
    openmetrics = {"Accept": "application/openmetrics-text; version=1.0.0"}
    for path in "/metrics", "/", "/api/v1/status":
        yield path, harness.get(path)[2].decode()
    yield "OpenMetrics", harness.get("/metrics", headers=openmetrics)[2].decode()
    yield "the log", running.log()
    for command in (("check-config",), ("metrics",), ("status",), ("status", "--json"),
                    ("discover",)):
        result = harness.command(*command, "--config", config)
        yield " ".join(command), result.stdout + result.stderr
    yield from command_lines()


def test_no_secret_is_shown(agent, nginx):
    checks = sections_with_secrets(nginx, closed=1)
    config = "[agent]\nstate_dir =\nlog_level = debug\n" + sections(checks)
    running = agent(config)
    # The secrets are used: without them the answers were others.
    scrape = assert_outcomes(running, checks)
    assert scrape.value("udpwatch_web_info", web="tls", url="https://127.0.0.1:8443/x") == 1
    running.reload(config + section("more", url("more")),
                   lambda found: found.samples("udpwatch_web_info", web="more"))
    for place, text in places_to_look(running, running.config):
        assert text or place.startswith("/proc/"), place
        for secret in SECRETS:
            assert secret not in text, (place, secret)


@pytest.mark.parametrize("lines", [
    f"url = ftp://{USER}:{PASSWORD}@127.0.0.1/?{QUERY}#{FRAGMENT}",
    f"url = http://{USER}:{PASSWORD}@127.0.0.1:99999/?{QUERY}#{FRAGMENT}",
    f"url = http://{USER}:{PASSWORD}@127.0.0.1/a b?{QUERY}#{FRAGMENT}",
    f"url = http://127.0.0.1/\nurl = {url('again')}",
    f"url = http://127.0.0.1/\nheader = X-Token {TOKEN}",
    f"url = http://127.0.0.1/\nheader = X-Token: {TOKEN} ; a comment in the wrong place",
    f"url = http://127.0.0.1/\nheader = X-Token: {TOKEN}\n  {TOKEN}",
    f"url = http://127.0.0.1/\nheaders = X-Token: {TOKEN}",
])
def test_an_error_shows_no_secret(write, lines):
    config = write(f"[web wrong]\n{lines}\n")
    result = harness.command("check-config", "--config", config, check=2)
    assert str(config) in result.stderr
    for secret in SECRETS:
        assert secret not in result.stdout + result.stderr, result.stderr


def test_the_collector_gives_udpwatch_web_no_file(checking):
    """Its descriptors: what it reads from and says to, and what libcurl opened."""
    links = subprocess.run(["readlink", *Path(f"/proc/{checking.web_pid()}/fd").iterdir()],
                           capture_output=True, text=True, check=False).stdout.splitlines()
    files = {link for link in links if link.startswith("/")}
    assert files == {"/dev/null", str(checking.log_file)}
