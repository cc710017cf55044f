"""HTTP as the contract says, by raw sockets: what a client library would hide counts too."""

import concurrent.futures
import gzip
import json
import re
import signal
import socket
import time

import pytest

import harness

CONFIG = "[receiver one]\nports = 514, 515\n"
METRICS = "text/plain; version=0.0.4; charset=utf-8"


def exchange(request, source="127.0.0.1"):
    """Send bytes, and return all that comes until the server closes."""
    with socket.create_connection(("127.0.0.1", harness.PORT), harness.DEADLINE,
                                  (source, 0)) as client:
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(65536), b""))


def ask(method, target, *headers):
    """(status, {lower-case header: value}, body) of one request on a connection of its own."""
    lines = [f"{method} {target} HTTP/1.1", "Host: x", "Connection: close", *headers]
    answer = exchange("\r\n".join(lines + ["", ""]).encode("latin-1"))
    head, _, body = answer.partition(b"\r\n\r\n")
    status_line, *fields = head.decode("latin-1").split("\r\n")
    assert status_line.startswith("HTTP/1.1 "), answer
    pairs = (field.split(": ", 1) for field in fields)
    return int(status_line.split()[1]), {name.lower(): value for name, value in pairs}, body


@pytest.fixture
def running(agent):
    return agent(CONFIG)


PATHS = {
    "/metrics": METRICS,
    "/": "text/html; charset=utf-8",
    "/page.css": "text/css; charset=utf-8",
    "/page.js": "text/javascript; charset=utf-8",
    "/api/v1/status": "application/json; charset=utf-8",
    "/-/healthy": "text/plain; charset=utf-8",
    "/-/ready": "text/plain; charset=utf-8",
}


@pytest.mark.parametrize("path,content_type", PATHS.items())
def test_get_and_head(running, path, content_type):
    code, headers, body = ask("GET", path)
    assert (code, headers["content-type"]) == (200, content_type)
    assert int(headers["content-length"]) == len(body) > 0
    code, headers, body = ask("HEAD", path)
    assert (code, headers["content-type"], body) == (200, content_type, b"")
    assert int(headers["content-length"]) > 0


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/status", "/"])
def test_gzip_for_who_asks(running, path, hold):
    """Inside the sandbox, where the compressor is made at the first request."""
    hold(*[f"127.0.0.1:{port}" for port in range(2000, 2020)])
    asked = "Accept-Encoding: br, gzip"
    code, headers, body = ask("GET", path, asked)
    assert code == 200 and "Accept-Encoding" in headers["vary"]
    head_code, head_headers, nothing = ask("HEAD", path, asked)
    assert (head_code, nothing) == (200, b"")
    assert head_headers.get("content-encoding") == headers["content-encoding"] == "gzip"
    plain = ask("GET", path)[2]
    assert shape(gzip.decompress(body)) == shape(plain)
    assert len(body) < len(plain) / 3
    for refusal in "gzip;q=0", "identity, gzip;q=0.5", "br":
        assert "content-encoding" not in ask("GET", path, f"Accept-Encoding: {refusal}")[1]
    assert running.scrape().value("udpwatch_server_restarts_total") == 0


def shape(body):
    """What stays the same from one look to the next."""
    text = body.decode()
    if text.startswith("<"):
        return re.findall(r"<\w+", text)
    return set(json.loads(text)) if text.startswith("{") else series(body)


def test_the_page_links_to_the_metrics(running):
    body = ask("GET", "/")[2].decode()
    assert 'href="/metrics"' in body
    assert 'href="/api/v1/status"' in body


def test_the_api_says_what_status_says(running):
    api = json.loads(ask("GET", "/api/v1/status")[2])
    command = harness.status(running.config)
    for document in (api, command):
        document.pop("time")
    # Only the agent has watched over time.
    histories = [port.pop("history") for port in api["ports"]]
    assert histories and all(history["down_seconds"] is not None for history in histories)
    assert all(receiver.pop("starts") == 0 for receiver in api["receivers"])
    assert api["host"].pop("unattributed_drops") == 0
    assert {port.pop("history") for port in command["ports"]} == {None}
    assert {receiver.pop("starts") for receiver in command["receivers"]} == {None}
    assert command["host"].pop("unattributed_drops") is None
    assert api == command


def test_a_query_does_not_change_the_path(running):
    assert ask("GET", "/metrics?collect[]=a")[0] == 200


@pytest.mark.parametrize("path", [
    "//metrics", "/metrics/", "/%6detrics", "/metrics%00x", "/METRICS", "/./metrics", "/x/../metrics",
    "/metrics.", "/metricsx", "/metric", "/index.html", "/api/v1/status/", "/api", "/-/", "/-/ready/",
    "/etc/passwd", "/..", "/%2e%2e/%2e%2e/etc/passwd", "/udpwatch.ini", "/metrics;x"])
def test_other_paths_are_not_found(running, path):
    code, _, body = ask("GET", path)
    assert code == 404
    assert b"udpwatch_" not in body and b"root:" not in body


@pytest.mark.parametrize("path", ["/metrics", "/", "/-/ready"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE",
                                    "PROPFIND", "MKCOL"])
def test_other_methods_are_not_allowed(running, method, path):
    code, headers, body = ask(method, path, "Content-Length: 0")
    assert code == 405
    assert {name.strip() for name in headers["allow"].split(",")} == {"GET", "HEAD"}
    assert b"udpwatch_" not in body


NONSENSE = {
    "no request": b"\r\n\r\n",
    "no path": b"GET\r\n\r\n",
    "no version": b"GET /metrics\r\n\r\n",
    "zeros": b"\x00\x01\x02\x03\r\n\r\n",
    "a version to come": b"GET /metrics HTTP/9.9\r\n\r\n",
    "a long path": b"GET " + b"/" * 100000 + b" HTTP/1.1\r\n\r\n",
    "many headers": b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00",
    "a huge body": b"GET /metrics HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "bad chunks": b"POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_does_no_harm(running, name):
    server = running.server_pid()
    with socket.create_connection(("127.0.0.1", harness.PORT), harness.DEADLINE) as client:
        try:
            client.sendall(NONSENSE[name])
            client.shutdown(socket.SHUT_WR)
            answer = client.recv(65536)
        except OSError:  # it may have closed before the end
            answer = b""
    assert b"udpwatch_port" not in answer.partition(b"\r\n\r\n")[2] or answer.startswith(
        b"HTTP/1.1 200")
    assert running.answers()
    assert running.server_pid() == server


def test_keep_alive_serves_many_requests(running):
    request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", harness.PORT), harness.DEADLINE) as client:
        stream = client.makefile("rb")
        for _ in range(20):
            client.sendall(request)
            assert stream.readline().startswith(b"HTTP/1.1 200")
            length = 0
            while (line := stream.readline()) != b"\r\n":
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            assert len(stream.read(length)) == length > 0


def series(body):
    return {key for key in harness.Exposition(body.decode()).values}


def test_200_parallel_scrapes_are_all_complete(running, hold):
    hold("0.0.0.0:514")
    expected = set(running.scrape().values)
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda _: harness.get(), range(200)))
    assert [code for code, _, _ in answers] == [200] * 200
    assert all(series(body) == expected for _, _, body in answers)


def test_clients_that_never_read_do_not_stop_the_others(running, hold):
    hold(*[f"127.0.0.1:{port}" for port in range(2000, 2100)])
    running.reload("[receiver many]\nports = 2000-2099\n",
                   lambda scrape: len(scrape.states()) == 100)
    lazy = []
    try:
        for _ in range(8):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            client.connect(("127.0.0.1", harness.PORT))
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
            lazy.append(client)
        for _ in range(20):
            assert running.answers()
    finally:
        for client in lazy:
            client.close()
    assert running.answers()


def test_clients_that_say_nothing_do_not_stop_the_others(running):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        silent = [socket.create_connection(("127.0.0.1", harness.PORT)) for _ in range(20)]
        assert all(pool.map(lambda _: running.answers(), range(50)))
    for client in silent:
        client.close()


def test_a_collector_that_does_not_answer_is_503(running):
    """Not an empty page, and in the time that the scraper grants."""
    running.process.send_signal(signal.SIGSTOP)
    try:
        begin = time.monotonic()
        code, _, body = ask("GET", "/metrics", "X-Prometheus-Scrape-Timeout-Seconds: 1")
        assert time.monotonic() - begin < harness.DEADLINE
        assert code == 503
        assert b"udpwatch_" not in body
        assert ask("GET", "/-/healthy")[0] == 200
        assert ask("GET", "/-/ready", "X-Prometheus-Scrape-Timeout-Seconds: 1")[0] == 503
    finally:
        running.process.send_signal(signal.SIGCONT)
    assert running.answers()
    assert running.scrape().value("udpwatch_server_restarts_total") == 0


def test_only_the_allowed_may_connect(agent):
    agent("[agent]\nallow = 127.0.0.2/32, 10.0.0.0/8\n" + CONFIG, source="127.0.0.2")
    request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert exchange(request, "127.0.0.2").startswith(b"HTTP/1.1 200")
    try:
        answer = exchange(request)
    except ConnectionError:
        answer = b""
    assert b"udpwatch_" not in answer and b" 200 " not in answer
