"""Processor time of a scrape at 15 ports, of both processes together, beside `ss -uanpm`, which
answers the same question for a person. Nine rounds, each of them measured in turn.

`make bench` runs it, in namespaces of its own; UDPWATCH_BUILD says which build."""

import contextlib
import http.client
import resource
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
import harness  # noqa: E402

PORTS = [6984, 6985, 6998, 7878, 7879, 7880, 618, 8814, 8815, 8816, 8817, 8818, 8819, 718, 815]
ROUNDS, SCRAPES, OTHERS = 9, 200, 100


def processor_time(pids):
    """Seconds that all threads of the processes have run."""
    return sum(int(task.read_text().split()[0])
               for pid in pids for task in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def scrape(client):
    client.request("GET", "/metrics")
    assert client.getresponse().read()


def kept_alive():
    client = http.client.HTTPConnection("127.0.0.1", harness.PORT)
    with contextlib.closing(client):
        for _ in range(SCRAPES):
            scrape(client)


def connected_anew():
    for _ in range(SCRAPES):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", harness.PORT)) as client:
            scrape(client)


def cost(pids, scrapes):
    before = processor_time(pids)
    scrapes()
    return (processor_time(pids) - before) / SCRAPES


def cost_of_ss():
    def children():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before, runs = children(), 20
    for _ in range(runs):
        subprocess.run(["ss", "-uanpm"], stdout=subprocess.DEVNULL, check=True)
    return (children() - before) / runs


def measure(agent):
    pids = agent.pid, agent.server_pid()
    kept_alive()
    rounds = [(cost(pids, kept_alive), cost(pids, connected_anew), cost_of_ss())
              for _ in range(ROUNDS)]
    print(f"{'median of ' + str(ROUNDS):24}{'µs':>8}{'of ss':>8}{'spread of the ratio':>24}")
    for index, name in enumerate(["scrape, kept alive", "scrape, new connection", "ss -uanpm"]):
        ratios = sorted(row[index] / row[2] for row in rounds)
        time = statistics.median(row[index] for row in rounds)
        print(f"{name:24}{time * 1e6:8.0f}{statistics.median(ratios):8.3f}"
              f"{ratios[0]:16.3f} –{ratios[-1]:6.3f}")


def main():
    receivers = f"[filebeat one]\nports = {', '.join(map(str, PORTS))}\n"
    with contextlib.ExitStack() as stack:
        stack.enter_context(harness.network_namespace())
        directory = stack.enter_context(harness.public_directory())
        harness.install_for_everyone(directory)
        for sockets in [[f"0.0.0.0:{port}" for port in PORTS]] + [[]] * OTHERS:
            holder = harness.Holder(directory, *sockets, name="filebeat")
            stack.callback(holder.stop)
        agent = harness.Agent(directory, receivers)
        stack.callback(agent.stop)
        print(f"{len(PORTS)} ports, {OTHERS} other processes, "
              f"{len(harness.get()[2])} bytes a scrape")
        measure(agent)


if __name__ == "__main__":
    main()
