"""check-config: bad files are refused with every error, its place and its remedy; what a good one
prints reads the same."""

import collections
import re

import pytest

import harness

BAD = harness.ROOT / "tests/system/bad_ini"
MESSAGE = re.compile(r"(?P<file>.+?):(?P<line>\d+): (?P<text>.+; .+)", re.DOTALL)
RECEIVER = b"[receiver edge]\nports = 514\n"


def read_expectations():
    """expected.txt: for each file the lines, each with a part of its message."""
    expectations = collections.defaultdict(list)
    for row in (BAD / "expected.txt").read_text().splitlines():
        name, line, fragment = row.split("\t")
        expectations[name].append((int(line), fragment))
    return dict(expectations)


EXPECTATIONS = read_expectations()

# What is unwise to keep in a repository: name, bytes, line, a part of the message.
GENERATED = [
    ("nul-in-value", RECEIVER + b"process = a\0b\n", 3, "save the file as plain UTF-8 text"),
    ("nul-in-comment", RECEIVER + b"# \0\n", 3, "save the file as plain UTF-8 text"),
    ("nul-at-end", RECEIVER + b"\0", 3, "save the file as plain UTF-8 text"),
    ("line-of-4096-bytes", RECEIVER + b"cmdline = ".ljust(4096, b"x") + b"\n", 3,
     "at most 4095 are read"),
    ("line-of-a-mebibyte", RECEIVER + b"#" * 2 ** 20 + b"\n", 3, "at most 4095 are read"),
    ("utf-16", "\ufeff[agent]\n".encode("utf-16-le"), 1, "save it as UTF-8"),
    ("executable", b"\x7fELF\x02\x01\x01\0", 1, "save the file as plain UTF-8 text"),
    ("too-large", b"\n" * (4 * 2 ** 20 + 1), 1, "use ranges of ports and fewer lines"),
]


def check_config(path):
    return harness.command("check-config", "--config", path)


def check_refused(path, expected):
    """expected: (file, line, fragment) of every error, in order."""
    result = check_config(path)
    assert result.returncode == 2, result
    assert result.stdout == ""
    errors = [line for line in result.stderr.splitlines() if ": warning: " not in line]
    assert len(errors) == len(expected), result.stderr
    for error, (file, line, fragment) in zip(errors, expected):
        match = MESSAGE.fullmatch(error)
        assert match, f"not FILE:LINE: what is wrong; what would be right: {error}"
        assert (match["file"], int(match["line"])) == (str(file), line), error
        assert fragment in match["text"], error


def test_every_bad_file_is_expected():
    assert len(EXPECTATIONS) >= 70
    assert {path.name for path in BAD.glob("*.ini")} == set(EXPECTATIONS)


@pytest.mark.parametrize("name", sorted(EXPECTATIONS))
def test_bad_file(name):
    path = BAD / name
    check_refused(path, [(path, line, fragment) for line, fragment in EXPECTATIONS[name]])


@pytest.mark.parametrize("name,text,line,fragment", GENERATED, ids=[row[0] for row in GENERATED])
def test_generated_file(tmp_path, name, text, line, fragment):
    path = tmp_path / f"{name}.ini"
    path.write_bytes(text)
    check_refused(path, [(path, line, fragment)])


def test_directory(tmp_path):
    check_refused(tmp_path, [(tmp_path, 1, "this is a directory; name the INI file in it")])


def test_missing_file(tmp_path):
    path = tmp_path / "missing.ini"
    check_refused(path, [(path, 1, "No such file or directory; name a file that exists")])


def test_errors_of_all_files(tmp_path):
    path = tmp_path / "udpwatch.ini"
    first, second = tmp_path / "conf.d/10.ini", tmp_path / "conf.d/9.ini"
    first.parent.mkdir()
    path.write_text("[agent]\nscope = none\n[filebeat a]\nports = 6984\n")
    first.write_text("[filebeat b]\nports = 6984\n")
    second.write_text("x\n[filebeat a]\nports = 1514\n")
    check_refused(path, [(path, 2, "write expected or all"),
                         (first, 2, f'6984 expected already by receiver "a" at {path}:4'),
                         (second, 1, "write key = value"),
                         (second, 2, f'it stands at {path}:3 already')])


def test_overrides_are_checked(tmp_path):
    path = tmp_path / "udpwatch.ini"
    path.write_text("[agent]\n")
    result = harness.command("check-config", "--config", path, "--procfs", "/nonexistent",
                             "--log-level", "loud")
    assert result.returncode == 2
    assert "--procfs: /nonexistent is not a directory" in result.stderr
    assert "--log-level: \"loud\" is no log level; write error" in result.stderr


def test_warnings_are_no_errors(tmp_path):
    path = tmp_path / "udpwatch.ini"
    path.write_text("[receiver a]\nports = 40000, 514\nuser = no-such-user\n")
    (tmp_path / "sys/net/ipv4").mkdir(parents=True)
    (tmp_path / "sys/net/ipv4/ip_local_port_range").write_text("32768\t60999\n")
    (tmp_path / "sys/net/ipv4/ip_local_reserved_ports").write_text("8080\n")
    result = harness.command("check-config", "--config", path, "--procfs", tmp_path)
    assert result.returncode == 0
    warnings = result.stderr.splitlines()
    assert len(warnings) == 2
    assert warnings[0].startswith(f"{path}:2: warning: any client may be given 40000, ")
    assert warnings[0].endswith("run: sysctl -w net.ipv4.ip_local_reserved_ports=8080,40000")
    assert warnings[1].startswith(f'{path}:3: warning: no user "no-such-user"')


def test_a_window_of_few_samples_is_warned_of(agent, tmp_path):
    """By check-config, and once in the log of an agent, which then gives no advice of it."""
    text = "[agent]\nstate_dir =\nsample_interval = 5s\npeak_window = 5s\n"
    warning = ":4: warning: peak_window is less than 10 times sample_interval, "
    path = tmp_path / "udpwatch.ini"
    path.write_text(text)
    result = check_config(path)
    assert result.returncode == 0
    assert result.stderr.startswith(f"{path}{warning}") and result.stderr.count("\n") == 1
    assert "; write peak_window = 50s or longer, or a shorter sample_interval" in result.stderr
    running = agent(text)
    running.scrape()
    assert running.log().count(warning) == 1, running.log()


def test_what_is_printed_reads_the_same(tmp_path):
    path, printed = tmp_path / "udpwatch.ini", tmp_path / "printed.ini"
    path.write_bytes("\ufeff[agent]\r\nlisten=127.0.0.1:9118\r\n\r\n[filebeat Köln (süd)]\r\n"
                     "ports = 6984, 7878-7880, 10.0.0.1:514\r\nports = [::1]:515\r\n"
                     "cmdline = *süd.yml*\r\nbuffer = 8MiB\r\nrequired = no".encode())
    first = check_config(path)
    assert (first.returncode, first.stderr) == (0, "")
    assert "[receiver Köln (süd)]\n" in first.stdout
    assert "= 6984, 7878-7880, 10.0.0.1:514, [::1]:515\n" in first.stdout
    printed.write_text(first.stdout)
    second = check_config(printed)
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout == first.stdout
