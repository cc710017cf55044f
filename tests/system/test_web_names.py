"""Names in [web] checks, looked up at a real name server, or at one that does not answer."""

import socket

import pytest

import harness
import web_servers
from web_checks import (assert_outcomes, outcome, section, sections, wait_for_more,
                        wait_until_known)

OK = (1, 200, {"ok"})
NO_NAME = (0, None, {"dns"})
RECORDS = ("both.example,127.0.0.1,::1", "four.example,127.0.0.1", "six.example,::1",
           "elsewhere.example,127.0.0.1")


@pytest.fixture
def names(directory):
    """The test looks names up on 127.0.0.1, where nobody answers yet."""
    with web_servers.name_service(directory):
        yield


@pytest.fixture
def name_server(names, directory):
    """One that knows RECORDS."""
    with web_servers.dnsmasq(directory, *RECORDS):
        yield


def test_names_and_families(agent, nginx, name_server):
    four, six = "resolve_family = ipv4", "resolve_family = ipv6"
    url = "http://{}.example:8080/{}".format
    checks = {
        "any": (url("both", "ok"), OK),
        "IPv4 of both": (url("both", "over-ipv4"), four, OK),
        "IPv6 of both": (url("both", "over-ipv6"), six, OK),
        "no IPv6": (url("four", "ok"), six, NO_NAME),
        "no IPv4": (url("six", "ok"), four, NO_NAME),
        "only IPv4": (url("four", "over-ipv4"), OK),
        "only IPv6": (url("six", "over-ipv6"), OK),
        "no such name": (url("nobody", "ok"), NO_NAME),
        "right name": ("https://elsewhere.example:8445/ping",
                       f"ca_file = {nginx.directory}/other-name.crt", OK),
        "wrong name": ("https://four.example:8445/ping",
                       f"ca_file = {nginx.directory}/other-name.crt", (0, None, {"tls"})),
    }
    scrape = assert_outcomes(agent(sections(checks)), checks)
    # A look-up has its time, and what did not come to a connection no other.
    phases = {labels["phase"] for labels, _ in
              scrape.samples("udpwatch_web_phase_duration_seconds", web="only IPv4")}
    assert phases == {"dns", "connect", "first_byte"}
    assert not scrape.samples("udpwatch_web_phase_duration_seconds", web="no such name")


def test_a_name_that_comes_and_goes(agent, nginx, names, directory):
    """A name is looked up for each run: what it was before is not kept."""
    running = agent(section("named", "http://four.example:8080/ok"))
    wait_for_more(running, "named", "dns", 1)
    with web_servers.dnsmasq(directory, *RECORDS):
        wait_for_more(running, "named", "ok", 1)
    scrape = wait_for_more(running, "named", "dns", 1)
    assert scrape.value("udpwatch_web_up", web="named") == 0


def test_no_name_server_is_configured(agent, nginx, names, directory):
    """resolv.conf(5): it is the one of this host then, if there is one."""
    (directory / "resolv.conf").write_text("")
    running = agent(section("named", "http://four.example:8080/ok"))
    wait_for_more(running, "named", "dns", 1)
    with web_servers.dnsmasq(directory, *RECORDS):
        wait_for_more(running, "named", "ok", 1)


def test_a_name_with_a_thousand_addresses(agent, nginx, names, directory):
    """libcurl tries one after the other, up to a second each: where none serves, time runs out."""
    closed = [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(999)]
    (directory / "hosts").write_text("".join(
        [f"{address} many.example closed.example\n" for address in closed]
        + ["127.0.0.1 many.example\n"]))
    checks = {"many": ("http://many.example:8080/ok", OK),
              "closed": ("http://closed.example:8080/ok", "timeout = 2s",
                         (0, None, {"timeout"}))}
    running = agent(sections(checks))
    assert_outcomes(running, checks)
    assert wait_for_more(running, "many").value("udpwatch_web_restarts_total") == 0


def test_a_name_server_that_does_not_answer(agent, nginx, names):
    """The look-ups take all the time that the check has; other checks go on meanwhile."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 53))
        late = [f"late {number}" for number in range(20)]
        running = agent("".join(
            section(name, "http://four.example:8080/ok", "timeout = 1500ms") for name in late)
            + section("address", "http://127.0.0.1:8080/ok"))
        scrape = wait_until_known(running, late)
        assert all(outcome(scrape, name) == NO_NAME for name in late)
        for name in late:
            assert scrape.value("udpwatch_web_duration_seconds", web=name) > 1
        scrape = wait_for_more(running, "address", "ok", 2)
        assert outcome(scrape, "address") == OK
    assert harness.process_exists(running.web_pid())
