"""What the system tests share: network namespaces, programs that hold sockets, the agent."""

import contextlib
import ctypes
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from exposition import Exposition

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("UDPWATCH_BUILD", ROOT / "build")).resolve()
DAEMONS = Path(os.environ.get("UDPWATCH_DAEMONS", ROOT / "build/daemons")).resolve()
PROGRAMS = ["udpwatch", "udpwatch-server", "udpwatch-web"]
# A program, valgrind say, that runs the program under test.
RUNNER = os.environ.get("UDPWATCH_RUNNER", "").split()
# Which fast paths to force on or off ("look-up=on owners=off"): the tests must pass with any.
FAST_PATHS = [f"--fast-path={path}" for path in os.environ.get("UDPWATCH_FAST_PATHS", "").split()]
DEADLINE = 60 if RUNNER else 20
# Of a program that only computes: a busy machine makes it slow, and nothing but a hang ends it.
HANGS = 300
PORT = 9117
CLONE_NEWNET = 0x40000000
# What the sanitizers, and valgrind where it is quiet otherwise, say of a fault.
FINDINGS = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|^==\d+==", re.MULTILINE)

program = None  # the udpwatch under test, by install_for_everyone
libc = ctypes.CDLL(None, use_errno=True)


def wait_for(question, what):
    """Ask until the answer is true, and return it; fail after the deadline. what: a text, or a
    function that tells it then."""
    end = time.monotonic() + DEADLINE
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < end, \
            f"waited {DEADLINE} s in vain: {what() if callable(what) else what}"
        time.sleep(0.01)


@contextlib.contextmanager
def network_namespace():
    """Put this thread, and what it starts, in a new network namespace with lo up."""
    with open("/proc/thread-self/ns/net", "rb") as before:
        if libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare: the system tests need CAP_SYS_ADMIN")
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield
        finally:
            assert libc.setns(before.fileno(), CLONE_NEWNET) == 0


@contextlib.contextmanager
def public_directory():
    """A new directory that every user can enter, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="udpwatch-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


def as_user(user):
    """Popen's arguments to run as that user: no capability is left."""
    return {"user": user, "group": "nogroup", "extra_groups": []} if user else {}


def daemon_of(package, path):
    """Path of a program that tests/tools/fetch-daemons unpacked, and the environment in which it finds
    its libraries."""
    root = DAEMONS / package
    libraries = {str(file.parent) for file in root.rglob("*.so*")}
    return root / path, {**os.environ, "LD_LIBRARY_PATH": ":".join(sorted(libraries))}


class Holder:
    """A udp_holder under a name of the test's choice. See tests/tools/udp_holder.c."""

    def __init__(self, directory, *arguments, name="udp_holder", user=None):
        program = directory / name
        if not program.exists():
            shutil.copy(BUILD / "tests/udp_holder", program)
        self.process = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, **as_user(user))
        answer = self.process.stdout.readline().split()
        assert answer[:1] == ["ready"], f"{name} {arguments} did not start"
        self.pid = self.process.pid
        self.children = [int(pid) for pid in answer[1:]]

    def stop(self):
        """End it and its children; when this returns, their sockets are closed."""
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(DEADLINE)
        self.process.stdout.close()

    def kill(self):
        self.process.kill()
        self.process.wait(DEADLINE)


def install_for_everyone(directory):
    """Copy the programs to where every user can run them: the checkout may be root's alone."""
    global program
    for name in PROGRAMS:
        shutil.copy(BUILD / name, directory)
    program = directory / "udpwatch"


def command(*arguments, env=None, user=None, check=None):
    """Run a udpwatch command to its end; check: the exit status that it must have."""
    paths = FAST_PATHS if arguments[:1] in (("status",), ("metrics",)) else []
    result = subprocess.run([*RUNNER, program, *map(str, arguments), *paths], timeout=DEADLINE,
                            capture_output=True, text=True, env=env and {**os.environ, **env},
                            stdin=subprocess.DEVNULL, **as_user(user))
    assert not FINDINGS.search(result.stderr), result.stderr
    if check is not None:
        assert result.returncode == check, (result.returncode, result.stdout, result.stderr)
    return result


def status(config, *options):
    """What `status --json` says."""
    result = command("status", "--config", config, "--json", *options)
    assert result.returncode in (0, 1, 3), (result.returncode, result.stderr)
    return json.loads(result.stdout)


@contextlib.contextmanager
def watching(config, code):
    """The documents of a `status --json --watch`, each as it comes; it ends with this code when it is
    stopped."""
    watch = subprocess.Popen([*RUNNER, program, "status", "--config", config, "--json", "--watch=0.1"],
                             stdout=subprocess.PIPE, text=True)

    def documents():
        text, decoder = "", json.JSONDecoder()
        for line in watch.stdout:
            text += line
            try:
                document, end = decoder.raw_decode(text)
            except json.JSONDecodeError:
                continue  # the rest of it is to come
            text = text[end:].lstrip()
            yield document
        assert False, "it ended by itself"

    try:
        yield documents()
    finally:
        watch.terminate()
        watch.stdout.read()
    assert watch.wait(DEADLINE) == code


def get(path="/metrics", headers=None, method="GET", source="127.0.0.1", address="127.0.0.1"):
    """(status, headers, body) of one HTTP request to the agent."""
    client = http.client.HTTPConnection(address, PORT, DEADLINE, source_address=(source, 0))
    try:
        client.request(method, path, headers=headers or {})
        response = client.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        client.close()


def with_state_dir(config):
    """The configuration; where it says nothing of state_dir, nothing is kept."""
    if "state_dir" in config:
        return config
    if "[agent]\n" in config:
        return config.replace("[agent]\n", "[agent]\nstate_dir =\n", 1)
    return config + "\n[agent]\nstate_dir =\n"


class Agent:
    """`udpwatch run` in the foreground, with a configuration of its own, up to /-/ready."""

    def __init__(self, directory, config, user=None, source="127.0.0.1", address="127.0.0.1"):
        self.config = Path(tempfile.mkstemp(dir=directory, suffix=".ini")[1])
        self.config.chmod(0o644)
        self.config.write_text(with_state_dir(config))
        self.log_file = self.config.with_suffix(".log")
        self.source, self.address = source, address
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(
                [*RUNNER, program, "run", *FAST_PATHS, "--config", self.config,
                 "--listen", f"{address}:{PORT}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, **as_user(user))
        self.pid = self.process.pid
        wait_for(self._is_ready, "the agent to be ready")

    def _is_ready(self):
        assert self.process.poll() is None, f"the agent left:\n{self.log()}"
        return self.answers("/-/ready")

    def answers(self, path="/metrics"):
        """Whether it answers 200 now."""
        try:
            return get(path, source=self.source, address=self.address)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def log(self):
        return self.log_file.read_text(errors="replace")

    def scrape(self):
        code, _, body = get("/metrics", source=self.source, address=self.address)
        assert code == 200, (code, body)
        return Exposition(body.decode())

    def child_pid(self, name):
        """The pid of the program of that name that the collector started, None while there is none."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        path = os.fsencode(program.with_name(name))
        found = [int(child) for child in children if path in command_line(child)]
        assert len(found) <= 1, found
        return found[0] if found else None

    def server_pid(self):
        return self.child_pid("udpwatch-server")

    def web_pid(self):
        return self.child_pid("udpwatch-web")

    def reload(self, config, until):
        """Have it read this configuration; return the first scrape for which until holds."""
        self.config.write_text(with_state_dir(config))
        self.process.send_signal(signal.SIGHUP)

        def reloaded():
            # The server may be replaced by a reload, so a scrape can fail.
            with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
                scrape = self.scrape()
                return scrape if until(scrape) else None

        return wait_for(reloaded, f"a reload of {self.config}")

    def stop(self, code=0):
        """End it as systemd would; nothing may be left of it, and no sanitizer have spoken."""
        if self.process.poll() is None:
            self.process.terminate()
        assert self.process.wait(DEADLINE) == code, self.log()
        assert not FINDINGS.search(self.log()), self.log()


def command_line(pid):
    """Its arguments; none of one that is no more."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def process_exists(pid):
    """Whether any thread of the process runs: its first can be a zombie already while another is
    still to end, and the sockets with it."""
    try:
        stats = [(task / "stat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/task").exists()  # a thread left meanwhile
    return any(stat.rsplit(")", 1)[1].split()[0] != "Z" for stat in stats)


def fill(address, port, datagrams, size=1000):
    """Send datagrams to a socket, which need not read them."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        for _ in range(datagrams):
            sender.sendto(b"x" * size, (address, port))
