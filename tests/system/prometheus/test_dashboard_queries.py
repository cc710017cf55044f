"""Each query of the dashboard, to a real Prometheus, after all went wrong that can."""

import contextlib
import math
import re
import time

import pytest

import dashboard
import harness
import monitoring
import sockets
from test_dashboard import STATES
from web_servers import TlsServer

HOT = 'hot "standby" \\ (one)|.*'
CONFIG = """
[agent]
sample_interval = 50ms
peak_window = 1s
state_dir = {state_dir}

[receiver steady]
ports = 2001
process = steady
[receiver killed]
ports = 2002
process = killed
[receiver robbed]
ports = 127.0.0.1:2003
process = robbed
[receiver hot "standby" \\ (one)|.*]
ports = 2004
required = no
[receiver pair]
ports = 2005
process = pair
[receiver slow]
ports = 2006
process = slow
buffer = 64KiB
[receiver restarted]
ports = 2007
process = restarted
"""
JOB = "log hosts (+)"
SCRAPE = {"scrape_configs": [{"job_name": JOB, "static_configs": [
    {"targets": ["127.0.0.1:9117", "127.0.0.1:9118"]}]}]}
GONE, HERE = "127.0.0.1:9118", "127.0.0.1:9117"
STATE_AFTER = {"steady": "ok", "killed": "absent", "robbed": "wrong_owner", HOT: "standby",
               "pair": "shared", "slow": "ok", "restarted": "ok"}


class Incident:
    """A Prometheus that saw it, and what is true. started, ended: Unix seconds."""

    def __init__(self, server, holders, scrape, drops, started):
        self.server, self.holders, self.scrape, self.drops = server, holders, scrape, drops
        self.started, self.ended = started, time.time()
        self.board = dashboard.read()

    def choice(self, **chosen):
        return dashboard.Choice(self.board, math.ceil(self.ended - self.started), chosen,
                                every={"job": [JOB]})

    def ask(self, target, choice=None):
        """[(labels, [values])] of a panel's query, as Grafana asks it."""
        expression = (choice or self.choice()).fill_in(target["expr"])
        if target.get("instant"):
            return [(labels, [value])
                    for labels, value in self.server.query(expression, self.ended)]
        data = self.server.get("/api/v1/query_range", query=expression, start=self.started,
                               end=self.ended, step=1)["data"]
        return [(series["metric"], [float(value) for _, value in series["values"]])
                for series in data["result"]]

    def panel(self, title, reference="A", choice=None):
        """What the query of the panel with that title tells."""
        (target,) = [target for panel, target in dashboard.queries(self.board)
                     if (panel["title"], target["refId"]) == (title, reference)]
        return self.ask(target, choice)

    def number(self, title, choice=None):
        ((_, (value,)),) = self.panel(title, choice=choice)
        return value

    def by_receiver(self, title, reference="A", choice=None):
        """{receiver: the last value}, where a receiver has one series."""
        found = self.panel(title, reference, choice)
        values = {labels["receiver"]: values[-1] for labels, values in found}
        assert len(values) == len(found), found
        return values


def script(start, hold, serve, prometheus):
    """What happens, in a network namespace of its own. Returns the incident."""
    healthy, failing = serve(8443), serve(8444)
    holders = {"killed": hold("0.0.0.0:2002", name="killed"),
               "steady": hold("0.0.0.0:2001", name="steady"),
               "pair": hold("--idle", "0.0.0.0:2005,reuseport,rcvbuf=4096", name="pair"),
               "twin": hold("--idle", "0.0.0.0:2005,reuseport,rcvbuf=4096", name="pair"),
               "slow": hold("--idle", "0.0.0.0:2006,rcvbuf=32768", name="slow"),
               "robbed": hold("127.0.0.1:2003", name="robbed"),
               "restarted": hold("0.0.0.0:2007", name="restarted")}
    agent = start(healthy.section("healthy") + failing.section("failing"))
    server = prometheus(SCRAPE)
    started = time.time()
    server.wait_for_value('udpwatch_port_state{receiver="robbed",state="ok"}', 1)
    server.wait_for_value("sum(udpwatch_web_up)", 2)
    failing.stop()
    holders["killed"].kill()
    holders["robbed"].stop()
    holders["squatter"] = hold("127.0.0.1:2003", name="squatter")
    holders["restarted"].stop()
    holders["restarted"] = hold("0.0.0.0:2007", name="restarted")
    harness.fill("127.0.0.1", 2002, 20)  # no port
    harness.fill("127.0.0.1", 2005, 30)  # from one place: to one of the two sockets
    harness.fill("127.0.0.1", 2006, 300)
    drops = sockets.receive_errors()
    scrape = harness.wait_for(lambda: settled(agent.scrape(), drops), "the agent to see it all")
    # So that the last rate() is one of the end of it all.
    wanted = sum(value for _, value in scrape.samples("udpwatch_port_dropped_datagrams_total"))
    server.wait_for("count_over_time((sum(udpwatch_port_dropped_datagrams_total)"
                    f" == {wanted})[1m:1s]) >= 6")
    server.wait_for_value('sum(udpwatch_port_state{state="wrong_owner"})', 1)
    server.wait_for_value('udpwatch_web_up{web="failing"}', 0)
    return Incident(server, holders, agent.scrape(), drops, started)


def settled(scrape, drops):
    """The scrape, where it tells of all that happened."""
    states = {receiver: state for (receiver, _, _), state in scrape.states().items()}
    counted = sum(value for _, value in scrape.samples("udpwatch_port_dropped_datagrams_total"))
    starts = scrape.value("udpwatch_receiver_starts_total", receiver="restarted")
    low = scrape.samples("udpwatch_port_receive_queue_low_bytes")
    return scrape if (states, counted, starts, bool(low)) == (STATE_AFTER, drops, 1, True) else None


@pytest.fixture(scope="module")
def incident(programs):
    """It happens once, and every test looks at it: Prometheus runs on until the last did."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(harness.network_namespace())
        directory = stack.enter_context(harness.public_directory())

        def hold(*arguments, **options):
            holder = harness.Holder(programs, *arguments, **options)
            stack.callback(holder.stop)
            return holder

        def serve(port):
            server = TlsServer(directory, port)
            stack.callback(server.stop)
            return server

        def start(checks):
            agent = harness.Agent(directory, CONFIG.format(state_dir=directory / "state") + checks)
            stack.callback(agent.stop)
            return agent

        def prometheus(config):
            server = monitoring.Prometheus(directory, config)
            stack.callback(server.stop)
            return server

        yield script(start, hold, serve, prometheus)


@pytest.fixture(autouse=True)
def network(incident):
    """The tests run in the namespace of the incident."""
    return incident


def test_every_query_has_an_answer(incident):
    for panel, target in dashboard.queries(incident.board):
        found = incident.ask(target)
        where = panel["title"], target["refId"]
        assert found, where
        assert any(math.isfinite(value) for _, values in found for value in values), where
        for labels, _ in found:
            wanted = re.findall(r"{{(\w+)}}", target.get("legendFormat", ""))
            assert set(wanted) <= set(labels), (where, labels)
        legends = [tuple(sorted(labels.items())) for labels, _ in found]
        assert len(set(legends)) == len(legends), where


def test_every_metric_is_one_of_the_program(incident):
    known = {labels["__name__"] for labels, _ in incident.server.query('{__name__=~"udpwatch_.+"}')}
    for panel, target in dashboard.queries(incident.board):
        assert set(re.findall(r"\budpwatch_\w+", target["expr"])) <= known, panel["title"]


def test_variables_offer_what_there_is(incident):
    offered = {}
    for name, variable in dashboard.variables(incident.board).items():
        if variable["type"] == "query":
            selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)",
                                           variable["query"]["query"]).groups()
            answer = incident.server.get(f"/api/v1/label/{label}/values", **{
                "match[]": incident.choice().fill_in(selector)})
            offered[name] = set(answer["data"])
    assert offered == {"job": {JOB}, "instance": {HERE}, "receiver": set(STATE_AFTER)}


def test_what_stands_at_the_top(incident):
    assert incident.number("Ports in trouble") == 2
    assert incident.number("Ports not known") == 0
    assert incident.number("Ports in order") == 5
    assert incident.number("Agents out of reach") == 1
    assert incident.number("Agents at fault") == 0
    assert incident.number("Fullest queue") > 0.8
    # increase() goes beyond the first and the last sample, so it is not exact.
    assert incident.number("Dropped in this time") == pytest.approx(incident.drops, rel=0.5)


def test_any_receivers_name_can_be_chosen(incident):
    """Names are no regular expressions, whatever stands in them."""
    def in_order(*receivers):
        return incident.number("Ports in order", incident.choice(receiver=receivers))

    assert in_order(HOT) == 1
    assert in_order(HOT, "steady") == 2
    assert in_order("steady", "killed") == 1
    assert incident.panel("Ports in order", choice=incident.choice(receiver=["stead."])) == []


def test_one_instance_can_be_chosen(incident):
    assert incident.number("Agents out of reach", incident.choice(instance=[HERE])) == 0
    assert incident.number("Agents out of reach", incident.choice(instance=[GONE])) == 1


def test_nothing_is_shown_of_an_agent_out_of_reach(incident):
    """Not even 0: nobody could look."""
    choice = incident.choice(instance=[GONE])
    for panel, target in dashboard.queries(incident.board):
        found = incident.ask(target, choice)
        assert "up{" in target["expr"] or found == [], (panel["title"], target["refId"], found)


def test_states_have_the_names_of_the_program(incident):
    shown = {receiver: STATES[int(code) - 1]
             for receiver, code in incident.by_receiver("Port states").items()}
    assert shown == STATE_AFTER == {
        receiver: STATES[int(code) - 1] for receiver, code in incident.by_receiver("Ports").items()}
    counted = {labels["state"]: values[-1] for labels, values in incident.panel("Ports by state")}
    assert counted == {state: list(STATE_AFTER.values()).count(state) for state in STATES}
    assert set(counted) == {labels["state"] for labels, _ in
                            incident.scrape.samples("udpwatch_port_state", receiver="slow")}


def test_the_timeline_shows_the_time_before(incident):
    (values,) = [values for labels, values in incident.panel("Port states")
                 if labels["receiver"] == "robbed"]
    assert values[0] == 1 and values[-1] == 6 and values == sorted(values, key=[1, 5, 6].index)


def test_the_timeline_leaves_out_what_is_well(incident):
    found = incident.by_receiver("Port states", choice=incident.choice(show=["1"]))
    assert {receiver for receiver in found if STATE_AFTER[receiver] in ("absent", "wrong_owner")} \
        == {"killed", "robbed"}
    assert not {"steady", HOT, "pair", "slow"} & set(found)


def test_the_fullest_of_several_sockets_counts(incident):
    """Both together are half full, and one drops."""
    assert incident.by_receiver("Ports", "D")["pair"] < 0.7
    assert incident.number("Fullest queue", incident.choice(receiver=["pair"])) == 0.8


def test_dropped_is_what_the_kernel_dropped(incident):
    dropped = incident.by_receiver("Ports", "H")
    assert min(dropped["slow"], dropped["pair"]) > 0
    assert dropped.pop("slow") + dropped.pop("pair") == incident.drops
    assert set(dropped.values()) == {0}
    assert max(incident.by_receiver("Drops")["steady"],
               incident.by_receiver("Drops")["killed"]) == 0


def test_holders_are_the_processes_that_hold(incident):
    shown = {(labels["receiver"], labels["port"], int(labels["pid"]), labels["process"],
              labels["user"]) for labels, _ in incident.panel("Holders")}
    expected = {("robbed", "2003", "squatter"), ("steady", "2001", "steady"),
                ("slow", "2006", "slow"), ("restarted", "2007", "restarted"),
                ("pair", "2005", "pair")}
    expected = {(receiver, port, incident.holders[name].pid, name, "root")
                for receiver, port, name in expected}
    assert shown == expected | {("pair", "2005", incident.holders["twin"].pid, "pair", "root")}
    right = {labels["process"]: value for labels, (value,) in incident.panel("Holders", "B")}
    assert right == {"squatter": 0, "steady": 1, "slow": 1, "restarted": 1, "pair": 1}


def test_holders_rows_are_those_of_its_first_query(incident):
    """Grafana merges the answers by the labels that all have: a label missing in one would tear
    a process's row apart."""
    key = ("receiver", "address", "port", "bound_address", "pid", "process")
    rows = {tuple(labels[name] for name in key) for labels, _ in incident.panel("Holders")}
    for reference in "BCDE":
        found = [tuple(labels[name] for name in key)
                 for labels, _ in incident.panel("Holders", reference)]
        assert set(found) == rows and len(found) == len(rows), reference


def test_buffers_are_the_kernels(incident):
    assert incident.by_receiver("Ports", "F")["slow"] == 2 * 32768
    assert incident.by_receiver("Ports", "G") == {"slow": 2 * 65536}
    assert "killed" not in incident.by_receiver("Ports", "F")  # no socket has no buffer: not 0


def test_down_time_and_restarts(incident):
    down = incident.by_receiver("Ports", "I")
    assert down["killed"] > 0 and down["steady"] == 0
    share = incident.by_receiver("Down time")
    assert share["killed"] > 0.8 and share["steady"] == 0
    assert HOT not in share  # a fleet has many of them, longer down than what is missed
    for reference in "ABC":
        ((_, values),) = incident.panel("Openings, closes, starts", reference)
        assert max(values) > 0, reference


def test_full_queues_are_seen(incident):
    (slow,) = [values for labels, values in incident.panel("Samples above 80 % full")
               if labels["receiver"] == "slow"]
    assert slow[-1] > 0.9
    (above,) = [values for labels, values in incident.panel("How full the queues are")
                if labels["le"] == "+Inf"]
    assert above[-1] > 0


def test_the_hosts_counters(incident):
    lost = {target["legendFormat"]: max(incident.ask(target)[0][1])
            for panel, target in dashboard.queries(incident.board)
            if panel["title"] == "Datagrams that nobody got"}
    assert lost["no port"] > 0 and lost["receive errors"] > 0
    assert lost["buffer full"] == lost["receive errors"]
    assert lost["bad checksum"] == lost["no memory"] == lost["not attributed"] == 0


def by_check(incident, title, reference="A", choice=None):
    """{check: its last value}"""
    return {labels["web"]: values[-1] for labels, values in incident.panel(title, reference, choice)}


def test_web_checks(incident):
    assert set(by_check(incident, "Web checks")) == {"healthy", "failing"}
    assert by_check(incident, "Web checks", "B") == {"healthy": 1, "failing": 0}
    assert by_check(incident, "Web checks", "C") == {"healthy": 200}
    left = by_check(incident, "Web checks", "E")
    assert set(left) == {"healthy"} and 29 < left["healthy"] / 86400 < 30
    urls = {labels["url"] for labels, _ in incident.panel("Web checks")}
    assert urls == {"https://127.0.0.1:8443/ping", "https://127.0.0.1:8444/ping"}
    slowest = incident.panel("Duration of web checks")
    assert {labels["web"] for labels, _ in slowest} == {"healthy", "failing"}
    results = {labels["result"]: max(values)
               for labels, values in incident.panel("Results of web checks")}
    assert {result for result, most in results.items() if most > 0} == {"ok", "connect"}
    assert {labels["phase"] for labels, _ in incident.panel("Phases of web checks")} == {
        "dns", "connect", "tls", "first_byte"}


def test_web_checks_in_trouble_alone(incident):
    over_time = "Web checks over time"
    assert by_check(incident, over_time) == {"healthy": 1, "failing": 0}
    assert by_check(incident, over_time, choice=incident.choice(show=["1"])) == {"failing": 0}
