"""Fixtures of the system tests. Each test has a network namespace of its own, so they need root."""

import os

import pytest

import bad_servers
import harness
import web_servers


def pytest_configure(config):
    config.addinivalue_line("markers", "plain: only for the program as it is installed, without "
                            "instrumentation, which cannot run in its sandbox, or is too slow")
    config.addinivalue_line("markers", "valgrind: also run under valgrind")
    if os.geteuid() != 0:
        pytest.exit("the system tests need root: network namespaces and ports below 1024", 1)


@pytest.fixture(scope="session", autouse=True)
def no_traces():
    """What an agent of this host keeps is none of the tests', and they leave nothing in its place."""
    place = "/var/lib/udpwatch"
    existed = os.path.exists(place)
    yield
    assert existed or not os.path.exists(place), "an agent of a test ran without a state_dir"


@pytest.fixture(autouse=True)
def network():
    """The test runs in a network namespace of its own."""
    with harness.network_namespace():
        yield


@pytest.fixture(scope="session", autouse=True)
def programs():
    """Where the programs under test lie, and the holders under the names that tests give them."""
    with harness.public_directory() as directory:
        harness.install_for_everyone(directory)
        yield directory


@pytest.fixture
def directory():
    """A directory for the test's files that every user can read."""
    with harness.public_directory() as path:
        yield path


@pytest.fixture
def hold(programs):
    """hold(arguments..., name=, user=): start a program that holds sockets."""
    holders = []

    def start(*arguments, **options):
        holders.append(harness.Holder(programs, *arguments, **options))
        return holders[-1]

    yield start
    for holder in holders:
        holder.stop()


@pytest.fixture
def agent(directory):
    """agent(config, user=): start an agent; it is stopped, and must leave well, after the test."""
    agents = []

    def start(config, **options):
        agents.append(harness.Agent(directory, config, **options))
        return agents[-1]

    yield start
    for started in agents:
        if started.process.returncode is None:
            started.stop()


@pytest.fixture
def tls_server(directory):
    """tls_server(port, days=): start an HTTPS server with a certificate that it signed itself."""
    servers = []

    def start(*arguments, **options):
        servers.append(web_servers.TlsServer(directory, *arguments, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def write(directory):
    """write(text): a configuration file."""
    def create(text, name="udpwatch.ini"):
        path = directory / name
        path.write_text(text)
        return path

    return create


@pytest.fixture
def nginx(directory):
    """An nginx that serves what web_servers.NGINX says."""
    with web_servers.Nginx(directory) as server:
        yield server


@pytest.fixture
def misbehave():
    """misbehave(behave): a server that does so, see bad_servers.BadServer."""
    servers = []

    def start(behave):
        servers.append(bad_servers.BadServer(behave))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
