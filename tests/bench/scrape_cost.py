"""1. Processor time of a scrape at two sizes of the host, of both processes together, in each form
that a scraper can ask for, beside the programs that answer such questions today."""

import contextlib
import statistics

import host
from measuring import (GZIP, OPENMETRICS, connection, microseconds, ratios, rounds, scrape,
                       time_of_program, time_of_ss)

FORMS = {"text": {}, "OpenMetrics": OPENMETRICS, "text, gzip": GZIP,
         "OpenMetrics, gzip": {**OPENMETRICS, **GZIP}}
SCRAPES, PACED, IDLE = 200, 2, 2
NEW, PACE, NOBODY = "text, new connection", "text, one scrape a second", "nobody asks: a second"
SS, NETSTAT = "`ss -uanpm`", "`netstat -unlp`"
NODE, PROCESS = "node_exporter", "process-exporter"
# ss is so many times dearer than a scrape.
OF_SS = {host.TYPICAL: 150, host.HUGE: 1500}


def bytes_of(agent):
    with connection() as client:
        return {name: len(scrape(client, headers)) for name, headers in FORMS.items()}


def contenders(agent, node, process):
    asked = {name: lambda headers=headers: agent.kept(SCRAPES, headers)
             for name, headers in FORMS.items()}
    return {**asked,
            NEW: lambda: agent.anew(SCRAPES),
            PACE: lambda: agent.paced(PACED),
            NOBODY: lambda: agent.idle(IDLE),
            SS: time_of_ss,
            NETSTAT: lambda: time_of_program("netstat", "-unlp"),
            NODE: lambda: node.kept(10),
            PROCESS: lambda: process.kept(2)}


def tell(report, size, costs, sizes):
    rows = []
    for name, times in costs.items():
        of_text, (of_ss, low, high) = ratios(times, costs["text"]), ratios(costs[SS], times)
        rows.append([name, f"{sizes[name]:,}" if name in sizes else "",
                     microseconds(statistics.median(times)),
                     f"{microseconds(min(times))} – {microseconds(max(times))}",
                     f"{of_text[0]:.2f}", f"{of_ss:,.1f}", f"{low:,.1f} – {high:,.1f}"])
    report.table(["", "bytes", "µs", "lowest – highest", "of text", "ss is so many", "spread"],
                 rows)
    median = ratios(costs[SS], costs["text"])[0]
    report.target(median >= OF_SS[size],
                  f"text on a kept connection is 1/{median:,.0f} of `ss -uanpm`, "
                  f"target 1/{OF_SS[size]}")
    for name, least in (NODE, 8), (PROCESS, 50):
        median = ratios(costs[name], costs["text"])[0]
        report.target(median >= least, f"{name} is {median:,.0f} times as dear, target {least}")
    report.say(f"- the agent takes {statistics.median(costs[NOBODY]) * 100:.3f} % of a core while "
               "nobody asks, its samples each second among it")
    more = statistics.median(asked - idle for asked, idle in zip(costs[PACE], costs[NOBODY]))
    report.say(f"- one scrape a second costs {microseconds(more)} µs a second more than none")


def measure(report, size):
    with contextlib.ExitStack() as stack:
        here = host.Host(stack)
        node, process = here.node_exporter(), here.process_exporter()
        stack.enter_context(host.filled_up_to(size))
        agent = host.scraped(here.agent())
        sizes = bytes_of(agent)
        table = contenders(agent, node, process)
        rounds({name: table[name] for name in FORMS}, 1)  # what is done once only, and caches
        report.title(f"Scrapes beside {host.counted()}")
        costs = rounds(table)
        tell(report, size, costs, sizes)
        return statistics.median(costs["text"])


def run(report):
    typical, huge = (measure(report, size) for size in (host.TYPICAL, host.HUGE))
    report.target(huge <= 2 * typical,
                  f"huge takes {huge / typical:.2f} of typical ({microseconds(huge)} and "
                  f"{microseconds(typical)} µs, medians), target 2")
