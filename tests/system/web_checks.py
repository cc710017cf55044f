"""[web] sections, and what an agent tells of them."""

import harness


def section(name, url, *lines):
    """[web NAME] that is checked each second, with much time unless a line says otherwise."""
    timeout = [] if any(line.startswith("timeout") for line in lines) else ["timeout = 15s"]
    return "\n".join([f"[web {name}]", f"url = {url}", "interval = 1s", *timeout, *lines, ""])


def counts(scrape, name):
    """{result: how often} of a check, those that are not 0."""
    return {labels["result"]: value
            for labels, value in scrape.samples("udpwatch_web_checks_total", web=name) if value}


def outcome(scrape, name):
    """(up, status code or None, the results that it had) of a check."""
    return (scrape.value("udpwatch_web_up", web=name),
            scrape.value("udpwatch_web_status_code", web=name), set(counts(scrape, name)))


def wait_until_known(running, names):
    """The first scrape in which each of these checks has a result."""
    def known():
        scrape = running.scrape()
        missing = [name for name in names if not counts(scrape, name)]
        known.missing = missing
        return None if missing else scrape
    return harness.wait_for(known, lambda: f"results of {known.missing}: {running.log()}")


def wait_for_more(running, name, result="ok", runs=2):
    """Until the check had so many more runs with the result; returns the last scrape."""
    before = counts(running.scrape(), name).get(result, 0)

    def more():
        scrape = running.scrape()
        return scrape if counts(scrape, name).get(result, 0) >= before + runs else None
    return harness.wait_for(more, f"{name} to be {result} again")


def sections(checks):
    """Of {name: (url, lines.., outcome that it must have)}."""
    return "".join(section(name, *check[:-1]) for name, check in checks.items())


def assert_outcomes(running, checks):
    """Each of them, as above, becomes what it must; returns the scrape that shows it."""
    scrape = wait_until_known(running, checks)
    assert {name: outcome(scrape, name) for name in checks} == \
        {name: check[-1] for name, check in checks.items()}
    assert scrape.value("udpwatch_collector_success", collector="web") == 1
    return scrape
