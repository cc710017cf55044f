"""The commands besides run: exit statuses, and outputs that fit together."""

import itertools
import json
import subprocess

import pytest

import harness


def test_version_and_help():
    assert harness.command("--version", check=0).stdout.startswith("udpwatch ")
    general = harness.command("--help", check=0)
    assert general.stdout and not general.stderr
    for name in ("run", "status", "metrics", "discover", "check-config"):
        assert name in general.stdout
        assert harness.command(name, "--help", check=0).stdout


@pytest.mark.parametrize("arguments", [
    ["nonsense"], ["status", "--nonsense"], ["status", "extra"], ["--config"], ["metrics", "--json"],
    ["status", "--watch=0"], ["status", "--watch=x"], ["run", "--listen", "nowhere"],
    ["--log-level", "loud"], ["status", "--config", "/nonexistent.ini"]])
def test_a_usage_error_is_2_on_stderr(arguments):
    result = harness.command(*arguments, check=2)
    assert result.stderr and not result.stdout


def test_options_with_and_without_equals(write):
    config = write("[receiver one]\nports = 514\n")
    assert harness.command("status", f"--config={config}", check=1).stdout == \
        harness.command("status", "--config", config, check=1).stdout


def test_status_without_any_receiver_shows_all(hold, write):
    holder = hold("127.0.0.1:2001", name="filebeat")
    result = harness.command("status", "--config", write(""), check=0)
    assert "2001" in result.stdout and str(holder.pid) in result.stdout


def test_status_exit_codes(hold, write):
    hold("0.0.0.0:2001", name="filebeat")
    config = write("[filebeat one]\nports = 2001\n")
    harness.command("status", "--config", config, check=0)
    harness.command("status", "--config", config, user="nobody", check=3)
    config = write("[filebeat one]\nports = 2001, 2002\n")
    harness.command("status", "--config", config, check=1)
    harness.command("status", "--config", config, user="nobody", check=1)


def test_a_procfs_that_is_not_there_is_no_answer(hold, write, directory):
    hold("0.0.0.0:2001", name="filebeat")
    config = write("[filebeat one]\nports = 2001\n")
    result = harness.command("status", "--config", config, "--procfs", directory, "--json",
                             check=3)
    assert json.loads(result.stdout)["ports"][0]["state"] == "unknown"
    harness.command("metrics", "--config", config, "--procfs", directory, check=3)


def test_no_colour_where_none_is_wanted(write):
    """On a terminal, which script(1) makes; NO_COLOR is honoured."""
    config = write("[receiver one]\nports = 514\n")
    line = f"{harness.program} status --config {config}"

    def on_terminal(**env):
        return subprocess.run(["script", "-qec", line, "/dev/null"], capture_output=True,
                              env={"TERM": "xterm", "PATH": "/usr/bin:/bin", **env},
                              stdin=subprocess.DEVNULL, check=False).stdout

    assert b"\x1b[" in on_terminal()
    assert b"\x1b[" not in on_terminal(NO_COLOR="1")
    assert "\x1b" not in harness.command("status", "--config", config, check=1).stdout


def test_watch_repeats_until_it_is_stopped(write):
    config = write("[receiver one]\nports = 514\n")
    with harness.watching(config, code=1) as documents:
        three = list(itertools.islice(documents, 3))
    # It watches while it repeats.
    assert [document["ports"][0]["history"]["opens"] for document in three] == [0] * 3
    times = [document["time"] for document in three]
    assert times == sorted(set(times))


def test_discover_expects_exactly_what_is_there(hold, write):
    hold("0.0.0.0:2001", "[::1]:2002", "-c", "core.yml", name="filebeat")
    hold("0.0.0.0:2003", "-c", "edge.yml", name="filebeat")
    hold("127.0.0.1:2004,reuseport", name="rsyslogd")
    hold("127.0.0.1:2004,reuseport", name="rsyslogd")
    hold("[::]:2005,v6only", name='n"a\nm;e #')
    hold("127.0.0.1:0", name="client")
    result = harness.command("discover", check=0)
    config = write(result.stdout, "discovered.ini")
    harness.command("check-config", "--config", config, check=0)
    document = harness.status(config)
    states = {port["port"]: port["state"] for port in document["ports"]}
    assert states == {2001: "ok", 2002: "ok", 2003: "ok", 2004: "shared", 2005: "ok"}
    receivers = {port["port"]: port["receiver"] for port in document["ports"]}
    assert receivers[2001] == receivers[2002] != receivers[2003]
    assert document["unexpected_sockets"] == 0
    assert any(line.startswith(("#", ";")) and "client" in line
               for line in result.stdout.splitlines())


def test_discover_tells_twins_apart(hold, write):
    """What it wrote for one filebeat does not hold for the other."""
    first = hold("0.0.0.0:2001", "-c", "core.yml", name="filebeat")
    hold("0.0.0.0:2002", "-c", "edge.yml", name="filebeat")
    config = write(harness.command("discover", check=0).stdout, "new.ini")
    harness.command("status", "--config", config, check=0)
    first.stop()
    hold("0.0.0.0:2001", "-c", "other.yml", name="filebeat")
    ports = {port["port"]: port["state"] for port in harness.status(config)["ports"]}
    assert ports == {2001: "wrong_owner", 2002: "ok"}


def test_check_config_prints_what_reads_the_same(write):
    text = harness.command("check-config", "--config", write(
        "[receiver one]\nports = 514, 10.0.0.1:515-517\nprocess = a b\nbuffer = 8MiB\n"
        "required = no\n[filebeat two]\nports = [::1]:514\ncmdline = *x*\n"), check=0).stdout
    again = harness.command("check-config", "--config", write(text, "again.ini"), check=0)
    assert again.stdout == text
    assert "8388608" in text or "8MiB" in text


def test_output_that_cannot_be_written_is_said(write):
    """Once, and whether the output is larger than the buffer of the standard library or not."""
    ports = ", ".join(str(port) for port in range(2000, 2100))
    small = ["--version"]
    large = ["metrics", "--config", write(f"[receiver one]\nports = {ports}\n")]
    assert len(harness.command(*small).stdout) < 1024
    assert len(harness.command(*large).stdout) > 65536
    for arguments in small, large:
        with open("/dev/full", "wb") as full:
            result = subprocess.run([*harness.RUNNER, harness.program, *arguments], stdout=full,
                                    stderr=subprocess.PIPE, text=True, check=False)
        assert result.returncode == 1
        assert result.stderr == \
            "udpwatch: cannot write to standard output: No space left on device\n"


def test_the_installed_example_is_good():
    result = harness.command("check-config", "--config", harness.ROOT / "etc/udpwatch.ini", check=0)
    assert not result.stderr
