"""[web] checks against real servers, and against those that misbehave: what each is told to be. All
checks of a test run side by side, in one agent that serves on.

checks: {name: (url, further lines of the section.., the outcome that it must have)}."""

import contextlib
import re
import socket
import ssl
import subprocess

import pytest

import bad_servers
import harness
import web_servers
from bad_servers import in_chunks, says, says_without_end
from exposition import Exposition
from web_checks import assert_outcomes, counts, sections
from web_servers import NEEDLE

HTTP, HTTPS = "http://127.0.0.1:8080", "https://127.0.0.1"
OK = (1, 200, {"ok"})
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"


def assert_times(scrape, names):
    """The parts of a check's time do not take more than the whole."""
    for name in names:
        phases = scrape.samples("udpwatch_web_phase_duration_seconds", web=name)
        whole = scrape.value("udpwatch_web_duration_seconds", web=name)
        assert 0 < sum(value for _, value in phases) <= whole + 1e-9, (name, phases, whole)


def test_answers(agent, nginx):
    checks = {
        "200": (f"{HTTP}/ok", OK),
        "404": (f"{HTTP}/nothing", (0, 404, {"status"})),
        "500": (f"{HTTP}/500", (0, 500, {"status"})),
        "expected 404": (f"{HTTP}/nothing", "status = 200, 400-404", (1, 404, {"ok"})),
        "range": (f"{HTTP}/204", "status = 200-299", (1, 204, {"ok"})),
        "outside of the range": (f"{HTTP}/ok", "status = 100-199, 201-599", (0, 200, {"status"})),
        "redirect": (f"{HTTP}/to-ok", (0, 302, {"status"})),
        "expected redirect": (f"{HTTP}/to-ok", "status = 302", (1, 302, {"ok"})),
        "followed": (f"{HTTP}/to-ok", "follow_redirects = yes", OK),
        "loop": (f"{HTTP}/loop", "follow_redirects = yes", (0, 302, {"status"})),
        "to a file": (f"{HTTP}/to-file", "follow_redirects = yes", (0, 302, {"status"})),
        "to a closed port": (f"{HTTP}/to-closed", "follow_redirects = yes", (0, 302, {"connect"})),
        "HEAD": (f"{HTTP}/head-only", "method = HEAD", OK),
        "no HEAD": (f"{HTTP}/head-only", (0, 405, {"status"})),
        "HEAD of a large file": (f"{HTTP}/endless", "method = HEAD", OK),
        "header": (f"{HTTP}/token", "header = X-Other: 1", "header = X-Token: s3cret-token", OK),
        "wrong header": (f"{HTTP}/token", "header = X-Token: wrong", (0, 403, {"status"})),
        "password": ("http://secret-user:s3cret-word@127.0.0.1:8080/password", OK),
        "IPv6": ("http://[::1]:8080/over-ipv6", OK),
    }
    running = agent(sections(checks))
    scrape = assert_outcomes(running, checks)
    assert_times(scrape, ["200", "500", "IPv6"])
    # Ten redirects are followed; a run may have begun since.
    loops = len(nginx.requests("/loop"))
    assert 11 <= loops <= 11 * (counts(running.scrape(), "loop")["status"] + 1)
    # Nothing is encrypted, nor was a certificate seen.
    assert not scrape.samples("udpwatch_web_phase_duration_seconds", phase="tls")
    assert not scrape.samples("udpwatch_web_certificate_expiry_timestamp_seconds")


def test_bodies(agent, nginx, misbehave):
    halves = misbehave(says(in_chunks(f"... {NEEDLE} ...")))
    again = misbehave(says(in_chunks("is is is ready")))
    contains = f"body_contains = {NEEDLE}"
    checks = {
        "found": (f"{HTTP}/ok", contains, OK),
        "not found": (f"{HTTP}/ok", "body_contains = fine: ready", (0, 200, {"body"})),
        "of another status": (f"{HTTP}/nothing", "body_contains = 404", (0, 404, {"status"})),
        "followed": (f"{HTTP}/to-ok", contains, "follow_redirects = yes", OK),
        # nginx puts "302 Found" in the body of the redirect, which is not the one that counts.
        "of the redirect": (f"{HTTP}/to-ok", "body_contains = 302 Found", "follow_redirects = yes",
                            (0, 200, {"body"})),
        "across pieces": (f"http://127.0.0.1:{halves.port}/", contains, OK),
        "begun twice": (f"http://127.0.0.1:{again.port}/", "body_contains = is is ready", OK),
        "just within 1 MiB": (f"{HTTP}/just-within", contains, OK),
        "just beyond 1 MiB": (f"{HTTP}/just-beyond", contains, (0, 200, {"body"})),
        "beyond 1 MiB, not asked for": (f"{HTTP}/just-beyond", OK),
    }
    assert_outcomes(agent(sections(checks)), checks)


def test_a_body_of_10_gib_is_not_read_to_its_end(agent, nginx):
    checks = {"plain": (f"{HTTP}/endless", OK),
              "searched": (f"{HTTP}/endless", f"body_contains = {NEEDLE}", (0, 200, {"body"}))}
    assert_outcomes(agent(sections(checks)), checks)
    requests = harness.wait_for(lambda: nginx.requests("/endless"), "nginx to give up")
    # More than what is read fits into the buffers of the connection.
    assert all(web_servers.MOST_BODY <= sent < 64 * web_servers.MOST_BODY
               for _, _, sent, _ in requests), requests


def test_filebeat(agent, nginx):
    """The example of the manual: filebeat's HTTP endpoint."""
    checks = {"filebeat": ("http://127.0.0.1:5066/stats", 'body_contains = "pipeline"', OK)}
    assert_outcomes(agent(sections(checks)), checks)


def test_certificates(agent, nginx, misbehave):
    mute, rude = misbehave(bad_servers.silent), misbehave(bad_servers.refuses)
    ca_file, no = f"ca_file = {nginx.directory}/right.crt", "verify = no"
    ca_file_of_other = f"ca_file = {nginx.directory}/other-name.crt"
    refused = (0, None, {"tls"})
    checks = {
        "self-signed": (f"{HTTPS}:8443/ping", refused),
        "not verified": (f"{HTTPS}:8443/ping", no, OK),
        "own authority": (f"{HTTPS}:8443/ping", ca_file, OK),
        "another's authority": (f"{HTTPS}:8445/ping", ca_file, refused),
        "expired": (f"{HTTPS}:8444/ping", f"ca_file = {nginx.directory}/expired.crt", refused),
        "expired, not verified": (f"{HTTPS}:8444/ping", no, OK),
        "other name": (f"{HTTPS}:8445/ping", ca_file_of_other, refused),
        "other name, not verified": (f"{HTTPS}:8445/ping", no, OK),
        "no TLS": (f"{HTTPS}:8080/ok", no, refused),
        "no answer to TLS": (f"{HTTPS}:{mute.port}/", "timeout = 500ms", (0, None, {"timeout"})),
        "reset within TLS": (f"{HTTPS}:{rude.port}/", refused),
        "redirect": (f"{HTTP}/to-tls", "follow_redirects = yes", ca_file, OK),
        "redirect to self-signed": (f"{HTTP}/to-tls", "follow_redirects = yes", (0, 302, {"tls"})),
        "not found": (f"{HTTPS}:8443/nothing", no, (0, 404, {"status"})),
    }
    scrape = assert_outcomes(agent(sections(checks)), checks)
    expiries = {labels["web"]: value for labels, value
                in scrape.samples("udpwatch_web_certificate_expiry_timestamp_seconds")}
    files = {**dict.fromkeys(("not verified", "redirect", "own authority", "not found"), "right"),
             "expired, not verified": "expired", "other name, not verified": "other-name"}
    assert expiries == {name: web_servers.expiry(nginx.directory / f"{file}.crt")
                        for name, file in files.items()}
    assert_times(scrape, files)
    encrypted = {labels["web"] for labels, _ in
                 scrape.samples("udpwatch_web_phase_duration_seconds", phase="tls")}
    assert encrypted == set(files)


# notAfter, as certificates have it -> what is told of it; None: nothing.
TIMES = {
    "20600101000000Z": 2840140800,
    "99991231235959Z": 253402300799,
    "20380119031408Z": 1 << 31,
    "19700101000001Z": 1,
    "19650101000000Z": None,
    "00700101000000Z": None,  # to a reader of years with two digits 1970
    "00500101000000Z": None,
    "20601301000000Z": None,
    "20600230000000Z": None,
    "20600101250000Z": None,
    "2060010100000 Z": None,
    "a year and more": None,
}


def with_time(certificate, time):
    """A copy whose notAfter is that; as it is not verified, its signature may be wrong."""
    changed = certificate.with_name(f"{certificate.stem}-{time.replace(' ', '-')}.crt")
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text())
    # A time after 2049 is a GeneralizedTime of 15 bytes: RFC 5280.
    before, after = re.split(rb"(?<=\x18\x0f)20[5-9]\d{11}Z", der)
    changed.write_text(ssl.DER_cert_to_PEM_cert(before + time.encode() + after))
    changed.with_suffix(".key").write_text(certificate.with_suffix(".key").read_text())
    return changed


def test_times_of_certificates(agent, directory):
    """Right, or left out."""
    certificate = web_servers.make_certificate(directory, "times", days=365 * 60)
    with contextlib.ExitStack() as servers:
        checks = {}
        for port, time in enumerate(TIMES, 4431):
            servers.enter_context(
                web_servers.s_server(directory, with_time(certificate, time), port))
            checks[time] = (f"{HTTPS}:{port}/", "verify = no", OK)
        scrape = assert_outcomes(agent(sections(checks)), checks)
    told = {labels["web"]: value for labels, value
            in scrape.samples("udpwatch_web_certificate_expiry_timestamp_seconds")}
    assert told == {time: value for time, value in TIMES.items() if value is not None}


def test_the_config_of_the_readme(write, directory):
    certificate = web_servers.make_certificate(directory, "apple", "DNS:apple.example")
    with web_servers.s_server(directory, certificate, 8443):
        config = write("[web apple-ping]\nurl = https://127.0.0.1:8443/ping\nverify = no\n")
        scrape = Exposition(harness.command("metrics", "--config", config, check=0).stdout)
    assert scrape.value("udpwatch_web_up", web="apple-ping") == 1
    assert scrape.value("udpwatch_web_status_code", web="apple-ping") == 200
    assert scrape.value("udpwatch_web_certificate_expiry_timestamp_seconds", web="apple-ping") == \
        web_servers.expiry(certificate)


def test_versions_of_tls(agent, directory):
    certificate = web_servers.make_certificate(directory, "versions", "IP:127.0.0.1")
    ca_file = f"ca_file = {certificate}"
    with web_servers.s_server(directory, certificate, 4431, "-tls1_3"), \
            web_servers.s_server(directory, certificate, 4432, "-tls1_2"), \
            web_servers.s_server(directory, certificate, 4433, "-tls1_1", "-cipher",
                                 "ALL:@SECLEVEL=0"):
        certificate.chmod(0o644)
        checks = {"1.3": (f"{HTTPS}:4431/", ca_file, OK), "1.2": (f"{HTTPS}:4432/", ca_file, OK),
                  "1.1": (f"{HTTPS}:4433/", ca_file, (0, None, {"tls"}))}
        assert_outcomes(agent(sections(checks)), checks)


def alert(level, description):
    """A server that has nothing else to say to a client's first message."""
    def behave(connection, _):
        connection.recv(4096)
        connection.sendall(bytes([21, 3, 3, 0, 2, level, description]))
        connection.shutdown(socket.SHUT_WR)
        connection.recv(4096)
    return behave


def test_refusals_of_tls(agent, directory, misbehave):
    """At whatever stage the server tells them."""
    certificate = web_servers.make_certificate(directory, "refusing", "IP:127.0.0.1")
    servers = {"certificate wanted, 1.2": ("-tls1_2", "-Verify", "1", "-verify_return_error"),
               "certificate wanted, 1.3": ("-tls1_3", "-Verify", "1", "-verify_return_error"),
               "only HTTP/2": ("-alpn", "h2")}
    alerts = {"close_notify": (1, 0), "unrecognized_name": (1, 112), "handshake_failure": (2, 40)}
    ports = {name: misbehave(alert(*numbers)).port for name, numbers in alerts.items()}
    with contextlib.ExitStack() as running:
        for port, (name, options) in enumerate(servers.items(), 4431):
            running.enter_context(web_servers.s_server(directory, certificate, port, *options))
            ports[name] = port
        checks = {name: (f"{HTTPS}:{port}/", "verify = no", (0, None, {"tls"}))
                  for name, port in ports.items()}
        assert_outcomes(agent(sections(checks)), checks)


@pytest.fixture
def swallowed():
    """An address that answers nothing, as behind a firewall that drops what it does not like."""
    # What goes out by lo comes in by it, and is for nobody.
    for command in "sysctl -qw net.ipv4.ip_forward=0", "ip route add 198.51.100.0/24 dev lo":
        subprocess.run(command.split(), check=True)
    return "198.51.100.2"


def test_no_connection(agent, swallowed):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    checks = {
        "closed": (f"http://127.0.0.1:{port}/", (0, None, {"connect"})),
        "closed, TLS": (f"https://127.0.0.1:{port}/", (0, None, {"connect"})),
        "unroutable": ("http://192.0.2.1/", (0, None, {"connect"})),
        "unroutable, IPv6": ("http://[2001:db8::1]/", (0, None, {"connect"})),
        "swallowed": (f"http://{swallowed}/", "timeout = 500ms", (0, None, {"timeout"})),
    }
    scrape = assert_outcomes(agent(sections(checks)), checks)
    assert not scrape.samples("udpwatch_web_phase_duration_seconds", phase="connect")


def early(connection, _):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    bad_servers.read_request(connection)


def test_bad_servers(agent, misbehave):
    refused, broken, strange = (0, None, {"connect"}), (0, 200, {"body"}), (0, None, {"status"})
    late = 0, None, {"timeout"}
    servers = {
        "never answers": (bad_servers.silent, late),
        "one byte a second": (bad_servers.slow, late),
        "one byte of the body a second": (bad_servers.slow_body, (0, 200, {"timeout"})),
        "says nothing": (says(), refused),
        "reset before an answer": (says(then=bad_servers.reset), refused),
        "reset half-way": (says(HEAD + b"half", then=bad_servers.reset), broken),
        "ends half-way": (says(HEAD + b"half"), broken),
        "reset half-way of an error": (says(HEAD.replace(b"200", b"500"), then=bad_servers.reset),
                                       (0, 500, {"status"})),
        "answers before it is asked": (early, OK),
        "HTTP/2": (says(bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])), strange),  # an empty SETTINGS frame
        "no HTTP": (says(b"SSH-2.0-OpenSSH_9.2p1\r\n"), strange),
        "bad status": (says(b"HTTP/1.1 abc OK\r\n\r\n"), strange),
        "zeros": (says(bytes(1000)), strange),
        "bad length": (says(HEAD.replace(b"100", b"-5")), (0, 200, {"status"})),
        "bad chunk": (says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"),
                      broken),
        "long header": (says(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200000 + b"\r\n\r\n"),
                        (0, 200, {"status"})),
        "status line without end": (says_without_end(b"HTTP/1.1 200 ", b"x" * 4096), strange),
        "headers without end": (says_without_end(b"HTTP/1.1 200 OK\r\n", b"X: long\r\n" * 100),
                                broken),
        "trailers without end": (says_without_end(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            b"X: long\r\n" * 100), broken),
        "blank before a header": (says(b"HTTP/1.1 200 OK\r\n X: y\r\n\r\n"), (0, 200, {"status"})),
        "body without end": (says_without_end(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4096), OK),
        "interim answers alone": (says(b"HTTP/1.1 100 Continue\r\n\r\n" * 2), refused),
        "interim answers without end": (says_without_end(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
                                        refused),
        "ends within its head": (says(b"HTTP/1.1 200 OK\r\nContent-Le"), broken),
    }
    slow = {name for name, (_, wanted) in servers.items() if "timeout" in wanted[2]}
    checks = {name: (f"http://127.0.0.1:{misbehave(behave).port}/",
                     *(["timeout = 500ms"] if name in slow else []), wanted)
              for name, (behave, wanted) in servers.items()}
    scrape = assert_outcomes(agent(sections(checks)), checks)
    for name in slow:
        assert scrape.value("udpwatch_web_duration_seconds", web=name) > 0.4
