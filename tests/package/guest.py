#!/usr/bin/python3
"""Runs inside a booted system, as a service: what systemd and the installed package do together.
The host reads /root/result; the system is switched off at the end, and booted once more."""

import glob
import gzip
import http.server
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
import traceback
import urllib.request

RESULT = "/root/result"
OVERRIDE = "/etc/systemd/system/udpwatch.service.d/test.conf"
INI = "/etc/udpwatch/udpwatch.ini"
RUNBOOK = "/usr/share/doc/udpwatch/runbook.md"
OWN = "/etc/udpwatch/conf.d/own.ini"
WEB = "/etc/udpwatch/conf.d/web.ini"
KEY, CERTIFICATE = "/root/web.key", "/usr/local/share/ca-certificates/web.crt"
WEB_CHECKS = f"""[web name]
url = http://localhost:8088/
[web ipv6]
url = http://[::1]:8088/
resolve_family = ipv6
[web authority-of-the-host]
url = https://localhost:8443/
[web authority-of-a-file]
url = https://localhost:8443/
ca_file = {CERTIFICATE}
"""
RECEIVERS = """[receiver a]
ports = 6984
process = rsyslogd
unit = filebeat@a.service
[receiver b]
ports = 6985
process = rsyslogd
unit = filebeat@b.service
[receiver drops]
ports = 5514
required = no
"""
checks = []


def check(function):
    checks.append(function)
    return function


def say(text):
    with open(RESULT, "a") as file:
        file.write(text + "\n")


def run(*command, code=0, **options):
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, timeout=300, **options)
    assert code in (None, result.returncode), (command, result.returncode, result.stdout)
    return result.stdout


def wait_for(question, what):
    end = time.monotonic() + 90
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.05)


def scrape():
    """{"name{labels}": value}"""
    with urllib.request.urlopen("http://127.0.0.1:9117/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
            for line in lines if not line.startswith("#")}


def scrape_when_up():
    def attempt():
        try:
            return scrape()
        except OSError:
            return None
    return wait_for(attempt, "an answer")


def state(metrics, port):
    """The state that holds of an expected port."""
    (found,) = [re.search('state="([a-z_]+)"', name)[1] for name, value in metrics.items()
                if name.startswith("udpwatch_port_state") and f'port="{port}"' in name and value]
    return found


def value(metrics, name, port):
    (found,) = [value for key, value in metrics.items()
                if key.startswith(name + "{") and f'port="{port}"' in key]
    return found


def show(name):
    return run("systemctl", "show", "--value", "--property", name, "udpwatch").strip()


def main_pid():
    return int(show("MainPID"))


def child_pid(name):
    """The agent's child of that name, 0 while there is none."""
    for pid in open(f"/proc/{main_pid()}/task/{main_pid()}/children").read().split():
        if open(f"/proc/{pid}/comm").read().strip() == name:
            return int(pid)
    return 0


def server_pid():
    return child_pid("udpwatch-server")


def journal(*options):
    return run("journalctl", "--no-pager", "-o", "cat", "-u", "udpwatch", *options)


def status_of(pid):
    return dict(line.split(":\t", 1) for line in open(f"/proc/{pid}/status").read().splitlines())


def drop_datagrams():
    """A socket that is never read drops most of these."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.bind(("0.0.0.0", 5514))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(50):
            sender.sendto(b"x" * 1000, ("127.0.0.1", 5514))
    return sock


@check
def from_package_to_first_scrape():
    """The commands of the README, with two receivers that listen already."""
    run("systemctl", "start", "filebeat@a", "filebeat@b")
    wait_for(lambda: {":6984", ":6985"} <= set(re.findall(":698[45]", run("ss", "-uln"))),
             "the receivers to listen")
    begin = time.monotonic()
    for line in open("/root/readme-commands"):
        say("    # " + line.strip() + "\n" + run("bash", "-ec", line, cwd="/root")[-1500:])
    say(f"from apt install to the first scrape of configured receivers: "
        f"{time.monotonic() - begin:.1f} s")
    metrics = scrape()
    assert state(metrics, 6984) == state(metrics, 6985) == "ok", metrics
    assert run("systemctl", "is-active", "udpwatch").strip() == "active"
    assert show("NRestarts") == "0"
    assert "serves on 0.0.0.0:9117" in show("StatusText"), show("StatusText")


@check
def the_shipped_configuration_shows_every_listener():
    os.rename("/etc/udpwatch/conf.d/receivers.ini", "/root/receivers.ini")
    run("systemctl", "restart", "udpwatch")
    # Started is ready: the first collection is done, and the port bound.
    up = {key: value for key, value in scrape().items()
          if key.startswith("udpwatch_port_up{") and 'port="6984"' in key}
    assert up and all(value == 1 and 'receiver=""' in key for key, value in up.items()), up


@check
def units_tell_receivers_apart():
    open(OWN, "w").write(RECEIVERS)
    run("systemctl", "reload", "udpwatch")
    metrics = wait_for(lambda: (now := scrape_when_up()) and any("receiver=\"a\"" in k for k in now)
                       and now, "the reload")
    assert state(metrics, 6984) == state(metrics, 6985) == "ok"
    assert state(metrics, 5514) == "standby"
    units = [re.search('unit="([^"]*)"', key)[1] for key in metrics
             if key.startswith("udpwatch_process_info")]
    assert sorted(units) == ["filebeat@a.service", "filebeat@b.service"]
    # Each expects the other's port: the names of the programs are the same.
    open(OWN, "w").write(RECEIVERS.replace("6984", "x").replace("6985", "6984")
                         .replace("x", "6985"))
    run("systemctl", "reload", "udpwatch")
    wait_for(lambda: state(scrape_when_up(), 6984) == state(scrape(), 6985) == "wrong_owner",
             "wrong owners")
    open(OWN, "w").write(RECEIVERS)
    run("systemctl", "reload", "udpwatch")
    wait_for(lambda: state(scrape_when_up(), 6984) == "ok", "the right owners")


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class DualStack(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6  # Linux takes IPv4 there, too


def serve_web():
    """To the end: the runbook's commands ask it, too."""
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", "-keyout", KEY,
        "-out", CERTIFICATE, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    run("update-ca-certificates")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    plain, encrypted = (DualStack(("::", port), Answer) for port in (8088, 8443))
    encrypted.socket = context.wrap_socket(encrypted.socket, server_side=True)
    for server in plain, encrypted:
        threading.Thread(target=server.serve_forever, daemon=True).start()


@check
def web_checks_are_done_under_the_unit():
    """Names, IPv6 and certificates take sockets, threads and files that the unit could forbid."""
    serve_web()
    open(WEB, "w").write(WEB_CHECKS)
    run("systemctl", "reload", "udpwatch")
    names = set(re.findall(r"\[web (.*)\]", WEB_CHECKS))
    series = {f'udpwatch_web_up{{web="{name}"}}' for name in names}
    wait_for(lambda: series <= scrape_when_up().keys(), "results")
    metrics = scrape()
    assert all(metrics[name] == 1 for name in series), \
        {name: value for name, value in metrics.items() if name.startswith("udpwatch_web")}
    web = child_pid("udpwatch-web")
    status = status_of(web)
    say(f"web checker: CapPrm {status['CapPrm']} Seccomp {status['Seccomp']}")
    assert int(status["CapPrm"], 16) == int(status["CapAmb"], 16) == 0
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert status["Uid"].split()[0] == run("id", "-u", "udpwatch").strip()
    os.unlink(WEB)
    run("systemctl", "reload", "udpwatch")
    wait_for(lambda: not os.path.exists(f"/proc/{web}"), "the end of the web checker")
    assert child_pid("udpwatch-web") == 0 and state(scrape(), 6984) == "ok"


@check
def the_runbook_can_be_followed():
    """Each of its commands, at a port and a receiver of this system; it is not compressed."""
    lines = re.findall(r"^    (.+?)(?:\s{2,}#.*)?$", open(RUNBOOK).read(), re.MULTILINE)
    lines = {line for line in lines if "promtool" not in line and "https:" not in line}
    assert len(lines) > 15, lines
    for line in sorted(lines):
        line = line.replace(":514", ":6984").replace("filebeat", "rsyslogd")
        output = run("bash", "-ec", line)
        assert ":6984" not in line or ":6984" in output, (line, output)


@check
def the_files_that_the_manual_names_are_there():
    for page in glob.glob("/usr/share/man/man[58]/udpwatch*"):
        text = gzip.open(page, "rt").read()
        names = re.findall(r"^\.(?:It )?Pa /?(?:usr/)?(share/doc/udpwatch/\S+)", text, re.MULTILINE)
        assert names, page
        for name in names:
            assert os.path.exists(f"/usr/{name}"), (page, name)


@check
def what_the_processes_may():
    unit = run("systemctl", "cat", "udpwatch")
    assert "Type=notify" in unit
    for name, pid in ("collector", main_pid()), ("server", server_pid()):
        status = status_of(pid)
        say(f"{name}: CapPrm {status['CapPrm']} CapEff {status['CapEff']} CapAmb {status['CapAmb']} "
            f"CapBnd {status['CapBnd']} NoNewPrivs {status['NoNewPrivs']} "
            f"Seccomp {status['Seccomp']}")
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
        assert int(status["CapPrm"], 16) == (0x80004 if name == "collector" else 0)
        assert int(status["CapBnd"], 16) & ~0x80004 == 0
        assert status["Uid"].split()[0] == run("id", "-u", "udpwatch").strip()
    say(run("systemd-analyze", "security", "--no-pager", "udpwatch").strip().splitlines()[-1])
    assert os.stat("/var/lib/udpwatch").st_mode & 0o777 == 0o750


@check
def kill_minus_9_of_either_process_recovers():
    collector, server = main_pid(), server_pid()
    os.kill(server, signal.SIGKILL)
    wait_for(lambda: server_pid() not in (0, server), "another server")
    assert state(scrape_when_up(), 6984) == "ok"
    assert main_pid() == collector and show("NRestarts") == "0"
    os.kill(collector, signal.SIGKILL)
    wait_for(lambda: main_pid() not in (0, collector) and show("ActiveState") == "active",
             "another agent")
    assert state(scrape_when_up(), 6984) == "ok"
    assert show("NRestarts") == "1"


@check
def a_bad_configuration_fails_the_reload_alone():
    agent = main_pid()
    open(OWN, "a").write("prots = 1\n")
    output = run("systemctl", "reload", "udpwatch", code=1)
    assert "failed" in output, output
    line = len(open(OWN).read().splitlines())
    wait_for(lambda: f"{OWN}:{line}: " in journal("-p", "err"), "the reason in the journal")
    assert main_pid() == agent and show("ActiveState") == "active"
    assert state(scrape(), 6984) == "ok"
    wait_for(lambda: scrape()["udpwatch_config_last_reload_successful"] == 0, "the metric")
    assert "not reloaded" in show("StatusText")
    open(OWN, "w").write(RECEIVERS)
    run("systemctl", "reload", "udpwatch")
    wait_for(lambda: scrape()["udpwatch_config_last_reload_successful"] == 1, "the metric")


@check
def a_bad_configuration_at_the_start_is_not_tried_again():
    open(OWN, "a").write("prots = 1\n")
    run("systemctl", "restart", "udpwatch", code=1)
    status = run("systemctl", "status", "--no-pager", "udpwatch", code=3)
    assert re.search(r"own\.ini:\d+: .*prots", status), status
    say("    " + status.replace("\n", "\n    "))
    assert show("Result") == "exit-code" and show("ExecMainStatus") == "2"
    assert show("ActiveState") == "failed" and show("NRestarts") in ("0", "1")
    open(OWN, "w").write(RECEIVERS)
    run("systemctl", "start", "udpwatch")
    assert state(scrape(), 6984) == "ok"


@check
def a_fault_that_passes_is_outlived():
    """The address to serve on comes late, as one of DHCP or VRRP may."""
    ini = open(INI).read()
    assert ";listen = 0.0.0.0:9117" in ini
    open(INI, "w").write(ini.replace(";listen = 0.0.0.0:9117",
                                     "listen = 10.9.9.9:9117, 127.0.0.1:9117"))
    run("systemctl", "restart", "udpwatch", code=1)
    wait_for(lambda: int(show("NRestarts")) >= 2, "starts in vain")
    run("ip", "address", "add", "10.9.9.9/32", "dev", "lo")
    wait_for(lambda: show("ActiveState") == "active", "the agent")
    assert state(scrape_when_up(), 6984) == "ok"
    open(INI, "w").write(ini)
    run("systemctl", "restart", "udpwatch")


@check
def a_hung_collector_is_restarted_by_the_watchdog():
    os.makedirs(os.path.dirname(OVERRIDE), exist_ok=True)
    open(OVERRIDE, "w").write("[Service]\nWatchdogSec=2s\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "udpwatch")
    agent = main_pid()
    time.sleep(5)  # the watchdog is fed: it would have barked twice
    assert main_pid() == agent
    os.kill(agent, signal.SIGSTOP)
    wait_for(lambda: main_pid() not in (0, agent) and show("ActiveState") == "active",
             "another agent")
    assert "watchdog" in journal().lower()
    assert state(scrape_when_up(), 6984) == "ok"
    os.unlink(OVERRIDE)
    run("systemctl", "daemon-reload")


@check
def counters_survive_a_restart():
    with drop_datagrams():
        drops = wait_for(lambda: value(scrape_when_up(), "udpwatch_port_dropped_datagrams_total",
                                       5514), "drops")
        run("systemctl", "restart", "udpwatch")
        assert value(scrape(), "udpwatch_port_dropped_datagrams_total", 5514) == drops
        run("apt-get", "install", "--reinstall", *glob.glob("/root/udpwatch_*.deb"))
        assert value(scrape_when_up(), "udpwatch_port_dropped_datagrams_total", 5514) == drops
    say(f"dropped datagrams before and after systemctl restart and reinstallation: {drops:.0f}")
    open("/root/drops", "w").write(str(drops))


def first_boot():
    for function in checks:
        function()
        say(f"passed: {function.__name__}")
    say(f"passed all {len(checks)}")


def second_boot():
    """The agent was started by the boot; what it had counted goes on."""
    wait_for(lambda: show("ActiveState") == "active", "the agent")
    drops = value(scrape_when_up(), "udpwatch_port_dropped_datagrams_total", 5514)
    assert drops == float(open("/root/drops").read()), drops
    assert not glob.glob("/var/lib/udpwatch/ledger.*-*"), os.listdir("/var/lib/udpwatch")
    assert scrape()["udpwatch_state_last_save_successful"] == 1
    agent = main_pid()
    run("apt-get", "purge", "udpwatch")
    assert not os.path.exists(f"/proc/{agent}") and not os.path.exists("/var/lib/udpwatch")
    say("passed: after_another_boot")


def main():
    try:
        if os.path.exists("/root/drops"):
            second_boot()
        else:
            first_boot()
    except BaseException:
        say(traceback.format_exc() + journal()[-6000:])
    finally:
        run("systemctl", "--no-block", "poweroff")


main()
