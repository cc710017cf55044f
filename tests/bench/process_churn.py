"""5. Processes that start and end by the thousand beside it: whether the verdicts stay right, and
what it costs."""

import contextlib
import os
import time

import harness
import host
from measuring import share_of_core

RATE = 1000
SECONDS = int(os.environ.get("BENCH_SECONDS", "60"))


def watch(seconds):
    """Ask once a second; how many answers there were, and how many said that all is well."""
    answers = right = 0
    due = time.monotonic()
    for _ in range(seconds):
        due += 1
        time.sleep(max(0, due - time.monotonic()))
        answers += 1
        right += host.healthy(harness.get()[2])
    return answers, right


def run(report):
    with contextlib.ExitStack() as stack:
        here = host.Host(stack)
        stack.enter_context(host.filled_up_to(host.TYPICAL))
        agent = here.agent()
        pids = agent.pid, agent.server_pid()
        calm, _ = share_of_core(pids, lambda: watch(min(SECONDS, 20)))
        with host.load("start", RATE) as starting:
            share, (answers, right) = share_of_core(pids, lambda: watch(SECONDS))
    report.title("Processes that start and end")
    report.table(["", "% of a core", "answers", "all 15 ok"],
                 [["nothing starts, a scrape each second", f"{calm:.3f}", "", ""],
                  [f"{starting.rate:,.0f} started and ended a second", f"{share:.3f}", answers,
                   right]])
    report.target(right == answers, f"{right} of {answers} verdicts right beside "
                                    f"{starting.rate:,.0f} starts a second")
    if starting.rate < 0.9 * RATE:
        report.say(f"- this machine was too slow, or too busy, for {RATE:,} starts a second")
