"""auth_file: who gets an answer, what a flood of wrong passwords costs others, and reloads."""

import concurrent.futures
import contextlib
import http.client
import signal
import threading
from pathlib import Path

import pytest

import harness
from passwords import basic, line

CONFIG = "[agent]\nauth_file = {}\n[receiver one]\nports = 514\n"
SUCCESS = "udpwatch_config_last_reload_successful"
TIME = "udpwatch_config_last_reload_success_timestamp_seconds"
USER, PASSWORD = "prömetheus", "pass:wörd:"


def code(path="/metrics", headers=None, **options):
    return harness.get(path, headers, **options)[0]


def scrape(user=USER, password=PASSWORD):
    status, _, body = harness.get("/metrics", basic(user, password))
    assert status == 200, (status, body)
    return harness.Exposition(body.decode())


@pytest.fixture
def users(directory):
    path = directory / "auth"
    path.write_text("# who may scrape\n\n" + line(USER, PASSWORD) + line("bob", "b" * 72))
    path.chmod(0o600)
    return path


@pytest.fixture
def running(agent, users):
    return agent(CONFIG.format(users))


def reload(running, until):
    """Have it read everything again; return the first scrape for which until holds."""
    running.process.send_signal(signal.SIGHUP)

    def reloaded():
        # The server may be replaced meanwhile: then no answer comes, or its last one, 503.
        with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
            found = scrape()
            return found if until(found) else None

    return harness.wait_for(reloaded, "a reload")


def test_the_right_password(running):
    assert scrape().states() == {("one", "*", 514): "absent"}
    for scheme in "basic", "BASIC", "Basic  ":
        assert code(headers=basic(USER, PASSWORD, scheme)) == 200
    for path in "/", "/api/v1/status":
        for method in "GET", "HEAD":
            assert code(path, basic("bob", "b" * 72), method=method) == 200
    assert code("/nope", basic(USER, PASSWORD)) == 404


WRONG = {
    "none": {},
    "empty": {"Authorization": ""},
    "a wrong password": basic(USER, "pass"),
    "a prefix of the password": basic(USER, PASSWORD[:-1]),
    "no password": basic(USER, ""),
    "an unknown user": basic("nobody", PASSWORD),
    "another case": basic(USER.upper(), PASSWORD),
    "no user": basic("", PASSWORD),
    "the password of another": basic("bob", PASSWORD),
    "over 72 bytes": basic("bob", "b" * 73),
    "a NUL behind it": basic(USER, PASSWORD + "\0"),
    "a newline behind it": basic(USER, PASSWORD + "\n"),
    "the scheme alone": {"Authorization": "Basic"},
    "no base64": {"Authorization": f"Basic {USER}:{PASSWORD}".encode()},
    "no padding": {"Authorization": basic("bob", "b" * 72)["Authorization"].rstrip("=")},
    "another scheme": basic(USER, PASSWORD, "Bearer"),
    "of Digest": {"Authorization": f'Digest username="{USER}", response="x"'.encode()},
    "overlong": basic(USER, "p" * 8000),
    "the hash": basic(USER, "$2b$04$QZZsa44ta1zOsV8J/7Kyn.UkLi4y/ToaXbBbeyVNU/0coot4ZBlju"),
}


@pytest.mark.parametrize("headers", WRONG.values(), ids=WRONG)
def test_anything_else(running, headers):
    for path in "/metrics", "/", "/api/v1/status", "/nope":
        status, answer, body = harness.get(path, headers)
        assert status == 401
        assert answer["WWW-Authenticate"] == 'Basic realm="udpwatch", charset="UTF-8"'
        assert answer["Connection"] == "keep-alive"
        assert b"udpwatch_" not in body
    status, answer, body = harness.get("/metrics", headers, "HEAD")
    assert (status, body) == (401, b"") and "WWW-Authenticate" in answer
    assert scrape()


def test_a_header_beyond_all_bounds(running):
    assert code(headers=basic(USER, "p" * 100000)) not in (200, 404)
    assert scrape()


def test_what_needs_no_password(running):
    for path in "/-/healthy", "/-/ready":
        assert code(path) == 200
        assert code(path, basic("nobody", "nothing")) == 200
    for path in "/metrics", "/nope":
        assert code(path, method="POST") == 405


def test_one_connection(running):
    """Refused and answered in turn, it stays."""
    client = http.client.HTTPConnection("127.0.0.1", harness.PORT, harness.DEADLINE)
    for _ in range(3):
        for headers, expected in ({}, 401), (basic(USER, "x"), 401), (basic(USER, PASSWORD), 200):
            client.request("GET", "/metrics", headers=headers)
            response = client.getresponse()
            assert response.read() and response.status == expected
            assert client.sock, "the connection was closed"
    client.close()


def test_a_flood_of_wrong_passwords(agent, users):
    """A scraper goes on; those that are new, from another address, get their first answer, although
    the checks take long enough for the flood to fill what waits."""
    attempts, clients, names = 1000, 10, [f"new{number}" for number in range(5)]
    users.write_text(line(USER, PASSWORD) + "".join(line(name, name, cost=8) for name in names))
    running = agent(CONFIG.format(users))
    is_full = threading.Event()

    def attack(number):
        codes = []
        for i in range(attempts // clients):
            user = USER if i % 2 else f"intruder{i}"
            codes.append(code(headers=basic(user, f"wrong{number}")))
            if codes[-1] == 503:
                is_full.set()
        return codes

    scrape()
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        attacks = [pool.submit(attack, number) for number in range(clients)]
        assert is_full.wait(harness.DEADLINE)
        for name in names:
            assert code(headers=basic(name, name), source="127.0.0.2") == 200
            scrape()
        while not all(attack.done() for attack in attacks):
            scrape()
        codes = [status for attack in attacks for status in attack.result()]
    assert len(codes) == attempts and set(codes) == {401, 503}
    lines = [row for row in running.log().splitlines() if "wrong user or password" in row]
    assert len(lines) == 1 and lines[0].endswith(" from 127.0.0.1"), lines
    assert "intruder" not in running.log() and USER not in running.log()
    assert scrape().value("udpwatch_server_restarts_total") == 0


def test_scrapers_that_come_at_once(agent, users):
    """From one address, with one password, which nobody has shown yet."""
    users.write_text(line(USER, PASSWORD, cost=10))
    agent(CONFIG.format(users))
    together = threading.Barrier(4)

    def first():
        together.wait(harness.DEADLINE)
        return code(headers=basic(USER, PASSWORD))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        firsts = [pool.submit(first) for _ in range(4)]
        assert [each.result() for each in firsts] == 4 * [200]


def test_no_secret_is_told(running, users):
    hashes = [row.split("$")[-1] for row in users.read_text().splitlines() if "$" in row]
    assert len(hashes) == 2
    code(headers=basic(USER, "guess-of-mine"))
    printed = harness.command("check-config", "--config", running.config, check=0)
    lines = b"".join(Path(f"/proc/{pid}/{name}").read_bytes()
                     for pid in (running.pid, running.server_pid())
                     for name in ("cmdline", "environ"))
    told = printed.stdout + printed.stderr + running.log() + lines.decode(errors="replace")
    told += harness.get("/metrics", basic(USER, PASSWORD))[2].decode()
    assert f"auth_file   = {users}\n" in told
    for secret in *hashes, PASSWORD, "guess-of-mine":
        assert secret not in told


BAD = {
    "o+r": (lambda path: path.chmod(0o644), "; run: chmod o= "),
    "a plain password": (lambda path: path.write_text("bob:sEcrEt\n"), ":1: what follows"),
    "no user": (lambda path: path.write_text("\n"), ":1: no user in it"),
    "missing": (lambda path: path.unlink(), "No such file or directory"),
}


@pytest.mark.parametrize("spoil,message", BAD.values(), ids=BAD)
def test_a_bad_file(running, users, spoil, message):
    """At the start it is an error; at a reload the users stay that were."""
    log, before = running.log(), users.read_text()
    spoil(users)
    reload(running, lambda found: found.value(SUCCESS) == 0)
    said = running.log()[len(log):]
    assert len(said.splitlines()) == 1 and str(users) in said and message in said, said
    assert code() == 401
    for command in "run", "check-config":
        result = harness.command(command, "--config", running.config, check=2)
        assert str(users) in result.stderr and message in result.stderr
        assert "sEcrEt" not in result.stderr + said
    users.write_text(before)
    users.chmod(0o640)
    reload(running, lambda found: found.value(SUCCESS) == 1)


def test_a_reload_changes_the_users(running, users):
    server, before = running.server_pid(), scrape()
    users.write_text(users.read_text() + "# the same users\n")
    after = reload(running, lambda found: found.value(TIME) != before.value(TIME))
    assert running.server_pid() == server
    users.write_text(line("bob", "new") + line(USER, PASSWORD))
    reload(running, lambda found: found.value(TIME) != after.value(TIME))
    assert running.server_pid() != server
    assert code(headers=basic("bob", "new")) == 200
    assert code(headers=basic("bob", "b" * 72)) == 401
    assert scrape().value("udpwatch_server_restarts_total") == 0
    # And the key: without a file everybody may ask again.
    running.config.write_text(running.config.read_text().replace(str(users), ""))
    running.process.send_signal(signal.SIGHUP)
    harness.wait_for(running.answers, "an answer without a password")


def test_others_need_not_read_it(running, users):
    """status, by a user who may not, with the same configuration."""
    result = harness.command("status", "--config", running.config, user="nobody")
    assert result.returncode == 1 and "514" in result.stdout, result
    assert harness.command("check-config", "--config", running.config, user="nobody",
                           check=2).stderr.count("Permission denied") == 1


def test_a_restarted_server_asks_too(running):
    server = running.server_pid()
    harness.os.kill(server, signal.SIGKILL)
    harness.wait_for(lambda: running.answers("/-/ready") and running.server_pid() != server,
                     "another server")
    assert code() == 401
    assert scrape().value("udpwatch_server_restarts_total") == 1
