"""OpenMetrics, read by the reference parser, beside the text form."""

import gzip
import itertools
import json
import subprocess

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import harness

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
# As Prometheus 2.42 sends it.
PROMETHEUS = {"Accept": "application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
              "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
              "Accept-Encoding": "gzip", "X-Prometheus-Scrape-Timeout-Seconds": "10"}

CONFIG = """
[agent]
scope = all
[receiver right]
ports = 2001, 127.0.0.1:2002
process = rsyslogd
buffer = 64KiB
[receiver hot "standby" \\ one]
ports = 2003
required = no
[filebeat gone]
ports = 2004
[filebeat wrong]
ports = [::1]:2005
[receiver hidden]
ports = 2006
process = rsyslogd
"""


def scrape_openmetrics():
    """{series: value}, {family: type}, as the parser reads what Prometheus would get."""
    code, headers, body = harness.get(headers=PROMETHEUS)
    assert (code, headers["Content-Type"]) == (200, OPENMETRICS)
    assert headers["Content-Encoding"] == "gzip"
    text = gzip.decompress(body).decode()
    assert text.endswith("\n# EOF\n")
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation for family in families), "a sample of no family"
    samples = [sample for family in families for sample in family.samples]
    values = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(values) == len(samples), "a series is repeated"
    return values, {family.name: family.type for family in families}


@pytest.fixture(params=[None, "nobody"])
def every_state(agent, hold, request):
    """An agent with its privilege, and one that can look at what nobody holds, not at root's."""
    hold("0.0.0.0:2001,reuseport", "0.0.0.0:2002", name="rsyslogd", user="nobody")
    hold("0.0.0.0:2001,reuseport", name="rsyslogd", user="nobody")
    hold("[::1]:2005", "127.0.0.1:2999", name='w"r\\o\nng', user="nobody")
    hold("0.0.0.0:2006", name="rsyslogd")
    running = agent(CONFIG, user=request.param)
    states = set(running.scrape().states().values())
    assert states == {"ok", "shared", "standby", "absent"} | {
        "unknown" if request.param else "wrong_owner"}
    return running


def test_both_forms_tell_the_same(every_state):
    before = every_state.scrape()
    values, types = scrape_openmetrics()
    after = every_state.scrape()
    assert set(values) == set(before.values) == set(after.values)
    still = {series for series, value in before.values.items() if after.values[series] == value}
    assert {series: values[series] for series in still} == {
        series: before.values[series] for series in still}
    moving = {name for name, _ in set(values) - still}
    # Unreadable processes are of the last full scan; the first was before the server ran.
    assert moving <= {"udpwatch_samples_total", "udpwatch_collector_duration_seconds",
                      "udpwatch_port_down_seconds_total", "udpwatch_unreadable_processes",
                      "udpwatch_full_reading_timestamp_seconds"} | {
                          f"udpwatch_port_receive_queue_fill_ratio_{suffix}"
                          for suffix in ("bucket", "count", "sum")}
    # What differs is what a family is called, and the type info.
    suffixes = {"counter": "_total", "info": "_info"}
    infos = {"udpwatch_process", "udpwatch_build"}
    assert {family for family, kind in types.items() if kind == "info"} == infos
    assert {family + suffixes.get(kind, ""): "gauge" if kind == "info" else kind
            for family, kind in types.items()} == before.types


def test_how_many_series(every_state):
    values, _ = scrape_openmetrics()
    of_ports, of_holders = {}, {}
    for name, labels in values:
        port = tuple(dict(labels).get(key) for key in ("receiver", "address", "port"))
        holder = tuple(dict(labels).get(key) for key in ("bound_address", "pid"))
        if None in port:
            continue
        if None in holder:
            of_ports[port] = of_ports.get(port, 0) + 1
        else:
            of_holders[port, holder] = of_holders.get((port, holder), 0) + 1
    assert len(of_ports) == 7 and 20 < max(of_ports.values()) <= 26
    assert len(of_holders) >= 5 and set(of_holders.values()) == {4}


HOSTILE = ['a"b\\c\nd', "\udcff\udcc3(\udc80", '"} 1\n# EOF\n', 'x",pid="1', ' # {a="b"} 1', "\\n\\",
           "\r\t\x01\x7f", "ä€𝄞"]


def test_hostile_process_names(agent, hold):
    """comm can hold any byte but NUL; it stays a label's value in each form."""
    for port, name in zip(itertools.count(2001), HOSTILE):
        hold(f"0.0.0.0:{port}", name=name)
    running = agent(f"[filebeat wrong]\nports = 2001-{2000 + len(HOSTILE)}\n")
    expected = {str(port): name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
                for port, name in zip(itertools.count(2001), HOSTILE)}
    expected["2002"] = "\ufffd\ufffd(\ufffd"

    def processes(values):
        return {dict(labels)["port"]: dict(labels)["process"] for name, labels in values
                if name == "udpwatch_sockets"}

    assert processes(running.scrape().values) == expected
    values, _ = scrape_openmetrics()
    assert processes(values) == expected
    infos = {dict(labels)["process"] for name, labels in values if name == "udpwatch_process_info"}
    assert infos == set(expected.values())
    status = json.loads(harness.get("/api/v1/status")[2])
    assert {str(port["port"]): holder["process"] for port in status["ports"]
            for bound in port["bound"] for holder in bound["holders"]} == expected


@pytest.mark.parametrize("name, shown", [('"<\\\u202e', '"<\\\u202e'), ("\udcff", "if1")])
def test_hostile_interface_names(agent, hold, name, shown):
    """One that is no UTF-8 goes by its number, or it would repeat the series of another such."""
    for change in ["down"], ["name", name, "up"]:
        subprocess.run(["ip", "link", "set", "lo", *change], check=True)
    hold(f"127.0.0.1:2001,device={name}", name="filebeat")
    running = agent("[filebeat one]\nports = 2001\n")
    for values in running.scrape().values, scrape_openmetrics()[0]:
        bound = {dict(labels).get("bound_address") for _, labels in values} - {None}
        assert bound == {f"127.0.0.1%{shown}"}
    status = json.loads(harness.get("/api/v1/status")[2])
    assert [bound["interface"] for bound in status["ports"][0]["bound"]] == [shown]
