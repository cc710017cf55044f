"""`status --watch`: a terminal is redrawn without flicker, and given back as it was."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
from pathlib import Path

import pyte
import pytest

import harness

CONFIG = "[receiver one]\nports = 2001-2003\n[receiver two]\nports = 2004-2020\nrequired = no\n"
ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"
END_OF_FRAME = b"\x1b[?2026l"


class Screen(pyte.Screen):
    """As xterm and tmux do: where lines do not wrap, the cursor stays on a full line's last
    character, and clears that one too."""

    def _stay_in_line(self):
        if pyte.modes.DECAWM not in self.mode:
            self.cursor.x = min(self.cursor.x, self.columns - 1)

    def erase_in_line(self, *arguments, **options):
        self._stay_in_line()
        super().erase_in_line(*arguments, **options)

    def erase_in_display(self, *arguments, **options):
        self._stay_in_line()
        super().erase_in_display(*arguments, **options)


class Terminal:
    """What a person would see of a program that runs on it."""

    def __init__(self, command, lines=40, columns=160, **env):
        self.master, self.slave = pty.openpty()
        self.screen = Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.bytes = b""
        self.resize(lines, columns)
        self.attributes = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            command, stdin=self.slave, stdout=self.slave, stderr=self.slave,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**os.environ, "TERM": "xterm", "NO_COLOR": "1", **env})

    def resize(self, lines, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)

    def read(self):
        while select.select([self.master], [], [], 0)[0]:
            new = os.read(self.master, 65536)
            self.bytes += new
            self.stream.feed(new)

    def frames(self):
        self.read()
        return self.bytes.count(END_OF_FRAME)

    def text(self):
        self.read()
        return [line.rstrip() for line in self.screen.display]

    def wait_for(self, question, what):
        return harness.wait_for(lambda: question(self.text()), what)

    def wait_for_frames(self, count):
        before = self.frames()
        harness.wait_for(lambda: self.frames() >= before + count, "more frames")

    def is_as_before(self):
        self.read()
        wraps = pyte.modes.DECAWM in self.screen.mode
        return (self.bytes.rfind(LEAVE) > self.bytes.rfind(ENTER) and wraps and
                not self.screen.cursor.hidden and
                termios.tcgetattr(self.slave) == self.attributes)

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(harness.DEADLINE)
        for end in (self.master, self.slave):
            with contextlib.suppress(OSError):
                os.close(end)


@pytest.fixture
def terminal(write):
    opened = []

    def open_terminal(command=None, **options):
        opened.append(Terminal(command or watch(write(CONFIG)), **options))
        return opened[-1]

    yield open_terminal
    for one in opened:
        one.close()


def watch(config):
    return [str(part) for part in [*harness.RUNNER, harness.program, "status", "--config", config,
                                   "--watch=0.1"]]


def child_of(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else None


def reads_of(pid):
    """How many reading system calls it made: each look makes some."""
    return int(re.search(r"syscr: (\d+)", Path(f"/proc/{pid}/io").read_text())[1])


def stream_frame(config):
    """The lines of the first frame where no terminal is."""
    with subprocess.Popen(watch(config), stdout=subprocess.PIPE, text=True) as stream:
        lines = []
        while not lines or "healthy" not in lines[-1]:
            lines.append(stream.stdout.readline().rstrip("\n"))
        stream.terminate()
        stream.stdout.read()
    return lines


def test_it_is_redrawn_without_being_cleared(terminal, write, hold):
    hold("0.0.0.0:2001", "127.0.0.1:2002")
    shown = terminal()
    shown.wait_for_frames(3)
    expected = stream_frame(write(CONFIG))
    assert len(expected) > 20
    assert shown.text() == expected + (40 - len(expected)) * [""]
    assert shown.screen.cursor.hidden
    assert shown.bytes.count(ENTER) == 1 and b"\x1b[2J" not in shown.bytes
    hold("0.0.0.0:2003")
    shown.wait_for(lambda lines: lines[3].startswith("ok"), "the third port to be served")
    assert shown.text()[22].startswith("20 of 20 expected ports healthy")


def test_nothing_is_left_of_a_longer_frame(terminal, write, hold):
    holder = hold("0.0.0.0:2001", name="a-long-name")
    shown = terminal()
    shown.wait_for(lambda lines: "a-long-name" in lines[1], "the port to be served")
    holder.stop()
    shown.wait_for(lambda lines: lines[1].startswith("absent"), "the port to be absent")
    shown.wait_for_frames(1)
    assert shown.text()[:5] == stream_frame(write(CONFIG))[:5]


@pytest.mark.parametrize("colour", [False, True])
def test_it_is_cut_to_the_size_of_the_terminal(terminal, hold, colour):
    hold("0.0.0.0:2001")
    shown = terminal(**({"NO_COLOR": ""} if colour else {}))
    shown.wait_for(lambda lines: "20 expected ports" in "".join(lines), "the whole table")
    shown.resize(9, 40)
    shown.wait_for(lambda lines: "more rows" in lines[6], "the table to be cut")
    lines = shown.text()
    assert lines[0].startswith("STATE") and "PID" not in lines[0], "it tells least"
    assert [line.split()[0] for line in lines[1:6]] == ["absent", "absent", "ok", "standby",
                                                        "standby"]
    assert lines[6] == "\u2026 15 more rows, none of them worse"
    assert lines[8] == "18 of 20 expected ports healthy; 0 listeners"[:40]
    shown.resize(40, 160)
    shown.wait_for(lambda lines: len(lines) == 40 and lines[20].startswith("standby"),
                   "the whole table again")


@pytest.mark.parametrize("size", [(9, 40), (40, 40), (1, 1)])
def test_the_last_line_is_whole(terminal, size):
    shown = terminal()
    shown.wait_for_frames(1)
    shown.resize(*size)
    shown.wait_for_frames(2)
    lines = shown.text()
    if size == (1, 1):
        assert lines == ["S"]
    else:
        last = [line for line in lines if line][-1]
        assert last == "17 of 20 expected ports healthy; 0 listeners that no"[:40]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_gives_the_terminal_back(terminal, number):
    shown = terminal()
    shown.wait_for_frames(1)
    assert not shown.is_as_before()
    shown.process.send_signal(number)
    assert shown.process.wait(harness.DEADLINE) == 1  # ports are absent
    assert shown.is_as_before()


def test_it_stops_and_goes_on_as_any_job(terminal, write):
    line = " ".join(watch(write(CONFIG)))
    shown = terminal(["bash", "-mc", f"{line}; echo left $?; read; fg >/dev/null; echo left $?"])
    shown.wait_for_frames(1)
    os.write(shown.master, b"\x1a")
    shown.wait_for(lambda lines: "left 148" in "".join(lines), "the job to stop")
    assert shown.is_as_before()
    os.write(shown.master, b"\n")
    shown.wait_for_frames(2)
    assert shown.text()[0].startswith("STATE") and shown.screen.cursor.hidden
    assert "left" not in "".join(shown.text())
    os.write(shown.master, b"\x03")
    shown.wait_for(lambda lines: "left 1" in "".join(lines), "the job to end")
    assert shown.is_as_before()


def test_in_the_background_it_leaves_the_terminal_alone(terminal, write):
    line = " ".join(watch(write(CONFIG)))
    shown = terminal(["bash", "-mc", f"{line}; bg; echo here; read; fg >/dev/null; read"])
    shown.wait_for_frames(1)
    os.write(shown.master, b"\x1a")
    shown.wait_for(lambda lines: "here" in lines, "the job to stop")
    looks = harness.wait_for(lambda: child_of(shown.process.pid), "the job")
    before = reads_of(looks)
    harness.wait_for(lambda: reads_of(looks) > before + 20, "more looks")
    assert shown.is_as_before() and "here" in shown.text()
    os.write(shown.master, b"\n")
    shown.wait_for(lambda lines: lines[0].startswith("STATE"), "the table again")
    os.write(shown.master, b"\x03")
    harness.wait_for(shown.is_as_before, "the terminal to be given back")


def test_it_ends_with_its_terminal(terminal):
    shown = terminal()
    shown.wait_for_frames(1)
    os.close(shown.slave)
    os.close(shown.master)
    assert shown.process.wait(harness.DEADLINE) == 1


def test_a_terminal_that_cannot_be_redrawn_gets_a_stream(terminal):
    shown = terminal(TERM="dumb")
    shown.wait_for(lambda lines: sum("healthy" in line for line in lines) > 1, "two frames")
    assert b"\x1b" not in shown.bytes


def test_frames_of_a_stream_are_parted_and_its_end_is_quiet(write):
    with subprocess.Popen(watch(write(CONFIG)), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, restore_signals=False) as stream:  # SIGPIPE stays ignored
        lines = []
        while sum("healthy" in line for line in lines) < 2:
            lines.append(stream.stdout.readline())
        stream.stdout.close()
        assert stream.wait(harness.DEADLINE) == 1
        assert stream.stderr.read() == ""
    assert re.search(r"names\n\nSTATE", "".join(lines))
