"""The files in etc/prometheus as Prometheus' and Alertmanager's own tools judge them, and what they
name: metrics that are served, sections of the runbook."""

import re
import subprocess
from pathlib import Path

import harness
import monitoring

FILES = harness.ROOT / "etc/prometheus"
RULES = (FILES / "udpwatch.rules.yml").read_text()
RUNBOOK = (harness.ROOT / "doc/runbook.md").read_text()
ALERTS = re.findall(r"^ +- alert: (\S+)$", RULES, re.MULTILINE)
RECORDS = re.findall(r"^ +- record: (\S+)$", RULES, re.MULTILINE)


def test_rules_are_well_formed():
    output = monitoring.promtool("check", "rules", "--lint=all", "--lint-fatal",
                                 FILES / "udpwatch.rules.yml")
    assert f"SUCCESS: {len(ALERTS) + len(RECORDS)} rules found" in output


def test_scrape_configuration_is_well_formed():
    monitoring.promtool("check", "config", FILES / "scrape.yml")


def test_alertmanager_configuration_is_well_formed():
    amtool = harness.DAEMONS / "prometheus-alertmanager/usr/bin/amtool"
    subprocess.run([amtool, "check-config", FILES / "alertmanager.yml"], check=True,
                   capture_output=True)


def test_when_each_alert_fires_and_when_not():
    files = sorted(Path(__file__).parent.glob("rules_*_test.yml"))
    monitoring.promtool("test", "rules", *files)
    names = [found for file in files
             for found in re.findall(r'^  - name: "(\w+)(.*)"$', file.read_text(), re.MULTILINE)]
    assert {name for name, _ in names} == set(ALERTS)
    assert {name for name, rest in names if "not" in rest} == set(ALERTS)


def test_each_alert_has_its_section_and_each_section_its_alert():
    sections = re.findall(r"^## (\S+)$", RUNBOOK, re.MULTILINE)
    assert sections == ALERTS
    links = re.findall(r"runbook_url: /usr/share/doc/udpwatch/runbook.md#(\S+)", RULES)
    assert links == [name.lower() for name in ALERTS]


def test_each_alert_says_how_bad_it_is_and_what_it_is():
    blocks = re.split(r"^ +- alert: \S+$", RULES, flags=re.MULTILINE)[1:]
    for name, block in zip(ALERTS, blocks):
        for key in r"severity: (critical|warning)$", "summary: .+", "description: .+":
            assert len(re.findall(rf"^ +{key}", block, re.MULTILINE)) == 1, (name, key)


def test_metrics_that_are_named_are_served(agent, hold, directory):
    """Those of web checks, too, where there are any."""
    hold("0.0.0.0:514", name="rsyslogd")
    running = agent(f"[agent]\nstate_dir = {directory}/state\n"
                    "[receiver one]\nports = 514\nbuffer = 64KiB\n"
                    "[web one]\nurl = http://127.0.0.1:81/\n")
    served = set(running.scrape().types)
    for text in (RULES, RUNBOOK):
        named = set(re.findall(r"(?<![:\w])udpwatch_[a-z_]+[a-z](?![:\w])", text))
        named = {re.sub(r"_(bucket|count)$", "", name) for name in named}
        assert named <= served, named - served


def test_recording_rules_are_named_level_metric_operations():
    for name in RECORDS:
        level, metric, operation = name.split(":")
        assert level in ("receiver", "instance", "job") and metric.startswith("udpwatch_"), name
        assert re.fullmatch("rate5m|min|max|sum|count", operation), name
