"""Each alert fires by its real cause, reaches the webhook of an Alertmanager, and resolves when the
cause is gone; no other alert fires. All causes are there at once, each with a receiver or an agent
of its own. Of the rules, the durations alone are changed: a minute is a second."""

import json
import re

import pytest

import harness
from causes import FIRING, MAY_BE_INHIBITED, Stage

FILES = harness.ROOT / "etc/prometheus"
# The causes that have no fault of their own in the agent are watched by this one.
WATCHER = "[agent]\nsample_interval = 20ms\npeak_window = 1s\nstate_dir = {state}\n"
EXPECTED = {(cause.__name__, alert) for cause, alerts in FIRING.items() for alert in alerts}

NO_TARGETS = None, "UdpwatchNoTargets"


def quick_rules():
    """The rules with seconds for minutes and a minute for an hour, in `for` and in ranges."""
    text = (FILES / "udpwatch.rules.yml").read_text()
    text = re.sub(r"\[1h\]", "[60s]", text)
    text = re.sub(r"(for: |\[|offset )(\d+)m\b", r"\1\2s", text)
    assert not re.search(r"(for: |\[|offset )\d+[mhd]", text)
    return text


def quick_alertmanager(webhook):
    """The example's, which waits for nothing and posts to the test."""
    text = (FILES / "alertmanager.yml").read_text()
    for old, new in (("group_wait: 30s", "group_wait: 0s"), ("http://127.0.0.1:9999/", webhook.url),
                     ("group_interval: 5m", "group_interval: 1s")):
        assert old in text
        text = text.replace(old, new)
    return text


class Hosts:
    """The targets of Prometheus, in a file that it watches."""

    def __init__(self, directory):
        self.path = directory / "targets.json"
        self.config = [{"job_name": "udpwatch", "file_sd_configs": [{"files": [str(self.path)]}]}]

    def write(self, targets):
        new = self.path.with_name("new")
        new.write_text(json.dumps([{"targets": [f"{address}:{harness.PORT}"],
                                    "labels": {"cause": cause}}
                                   for cause, address in targets.items()]))
        new.rename(self.path)


def cause_of(labels):
    return labels.get("receiver") or labels.get("cause")


def named(alerts):
    """{(cause, alert)}"""
    return {(cause_of(labels), labels["alertname"]) for labels in alerts}


@pytest.fixture
def stage(directory, hold):
    stage = Stage(directory, hold)
    yield stage
    stage.exits.close()


def annotated(post):
    """Each template found what it names."""
    for alert in post["alerts"]:
        notes = alert["annotations"]
        assert set(notes) == {"summary", "description", "runbook_url"}, notes
        assert not re.search(r"<no value>|error|%!|NaN|  ", " ".join(notes.values())), notes


def test_each_alert(directory, stage, prometheus, alertmanager, webhook, capsys):
    causes = [cause(stage) for cause in FIRING]
    for cause in causes:
        next(cause)
    stage.agent("watcher", WATCHER.format(state=directory / "state") + "".join(stage.receivers))
    hosts = Hosts(directory)
    hosts.write(stage.targets)
    (directory / "rules.yml").write_text(quick_rules())
    manager = alertmanager(quick_alertmanager(webhook))
    server = stage.prometheus = prometheus({
        "rule_files": ["rules.yml"], "scrape_configs": hosts.config,
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager.address]}]}]}})
    server.wait_for_value('sum(up{job="udpwatch"})', len(stage.targets))
    server.wait_for('min(count_over_time(up{job="udpwatch"}[1m])) >= 3')

    for cause in causes:
        next(cause)
    harness.wait_for(lambda: EXPECTED <= ever_firing(server), lambda: (
        f"{EXPECTED - ever_firing(server)} in Prometheus"))
    harness.wait_for(lambda: EXPECTED - MAY_BE_INHIBITED <= named(webhook.alerts("firing")),
                     "all of them at the webhook")
    for cause in causes:
        assert next(cause, "mended") == "mended"
    harness.wait_for(lambda: not server.alerts(), lambda: f"{named(server.alerts())} to resolve")
    assert ever_firing(server) == EXPECTED
    # It ended while it was inhibited, and Alertmanager tells nothing of such.
    told = EXPECTED - MAY_BE_INHIBITED - {("killed_agent", "UdpPortAbsent")}
    harness.wait_for(lambda: told <= named(webhook.alerts("resolved")), lambda: (
        f"the end of {told - named(webhook.alerts('resolved'))} at the webhook"))
    assert named(webhook.alerts("firing")) - {NO_TARGETS} <= EXPECTED

    posts = len(webhook.posts)
    hosts.write({})
    harness.wait_for(lambda: NO_TARGETS in named(webhook.alerts("firing", posts)), NO_TARGETS)
    for post in webhook.posts:
        annotated(post)
    fired = {name for _, name in EXPECTED | {NO_TARGETS}}
    with capsys.disabled():
        print(f"\n{len(fired)} alerts by {len(causes)} causes, {len(webhook.posts)} posts to the "
              f"webhook: {', '.join(sorted(fired))}")


def ever_firing(server):
    """{(cause, alert)} of all that fired so far, but before the first target was known."""
    return named(labels for labels, _ in server.query(
        'last_over_time(ALERTS{alertstate="firing"}[10m])')) - {NO_TARGETS}


@pytest.mark.parametrize("collector, told", [("sock_diag", False), ("owners", False),
                                             ("host", True)])
def test_what_makes_ports_unknown_alone_keeps_that_back(alertmanager, collector, told):
    """The host's counters say nothing of a port: that it is unknown has another reason then."""
    manager = alertmanager((FILES / "alertmanager.yml").read_text())
    host = {"job": "udpwatch", "instance": "h"}
    failed = {"alertname": "UdpwatchCollectorFailed", "collector": collector, **host}
    unknown = [{"alertname": alert, "receiver": "r", "address": "*", "port": "514", **host}
               for alert in ("UdpPortUnknown", "UdpPortUnhealthy")]
    manager.post([failed, *unknown])
    harness.wait_for(lambda: failed in manager.alerts(), "the alert")
    harness.wait_for(lambda: [each in manager.alerts() for each in unknown] == [told] * 2,
                     "the others, if at all")
