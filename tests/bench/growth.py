"""2. How the cost of a scrape grows with what nobody watches."""

import contextlib
import statistics

import host
from measuring import microseconds, rounds, slope, time_of_ss

PROCESSES, SCRAPES, IDLE = 100, 200, 3
DESCRIPTORS = [1000, 10000, 100000, 150000]
SOCKETS = [300, 3000, 30000, 50000]
BESIDE_SOCKETS = 60000  # descriptors, the sockets among them


def measure(processes, descriptors, sockets):
    """Medians of (a scrape, a second of which nothing is asked, ss -uanpm)."""
    with contextlib.ExitStack() as stack:
        here = host.Host(stack)
        stack.enter_context(host.load("hold", processes, descriptors, sockets))
        agent = host.scraped(here.agent())
        agent.kept(SCRAPES)
        costs = rounds({"scrape": lambda: agent.kept(SCRAPES)})["scrape"]
        return (statistics.median(costs), max(costs), agent.idle(IDLE),
                statistics.median(time_of_ss() for _ in range(3)))


def tell(report, what, sizes, results):
    rows = [[f"{size:,}", microseconds(scrape), microseconds(most), f"{idle * 100:.3f}",
             microseconds(ss)]
            for size, (scrape, most, idle, ss) in zip(sizes, results)]
    report.table([f"foreign {what}", "µs a scrape", "highest round", "% of a core idle",
                  "µs of `ss -uanpm`"], rows)
    for name, column in ("a scrape", 0), ("`ss -uanpm`", 3):
        grows = slope([(size / 1000, result[column] * 1e6)
                       for size, result in zip(sizes, results)])
        report.say(f"- {name} grows by {grows:.3f} µs for 1,000 {what}")
    report.say()


def run(report):
    report.title("Growth with what is not watched")
    tell(report, "descriptors", DESCRIPTORS,
         [measure(PROCESSES, descriptors, 300) for descriptors in DESCRIPTORS])
    tell(report, "sockets", SOCKETS,
         [measure(PROCESSES, BESIDE_SOCKETS, sockets) for sockets in SOCKETS])
