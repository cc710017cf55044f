"""What the commands say of [web] checks: each is done once, or, with --watch, at its interval."""

import json
import shutil
import subprocess

import harness
from web_checks import section

SECRET = "[web secret]\nurl = http://user:s3cret@127.0.0.1:81/path?key=s3cret#s3cret\n"


def test_status_and_metrics_do_each_check_once(hold, tls_server, write):
    """Whatever they say, the exit status is that of the ports."""
    hold("0.0.0.0:2001", name="filebeat")
    config = write("[filebeat one]\nports = 2001\n" + tls_server(8443).section("ping") + SECRET)
    table = harness.command("status", "--config", config, check=0).stdout
    up, down = [line.split() for line in table.splitlines() if " http" in line]
    assert up[:4] == ["up", "ping", "200", "ok"] and up[-1] == "https://127.0.0.1:8443/ping"
    assert down[:4] == ["down", "secret", "-", "connect"] and "http://127.0.0.1:81/path" in down
    assert "1 of 1 expected ports healthy" in table and "\n1 of 2 web checks up\n" in table
    output = harness.command("status", "--config", config, "--json", check=0).stdout
    document = json.loads(output)
    ping, secret = document["web_checks"]
    assert document["healthy"] and document["complete"]
    assert (ping["up"], ping["result"], ping["status_code"], ping["counts"]) == (True, "ok", 200, None)
    assert 0 < sum(ping["phases"].values()) <= ping["duration_seconds"]
    assert 0 <= document["time"] - ping["time"] < harness.DEADLINE
    assert (secret["up"], secret["result"], secret["status_code"]) == (False, "connect", None)
    text = harness.command("metrics", "--config", config, check=0).stdout
    scrape = harness.Exposition(text)
    assert {labels["web"]: value for labels, value in scrape.samples("udpwatch_web_up")} == {
        "ping": 1, "secret": 0}
    assert "s3cret" not in table + output + text


def test_without_checks_nothing_is_said_of_them(write):
    config = write("[receiver one]\nports = 2001\nrequired = no\n")
    assert "web" not in harness.command("status", "--config", config, check=0).stdout
    assert "web_checks" not in harness.status(config)
    assert "web" not in harness.command("metrics", "--config", config, check=0).stdout


def test_nobody_knows_when_the_checker_cannot_be_started(write, directory):
    shutil.copy(harness.program, directory)
    config = write("[web one]\nurl = http://127.0.0.1:81/\ntimeout = 100ms\n")

    def run(*arguments):
        result = subprocess.run([*harness.RUNNER, directory / harness.program.name, *arguments,
                                 "--config", config], capture_output=True, text=True, check=False,
                                timeout=harness.DEADLINE, stdin=subprocess.DEVNULL)
        assert "udpwatch-web: " in result.stderr and result.returncode == 3, result
        return result.stdout

    check, = json.loads(run("status", "--json"))["web_checks"]
    assert {value for name, value in check.items() if name not in ("name", "url")} == {None}
    scrape = harness.Exposition(run("metrics"))
    assert scrape.samples("udpwatch_web_up") == []
    assert scrape.value("udpwatch_collector_success", collector="web") == 0


def test_checks_go_on_between_two_frames(nginx, write):
    """However many results come meanwhile: more than lie in a channel that nobody reads."""
    config = write("".join(section(f"check-{i}", "http://127.0.0.1:8080/ok") for i in range(100)))
    watch = subprocess.Popen([*harness.RUNNER, harness.program, "status", "--config", config,
                              "--watch=600"], stdout=subprocess.DEVNULL)
    harness.wait_for(lambda: len(nginx.requests("/ok")) > 1000, "ten runs of each check")
    watch.terminate()
    assert watch.wait(harness.DEADLINE) == 0


def test_watch_goes_on_checking(tls_server, write):
    config = write(tls_server(8443).section("ping"))
    checks = 0
    with harness.watching(config, code=0) as documents:
        while checks < 2:
            check, = next(documents)["web_checks"]
            assert check["up"] in ((True,) if checks else (None, True))
            checks = check["counts"]["ok"]
