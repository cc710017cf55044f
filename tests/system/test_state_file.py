"""What is wrong with state_dir costs what is kept there, and nothing else."""

import contextlib
import subprocess

import pytest

import harness

CONFIG = "[agent]\nstate_dir = {state}\nsample_interval = 50ms\n[receiver one]\nports = 5514\n"
SAVED = "udpwatch_state_last_save_successful"


@pytest.fixture
def disk(directory):
    """A file system of 64 KiB that everyone may write to."""
    path = directory / "state"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=777", "udpwatch", path],
                   check=True)
    yield path
    subprocess.run(["umount", "--lazy", path], check=True)


def serves(running):
    """A scrape, which must be whole."""
    scrape = running.scrape()
    assert scrape.state(5514) == "absent"
    assert scrape.value("udpwatch_port_opens_total", port="5514") is not None
    return scrape


def test_a_full_disk(agent, disk):
    with open(disk / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(b"x" * 4096)
    running = agent(CONFIG.format(state=disk))
    for _ in range(5):
        assert serves(running).value(SAVED) == 0
    assert running.log().count("free some space") == 1, running.log()
    (disk / "filler").unlink()
    assert serves(running).value(SAVED) == 1
    assert running.log().count("are kept in") == 1, running.log()


def test_a_read_only_disk(agent, disk):
    before = agent(CONFIG.format(state=disk))
    samples = serves(before).value("udpwatch_samples_total")
    before.stop()
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    running = agent(CONFIG.format(state=disk))
    scrape = serves(running)
    assert scrape.value(SAVED) == 0
    assert scrape.value("udpwatch_samples_total") < samples + 2  # from 0 again, not from there
    assert running.log().count("mount it for writing") == 1, running.log()


def test_a_directory_that_is_replaced(agent, directory):
    state = directory / "state"
    running = agent(CONFIG.format(state=state))
    assert serves(running).value(SAVED) == 1
    state.rename(directory / "moved")
    state.mkdir()
    state.chmod(0o777)
    assert serves(running).value(SAVED) == 0
    assert not list(state.iterdir())
    running.stop()
    assert running.log().count("was replaced or removed: restart the agent") == 1, running.log()
    assert serves(agent(CONFIG.format(state=state))).value(SAVED) == 1


def test_nothing_to_keep(agent):
    scrape = serves(agent(CONFIG.format(state="")))
    assert scrape.types[SAVED] == "gauge" and scrape.value(SAVED) is None


def test_a_damaged_file_is_said_and_kept(agent, disk):
    (disk / "ledger").write_text("udpwatch-ledger 1\nand then nothing\n")
    running = agent(CONFIG.format(state=disk))
    assert serves(running).value(SAVED) == 1
    assert "is damaged; it is kept as ledger.damaged-" in running.log()
    (kept,) = disk.glob("ledger.damaged-*")
    assert kept.read_text() == "udpwatch-ledger 1\nand then nothing\n"


def test_a_second_agent_keeps_out(agent, directory, disk):
    """The first has the directory; a command of its own shows that the lock is the agent's."""
    running = agent(CONFIG.format(state=disk))
    assert serves(running).value(SAVED) == 1
    config = directory / "second.ini"
    config.write_text(CONFIG.format(state=disk))
    second = subprocess.Popen([*harness.RUNNER, harness.program, "run", "--config", config,
                               "--listen", "127.0.0.1:9118"], stderr=subprocess.PIPE, text=True)
    try:
        harness.wait_for(lambda: "another udpwatch uses it" in second.stderr.readline(),
                         "the second to say so")
    finally:
        second.terminate()
        second.stderr.read()
        second.wait(harness.DEADLINE)
    assert serves(running).value(SAVED) == 1
