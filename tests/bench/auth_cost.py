"""Processor time of a scrape with a password beside one without, of both processes together, and of
wrong passwords: of a user, beside an unknown one. Each pair is measured in turn.

`make bench` runs it, in namespaces of its own; UDPWATCH_BUILD says which build."""

import contextlib
import http.client
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
import harness  # noqa: E402
from passwords import basic, line  # noqa: E402
from scrape_cost import PORTS, processor_time  # noqa: E402

PAIRS, SCRAPES, ATTEMPTS = 9, 200, 4
COSTS = {"alice": 10, "bob": 5}


def ask(port, headers, times, status):
    """Wall-clock seconds of each of so many requests on one connection."""
    client = http.client.HTTPConnection("127.0.0.1", port)
    with contextlib.closing(client):
        begin = time.perf_counter()
        for _ in range(times):
            client.request("GET", "/metrics", headers=headers)
            response = client.getresponse()
            assert response.read() and response.status == status
        return (time.perf_counter() - begin) / times


def cost(agent, headers):
    pids = agent.pid, agent.server_pid()
    before = processor_time(pids)
    ask(agent.port, headers, SCRAPES, 200)
    return (processor_time(pids) - before) / SCRAPES


def report(name, pairs, unit):
    ratios = sorted(second / first for first, second in pairs)
    first, second = (statistics.median(column) for column in zip(*pairs))
    print(f"{name:44}{first * unit:9.1f}{second * unit:9.1f}{statistics.median(ratios):9.3f}"
          f"{ratios[0]:12.3f} –{ratios[-1]:6.3f}")


def measure(plain, asking):
    right = basic("alice", "right")
    print(f"{'median of ' + str(PAIRS) + ' pairs':44}{'first':>9}{'second':>9}{'ratio':>9}"
          f"{'spread':>20}")
    for _ in range(2):  # the password is remembered, caches are warm
        cost(plain, {}), cost(asking, right)
    pairs = [(cost(plain, {}), cost(asking, right)) for _ in range(PAIRS)]
    report("µs a scrape: no auth_file, right password", pairs, 1e6)
    for user, what in ("alice", "cost 10"), ("bob", "cost 5"):
        pairs = [(ask(asking.port, basic(user, "wrong"), ATTEMPTS, 401),
                  ask(asking.port, basic("nobody", "wrong"), ATTEMPTS, 401))
                 for _ in range(PAIRS)]
        report(f"ms a wrong password: {what}, unknown user", pairs, 1e3)


def start(stack, directory, port, agent_keys):
    harness.PORT = port
    receivers = f"[agent]\n{agent_keys}[filebeat one]\nports = {', '.join(map(str, PORTS))}\n"
    agent = harness.Agent(directory, receivers)
    agent.port = port
    stack.callback(agent.stop)
    return agent


def main():
    with contextlib.ExitStack() as stack:
        stack.enter_context(harness.network_namespace())
        directory = stack.enter_context(harness.public_directory())
        harness.install_for_everyone(directory)
        users = directory / "auth"
        users.touch(mode=0o600)
        users.write_text("".join(
            line(user, "right", cost) for user, cost in COSTS.items()))
        holder = harness.Holder(directory, *[f"0.0.0.0:{port}" for port in PORTS], name="filebeat")
        stack.callback(holder.stop)
        measure(start(stack, directory, 9117, ""),
                start(stack, directory, 9118, f"auth_file = {users}\n"))


if __name__ == "__main__":
    main()
