"""The states of an expected port, and which socket serves which expectation."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

import harness


def state(config, hold=None, user=None):
    result = harness.status(config)
    assert len(result["ports"]) == 1, result
    return result["ports"][0]


def test_standby_and_absent(write):
    text = "[receiver one]\nports = 514\nrequired = {}\n"
    config = write(text.format("no"))
    assert state(config)["state"] == "standby"
    harness.command("status", "--config", config, check=0)
    config = write(text.format("yes"))
    assert state(config)["state"] == "absent"
    harness.command("status", "--config", config, check=1)


def test_shared_by_two_processes(write, hold):
    pids = {hold("0.0.0.0:514,reuseport", name="rsyslogd").pid for _ in range(2)}
    config = write("[receiver one]\nports = 514\nprocess = rsyslogd\n")
    port = state(config)
    assert (port["state"], port["sockets"]) == ("shared", 2)
    assert {holder["pid"] for bound in port["bound"] for holder in bound["holders"]} == pids
    harness.command("status", "--config", config, check=0)


def test_a_parent_that_also_holds_the_socket_does_not_make_it_wrong(write, hold):
    """As with systemd's socket activation: a holder that does not match beside one that does."""
    holder = hold("0.0.0.0:514", "--pass", "--fork=1", name="rsyslogd")
    assert len(holder.children) == 2
    port = state(write("[receiver one]\nports = 514\nprocess = rsyslogd\n"))
    assert port["state"] in ("ok", "shared")


def test_a_matching_child_of_another_user(write, hold):
    hold("0.0.0.0:5514", name="rsyslogd", user="nobody")
    text = "[receiver one]\nports = 5514\nprocess = rsyslogd\nuser = {}\n"
    assert state(write(text.format("nobody")))["state"] == "ok"
    assert state(write(text.format("65534")))["state"] == "ok"
    assert state(write(text.format("root")))["state"] == "wrong_owner"


def test_unknown_without_the_right_to_look(write, hold):
    """A socket whose holder may not be read: neither right nor wrong."""
    hold("0.0.0.0:514", name="rsyslogd")
    config = write("[receiver one]\nports = 514\nprocess = rsyslogd\n")
    result = harness.command("status", "--config", config, "--json", user="nobody", check=3)
    assert '"unknown"' in result.stdout
    assert state(config)["state"] == "ok"


def test_absent_needs_no_rights(write):
    config = write("[receiver one]\nports = 514\n")
    harness.command("status", "--config", config, user="nobody", check=1)


def host_procfs(directory):
    """/proc as the agent of a host sees it: the tests run in a process namespace of their own, in
    which nobody can say that no process has a socket."""
    procfs = directory / "proc"
    (procfs / "1/ns").mkdir(parents=True)
    for source, copy in ((Path("/proc"), procfs), (Path("/proc/1"), procfs / "1")):
        for entry in source.iterdir():
            if entry.name not in ("1", "ns"):
                (copy / entry.name).symlink_to(entry)
    (procfs / "1/ns/pid").symlink_to("pid:[4026531836]")
    return procfs


def of_nobody(procfs, port):
    return (f"[agent]\nprocfs = {procfs}\nstate_dir =\n"
            f"[receiver one]\nports = {port}\nprocess = filebeat\n")


def is_nobodys(port):
    holders = [(bound["holders_known"], bound["holders"]) for bound in port["bound"]]
    return port["state"] == "wrong_owner" and holders == [("all", [])]


def test_a_socket_in_a_message_is_of_no_process(write, directory):
    """As is one of the kernel's own: what is sent there reaches no receiver. It is somebody's
    again when the message is read."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sent:
            sent.bind(("127.0.0.1", 514))
            socket.send_fds(ours, [b"x"], [sent.fileno()])
        config = write(of_nobody(host_procfs(directory), 514))
        assert is_nobodys(state(config))
        result = harness.command("status", "--config", config, check=1)
        assert "held by no process" in result.stdout
        assert state(write(of_nobody("/proc", 514)))["state"] == "unknown"
        config = write(of_nobody(directory / "proc", 514))
        _, (received,), _, _ = socket.recv_fds(theirs, 1, 1)
        with socket.socket(fileno=received):
            port = state(config)
            assert [holder["pid"] for holder in port["bound"][0]["holders"]] == [os.getpid()]


def test_a_socket_of_the_kernel(write, directory, agent):
    """VXLAN's has an inode, though no process can have it."""
    subprocess.run(["ip", "link", "add", "vxlan0", "type", "vxlan", "id", "1", "dstport", "4789",
                    "local", "127.0.0.1"], check=True)
    subprocess.run(["ip", "link", "set", "vxlan0", "up"], check=True)
    text = of_nobody(host_procfs(directory), 4789)
    config = write(text)
    assert is_nobodys(state(config))
    assert harness.status(config)["unresolved_sockets"] == 0
    running = agent(text)
    harness.wait_for(lambda: running.scrape().value("udpwatch_port_state", state="wrong_owner"),
                     "the agent to say so")
    assert running.scrape().value("udpwatch_receiver_processes") == 0
    listed = harness.status(write(f"[agent]\nprocfs = {directory}/proc\n"), "--all")["ports"]
    assert [(port["state"], port["bound"][0]["holders_known"]) for port in listed] == [("ok", "all")]
    found = harness.command("discover", "--config", config, check=0).stdout
    assert "[receiver unattributed]" in found and "ports   = 4789" in found
    assert "process" not in found.split("[receiver unattributed]")[1]
    assert state(write(found, "found.ini"))["state"] == "ok"


SERVES = [
    # expected, bound, whether bound serves expected
    ("514", "0.0.0.0:514", True),
    ("514", "[::]:514", True),
    ("514", "[::]:514,v6only", True),
    ("514", "127.0.0.1:514", True),
    ("514", "0.0.0.0:515", False),
    ("514", "0.0.0.0:514,connect=127.0.0.1:9", False),
    ("127.0.0.1:514", "127.0.0.1:514", True),
    ("127.0.0.1:514", "0.0.0.0:514", True),
    ("127.0.0.1:514", "[::]:514", True),
    ("127.0.0.1:514", "[::ffff:127.0.0.1]:514", True),
    ("127.0.0.1:514", "[::]:514,v6only", False),
    ("127.0.0.1:514", "127.0.0.2:514", False),
    ("127.0.0.1:514", "[::1]:514", False),
    ("[::1]:514", "[::1]:514", True),
    ("[::1]:514", "[::]:514,v6only", True),
    ("[::1]:514", "0.0.0.0:514", False),
    ("514", "0.0.0.0:514,device=lo", True),
]


@pytest.mark.parametrize("expected,bound,serves", SERVES)
def test_which_socket_serves(write, hold, expected, bound, serves):
    hold(bound)
    config = write(f"[receiver one]\nports = {expected}\n")
    assert state(config)["state"] == ("ok" if serves else "absent")


def test_each_socket_counts_at_the_most_specific_port_only(write, hold):
    hold("0.0.0.0:514,reuseaddr", "127.0.0.1:514,reuseaddr", "[::1]:514")
    config = write("[receiver any]\nports = 514\n[receiver one]\nports = 127.0.0.1:514\n")
    ports = {port["receiver"]: port for port in harness.status(config)["ports"]}
    assert {bound["address"] for bound in ports["one"]["bound"]} == {"127.0.0.1"}
    assert {bound["address"] for bound in ports["any"]["bound"]} == {"0.0.0.0", "::1"}


def test_the_buffer_that_was_asked_for(write, hold):
    hold("0.0.0.0:514,rcvbuf=65536")
    port = state(write("[receiver one]\nports = 514\nbuffer = 64KiB\n"))
    assert port["receive_buffer_bytes"] == port["receive_buffer_wanted_bytes"] == 2 * 65536
    port = state(write("[receiver one]\nports = 514\nbuffer = 1GiB\n"))
    assert port["receive_buffer_wanted_bytes"] == (2 << 30) - 2  # the kernel gives no more


def test_hostile_process_names_stay_on_their_line(write, hold):
    """comm can hold any byte; neither the table, the JSON nor the metrics may break."""
    hold("0.0.0.0:514", name='a\n"\\)\x1b[1m')
    config = write("[receiver one]\nports = 514\nprocess = other\n")
    assert state(config)["state"] == "wrong_owner"
    table = harness.command("status", "--config", config, check=1).stdout
    assert "\x1b" not in table
    metrics = harness.Exposition(harness.command("metrics", "--config", config, check=0).stdout)
    assert metrics.samples("udpwatch_sockets")[0][0]["process"] == 'a\n"\\)\x1b[1m'
