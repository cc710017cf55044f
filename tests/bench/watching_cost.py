"""Processor time of an agent that nobody asks: sampling at 10 Hz with 15 ports beside 300 sockets,
and beside sockets that come and go by the thousand."""

import contextlib
import time

import host
from measuring import share_of_core

SECONDS, RATE, SOCKETS = 20, 5000, 300


def samples(agent):
    return agent.scrape().value("udpwatch_samples_total")


def measure(keys, action):
    """(per cent of a core, samples taken, events lost) while the action ran."""
    with contextlib.ExitStack() as stack:
        here = host.Host(stack)
        stack.enter_context(host.load("hold", 2, 400, SOCKETS - len(host.PORTS)))
        agent = here.agent(keys)
        pids, before = (agent.pid, agent.server_pid()), samples(agent)
        share, rate = share_of_core(pids, action)
        scrape = agent.scrape()
        taken = scrape.value("udpwatch_samples_total") - before - 1
        return share, taken, scrape.value("udpwatch_events_lost_total"), rate


def sockets_by_the_thousand():
    with host.load("open", RATE) as opening:
        time.sleep(SECONDS)
    return opening.rate


def run(report):
    report.title(f"Watching {len(host.PORTS)} ports beside {SOCKETS} sockets, unasked")
    rows = []
    for what, keys, action in (
            ("a sample each second", "", lambda: time.sleep(SECONDS)),
            ("10 samples a second", "sample_interval = 100ms\n", lambda: time.sleep(SECONDS)),
            ("a sample each second, sockets come and go", "", sockets_by_the_thousand)):
        share, taken, lost, rate = measure(keys, action)
        rows.append([what, f"{share:.3f}", f"{taken / SECONDS:.1f}",
                     f"{rate:,.0f}" if rate else "", f"{lost:.0f}"])
    report.table(["", "% of a core", "samples a second", "sockets opened and closed a second",
                  "events lost"], rows)
