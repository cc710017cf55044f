"""TLS, client certificates and IPv6 by stunnel, with the example as it is installed: its paths, ports
and user alone are changed, and what it has as a comment is taken."""

import http.client
import signal
import ssl
import subprocess
import warnings
from pathlib import Path

import pytest

import harness
from passwords import line
from web_servers import has_listener, make_certificate

EXAMPLE = harness.ROOT / "etc/stunnel/udpwatch.conf"
PORT = 9118
HOSTS = "[::1]", "127.0.0.1"


def write_configuration(directory, with_clients):
    text = EXAMPLE.read_text().replace("/etc/stunnel/", f"{directory}/")
    text = text.replace("setuid = stunnel4", "setuid = nobody")
    text = text.replace("setgid = stunnel4", "setgid = nogroup")
    if with_clients:
        assert "\n;CAfile = " in text and "\n;verifyChain = " in text
        text = text.replace("\n;CAfile", "\nCAfile").replace("\n;verifyChain", "\nverifyChain")
    path = directory / "stunnel.conf"
    path.write_text(text)
    return path


class Stunnel:
    def __init__(self, directory, with_clients):
        self.directory = directory
        program, environment = harness.daemon_of("stunnel4", "usr/bin/stunnel4")
        with open(directory / "stunnel.log", "wb") as log:
            self.process = subprocess.Popen(
                [program, write_configuration(directory, with_clients)], env=environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        harness.wait_for(lambda: self.process.poll() is not None or has_listener(PORT),
                         "stunnel to listen")
        assert self.process.poll() is None, self.log()

    def log(self):
        return (self.directory / "stunnel.log").read_text()

    def stop(self):
        self.process.terminate()
        self.process.wait(harness.DEADLINE)

    def connect(self, host=HOSTS[0], certificate=None, configure=None):
        """An HTTPS connection that trusts the server's certificate alone."""
        context = ssl.create_default_context(cafile=self.directory / "udpwatch.crt")
        if certificate:
            context.load_cert_chain(self.directory / f"{certificate}.crt",
                                    self.directory / f"{certificate}.key")
        if configure:
            configure(context)
        return http.client.HTTPSConnection(host.strip("[]"), PORT, timeout=harness.DEADLINE,
                                           context=context)


@pytest.fixture(scope="module")
def certificates():
    with harness.public_directory() as directory:
        for name in "udpwatch", "udpwatch-clients", "stranger":
            make_certificate(directory, name)
        yield directory


@pytest.fixture
def stunnel(certificates):
    """stunnel(with_clients=): start it before an agent."""
    started = []

    def start(with_clients=False):
        started.append(Stunnel(certificates, with_clients))
        return started[-1]

    yield start
    for each in started:
        each.stop()


CONFIG = "[agent]\nallow = 127.0.0.1/32\n{}[receiver one]\nports = 514\n"


def ask(client, path="/metrics", **headers):
    client.request("GET", path, headers=headers)
    response = client.getresponse()
    return response.status, response.read()


def refusal(client):
    """How the server refuses it: the name of the alert, or that the connection ends."""
    try:
        status = ask(client)
    except ssl.SSLError as error:
        return error.reason or "end"  # it has none where the alert was overtaken by the end
    except (ConnectionError, http.client.RemoteDisconnected):
        return "end"
    finally:
        client.close()
    raise AssertionError(f"it answered {status}")


@pytest.mark.parametrize("host", HOSTS)
def test_without_client_certificates(agent, stunnel, host):
    running = agent(CONFIG.format(""))
    server = stunnel()
    assert Path(f"/proc/{server.process.pid}").owner() == "nobody"
    client = server.connect(host)
    for _ in range(3):
        status, body = ask(client)
        assert status == 200 and b"udpwatch_port_up" in body
        assert client.sock.version() == "TLSv1.3", "the connection was closed"
    assert ask(client, "/nope")[0] == 404
    running.process.send_signal(signal.SIGSTOP)  # the collector: the scrape's timeout arrives
    try:
        assert ask(client, **{"X-Prometheus-Scrape-Timeout-Seconds": "0.5"})[0] == 503
    finally:
        running.process.send_signal(signal.SIGCONT)
    client.close()


def only(version):
    def configure(context):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        context.set_ciphers("DEFAULT@SECLEVEL=0")  # or this side would refuse
    return configure


def test_versions_of_tls(agent, stunnel):
    agent(CONFIG.format(""))
    server = stunnel()
    for version in ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1:
        assert refusal(server.connect(configure=only(version))) == "TLSV1_ALERT_PROTOCOL_VERSION"
    for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
        client = server.connect(configure=only(version))
        assert ask(client)[0] == 200
        client.close()


def test_client_certificates(agent, stunnel):
    agent(CONFIG.format(""))
    server = stunnel(with_clients=True)
    client = server.connect(certificate="udpwatch-clients")
    assert ask(client)[0] == 200
    client.close()
    assert refusal(server.connect()) in ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "end")
    assert refusal(server.connect(certificate="stranger")) in ("TLSV1_ALERT_UNKNOWN_CA", "end")
    harness.wait_for(lambda: "Rejected by CERT at depth=0: CN=stranger" in server.log(),
                     "stunnel to log why")


def test_scraped_by_prometheus(agent, stunnel, prometheus, certificates, directory):
    """With certificate and password, over IPv6 and IPv4; without the one or the other, not."""
    users = directory / "auth"
    users.write_text(line("prometheus", "s3cret:ö"))
    users.chmod(0o600)
    agent(CONFIG.format(f"auth_file = {users}\n"))
    stunnel(with_clients=True)
    trust = {"ca_file": f"{certificates}/udpwatch.crt"}
    client = {**trust, "cert_file": f"{certificates}/udpwatch-clients.crt",
              "key_file": f"{certificates}/udpwatch-clients.key"}
    stranger = {**trust, "cert_file": f"{certificates}/stranger.crt",
                "key_file": f"{certificates}/stranger.key"}
    password = {"basic_auth": {"username": "prometheus", "password": "s3cret:ö"}}
    wrong = {"basic_auth": {"username": "prometheus", "password": "secret"}}
    jobs = {
        "IPv6": ("[::1]", {"tls_config": client, **password}, 1),
        "IPv4": ("127.0.0.1", {"tls_config": client, **password}, 1),
        "no certificate": ("[::1]", {"tls_config": trust, **password}, 0),
        "another certificate": ("[::1]", {"tls_config": stranger, **password}, 0),
        "no password": ("[::1]", {"tls_config": client}, 0),
        "another password": ("[::1]", {"tls_config": client, **wrong}, 0),
        "no trust": ("[::1]", {"tls_config": {**client, "ca_file": client["cert_file"]},
                               **password}, 0),
    }
    server = prometheus({"scrape_configs": [
        {"job_name": name, "scheme": "https", **options,
         "static_configs": [{"targets": [f"{host}:{PORT}"]}]}
        for name, (host, options, _) in jobs.items()]})
    found = server.wait_for("up", lambda answer: len(answer) == len(jobs))
    errors = {each["labels"]["job"]: each["lastError"] for each in server.targets()}
    assert {labels["job"]: value for labels, value in found} == \
        {name: up for name, (_, _, up) in jobs.items()}, errors
    for job in "no password", "another password":
        assert "401 Unauthorized" in errors[job]
    assert "x509" in errors["no trust"]
    server.wait_for_value('udpwatch_port_up{job="IPv6"}', 0)
