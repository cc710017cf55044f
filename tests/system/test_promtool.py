"""Prometheus' own linter has nothing to say of any state a port can have."""

import subprocess

import harness

CONFIG = """
[agent]
scope = all
[receiver right]
ports = 2001, 127.0.0.1:2002
process = rsyslogd
buffer = 64KiB
[receiver hot "standby" \\ one]
ports = 2003
required = no
[filebeat gone]
ports = 2004
[filebeat wrong]
ports = [::1]:2005
"""


def lint(text):
    """promtool must print nothing and exit 0."""
    promtool = harness.DAEMONS / "prometheus/usr/bin/promtool"
    result = subprocess.run([promtool, "check", "metrics"], input=text, text=True,
                            capture_output=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def scrape(running):
    lint(text := harness.get()[2].decode())
    return harness.Exposition(text)


def test_promtool_would_complain(agent):
    """The check itself works."""
    result = subprocess.run([harness.DAEMONS / "prometheus/usr/bin/promtool", "check", "metrics"],
                            input="udpwatch_x_total{a=\"b\"} 1\n", text=True,
                            capture_output=True, check=False)
    assert result.returncode != 0


def test_every_state(agent, hold):
    hold("0.0.0.0:2001,reuseport", "0.0.0.0:2002", name="rsyslogd")
    hold("0.0.0.0:2001,reuseport", name="rsyslogd")
    hold("[::1]:2005", "127.0.0.1:2999", name='w"r\\o\nng')
    running = agent(CONFIG)
    states = scrape(running).states()
    assert states == {
        ("right", "*", 2001): "shared", ("right", "127.0.0.1", 2002): "ok",
        ('hot "standby" \\ one', "*", 2003): "standby", ("gone", "*", 2004): "absent",
        ("wrong", "::1", 2005): "wrong_owner", ("", "127.0.0.1", 2999): "ok"}
    running.stop()
    # Without the right to look, what is held is unknown.
    states |= scrape(agent(CONFIG, user="nobody")).states()
    assert states["right", "127.0.0.1", 2002] == "unknown"
    assert states["wrong", "::1", 2005] == "unknown"
    assert states["gone", "*", 2004] == "absent"


def test_the_metrics_command(write, hold):
    hold("0.0.0.0:2001", name="rsyslogd")
    lint(harness.command("metrics", "--config", write(CONFIG), check=0).stdout)


def test_nothing_at_all(write):
    lint(harness.command("metrics", "--config", write(""), check=0).stdout)
