"""Two filebeats that differ in their arguments only, on the ports of a real site."""

import signal

import pytest

import harness

CORE = [6984, 6985, 6998, 7878, 7879, 7880, 618]
EDGE = [8814, 8815, 8816, 8817, 8818, 8819, 718, 815]
CONFIG = """
[filebeat core]
ports   = 6984, 6985, 6998, 7878-7880, 618
cmdline = *core-switches.yml*

[filebeat edge]
ports   = 8814-8819, 718, 815
cmdline = *edge-switches.yml*
"""
NAMES = {"core": CORE, "edge": EDGE}


@pytest.fixture
def filebeats(hold):
    def start(name):
        return hold(*[f"0.0.0.0:{port}" for port in NAMES[name]], "-e", "-c",
                    f"/etc/filebeat/{name}-switches.yml", name="filebeat")

    return {name: start(name) for name in NAMES}


def expected_states(core, edge):
    return ({("core", "*", port): core for port in CORE}
            | {("edge", "*", port): edge for port in EDGE})


def test_every_port_is_up_with_its_owner(filebeats, agent):
    scrape = agent(CONFIG).scrape()
    assert scrape.states() == expected_states("ok", "ok")
    for receiver, ports in NAMES.items():
        assert scrape.value("udpwatch_receiver_up", receiver=receiver) == 1
        assert scrape.value("udpwatch_receiver_processes", receiver=receiver) == 1
        for port in ports:
            labels = {"receiver": receiver, "address": "*", "port": str(port)}
            assert scrape.value("udpwatch_port_up", **labels) == 1
            assert scrape.value("udpwatch_port_owner_ok", **labels) == 1
            assert scrape.value("udpwatch_port_sockets", **labels) == 1
            assert scrape.value("udpwatch_sockets", bound_address="0.0.0.0", process="filebeat",
                                pid=str(filebeats[receiver].pid), **labels) == 1
    assert len(scrape.samples("udpwatch_sockets")) == len(CORE) + len(EDGE)
    assert scrape.value("udpwatch_unexpected_sockets") == 0
    assert scrape.value("udpwatch_unresolved_sockets") == 0


@pytest.mark.parametrize("victim", NAMES)
def test_a_killed_receiver_loses_its_ports_and_only_its(filebeats, agent, victim):
    running = agent(CONFIG)
    assert running.scrape().states() == expected_states("ok", "ok")
    filebeats[victim].kill()
    scrape = running.scrape()
    assert scrape.states() == expected_states(**{name: "absent" if name == victim else "ok"
                                                 for name in NAMES})
    for name in NAMES:
        up = 0 if name == victim else 1
        assert scrape.value("udpwatch_receiver_up", receiver=name) == up
        assert scrape.value("udpwatch_receiver_processes", receiver=name) == up
        for port in NAMES[name]:
            assert scrape.value("udpwatch_port_up", port=str(port)) == up
            assert scrape.value("udpwatch_port_owner_ok", port=str(port)) == (up or None)


def test_a_restarted_receiver_is_found_again(filebeats, agent, hold):
    running = agent(CONFIG)
    filebeats["core"].kill()
    assert running.scrape().state(618) == "absent"
    again = hold(*[f"0.0.0.0:{port}" for port in CORE], "-c", "core-switches.yml", name="filebeat")
    scrape = harness.wait_for(
        lambda: (found := running.scrape()).states() == expected_states("ok", "ok") and found,
        "the new process to be found")
    pids = {labels["pid"] for labels, _ in scrape.samples("udpwatch_sockets", receiver="core")}
    assert pids == {str(again.pid)}


def test_a_port_that_only_begins_alike_is_another(hold, agent, write):
    hold("0.0.0.0:6180", name="filebeat")
    running = agent("[filebeat one]\nports = 618\n")
    assert running.scrape().state(618) == "absent"
    assert harness.status(running.config)["ports"][0]["state"] == "absent"


def test_a_wrong_program_is_named(filebeats, agent, hold):
    running = agent(CONFIG)
    filebeats["edge"].kill()
    intruder = hold("0.0.0.0:718", name="intruder")
    scrape = harness.wait_for(
        lambda: (found := running.scrape()).state(718) == "wrong_owner" and found, "wrong_owner")
    assert scrape.value("udpwatch_port_up", port="718") == 1
    assert scrape.value("udpwatch_port_owner_ok", port="718") == 0
    assert scrape.state(815) == "absent"
    result = harness.command("status", "--config", running.config, check=1)
    lines = [line for line in result.stdout.splitlines() if "intruder" in line]
    assert lines and any("718" in line and str(intruder.pid) in line for line in lines), \
        result.stdout


def test_the_arguments_decide_between_twins(hold, agent):
    """The wrong filebeat on a port is as wrong as any other program."""
    hold("0.0.0.0:718", "-c", "core-switches.yml", name="filebeat")
    assert agent(CONFIG).scrape().state(718) == "wrong_owner"


def test_a_stopped_receiver_still_holds_its_ports(filebeats, agent):
    """A process that hangs is no absent one; its queue tells."""
    running = agent(CONFIG)
    filebeats["core"].process.send_signal(signal.SIGSTOP)
    harness.fill("127.0.0.1", 618, 10)
    scrape = running.scrape()
    filebeats["core"].process.send_signal(signal.SIGCONT)
    assert scrape.state(618) == "ok"
    assert scrape.value("udpwatch_port_receive_queue_bytes", port="618") >= 10 * 1000
