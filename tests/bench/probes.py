"""When functions of the agent were entered and left, by the kernel's uprobes: what is timed is the
program as it is built, and it need not tell."""

import contextlib
import os
import re
import subprocess
import tempfile
from pathlib import Path

EVENT = re.compile(r" (\d+\.\d+): (\w+): \(")


def code_offset(program, function):
    """Where a function begins in the file."""
    symbols = subprocess.run(["nm", "--defined-only", program], capture_output=True, text=True,
                             check=True).stdout
    symbol = re.search(rf"^(\w+) [Tt] {function}$", symbols, re.MULTILINE)
    assert symbol, f"{program} has no function {function}"
    address = int(symbol[1], 16)
    headers = subprocess.run(["readelf", "--program-headers", "--wide", program],
                             capture_output=True, text=True, check=True).stdout
    for offset, start, size in re.findall(r"LOAD +0x(\w+) 0x(\w+) 0x\w+ 0x(\w+)", headers):
        if int(start, 16) <= address < int(start, 16) + int(size, 16):
            return address - int(start, 16) + int(offset, 16)
    raise AssertionError(f"{function} is in no segment of {program}")


@contextlib.contextmanager
def tracefs():
    with tempfile.TemporaryDirectory(prefix="udpwatch-trace-") as directory:
        subprocess.run(["mount", "-t", "tracefs", "none", directory], check=True)
        try:
            yield Path(directory)
        finally:
            subprocess.run(["umount", directory], check=True)


class Probes:
    """Of the functions of these names, in all processes that run this file: a copy made for this
    measurement. stack: an ExitStack, with which they go."""

    def __init__(self, stack, program, functions):
        self.group = f"udpwatch_{os.urandom(4).hex()}"
        root = stack.enter_context(tracefs())
        self.trace = root / "instances" / self.group
        self.definitions = root / "uprobe_events"
        stack.callback(self._remove)
        for function in functions:
            place = f"{program}:{code_offset(program, function):#x}"
            self._define(f"p:{self.group}/{function} {place}")
            self._define(f"r:{self.group}/{function}_end {place}")
        self.trace.mkdir()
        (self.trace / "trace_clock").write_text("mono")
        (self.trace / f"events/{self.group}/enable").write_text("1")

    def _define(self, line):
        # Without O_APPEND all others' would go; and "a" seeks, which that file refuses.
        file = os.open(self.definitions, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(file, line.encode() + b"\n")
        finally:
            os.close(file)

    def _remove(self):
        if self.trace.exists():
            (self.trace / f"events/{self.group}/enable").write_text("0")
            self.trace.rmdir()
        for line in self.definitions.read_text().splitlines():
            name = line.split(" ")[0].split(":", 1)[1]
            if name.startswith(f"{self.group}/"):
                self._define(f"-:{name}")

    def calls(self):
        """{function: [(seconds it was entered, seconds it was left)]}, of the calls that ended."""
        calls, entered = {}, {}
        for when, name in EVENT.findall((self.trace / "trace").read_text()):
            function = name.removesuffix("_end")
            if name == function:
                entered[function] = float(when)
            elif function in entered:
                calls.setdefault(function, []).append((entered.pop(function), float(when)))
        return calls
