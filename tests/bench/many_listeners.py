"""4. Thousands of listeners that are all shown: the scrape, its rendering, and whether sampling
goes on beside it."""

import contextlib
import statistics
import subprocess
import time

import harness
import host
from measuring import (GZIP, connection, microseconds, ratios, rounds, scrape, time_of_ss)
from probes import Probes

LISTENERS, HOLDERS, SCRAPES, SECONDS = 10000, 10, 5, 10
INTERVAL = 0.1
KEYS = f"scope = all\nmax_sockets = {2 * LISTENERS}\nsample_interval = 100ms\n"
# Of the agent: what writes the answer, and what looks at the sockets, for a scrape or by the timer.
RENDERING = "metrics_write"
LOOKS = ["collector_sample", "collector_look"]


def scrape_without_pause(seconds):
    """How many there were."""
    count, end = 0, time.monotonic() + seconds
    with connection() as client:
        while time.monotonic() < end:
            scrape(client, {})
            count += 1
    return count


def tell_costs(report, costs, sizes):
    report.table(["", "bytes", "µs", "lowest – highest", "ss is so many"],
                 [[name, f"{sizes[name]:,}" if name in sizes else "",
                   microseconds(statistics.median(times)),
                   f"{microseconds(min(times))} – {microseconds(max(times))}",
                   f"{ratios(costs['`ss -uanpm`'], times)[0]:.1f}"]
                  for name, times in costs.items()])


def tell_calls(report, calls, scrapes):
    rendered = [1000 * (end - begin) for begin, end in calls[RENDERING]]
    assert abs(len(rendered) - scrapes) <= 1, (len(rendered), scrapes)
    began = sorted(begin for look in LOOKS for begin, _ in calls.get(look, []))
    gaps = [after - before for before, after in zip(began, began[1:])]
    report.say(f"- {scrapes} scrapes without a pause in {SECONDS} s, {len(began)} looks beside and "
               f"for them, {len(calls.get(LOOKS[0], []))} of them by the timer alone")
    report.target(statistics.median(rendered) <= 10,
                  f"rendering takes {statistics.median(rendered):.1f} ms of wall time (longest "
                  f"{max(rendered):.1f}), target 10")
    report.target(max(gaps) < 2 * INTERVAL,
                  f"longest time between two samples {max(gaps) * 1000:.0f} ms (median "
                  f"{statistics.median(gaps) * 1000:.0f}), at an interval of "
                  f"{INTERVAL * 1000:.0f}: none left out")


def run(report):
    with contextlib.ExitStack() as stack:
        here = host.Host(stack)
        stack.enter_context(host.load("hold", HOLDERS, LISTENERS + 10 * HOLDERS, LISTENERS))
        agent = here.agent(KEYS)
        shown = LISTENERS + len(host.PORTS)
        harness.wait_for(lambda: harness.get()[2].count(b"\nudpwatch_sockets{") == shown,
                         "the holder of every listener to be found")
        report.title(f"{shown:,} listeners shown, scope = all, sampled at 10 Hz")
        agent, forms = host.scraped(agent), {"text": {}, "text, gzip": GZIP}
        with connection() as client:
            sizes = {name: len(scrape(client, headers)) for name, headers in forms.items()}
        tell_costs(report, rounds({
            **{name: lambda headers=headers: agent.kept(SCRAPES, headers)
               for name, headers in forms.items()},
            "nobody asks: a second": lambda: agent.idle(1),
            "`ss -uanpm`": time_of_ss}), sizes)
        try:
            probes = Probes(stack, harness.program, [RENDERING, *LOOKS])
        except (OSError, subprocess.CalledProcessError) as error:
            report.say(f"- rendering and samples are not timed: no uprobes here ({error})")
            return
        scrapes = scrape_without_pause(SECONDS)
        tell_calls(report, probes.calls(), scrapes)
