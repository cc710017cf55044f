"""Processor time of a scrape with a password beside one without, and the time of wrong passwords:
of a user, beside an unknown one."""

import contextlib
import statistics
import time

import harness
import host
from measuring import connection, microseconds, ratios, rounds
from passwords import basic, line

SCRAPES, ATTEMPTS = 200, 2
COSTS = {"alice": 10, "bob": 5}  # of bcrypt
ASKING_PORT = 9118


def refused(user):
    """Wall-clock seconds of a wrong password."""
    begin = time.perf_counter()
    with connection(ASKING_PORT) as client:
        for _ in range(ATTEMPTS):
            client.request("GET", "/metrics", headers=basic(user, "wrong"))
            response = client.getresponse()
            assert response.read() is not None and response.status == 401
    return (time.perf_counter() - begin) / ATTEMPTS


def asking_agent(here):
    users = here.directory / "auth"
    users.touch(mode=0o600)
    users.write_text("".join(line(user, "right", cost) for user, cost in COSTS.items()))
    before, harness.PORT = harness.PORT, ASKING_PORT
    try:
        agent = harness.Agent(here.directory, here.config(f"auth_file = {users}\n")
                              .replace("/state\n", "/state-asking\n"))
    finally:
        harness.PORT = before
    here.stack.callback(agent.stop)
    return host.scraped(agent, ASKING_PORT)


def run(report):
    with contextlib.ExitStack() as stack:
        here = host.Host(stack)
        plain, asking = host.scraped(here.agent()), asking_agent(here)
        right = basic("alice", "right")
        asking.kept(1, right)  # the password is remembered from here on
        costs = rounds({"no auth_file": lambda: plain.kept(SCRAPES),
                        "right password": lambda: asking.kept(SCRAPES, right),
                        "wrong password, cost 10": lambda: refused("alice"),
                        "wrong password, cost 5": lambda: refused("bob"),
                        "unknown user": lambda: refused("nobody")})
    report.title("Passwords")
    first = {"right password": "no auth_file", "wrong password, cost 10": "unknown user",
             "wrong password, cost 5": "unknown user"}
    rows = []
    for name, times in costs.items():
        of = first.get(name)
        median, low, high = ratios(times, costs[of]) if of else (None,) * 3
        rows.append([name, microseconds(statistics.median(times)), of or "",
                     f"{median:.3f}" if of else "", f"{low:.3f} – {high:.3f}" if of else ""])
    report.table(["processor time of a scrape, wall time of a refusal", "µs", "beside", "ratio",
                  "spread"], rows)
