"""8. HTTP(S) checks by the hundred: whether each is done when it is due, what it takes, and whether
a scrape is the same while they are done, and while everything that they ask is dead."""

import collections
import contextlib
import os
import re
import signal
import socket
import statistics
import subprocess
import time
from pathlib import Path

import harness
import host
from measuring import (connection, microseconds, processor_time, ratios, rounds, scrape,
                       share_of_core, slope)
from memory import descriptors, pss

CHECKS, SCRAPES = 500, 50
SECONDS = int(os.environ.get("BENCH_SECONDS", "60"))
EVERY = max(1, SECONDS // 12)
NOISE = 1.1  # what is less than this many times as much is the same
SETTLING = 1.5  # seconds from when a stopped program goes on: it does first what is overdue
NGINX = """
daemon off;
worker_processes 1;
user root;
pid {0}/nginx.pid;
error_log {0}/error.log;
events {{ worker_connections 4096; }}
http {{
    log_format when '$msec $uri';
    access_log {0}/access.log when;
    client_body_temp_path {0}/temp;
    proxy_temp_path {0}/temp;
    fastcgi_temp_path {0}/temp;
    uwsgi_temp_path {0}/temp;
    scgi_temp_path {0}/temp;
    server {{
        listen 127.0.0.1:8080 backlog=4096;
        listen 127.0.0.1:8443 ssl backlog=4096;
        ssl_certificate {0}/certificate.pem;
        ssl_certificate_key {0}/key.pem;
        location / {{ return 200 "fine\\n"; }}
    }}
}}
"""


def own_memory(pid):
    """What it has written to, KiB: its share of the libraries depends on who else uses them."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Anonymous: +(\d+) kB", text, re.MULTILINE)[1])


class Nginx:
    """A server that notes when it answered which check."""

    def __init__(self, here):
        self.directory = here.directory / "nginx"
        self.directory.mkdir()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
                        self.directory / "key.pem", "-out", self.certificate],
                       check=True, stderr=subprocess.DEVNULL)
        self.directory.chmod(0o755)
        self.certificate.chmod(0o644)
        configuration = self.directory / "nginx.conf"
        configuration.write_text(NGINX.format(self.directory))
        path, environment = harness.daemon_of("nginx", "usr/sbin/nginx")
        process = subprocess.Popen([path, "-c", configuration, "-e", self.directory / "error.log"],
                                   env=environment)
        here.stack.callback(lambda: process.wait(harness.DEADLINE))
        here.stack.callback(process.terminate)
        harness.wait_for((self.directory / "nginx.pid").exists, "nginx")

    @property
    def certificate(self):
        return self.directory / "certificate.pem"

    def answered(self, path, begin, end):
        """{the rest of the path: [Unix times]} of what was asked under the path in that time."""
        times = collections.defaultdict(list)
        for line in (self.directory / "access.log").read_text().splitlines():
            when, asked = line.split(" ", 1)
            if asked.startswith(path) and begin <= float(when) < end:
                times[asked[len(path):]].append(float(when))
        return times


class Checking:
    """An agent beside others, with that many checks, all of which have a result."""

    def __init__(self, here, name, port, sections, stack=None):
        before, harness.PORT = harness.PORT, port
        try:
            config = here.config(receivers=host.RECEIVERS + sections)
            self.agent = harness.Agent(here.directory, config.replace("/state\n", f"/{name}\n"))
            (stack or here.stack).callback(self.agent.stop)
            count = sections.count("[web ")
            harness.wait_for(lambda: harness.get()[2].count(b"\nudpwatch_web_info{") == count,
                             f"{count} checks")
            harness.wait_for(lambda: harness.get()[2].count(b"\nudpwatch_web_up{") == count,
                             f"results of {count} checks")
        finally:
            harness.PORT = before
        self.port, self.web = port, self.agent.web_pid()
        self.pids = [self.agent.pid, self.agent.server_pid()]

    def cost_of_a_scrape(self):
        """(processor seconds, median of the wall seconds) of one; what the agent does anyway, and
        with it the results that it takes, is not counted."""
        before, begin = processor_time(self.pids), time.monotonic()
        time.sleep(1)
        idle = (processor_time(self.pids) - before) / (time.monotonic() - begin)
        walls = []
        with connection(self.port) as client:
            scrape(client, {})
            before, begin = processor_time(self.pids), time.monotonic()
            for _ in range(SCRAPES):
                asked = time.monotonic()
                scrape(client, {})
                walls.append(time.monotonic() - asked)
        anyway = idle * (time.monotonic() - begin)
        return ((processor_time(self.pids) - before - anyway) / SCRAPES, statistics.median(walls))

    def held(self):
        return [*map(own_memory, (self.web, self.agent.pid)),
                *map(descriptors, (self.web, self.agent.pid))]


def sections(count, url, interval, keys=""):
    """url: with {} for the number of the check."""
    return "".join(f"[web {number}]\nurl = {url.format(number)}\ninterval = {interval}\n{keys}"
                   for number in range(count))


def lateness(times):
    """Seconds by which each run of a check came after its turn, by the earliest of them, and how
    many turns there was none. times: a second apart."""
    turns = [round(when - times[0]) for when in times]
    offsets = [when - turn for when, turn in zip(times, turns)]
    return [offset - min(offsets) for offset in offsets], turns[-1] + 1 - len(times)


def tell_intervals(report, times):
    late, missing = [], 0
    for of_check in times.values():
        here, without = lateness(of_check)
        late += here
        missing += without
    worst, median = max(late), statistics.median(late)
    report.say(f"{CHECKS} checks, each every second, for {SECONDS} s: the server answered "
               f"{len(late):,} times; after its turn came a run {median * 1000:.0f} ms (median), "
               f"{statistics.quantiles(late, n=100)[98] * 1000:.0f} ms (of a hundred the worst), "
               f"{worst * 1000:.0f} ms (the worst).\n")
    report.target(len(times) == CHECKS and missing == 0 and worst < 1,
                  f"{missing} runs left out, and none an interval late, of {len(times)} checks")


def watch(checking):
    """What it held meanwhile: a list of (seconds, ...)."""
    series, begin = [], time.monotonic()
    while time.monotonic() - begin < SECONDS:
        series.append((time.monotonic() - begin, *checking.held()))
        time.sleep(EVERY)
    return series


def tell_series(report, series):
    report.table(["seconds", "own memory of udpwatch-web, KiB", "of udpwatch",
                  "descriptors of udpwatch-web", "of udpwatch"],
                 [[f"{when:.0f}", f"{web:,}", f"{collector:,}", *counts]
                  for when, web, collector, *counts in series])
    settled = series[len(series) // 3:]
    half = len(settled) // 2
    first, last = settled[:half], settled[half:]

    def both(points, columns):
        return [sum(point[column] for column in columns) for point in points]

    grown = statistics.median(both(last, (1, 2))) / statistics.median(both(first, (1, 2))) - 1
    a_minute = slope([(point[0] / 60, point[1] + point[2]) for point in settled])
    report.target(grown < 0.01, f"memory of the last third is {grown * 100:+.2f} % of the second's "
                                f"({a_minute:+,.0f} KiB a minute)")
    report.target(min(both(last, (3, 4))) <= min(both(first, (3, 4))),
                  f"at least {min(both(last, (3, 4)))} descriptors in the last third, "
                  f"{min(both(first, (3, 4)))} in the second")


def keep_intervals(report, here, server):
    checking = Checking(here, "kept", 9117, sections(CHECKS, "http://127.0.0.1:8080/kept/{}", "1s"))
    begin = time.time()
    web, (collector, series) = share_of_core(
        [checking.web], lambda: share_of_core(checking.pids, lambda: watch(checking)))
    tell_intervals(report, server.answered("/kept/", begin, time.time()))
    report.say(f"- udpwatch-web took {web:.1f} % of a core, udpwatch and udpwatch-server "
               f"{collector:.2f} %\n")
    tell_series(report, series)
    return checking


def silence(stack):
    """A port whose SYNs the kernel drops, as its queue is full: what is sent there is never
    heard of again."""
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
    for _ in range(2):
        filling = stack.enter_context(socket.socket())
        filling.setblocking(False)
        filling.connect_ex(listener.getsockname())
    return listener.getsockname()[1]


def dead(stack):
    """Half of them where nothing listens, half where nothing comes back."""
    timeout = "timeout = 900ms\n"
    closed = sections(CHECKS // 2, "http://127.0.0.1:1/{}", "1s", timeout)
    silent = sections(CHECKS // 2, f"http://127.0.0.1:{silence(stack)}/{{}}", "1s", timeout)
    return closed + silent.replace("[web ", "[web silent ")


def assert_dead(checking):
    """As many of each kind as there should be, and none of another."""
    with connection(checking.port) as client:
        lines = scrape(client, {}).decode().splitlines()
    found = collections.Counter(re.search('result="(\\w+)"', line)[1] for line in lines
                                if line.startswith("udpwatch_web_checks_total{")
                                and not line.endswith(" 0"))
    assert found == {"connect": CHECKS // 2, "timeout": CHECKS // 2}, found


def compare_scrapes(report, contenders):
    """contenders: {what it does meanwhile: Checking}; the last is what the others are held to. Only
    one of the checkers runs at a time."""
    def measure(checking):
        for other in contenders.values():
            os.kill(other.web, signal.SIGCONT if other is checking else signal.SIGSTOP)
        time.sleep(SETTLING)
        return checking.cost_of_a_scrape()

    try:
        costs = rounds({name: lambda of=checking: measure(of)
                        for name, checking in contenders.items()})
    finally:
        for checking in contenders.values():
            os.kill(checking.web, signal.SIGCONT)
    *_, calm = contenders
    rows = []
    for column, what in enumerate(["processor time", "wall time"]):
        of = {name: [cost[column] for cost in found] for name, found in costs.items()}
        for name, found in of.items():
            median, low, high = ratios(found, of[calm])
            rows.append([f"{what}, {name}", microseconds(statistics.median(found)),
                         f"{median:.3f}", f"{low:.3f} – {high:.3f}"])
            if name != calm:
                report.target(median < NOISE, f"{what} of a scrape, {name}: {median:.3f} of what "
                                              f"it is {calm} (less than {NOISE})")
    report.say()
    report.table(["a scrape", "µs", f"of {calm}", "spread"], rows)


def tell_costs(report, here, server):
    kinds = {"http": ("http://127.0.0.1:8080/http/{}", ""),
             "http, a name": ("http://localhost:8080/name/{}", ""),
             "https, ca_file": ("https://127.0.0.1:8443/https/{}",
                                f"ca_file = {server.certificate}\n")}
    rows, seconds = [], min(SECONDS, 20)
    for name, (url, keys) in kinds.items():
        sizes, path = [], "/" + url.split("/")[3] + "/"
        for count in 1, CHECKS:
            with contextlib.ExitStack() as stack:
                checking = Checking(here, "cost", 9120, sections(count, url, "5s", keys), stack)
                begin = time.time()
                share, _ = share_of_core([checking.web], lambda: time.sleep(seconds))
                sizes.append(pss(checking.web))
        runs = sum(map(len, server.answered(path, begin, begin + seconds).values()))
        rows.append([name, *(f"{size:,}" for size in sizes),
                     microseconds(share / 100 * seconds / runs)])
    report.table(["", "PSS of udpwatch-web with 1 check, KiB", f"with {CHECKS}", "µs a run"], rows)


def run(report):
    report.title(f"{CHECKS} HTTP checks")
    with contextlib.ExitStack() as stack:
        here = host.Host(stack)
        server = Nginx(here)
        tell_costs(report, here, server)
        often = keep_intervals(report, here, server)
        all_dead = Checking(here, "dead", 9118, dead(stack))
        assert_dead(all_dead)
        calm = Checking(here, "calm", 9119,
                        sections(CHECKS, "http://127.0.0.1:8080/calm/{}", "1h"))
        compare_scrapes(report, {"500 checks a second": often, "all of them dead": all_dead,
                                 "with a check an hour": calm})
