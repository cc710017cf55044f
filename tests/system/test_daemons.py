"""Real daemons of Debian, each found with its pid and name."""

import signal
import subprocess

import pytest

import harness

RSYSLOG = """
module(load="imudp")
input(type="imudp" port="514")
input(type="imudp" port="10514" address="127.0.0.1")
action(type="omfile" file="{0}/rsyslog.out")
"""
SYSLOG_NG = """@version: 3.38
source s_net {{ network(ip("127.0.0.1") port(5140) transport("udp") so-rcvbuf(65536)); }};
destination d_file {{ file("{0}/syslog-ng.out"); }};
log {{ source(s_net); destination(d_file); }};
"""


def rsyslog(directory):
    path, environment = harness.daemon_of("rsyslog", "usr/sbin/rsyslogd")
    (module,) = (harness.DAEMONS / "rsyslog").rglob("imudp.so")
    (directory / "rsyslog.conf").write_text(RSYSLOG.format(directory))
    return ([path, "-n", "-f", directory / "rsyslog.conf", "-i", directory / "rsyslog.pid",
             "-M", module.parent], environment)


def syslog_ng(directory):
    path, environment = harness.daemon_of("syslog-ng-core", "usr/sbin/syslog-ng")
    (module,) = (harness.DAEMONS / "syslog-ng-core").rglob("libaffile.so")
    (directory / "syslog-ng.conf").write_text(SYSLOG_NG.format(directory))
    return ([path, "-F", "--no-caps", "-f", directory / "syslog-ng.conf", "--module-path",
             module.parent, "-R", directory / "persist", "-p", directory / "syslog-ng.pid",
             "-c", directory / "syslog-ng.ctl"], environment)


def dnsmasq(directory):
    path, environment = harness.daemon_of("dnsmasq-base", "usr/sbin/dnsmasq")
    return ([path, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
             "--port=53", "--listen-address=127.0.0.1", "--bind-interfaces", "--user=root",
             "--pid-file=", "--log-facility=-"], environment)


DAEMONS = {
    # comm: start, config, the sockets it must hold
    "rsyslogd": (rsyslog, "ports = 514, 127.0.0.1:10514", {(514, "0.0.0.0"), (514, "::"),
                                                           (10514, "127.0.0.1")}),
    "syslog-ng": (syslog_ng, "ports = 5140", {(5140, "127.0.0.1")}),
    "dnsmasq": (dnsmasq, "ports = 53", {(53, "127.0.0.1")}),
}


def is_bound(port):
    return f":{port} " in subprocess.run(["ss", "-uanH"], capture_output=True, text=True,
                                         check=True).stdout


@pytest.mark.parametrize("name", DAEMONS)
def test_daemon(name, directory, agent):
    start, ports, sockets = DAEMONS[name]
    arguments, environment = start(directory)
    with open(directory / "daemon.log", "wb") as log:
        daemon = subprocess.Popen(arguments, env=environment, stdout=log, stderr=log)
    try:
        harness.wait_for(lambda: daemon.poll() is not None or all(is_bound(p) for p, _ in sockets),
                         f"{name} to listen")
        assert daemon.poll() is None, (directory / "daemon.log").read_text()
        running = agent(f"[receiver log]\nprocess = {name}\n{ports}\n")
        scrape = running.scrape()
        assert set(scrape.states().values()) == {"ok"}, scrape.states()
        found = {(int(labels["port"]), labels["bound_address"], labels["pid"], labels["process"])
                 for labels, _ in scrape.samples("udpwatch_sockets")}
        assert found == {(port, bound, str(daemon.pid), name) for port, bound in sockets}
        assert scrape.value("udpwatch_receiver_processes", receiver="log") == 1
    finally:
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(5)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
    assert set(running.scrape().states().values()) == {"absent"}
