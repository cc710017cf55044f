"""What udpwatch costs, beside what it is compared with: `make bench` runs it as root, in namespaces
of its own, and `make bench BENCH=scrape,growth` some parts only. Prints Markdown, which goes to
build/bench/report.md too. UDPWATCH_BUILD says which build."""

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
import auth_cost  # noqa: E402
import cold_start  # noqa: E402
import costliest  # noqa: E402
import growth  # noqa: E402
import harness  # noqa: E402
import many_listeners  # noqa: E402
import memory  # noqa: E402
import process_churn  # noqa: E402
import scrape_cost  # noqa: E402
import watching_cost  # noqa: E402
import checking  # noqa: E402
from report import Report  # noqa: E402

PARTS = {"scrape": scrape_cost, "growth": growth, "cold": cold_start, "listeners": many_listeners,
         "processes": process_churn, "memory": memory, "profile": costliest,
         "watching": watching_cost, "auth": auth_cost, "web": checking}


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), "unknown processor")
    return f"{os.cpu_count()} × {model}, Linux {os.uname().release}"


def chosen(names):
    unknown = set(names) - set(PARTS)
    if unknown:
        sys.exit(f"bench: no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return {name: PARTS[name] for name in names or PARTS}


def leave(*_):
    raise KeyboardInterrupt  # all that was started is stopped on the way out


def main():
    parts = chosen([name for name in ",".join(sys.argv[1:]).split(",") if name])
    signal.signal(signal.SIGTERM, leave)
    report = Report(harness.BUILD / "bench/report.md")
    report.say(f"# Benchmarks\n\n{machine()}")
    os.sync()  # what the build wrote shall not go to the disk while the first part is measured
    # In here net.ipv4.udp_child_hash_entries is 0, the default, whatever it is outside: namespaces
    # made from here use the host's table of UDP sockets, not a small one of their own.
    with harness.network_namespace():
        for name, part in parts.items():
            begin = time.monotonic()
            part.run(report)
            report.say(f"\n(`BENCH={name}`: {time.monotonic() - begin:.0f} s)")
    for what in report.missed:
        print(f"missed: {what}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
