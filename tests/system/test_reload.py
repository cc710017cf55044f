"""SIGHUP: a good configuration is taken over, a bad one changes nothing but what is said."""

import harness

OLD = "[receiver one]\nports = 514\n"
NEW = "[receiver two]\nports = 515\n"
BAD = "[receiver one]\nports = 514\nport = 516\n"
SUCCESS = "udpwatch_config_last_reload_successful"
TIME = "udpwatch_config_last_reload_success_timestamp_seconds"


def is_refused(scrape):
    return scrape.value(SUCCESS) == 0


def test_a_good_configuration_is_taken_over(agent, hold):
    hold("0.0.0.0:515")
    running = agent(OLD)
    before, server = running.scrape(), running.server_pid()
    after = running.reload(NEW, lambda scrape: scrape.value(TIME) != before.value(TIME))
    assert before.states() == {("one", "*", 514): "absent"}
    assert after.states() == {("two", "*", 515): "ok"}
    assert after.value(SUCCESS) == 1
    assert running.server_pid() == server
    assert after.value("udpwatch_server_restarts_total") == 0


def test_a_bad_configuration_changes_nothing(agent, hold):
    hold("0.0.0.0:514")
    running = agent(OLD)
    before, log = running.scrape(), running.log()
    after = running.reload(BAD, is_refused)
    assert after.states() == before.states() == {("one", "*", 514): "ok"}
    assert set(after.values) == set(before.values)
    assert after.value(TIME) == before.value(TIME)
    lines = running.log()[len(log):].splitlines()
    assert len(lines) == 1, lines
    assert f"{running.config}:3: " in lines[0]
    # And back: the fault is over when the file is good again.
    after = running.reload(NEW, lambda scrape: not is_refused(scrape))
    assert after.states() == {("two", "*", 515): "absent"}


def test_many_errors_are_one_line_in_the_log(agent):
    running = agent(OLD)
    log = running.log()
    running.reload("[agent]\nnonsense = 1\n" + BAD + "ports = 99999\n", is_refused)
    assert len(running.log()[len(log):].splitlines()) == 1


def test_a_missing_file_changes_nothing(agent):
    running = agent(OLD)
    running.config.unlink()
    running.process.send_signal(harness.signal.SIGHUP)
    scrape = harness.wait_for(lambda: is_refused(found := running.scrape()) and found, "a refusal")
    assert scrape.states() == {("one", "*", 514): "absent"}


def test_another_allow_list_is_taken_over(agent):
    """The server is replaced, which is no restart to be counted."""
    running = agent(OLD)
    server = running.server_pid()
    running.source = "127.0.0.2"
    after = running.reload("[agent]\nallow = 127.0.0.2/32\n" + NEW,
                           lambda scrape: ("two", "*", 515) in scrape.states())
    assert after.value("udpwatch_server_restarts_total") == 0
    assert running.server_pid() != server
    running.source = "127.0.0.1"
    assert not running.answers()


def test_conf_d_is_read_again(agent):
    running = agent(OLD)
    parts = running.config.parent / "conf.d"
    parts.mkdir()
    parts.chmod(0o755)
    (parts / "edge.ini").write_text(NEW)
    after = running.reload(OLD, lambda scrape: len(scrape.states()) == 2)
    assert set(after.states()) == {("one", "*", 514), ("two", "*", 515)}
