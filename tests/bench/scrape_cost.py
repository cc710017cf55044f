"""Processor time of a scrape at 15 ports, of both processes together, in each form that a scraper
can ask for, beside `ss -uanpm`, which answers the same question for a person. Nine rounds, each of
them measured in turn.

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


OPENMETRICS = {"Accept": "application/openmetrics-text"}
GZIP = {"Accept-Encoding": "gzip"}


def scrape(client, headers):
    """How many bytes the body takes on the wire."""
    client.request("GET", "/metrics", headers=headers)
    response = client.getresponse()
    for name, value in headers.items():
        told = {"Accept": "Content-Type", "Accept-Encoding": "Content-Encoding"}[name]
        assert value in response.getheader(told)
    return len(response.read())


def kept_alive(headers):
    client = http.client.HTTPConnection("127.0.0.1", harness.PORT)
    with contextlib.closing(client):
        return [scrape(client, headers) for _ in range(SCRAPES)][-1]


def connected_anew():
    for _ in range(SCRAPES):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", harness.PORT)) as client:
            scrape(client, {})


def cost(pids, scrapes, *arguments):
    before = processor_time(pids)
    scrapes(*arguments)
    return (processor_time(pids) - before) / SCRAPES


def cost_of_ss():
    def children():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before, runs = children(), 20
    for _ in range(runs):
        subprocess.run(["ss", "-uanpm"], stdout=subprocess.DEVNULL, check=True)
    return (children() - before) / runs


FORMS = {"text": {}, "OpenMetrics": OPENMETRICS, "text, gzip": GZIP,
         "OpenMetrics, gzip": {**OPENMETRICS, **GZIP}}


def measure(agent):
    pids = agent.pid, agent.server_pid()
    sizes = [kept_alive(headers) for headers in FORMS.values()]
    rounds = [[*(cost(pids, kept_alive, headers) for headers in FORMS.values()),
               cost(pids, connected_anew), cost_of_ss()] for _ in range(ROUNDS)]
    print(f"{'median of ' + str(ROUNDS):24}{'bytes':>8}{'µs':>8}{'of text':>9}{'of ss':>8}"
          f"{'spread of that':>19}")
    names = [*FORMS, "text, new connection", "ss -uanpm"]
    for index, (name, size) in enumerate(zip(names, [*sizes, sizes[0], ""])):
        time = statistics.median(row[index] for row in rounds)
        of_text = statistics.median(row[index] / row[0] for row in rounds)
        ratios = sorted(row[index] / row[-1] for row in rounds)
        print(f"{name:24}{size:8}{time * 1e6:8.0f}{of_text:9.2f}{statistics.median(ratios):8.3f}"
              f"{ratios[0]:11.3f} –{ratios[-1]:6.3f}")


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
        print(f"{len(PORTS)} ports, {OTHERS} other processes, a kept connection")
        measure(agent)


if __name__ == "__main__":
    main()
