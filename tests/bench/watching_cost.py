"""Processor time of an agent that nobody scrapes: sampling at 10 Hz with 15 ports beside 300
sockets, owners included, and beside sockets that come and go by the thousand.

`make bench` runs it, in namespaces of its own; UDPWATCH_BUILD says which build."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
import harness  # noqa: E402
from scrape_cost import PORTS, processor_time  # noqa: E402

OTHERS, SAMPLING_SECONDS, CHURN_SECONDS, CHURN_RATE = 300, 60, 30, 5000
CONFIG = f"""[agent]
sample_interval = {{interval}}
[filebeat one]
ports = {', '.join(map(str, PORTS[:8]))}
[filebeat two]
ports = {', '.join(map(str, PORTS[8:]))}
"""
# Opens, binds and closes sockets, so many a second; prints how many they were in all.
CHURN = """
import socket, sys, time
rate, seconds = int(sys.argv[1]), float(sys.argv[2])
begin, done = time.monotonic(), 0
while (now := time.monotonic() - begin) < seconds:
    while done < now * rate:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
        done += 1
    time.sleep(0.001)
print(done / seconds)
"""


def samples(agent):
    return agent.scrape().value("udpwatch_samples_total")


def share_of_core(agent, action):
    """Per cent of a core that the agent's processes took while the action ran, and its result."""
    pids = agent.pid, agent.server_pid()
    before, begin = processor_time(pids), time.monotonic()
    result = action()
    return 100 * (processor_time(pids) - before) / (time.monotonic() - begin), result


def churn():
    run = subprocess.run([sys.executable, "-c", CHURN, str(CHURN_RATE), str(CHURN_SECONDS)],
                         capture_output=True, text=True, check=True)
    return float(run.stdout)


@contextlib.contextmanager
def running(directory, interval):
    agent = harness.Agent(directory, CONFIG.format(interval=interval))
    try:
        samples(agent)
        yield agent
    finally:
        agent.stop()


def main():
    with contextlib.ExitStack() as stack:
        stack.enter_context(harness.network_namespace())
        directory = stack.enter_context(harness.public_directory())
        harness.install_for_everyone(directory)
        for ports in (PORTS[:8], PORTS[8:]):
            stack.callback(harness.Holder(directory, *[f"0.0.0.0:{port}" for port in ports],
                                          name="filebeat").stop)
        for first in range(0, OTHERS - len(PORTS), 250):
            stack.callback(harness.Holder(
                directory, *[f"127.0.0.1:{20000 + first + i}"
                             for i in range(min(250, OTHERS - len(PORTS) - first))]).stop)
        with running(directory, "100ms") as agent:
            before = samples(agent)
            share, _ = share_of_core(agent, lambda: time.sleep(SAMPLING_SECONDS))
            print(f"sampling at 10 Hz, {len(PORTS)} ports, {OTHERS} sockets on the host: "
                  f"{share:.2f} % of a core ({samples(agent) - before - 1:.0f} samples in "
                  f"{SAMPLING_SECONDS} s)")
        with running(directory, "1s") as agent:
            share, rate = share_of_core(agent, churn)
            print(f"beside {rate:.0f} sockets opened and closed a second: {share:.2f} % of a core, "
                  f"{agent.scrape().value('udpwatch_events_lost_total'):.0f} events lost")


if __name__ == "__main__":
    main()
