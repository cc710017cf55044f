"""What a review and attempts to break it found once, and must not come back."""

import json
import os
import subprocess

import harness


def wait_until_ready(agent):
    def serves():
        assert agent.poll() is None, "the agent left"
        try:
            return harness.get("/-/ready")[0] == 200
        except OSError:
            return False

    harness.wait_for(serves, "the agent to be ready")


def test_discover_of_a_shared_port_is_healthy(hold, write):
    hold("0.0.0.0:5353,reuseport", name="one")
    hold("0.0.0.0:5353,reuseport", "0.0.0.0:5354", name="two")
    found = write(harness.command("discover", check=0).stdout, "found.ini")
    harness.command("check-config", "--config", found, check=0)
    harness.command("status", "--config", found, check=0)


def test_an_unseen_holder_is_not_0_processes(hold, write):
    hold("127.0.0.1:6001")
    config = write("[receiver x]\nports = 6001\n")
    result = harness.command("status", "--config", config, "--json", user="nobody", check=3)
    assert json.loads(result.stdout)["receivers"] == [
        {"name": "x", "up": True, "processes": None, "starts": None}]
    scrape = harness.Exposition(
        harness.command("metrics", "--config", config, user="nobody", check=3).stdout)
    assert not scrape.samples("udpwatch_receiver_processes")
    assert scrape.value("udpwatch_unresolved_sockets") == 1


def test_the_advice_names_the_wrong_holder_not_the_right_one(hold, write):
    hold("127.0.0.1:6001,reuseport", name="right")
    thief = hold("127.0.0.1:6001,reuseport", name="thief")
    config = write("[receiver x]\nports = 6001\nprocess = right\nuser = root\n")
    [port] = harness.status(config)["ports"]
    assert port["state"] == "wrong_owner"
    assert f"held by thief (pid {thief.pid}, user root), expected process right" in port["advice"]


def test_a_refused_reload_names_the_error_and_not_a_warning(agent):
    running = agent("[receiver x]\nports = 6001\n")
    running.reload("[receiver x]\nports = 40000\nuser = nosuch\nprot = 5\n",
                   lambda scrape: scrape.value("udpwatch_config_last_reload_successful") == 0)
    [line] = [line for line in running.log().splitlines() if "not reloaded" in line]
    assert 'unknown key "prot"' in line and "warning:" not in line


def test_closed_standard_descriptors_stay_nobodys(directory):
    config = directory / "one.ini"
    config.write_text(harness.with_state_dir("[receiver x]\nports = 6001\n"))
    agent = subprocess.Popen(
        ["sh", "-c", 'exec "$0" "$@" 0<&- 1>&- 2>&-', harness.program, "run", "--config", config,
         "--listen", f"127.0.0.1:{harness.PORT}"])
    try:
        wait_until_ready(agent)
        for number in range(3):
            assert os.readlink(f"/proc/{agent.pid}/fd/{number}") == "/dev/null"
    finally:
        agent.terminate()
        assert agent.wait(harness.DEADLINE) == 0


def test_root_without_the_right_to_change_its_user_runs_on(directory):
    """As in a container that drops it; it says what it cannot see."""
    config = directory / "one.ini"
    config.write_text(harness.with_state_dir("[receiver x]\nports = 6001\n"))
    log = directory / "log"
    with open(log, "wb") as stderr:
        agent = subprocess.Popen(
            ["setpriv", "--bounding-set=-all", "--inh-caps=-all", harness.program, "run",
             "--config", config, "--listen", f"127.0.0.1:{harness.PORT}"], stderr=stderr)
    try:
        wait_until_ready(agent)
        assert "cannot see who holds" in log.read_text()
    finally:
        agent.terminate()
        assert agent.wait(harness.DEADLINE) == 0
