"""7. Memory of both processes and the descriptors that they hold, and whether a shortened half hour
of everything that happens to an agent leaves some behind."""

import contextlib
import itertools
import os
import re
import signal
import statistics
import time
from pathlib import Path

import harness
import host
from measuring import slope

LISTENERS = 10000
SECONDS = int(os.environ.get("BENCH_SECONDS", "180"))
EVERY = max(1, SECONDS // 18)
SOCKETS_A_SECOND, TICK = 5000, 0.1  # a scrape each tick: those of half an hour in three minutes
ALL = f"scope = all\nmax_sockets = {2 * LISTENERS}\n"
ASKED = [("/metrics", {}), ("/metrics", {"Accept": "application/openmetrics-text"}),
         ("/metrics", {"Accept-Encoding": "gzip"}), ("/api/v1/status", {}), ("/", {})]


def pss(pid):
    """Its proportional share of memory, KiB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss: +(\d+) kB", text, re.MULTILINE)[1])


def descriptors(pid):
    """The fewest within a tenth of a second: those of a reading under way are none that stay."""
    counts = []
    for _ in range(5):
        counts.append(len(list(Path(f"/proc/{pid}/fd").iterdir())))
        time.sleep(0.02)
    return min(counts)


def held(agent):
    """(PSS of the collector, of the server, descriptors of either), as now."""
    pids = agent.pid, agent.server_pid()
    return [*map(pss, pids), *map(descriptors, pids)]


def ask_all():
    for path, headers in ASKED:
        code, _, _ = harness.get(path, headers)
        assert code == 200, (path, code)


def at(listeners):
    with contextlib.ExitStack() as stack:
        here = host.Host(stack)
        if listeners > len(host.PORTS):
            count = listeners - len(host.PORTS)
            stack.enter_context(host.load("hold", 10, count + 100, count))
        agent = here.agent(ALL if listeners > len(host.PORTS) else "")
        before = held(agent)
        for _ in range(10):
            ask_all()
        return before, held(agent)


def tell_sizes(report):
    rows = []
    for listeners in len(host.PORTS), LISTENERS:
        for when, found in zip(("after one scrape", "after all that can be asked"), at(listeners)):
            rows.append([f"{listeners:,} sockets, {when}", *(f"{value:,}" for value in found),
                         f"{found[0] + found[1]:,}"])
    report.table(["", "PSS of udpwatch, KiB", "of udpwatch-server", "descriptors of udpwatch",
                  "of udpwatch-server", "PSS of both"], rows)


class Churn:
    """One turn of what happens to an agent: asked, reloaded, its receivers killed and restarted."""

    def __init__(self, here, agent):
        self.here, self.agent = here, agent
        self.asked = itertools.cycle(ASKED)
        self.configs = itertools.cycle([
            here.config(receivers=host.RECEIVERS + "[receiver third]\nports = 9000\n"),
            here.config()])

    def turn(self, number):
        path, headers = next(self.asked)
        assert harness.get(path, headers)[0] == 200, path
        if number % 5 == 0:
            self._replace_holder(kill=number % 10 == 0)
        if number % 10 == 7:
            self.agent.config.write_text(next(self.configs))
            self.agent.process.send_signal(signal.SIGHUP)

    def _replace_holder(self, kill):
        old = self.here.holders.pop(0)
        if kill:
            old.kill()
        old.stop()
        self.here.holders.append(self.here.holder(old.ports))


def churn():
    with contextlib.ExitStack() as stack:
        here = host.Host(stack)
        agent = here.agent()
        for _ in range(3):
            ask_all()
        series, turns = [], Churn(here, agent)
        with host.load("open", SOCKETS_A_SECOND) as opening:
            begin = time.monotonic()
            for number in range(int(SECONDS / TICK)):
                time.sleep(max(0, begin + number * TICK - time.monotonic()))
                turns.turn(number)
                if number % int(EVERY / TICK) == 0:
                    series.append((time.monotonic() - begin, *held(agent)))
        series.append((time.monotonic() - begin, *held(agent)))
    return series, opening.rate


def tell_series(report, series):
    settled = series[len(series) // 3:]
    rows = [[f"{when:.0f}", f"{collector:,}", f"{server:,}", *held_then]
            for when, collector, server, *held_then in series]
    report.table(["seconds", "PSS of udpwatch, KiB", "of udpwatch-server",
                  "descriptors of udpwatch", "of udpwatch-server"], rows)
    hours = [point[0] / 3600 for point in settled]
    memory = [collector + server for _, collector, server, *_ in settled]
    counts = [sum(point[3:]) for point in settled]
    half = len(memory) // 2
    grown = statistics.median(memory[half:]) / statistics.median(memory[:half]) - 1
    report.say(f"Without the first third, in which all that is made once is made: "
               f"{slope(list(zip(hours, memory))):+,.0f} KiB and "
               f"{slope(list(zip(hours, counts))):+.1f} descriptors an hour of this.\n")
    report.target(grown < 0.01, f"PSS of the last third is {grown * 100:+.2f} % of the second's")
    # A search for a holder has three directories open, and a slice of it is left between two looks.
    report.target(min(counts[half:]) <= min(counts[:half]),
                  f"at least {min(counts[half:])} descriptors in the last third, "
                  f"{min(counts[:half])} in the second")


def run(report):
    report.title("Memory and descriptors")
    tell_sizes(report)
    series, rate = churn()
    report.say(f"A shortened half hour: {SECONDS / TICK:,.0f} requests in all forms, "
               f"{rate:,.0f} sockets opened and closed a second, receivers killed or restarted "
               "twice a second, a reload each second.\n")
    tell_series(report, series)
