"""8. Where the time of a steady scrape goes, in both processes, the kernel's share with it."""

import contextlib
import re
import subprocess
import threading

import host
from measuring import connection, scrape

SECONDS, RATE = 10, 5000
LINE = re.compile(r"^ +(\d+\.\d+)% +(?:(\d+\.\d+)% +)?(\S+) +(\[.\]) (\S+)", re.MULTILINE)
# What only leads to the rest.
FRAMES = re.compile(r"_start|__libc_start\w*@*\S*|main|agent_run|start_thread|clone3|__clone3|"
                    r"run_command|0xf+|entry_SYSCALL_64\w*|do_syscall_64|x64_sys_call")


def scrape_until(stop):
    with connection() as client:
        while not stop.is_set():
            scrape(client, {})


@contextlib.contextmanager
def scraped_without_pause():
    stop = threading.Event()
    thread = threading.Thread(target=scrape_until, args=[stop])
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def record(pids, file):
    subprocess.run(["perf", "record", "--event", "cpu-clock", "--freq", str(RATE), "--call-graph",
                    "dwarf,16384", "--pid", ",".join(map(str, pids)), "--output", file, "--",
                    "sleep", str(SECONDS)], check=True, capture_output=True)


def functions(file, *options):
    """[(per cent, program, function)], the dearest first."""
    answer = subprocess.run(["perf", "report", "--input", file, "--stdio", "--call-graph", "none",
                             "--no-inline", "--sort", "comm,symbol", *options],
                            check=True, capture_output=True, text=True).stdout
    return [(float(share), program, symbol + (" (kernel)" if where == "[k]" else ""))
            for share, _, program, where, symbol in LINE.findall(answer)
            if not FRAMES.fullmatch(symbol)]


def tell(report, what, found, shown):
    report.table([what, "program", "% of both"],
                 [[symbol, program, f"{share:.1f}"] for share, program, symbol in found[:shown]])


def run(report):
    with contextlib.ExitStack() as stack:
        here = host.Host(stack)
        stack.enter_context(host.filled_up_to(host.TYPICAL))
        agent = here.agent()
        report.title(f"Profile of steady scrapes beside {host.counted()}")
        file = here.directory / "perf.data"
        with scraped_without_pause():
            record([agent.pid, agent.server_pid()], file)
        tell(report, "by itself", functions(file, "--no-children"), 5)
        tell(report, "with what it calls", functions(file, "--children"), 15)
