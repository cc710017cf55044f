"""Against a real Prometheus: once, with the program as it is installed."""

import pytest

import monitoring


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent.name == "prometheus":
            item.add_marker(pytest.mark.plain)


def stopped_after(directory, create):
    """A function that starts daemons in a directory of their own; all are stopped after the test."""
    daemons = []

    def start(*arguments, **options):
        daemons.append(create(directory, *arguments, **options))
        return daemons[-1]

    yield start
    for daemon in reversed(daemons):
        daemon.stop()


@pytest.fixture
def prometheus(directory):
    """prometheus(config, address=): start a Prometheus."""
    yield from stopped_after(directory, monitoring.Prometheus)


@pytest.fixture
def alertmanager(directory):
    """alertmanager(config, address=): start an Alertmanager."""
    yield from stopped_after(directory, monitoring.Alertmanager)


@pytest.fixture
def webhook():
    """Where Alertmanager posts to, at webhook.url."""
    receiver = monitoring.Webhook()
    yield receiver
    receiver.stop()
