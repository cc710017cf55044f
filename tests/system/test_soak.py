"""A long life in short: many scrapes and reloads. `make valgrind` runs this under valgrind."""

import contextlib
import http.client
from pathlib import Path

import pytest

import harness

SCRAPES, RELOADS = 1000, 100
PORTS = [6984, 6985, 6998, 7878, 7879, 7880, 618, 8814, 8815, 8816, 8817, 8818, 8819, 718, 815]


def config(receiver):
    listed = ", ".join(map(str, PORTS))
    return f"[filebeat {receiver}]\nports = {listed}\ncmdline = *{receiver}*\nbuffer = 1MiB\n"


def descriptors(pid):
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def scrape_often(count):
    """Scrape over one connection as Prometheus does, a new one whenever the server ends it."""
    client = http.client.HTTPConnection("127.0.0.1", harness.PORT, timeout=harness.DEADLINE)
    with contextlib.closing(client):
        for number in range(count):
            client.request("GET", "/api/v1/status" if number % 10 == 0 else "/metrics")
            response = client.getresponse()
            assert response.status == 200
            assert len(response.read()) > 1000


@pytest.mark.valgrind
def test_nothing_piles_up(agent, hold, capsys):
    holder = hold(*[f"0.0.0.0:{port}" for port in PORTS], "-c", "core.yml", name="filebeat")
    running = agent(config("core"))
    running.scrape()
    server = running.server_pid()
    before = descriptors(running.pid)
    for number in range(RELOADS):
        scrape_often(SCRAPES // RELOADS)
        if number == RELOADS // 2:
            # Owners come and go, too.
            holder.stop()
            hold(*[f"0.0.0.0:{port}" for port in PORTS], "-c", "edge.yml", name="filebeat")
        name = ("core", "edge")[number % 2]
        if number % 10 == 9:
            running.reload("[bad]\n", lambda scrape:
                           scrape.value("udpwatch_config_last_reload_successful") == 0)
        else:
            running.reload(config(name), lambda scrape:
                           scrape.samples("udpwatch_receiver_up", receiver=name)
                           or scrape.samples("udpwatch_port_up", receiver=name))
    assert running.scrape().value("udpwatch_server_restarts_total") == 0
    assert running.server_pid() == server
    # An answer may be on its way out still.
    harness.wait_for(lambda: descriptors(running.pid) == before, "the descriptors to be closed")
    running.stop()
    with capsys.disabled():
        print(f"\n{SCRAPES} scrapes and {RELOADS} reloads: {before} descriptors before and after")


@pytest.mark.valgrind
def test_commands_release_everything(write, hold):
    hold("0.0.0.0:618", "[::1]:718", name="filebeat")
    path = write(config("core"))
    harness.command("status", "--config", path, check=1)
    harness.command("status", "--config", path, "--json", "--all", check=1)
    harness.command("metrics", "--config", path, check=0)
    harness.command("discover", check=0)
    harness.command("check-config", "--config", path, check=0)
    harness.command("check-config", "--config", write("[x]\n[receiver a]\nports = 0\n"), check=2)


@pytest.mark.plain
def test_memory_of_both_processes(agent, hold, capsys):
    """Printed, for the eye: what it is depends on the machine."""
    hold(*[f"0.0.0.0:{port}" for port in PORTS], "-c", "core.yml", name="filebeat")
    running = agent(config("core"))
    scrape_often(200)
    pss = {}
    for name, pid in (("collector", running.pid), ("server", running.server_pid())):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        (pss[name],) = [int(line.split()[1]) for line in lines if line.startswith("Pss:")]
    with capsys.disabled():
        print(f"\nPSS at {len(PORTS)} ports: {sum(pss.values())} KiB: {pss}")
    assert all(pss.values())
