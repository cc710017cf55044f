"""3. From the start of the agent to its first right word on all expected ports, and a map of all
owners, at the huge size."""

import contextlib
import itertools
import statistics
import subprocess
import time

import harness
import host
from measuring import connection, microseconds, processor_time, ratios, rounds, scrape
from measuring import time_of_program, time_of_ss

AGENT, STATUS, SS = "first right scrape", "`udpwatch status --all`", "`ss -uanpm`"


class ColdStart:
    """Starts the agent as if for the first time, and measures until all ports are ok."""

    def __init__(self, here):
        self.here, self.walls, self.scrapes = here, [], []
        self.numbers = itertools.count()

    def measure(self):
        config = self.here.directory / "cold.ini"
        config.write_text(f"[agent]\nstate_dir = {self.here.directory}/cold{next(self.numbers)}\n"
                          + host.RECEIVERS)
        begin = time.monotonic()
        agent = subprocess.Popen([harness.program, "run", "--config", config, "--listen",
                                  f"127.0.0.1:{harness.PORT}"], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.scrapes.append(0)
            harness.wait_for(self._all_right, "all ports to be ok")
            self.walls.append(time.monotonic() - begin)
            children = host.children(agent.pid)
            return processor_time([agent.pid, *children])
        finally:
            agent.terminate()
            assert agent.wait(harness.DEADLINE) == 0

    def _all_right(self):
        with contextlib.suppress(OSError), connection() as client:
            client.connect()  # until it listens, asking costs it nothing
            self.scrapes[-1] += 1
            return host.healthy(scrape(client, {}))
        return False


def run(report):
    with contextlib.ExitStack() as stack:
        here = host.Host(stack)
        stack.enter_context(host.filled_up_to(host.HUGE))
        everything = here.directory / "all.ini"
        everything.write_text(here.config("max_sockets = 100000\n"))
        cold = ColdStart(here)
        report.title(f"Cold start beside {host.counted()}")
        costs = rounds({
            AGENT: cold.measure,
            STATUS: lambda: time_of_program(harness.program, "status", "--all", "--config",
                                            everything),
            SS: time_of_ss})
    report.table(["", "µs", "lowest – highest"],
                 [[name, microseconds(statistics.median(times)),
                   f"{microseconds(min(times))} – {microseconds(max(times))}"]
                  for name, times in costs.items()])
    report.say(f"- wall time to it {statistics.median(cold.walls) * 1000:.1f} ms, by "
               f"{statistics.median(cold.scrapes):.0f} scrapes")
    for name, least in (AGENT, 20), (STATUS, 2):
        times, low, high = ratios(costs[SS], costs[name])
        report.target(times >= least, f"{name} is 1/{times:.1f} of ss ({low:.1f} – {high:.1f}), "
                                      f"target 1/{least}")
