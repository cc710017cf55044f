"""An agent that lives on while sockets and their holders change: what it remembers must not be
told as if it were so."""

import contextlib
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

import harness
import test_differential as differential
from test_differential import any_address  # noqa: F401

SCENARIOS = 60
# Opens sockets at the ports it is given, and closes them, all the time.
CHURN = """
import socket, sys
while True:
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in sys.argv[1:]]
    for each, port in zip(sockets, sys.argv[1:]):
        each.bind(("0.0.0.0", int(port)))
    for each in sockets:
        each.close()
"""


def check_at_once(scrape, listeners):
    """Without any patience: every socket is there, with its numbers, and no process is named that
    does not hold it."""
    sums = [sum(value for _, value in scrape.samples(f"udpwatch_port_{name}"))
            for name in ("sockets", "receive_queue_bytes", "receive_buffer_bytes")]
    assert sums == [len(listeners), sum(sock.queue for sock in listeners),
                    sum(sock.buffer for sock in listeners)]
    truth = differential.holders_of_ss(listeners)
    for holder, numbers in differential.holders_of(scrape).items():
        assert holder in truth, f"{holder} holds nothing there"
        assert all(told <= true for told, true in zip(numbers, truth[holder])), holder


def test_the_agent_never_names_a_holder_that_is_none(any_address, agent, programs):
    seed = random.SystemRandom().randrange(10**9)
    running = agent("[agent]\nscope = all\n")
    for number in range(SCENARIOS):
        scenario = differential.Scenario(seed + number)
        with contextlib.ExitStack() as stack:
            for name, options, sockets in scenario.programs:
                stack.callback(harness.Holder(programs, *options, *sockets, name=name).stop)
            scenario.send()
            listeners, scrape = differential.quiet_listeners(running.scrape)
            try:
                check_at_once(scrape, listeners)
                if number % 10 == 0:
                    truth = differential.holders_of_ss(listeners)
                    harness.wait_for(
                        lambda: differential.holders_of(running.scrape()) == truth,
                        "every holder to be found")
            except AssertionError as error:
                raise AssertionError(f"seed {seed + number}: {scenario.describe()}\n{error}") \
                    from error


def expecting(scenarios):
    """Half of the ports of all of them, each with the address or without."""
    ports = sorted({port for scenario in scenarios for port in scenario.ports[:6]})
    lines = [f"ports = {'127.0.0.1:' if port % 5 == 0 else ''}{port}" for port in ports]
    return "[receiver all]\n" + "\n".join(lines) + "\n"


def listeners_that_serve(listeners):
    """Those that some port of such a configuration expects: of 127.0.0.1 the closest there are."""
    def distance(sock):
        if sock.port % 5 == 0 and sock.address != "127.0.0.1":
            return {"0.0.0.0": 1, "::": 3 if sock.ipv6_only else 2}.get(sock.address, 3)
        return 0
    closest = {}
    for sock in listeners:
        closest[sock.port] = min(distance(sock), closest.get(sock.port, 2))
    return {sock for sock in listeners if distance(sock) == closest[sock.port]}


def test_expected_ports_beside_ss(any_address, agent, programs):
    """While no more than their sockets are read: those that are new are found, and from then on
    each scrape tells of every one as it is."""
    seed = random.SystemRandom().randrange(10**9)
    scenarios = [differential.Scenario(seed + number) for number in range(SCENARIOS // 4)]
    running = agent(expecting(scenarios))

    def differs():
        listeners, scrape = differential.quiet_listeners(running.scrape)
        try:
            check_at_once(scrape, listeners_that_serve(listeners))
        except AssertionError as error:
            return error
        return None

    for number, scenario in enumerate(scenarios):
        with contextlib.ExitStack() as stack:
            for name, options, sockets in scenario.programs:
                stack.callback(harness.Holder(programs, *options, *sockets, name=name).stop)
            told = f"seed {seed + number}: {scenario.describe()}"
            harness.wait_for(lambda: not differs(), told)
            for _ in range(3):
                scenario.send()
                assert differs() is None, told


def test_a_socket_that_moves_to_another_process_changes_its_holder(agent):
    """This process opens it, a child inherits it, and this one closes its own."""
    running = agent("[receiver one]\nports = 514\n")
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("0.0.0.0", 514))
    assert holders_of_514(running) == {os.getpid()}
    child = subprocess.Popen(["sleep", "1000"], pass_fds=[sock.fileno()])
    try:
        harness.wait_for(lambda: holders_of_514(running) == {os.getpid(), child.pid},
                         "the second holder")
        sock.close()
        assert holders_of_514(running) == {child.pid}
    finally:
        child.kill()
        child.wait()
    assert running.scrape().state(514) == "absent"


def holders_of_514(running):
    """The pids, at the next scrape, of a port that is there whoever holds it."""
    scrape = running.scrape()
    assert scrape.value("udpwatch_port_up", port="514") == 1
    return {int(labels["pid"]) for labels, _ in scrape.samples("udpwatch_sockets", port="514")}


@contextlib.contextmanager
def small_socket_table():
    """A network namespace whose UDP table has 128 slots, where the kernel offers that (6.3)."""
    size = Path("/proc/sys/net/ipv4/udp_child_hash_entries")
    before = size.read_text() if size.exists() else None
    with contextlib.ExitStack() as stack:
        if before:
            stack.callback(size.write_text, before)  # it is for all that are made from here on
            size.write_text("128")
        stack.enter_context(harness.network_namespace())
        yield


def test_a_port_is_not_absent_because_others_come_and_go(directory, hold, capsys):
    """A dump goes out in parts, and skips sockets that stay when at a part's end their neighbours
    in the same slot of the kernel's table change: ss loses them."""
    looks, lost = 50, 0
    ports = list(range(1024, 65536, 128))
    stay, come_and_go = ports[:240], ports[-8:]
    with small_socket_table(), contextlib.ExitStack() as stack:
        hold(*[f"0.0.0.0:{port}" for port in stay], name="filebeat")
        running = harness.Agent(directory, "[filebeat core]\nports = "
                                + "\nports = ".join(map(str, stay)) + "\n")
        stack.callback(running.stop)
        churn = subprocess.Popen([sys.executable, "-c", CHURN, *map(str, come_and_go)])
        stack.callback(churn.wait)
        stack.callback(churn.kill)
        for _ in range(looks):
            states = running.scrape().states()
            assert set(states.values()) == {"ok"} and len(states) == len(stay), states
            lost += not set(stay) <= {sock.port for sock in differential.listeners_of_ss()}
    with capsys.disabled():
        print(f"\n{looks} looks beside sockets that come and go: ss lost a port in {lost}, "
              "udpwatch in none")
