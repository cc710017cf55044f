"""What can go wrong with a receiver or an agent, for real. Each cause is a generator: up to its first
yield all is well, then the fault is there until the second, and after that it is mended."""

import contextlib
import os
import random
import shutil
import signal
import socket
import struct
import threading
import time

import harness
from web_servers import TlsServer

SO_MEMINFO = 55  # include/uapi/asm-generic/socket.h
SO_RCVBUFFORCE = 33
BUFFER = 65536


class Stage:
    """What the causes share. receivers: the sections of the agent that watches all receivers;
    targets: {cause: address} of the agents that Prometheus scrapes."""

    def __init__(self, directory, hold):
        self.directory, self.hold = directory, hold
        self.receivers, self.targets, self.exits = [], {}, contextlib.ExitStack()
        self.ports = iter(range(5001, 6000))

    def receiver(self, cause, *lines):
        """Name a receiver after its cause; returns its port."""
        port = next(self.ports)
        self.receivers.append("\n".join([f"[receiver {cause}]", f"ports = {port}", *lines, ""]))
        return port

    def agent(self, cause, config, user=None, address=None):
        """An agent at an address of its own."""
        address = address or f"127.0.0.{len(self.targets) + 2}"
        running = harness.Agent(self.directory, config, user=user, address=address)
        self.exits.callback(lambda: running.process.returncode is None and running.stop())
        self.targets[cause] = address
        return running

    def serve(self, port, days=30):
        """An HTTPS server."""
        server = TlsServer(self.directory, port, days)
        self.exits.callback(server.stop)
        return server

    def every(self, seconds, act):
        """Call act all the time, in a thread; returns what ends that."""
        stop = threading.Event()

        def run():
            while not stop.wait(seconds()):
                act()

        thread = threading.Thread(target=run)
        thread.start()

        def end():
            stop.set()
            thread.join()

        self.exits.callback(end)
        return end


class Reader:
    """A receiver of this process, which reads when it is told to."""

    def __init__(self, stage, port, buffer=BUFFER):
        self.port = port
        self.sender = stage.exits.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.socket = None
        self.bind(buffer)
        stage.exits.callback(lambda: self.socket.close())

    def bind(self, buffer=BUFFER, option=socket.SO_RCVBUF):
        if self.socket:
            self.socket.close()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, option, buffer)
        self.socket.bind(("127.0.0.1", self.port))

    def _memory(self):
        """The kernel's numbers of the socket: SK_MEMINFO_* of include/uapi/linux/sock_diag.h."""
        return struct.unpack("9I", self.socket.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36))

    def share(self):
        """The share of the buffer that is in use."""
        return self._memory()[0] / self._memory()[1]

    def drops(self):
        """What the kernel dropped since the socket was made."""
        return self._memory()[8]

    def send(self, datagrams=1):
        for _ in range(datagrams):
            self.sender.sendto(b"x" * 1000, ("127.0.0.1", self.port))

    def fill(self, share):
        """Send until so much is in use, or no more is taken."""
        before = -1
        while before < self.share() < share:
            before = self.share()
            self.send()

    def read(self, datagrams=None):
        """Read so many datagrams, or all there are."""
        with contextlib.suppress(BlockingIOError):
            while datagrams is None or datagrams > 0:
                self.socket.recv(2000, socket.MSG_DONTWAIT)
                datagrams = datagrams and datagrams - 1


def all_is_well(stage):
    """A standby, a web check, an agent that is restarted, and a good reload."""
    config = (f"[agent]\nstate_dir = {stage.directory}/well\n[receiver well]\nports = 4001\n"
              "[receiver standby]\nports = 4002\nrequired = no\n") + stage.serve(8441).section("well")
    stage.hold("127.0.0.1:4001")
    running = stage.agent("all_is_well", config)
    yield
    running.stop()
    running = stage.agent("all_is_well", config, address=running.address)
    yield
    running.reload(config, lambda _: True)


def killed_agent(stage):
    """Its port has no socket, which must be told until nobody can know any more."""
    config = "[receiver killed_agent]\nports = 4003\n"
    running = stage.agent("killed_agent", config)

    def kill():
        running.process.kill()
        running.process.wait()

    def start():
        return stage.agent("killed_agent", config, address=running.address)

    yield
    prometheus = stage.prometheus
    up = 'up{cause="killed_agent"}'
    prometheus.wait_for('ALERTS{alertstate="firing", alertname="UdpPortAbsent", '
                        'receiver="killed_agent"}')
    for _ in range(3):
        kill()
        prometheus.wait_for_value(up, 0)
        running = start()
        prometheus.wait_for_value(up, 1)
    kill()
    yield
    running = start()
    stage.hold("127.0.0.1:4003")


def refused_reload(stage):
    config = "[receiver refused_reload]\nports = 4004\nrequired = no\n"
    running = stage.agent("refused_reload", config)
    yield
    running.config.write_text("[receiver refused_reload]\nports = 99999\n")
    running.process.send_signal(signal.SIGHUP)
    yield
    running.reload(config, lambda _: True)


def hidden_procfs(stage):
    """As ProcSubset=pid does: no /proc/net."""
    procfs = stage.directory / "proc"
    procfs.symlink_to("/proc")
    stage.agent("hidden_procfs", f"[agent]\nprocfs = {procfs}\n"
                "[receiver hidden_procfs]\nports = 4005\nrequired = no\n")

    def turn_to(target):
        new = stage.directory / "proc.new"
        new.symlink_to(target)
        new.rename(procfs)

    yield
    turn_to(stage.directory)
    yield
    turn_to("/proc")


def moved_state(stage):
    """A full disk alone is not enough: the agent gives up the old file for the new one."""
    state, moved = stage.directory / "kept", stage.directory / "moved"
    stage.agent("moved_state", f"[agent]\nstate_dir = {state}\n"
                "[receiver moved_state]\nports = 4006\nrequired = no\n")
    yield
    state.rename(moved)
    yield
    moved.rename(state)


def many_listeners(stage):
    config = ("[agent]\nscope = all\nmax_sockets = {}\n"
              "[receiver many_listeners]\nports = 4007\nrequired = no\n")
    running = stage.agent("many_listeners", config.format(1000))
    yield
    running.reload(config.format(3), lambda _: True)
    yield
    running.reload(config.format(1000), lambda _: True)


def killed_server(stage):
    running = stage.agent("killed_server", "[receiver killed_server]\nports = 4008\nrequired = no\n")
    yield
    os.kill(running.server_pid(), signal.SIGKILL)
    yield


def lost_rights(stage):
    """Without the right to see who holds the socket of another user."""
    holder = stage.hold("127.0.0.1:4009", user="nobody")
    stage.agent("lost_rights", "[receiver lost_rights]\nports = 4009\nprocess = udp_holder\n",
                user="nobody")
    yield
    holder.stop()
    holder = stage.hold("127.0.0.1:4009")
    yield
    holder.stop()
    stage.hold("127.0.0.1:4009", user="nobody")


def dead_service(stage):
    server = stage.serve(8442)
    stage.agent("dead_service", server.section("dead_service"))
    yield
    server.stop()
    yield
    stage.serve(8442)


def old_certificate(stage):
    """It answers all the time."""
    fresh, old = stage.serve(8443), stage.serve(8444, days=13)
    running = stage.agent("old_certificate", fresh.section("old_certificate"))
    yield
    running.reload(old.section("old_certificate"), lambda _: True)
    yield
    running.reload(fresh.section("old_certificate"), lambda _: True)


def broken_checker(stage):
    """No results come: that says nothing of the address."""
    stage.serve(8445)
    program = harness.program
    place = stage.exits.enter_context(harness.public_directory())
    harness.install_for_everyone(place)
    running = stage.agent("broken_checker", "[web broken_checker]\nurl = https://127.0.0.1:8445/\n"
                          "verify = no\ninterval = 1s\ntimeout = 1s\n")
    checker = harness.wait_for(running.web_pid, "udpwatch-web")
    harness.program = program

    def replace(source):
        shutil.copy(source, place / "new")
        os.replace(place / "new", place / "udpwatch-web")

    yield
    replace("/bin/false")
    os.kill(checker, signal.SIGKILL)
    yield
    replace(harness.BUILD / "udpwatch-web")
    harness.wait_for(lambda: "the web checks go on again" in running.log(), "the next start")
    # The alert ends when none lies in its range, which is longer.
    stage.prometheus.wait_for("max(increase(udpwatch_web_restarts_total[5s])) == 0")


def killed_receiver(stage):
    place = f"127.0.0.1:{stage.receiver('killed_receiver')}"
    holder = stage.hold(place)
    yield
    holder.kill()
    yield
    stage.hold(place)


def crash_loop(stage):
    """There for a third of the time, and not long enough away for anything else at times."""
    reader = Reader(stage, stage.receiver("crash_loop"))
    yield

    def crash():
        reader.socket.close()
        time.sleep(random.uniform(0.6, 1.2))
        reader.bind()

    end = stage.every(lambda: random.uniform(0.2, 0.5), crash)
    yield
    end()


def squatter(stage):
    place = f"127.0.0.1:{stage.receiver('squatter', 'process = filebeat')}"
    holder = stage.hold(place, name="filebeat")
    yield
    holder.stop()
    holder = stage.hold(place, name="nc")
    yield
    holder.stop()
    stage.hold(place, name="filebeat")


def fought_over(stage):
    """Another program takes the port and leaves it, each time until the next scrape; in the end it
    leaves it for longer, and stays."""
    port = stage.receiver("fought_over", "process = filebeat")
    holder = stage.hold(f"127.0.0.1:{port}", name="filebeat")
    yield
    holder.stop()
    other = Reader(stage, port)  # a process with another name
    prometheus = stage.prometheus

    def is_firing(alert):
        return prometheus.query(f'last_over_time(ALERTS{{alertstate="firing", alertname="{alert}", '
                                'receiver="fought_over"}[10m])')

    def wait_for(state):
        prometheus.wait_for_value(f'udpwatch_port_state{{receiver="fought_over", state="{state}"}}', 1)

    while not (is_firing("UdpPortUnhealthy") and is_firing("UdpPortOftenAbsent")):
        wait_for("wrong_owner")
        other.socket.close()
        wait_for("absent")
        other.bind()
    other.socket.close()
    harness.wait_for(lambda: is_firing("UdpPortAbsent"), "UdpPortAbsent")
    other.bind()
    yield
    other.socket.close()
    stage.hold(f"127.0.0.1:{port}", name="filebeat")


def one_burst(stage):
    reader = Reader(stage, stage.receiver("one_burst"))
    yield
    reader.send(300)
    reader.read()
    yield


def flood(stage):
    """More than the buffer holds, ten times a second, read at once."""
    reader = Reader(stage, stage.receiver("flood"))
    yield

    def burst():
        reader.fill(1)
        reader.send(20)  # dropped
        reader.read()

    end = stage.every(lambda: 0.3, burst)
    yield
    end()


def stopped_reader(stage):
    port = stage.receiver("stopped_reader")
    holder = stage.hold(f"127.0.0.1:{port},rcvbuf=4096")
    sender = stage.exits.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    end = stage.every(lambda: 0.01, lambda: sender.sendto(b"x" * 100, ("127.0.0.1", port)))
    stage.exits.callback(os.kill, holder.pid, signal.SIGCONT)
    yield
    os.kill(holder.pid, signal.SIGSTOP)
    yield
    os.kill(holder.pid, signal.SIGCONT)
    end()


def slow_reader(stage):
    """It reads, and is never done; a sample finds the queue longer at some times than at others."""
    reader = Reader(stage, stage.receiver("slow_reader"))
    yield
    reader.send(5)

    def turn():
        reader.send(10)
        time.sleep(0.05)
        reader.read(10)

    end = stage.every(lambda: random.uniform(0.1, 0.4), turn)
    yield
    end()
    reader.read()


def nearly_full(stage):
    """Emptied each time, but close to its end for as long as not."""
    reader = Reader(stage, stage.receiver("nearly_full"))
    yield

    def turn():
        reader.fill(0.85)
        time.sleep(0.1)
        reader.read()

    end = stage.every(lambda: 0.1, turn)
    yield
    end()


def rebinding(stage):
    """Each socket is gone and there again before anyone looks."""
    reader = Reader(stage, stage.receiver("rebinding"))
    yield
    for _ in range(6):
        reader.bind()
    yield


def small_buffer(stage):
    """net.core.rmem_max is all that a receiver gets without privilege."""
    with open("/proc/sys/net/core/rmem_max", encoding="ascii") as limit:
        wanted = 2 * int(limit.read())
    reader = Reader(stage, stage.receiver("small_buffer", f"buffer = {wanted}"))
    reader.bind(wanted, SO_RCVBUFFORCE)
    yield
    reader.bind(wanted)
    yield
    reader.bind(wanted, SO_RCVBUFFORCE)


# What fires in Prometheus for each, the one that takes longest to make last; what Alertmanager may
# keep back as it follows from another.
FIRING = {
    all_is_well: set(),
    refused_reload: {"UdpwatchReloadFailed"},
    hidden_procfs: {"UdpwatchCollectorFailed"},
    moved_state: {"UdpwatchStateNotSaved"},
    many_listeners: {"UdpwatchSocketsSuppressed"},
    killed_server: {"UdpwatchServerRestarting"},
    lost_rights: {"UdpPortUnknown"},
    dead_service: {"UdpwatchWebDown"},
    broken_checker: {"UdpwatchWebRestarting", "UdpwatchCollectorFailed"},
    old_certificate: {"UdpwatchWebCertificateExpires"},
    killed_receiver: {"UdpPortAbsent"},
    crash_loop: {"UdpPortOftenAbsent", "UdpPortAbsent", "UdpReceiverFlapping"},
    squatter: {"UdpPortWrongOwner"},
    fought_over: {"UdpPortUnhealthy", "UdpPortOftenAbsent", "UdpReceiverFlapping", "UdpPortAbsent",
                  "UdpPortWrongOwner"},
    one_burst: {"UdpPortDrops"},
    flood: {"UdpPortDrops", "UdpPortDropsHigh"},
    stopped_reader: {"UdpPortReaderStuck", "UdpPortReaderBehind", "UdpPortQueueFilling",
                     "UdpPortDrops", "UdpPortDropsHigh"},
    slow_reader: {"UdpPortReaderBehind"},
    nearly_full: {"UdpPortQueueFilling"},
    rebinding: {"UdpReceiverFlapping"},
    small_buffer: {"UdpPortBufferTooSmall"},
    killed_agent: {"UdpPortAbsent", "UdpwatchDown", "UdpwatchFlapping"},
}
MAY_BE_INHIBITED = {
    ("killed_agent", "UdpwatchFlapping"), ("crash_loop", "UdpReceiverFlapping"), ("flood", "UdpPortDrops"),
    ("fought_over", "UdpPortOftenAbsent"), ("fought_over", "UdpReceiverFlapping"),
    ("stopped_reader", "UdpPortReaderBehind"), ("stopped_reader", "UdpPortQueueFilling"),
    ("stopped_reader", "UdpPortDrops"), ("stopped_reader", "UdpPortDropsHigh")}
