"""Processor time by the kernel's own accounting, rounds in which every contender has its turn, and
what is said of them."""

import contextlib
import http.client
import resource
import statistics
import subprocess
import time
from pathlib import Path

import harness

ROUNDS = 9
LONG_ENOUGH = 0.4  # seconds for one contender in one round
OPENMETRICS = {"Accept": "application/openmetrics-text"}
GZIP = {"Accept-Encoding": "gzip"}
TOLD_BY = {"Accept": "Content-Type", "Accept-Encoding": "Content-Encoding"}


def processor_time(pids):
    """Seconds that all threads of the processes have run."""
    return sum(int(task.read_text().split()[0])
               for pid in pids for task in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def time_of_program(*arguments, allowed=(0,)):
    """Processor seconds of a program from its start to its end, its children included."""
    def children():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = children()
    run = subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    assert run.returncode in allowed, (arguments, run.returncode)
    return children() - before


def time_of_ss():
    return time_of_program("ss", "-uanpm")


def share_of_core(pids, action):
    """Per cent of a core that the processes took while the action ran, and its result."""
    before, begin = processor_time(pids), time.monotonic()
    result = action()
    return 100 * (processor_time(pids) - before) / (time.monotonic() - begin), result


def connection(port=None):
    return contextlib.closing(http.client.HTTPConnection("127.0.0.1", port or harness.PORT, 60))


def scrape(client, headers):
    """The body as it came over the wire."""
    client.request("GET", "/metrics", headers=headers)
    response = client.getresponse()
    body = response.read()
    assert response.status == 200, (response.status, body)
    for name, value in headers.items():
        if name in TOLD_BY:
            assert value in response.getheader(TOLD_BY[name])
    return body


class Scraped:
    """A program that answers /metrics, and what that costs it."""

    def __init__(self, pids, port=None):
        self.pids, self.port = pids, port

    def kept(self, times, headers=None):
        """Processor seconds a scrape, of so many on one connection, one after the other."""
        with connection(self.port) as client:
            client.connect()
            return self._each(times, lambda: scrape(client, headers or {}))

    def anew(self, times):
        """The same, each on a connection of its own."""
        def once():
            with connection(self.port) as client:
                scrape(client, {})

        return self._each(times, once)

    def _each(self, times, action):
        """Processor seconds of each of so many, or of fewer where the program is slow."""
        before, begin, done = processor_time(self.pids), time.monotonic(), 0
        while done < times and time.monotonic() - begin < LONG_ENOUGH:
            action()
            done += 1
        return (processor_time(self.pids) - before) / done

    def paced(self, times):
        """The same, on one connection, a scrape each second: all that the program did in that
        time, its own timers too, with caches that others have used meanwhile."""
        with connection(self.port) as client:
            scrape(client, {})
            before, due = processor_time(self.pids), time.monotonic()
            for _ in range(times):
                due += 1
                time.sleep(max(0, due - time.monotonic()))
                scrape(client, {})
            return (processor_time(self.pids) - before) / times

    def idle(self, seconds):
        """Processor seconds a second of which nothing was asked."""
        before, begin = processor_time(self.pids), time.monotonic()
        time.sleep(seconds)
        return (processor_time(self.pids) - before) / (time.monotonic() - begin)


def rounds(contenders, count=ROUNDS):
    """{name: [what it cost in each round]}: each round asks all of them in turn. contenders:
    {name: function}."""
    costs = {name: [] for name in contenders}
    for _ in range(count):
        for name, measure in contenders.items():
            costs[name].append(measure())
    return costs


def ratios(first, second):
    """(median, lowest, highest) of what each round says of first / second."""
    pairs = sorted(a / b for a, b in zip(first, second))
    return statistics.median(pairs), pairs[0], pairs[-1]


def slope(points):
    """Of the line through the points that misses them least, by squares."""
    mean_x, mean_y = (statistics.fmean(column) for column in zip(*points))
    return (sum((x - mean_x) * (y - mean_y) for x, y in points)
            / sum((x - mean_x) ** 2 for x, _ in points))


def microseconds(seconds):
    return f"{seconds * 1e6:,.0f}" if seconds > 1e-5 else f"{seconds * 1e6:.1f}"
