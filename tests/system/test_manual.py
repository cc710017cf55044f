"""The manual pages and the completion against the program: nothing is missing in them, and they
name nothing that the program does not have."""

import os
import re
import subprocess

import pytest

import harness

PAGES = {name: harness.ROOT / "doc" / name for name in ("udpwatch.8", "udpwatch.ini.5")}
COMPLETION = harness.ROOT / "etc/bash-completion/udpwatch"
BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"
OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][a-z-]*")
LEVELS = {"error", "warning", "info", "debug"}


def run(*command, **options):
    """Run a tool to its end, which must be a good one; return what it printed."""
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False,
                            timeout=harness.DEADLINE, stdin=subprocess.DEVNULL, **options)
    assert result.returncode == 0, (command, result)
    return result


# The pages, by their mdoc(7) macros.

def page(name, section=None):
    """The lines of a page, or those of one of its sections."""
    lines = PAGES[name].read_text().splitlines()
    if section is None:
        return lines
    begin = lines.index(f".Sh {section}") + 1
    end = next(i for i in range(begin, len(lines) + 1)
               if i == len(lines) or lines[i].startswith(".Sh "))
    return lines[begin:end]


def items(lines, pattern):
    """{name: text below it} of the list items that the pattern matches."""
    found, name = {}, None
    for line in lines:
        if line.startswith(".It "):
            match = re.match(pattern, line)
            name = match and match[1]
            assert name not in found, f"{name} stands twice"
            if name:
                found[name] = ""
        elif name:
            found[name] += line + "\n"
    return found


def options(lines):
    """What the macro Fl marks."""
    found = set()
    for line in lines:
        if line.startswith("."):
            found |= {f"-{name}" for name in re.findall(r"\bFl (\S+)", line)}
    return found


# What the program says of itself.

def help_of(*command):
    return harness.command(*command, "--help", check=0).stdout


def commands():
    names = re.findall(r"^  ([a-z-]+)  ", help_of(), re.MULTILINE)
    assert len(names) >= 5
    return names


def options_of(*command):
    found = set(OPTION.findall(help_of(*command)))
    assert {"-h", "--help", "--config"} <= found
    return found


def complaint(write, text):
    """What check-config says of a bad configuration."""
    return harness.command("check-config", "--config", write(text), check=2).stderr


def keys(write, section):
    """The keys of a section, from the error that an unknown one is."""
    text = complaint(write, f"{section}\nno-such-key = 1\n")
    return set(re.search(r"the keys are ([a-z_, ]+)$", text, re.MULTILINE)[1].split(", "))


AGENT, RECEIVER, WEB = "KEYS OF THE AGENT", "KEYS OF A RECEIVER", "KEYS OF A WEB CHECK"
HEADERS = {AGENT: "[agent]", RECEIVER: "[receiver one]\nports = 514",
           WEB: "[web one]\nurl = http://127.0.0.1/"}


def documented_keys(section):
    return items(page("udpwatch.ini.5", section), r"\.It Cm (\w+)$")


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_well_formed(name):
    result = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", PAGES[name]],
                            capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)
    result = run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", PAGES[name],
                 env={**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"})
    assert result.stdout and not result.stderr


def test_commands():
    assert set(items(page("udpwatch.8", "COMMANDS"), r"\.It Ic (\S+)$")) == set(commands())


def test_options():
    """All of them under OPTIONS; nowhere else one that is none."""
    program = set().union(options_of(), *(options_of(name) for name in commands()))
    listed = [line for line in page("udpwatch.8", "OPTIONS") if line.startswith(".It ")]
    assert options(listed) == program
    assert options(page("udpwatch.8") + page("udpwatch.ini.5")) == program
    shown = [line for line in page("udpwatch.8", "EXAMPLES") if re.search(r"[#$] udpwatch ", line)]
    assert len(shown) >= 5
    used = {option for line in shown for option in OPTION.findall(re.split(r"[|>;]", line)[0])}
    assert used and used <= program


def test_synopsis():
    """Each command has exactly its options there; the last line has those of all."""
    lines = "\n".join(page("udpwatch.8", "SYNOPSIS")).split(".Nm\n")[1:]
    *own, last = [block.splitlines() for block in lines]
    assert options(last) == {"-h", "--help", "-V", "--version"}
    shown = {re.search(r"\bIc (\S+)", block[0])[1]: options(block + last) for block in own}
    assert shown == {name: options_of(name) for name in commands()}


def test_exit_statuses():
    shown, command = set(), None
    for line in page("udpwatch.8", "EXIT STATUS"):
        if line.startswith(".It Ic "):
            command = line.split()[2]
        elif line.startswith(".It "):
            shown.add((command, int(line.split()[1])))
    told = set()
    for name in commands():
        sentence = re.search(r"^Exit status: (.*)", help_of(name), re.MULTILINE | re.DOTALL)[1]
        told |= {(name, int(number)) for number in re.findall(r"\b\d\b", sentence)}
    assert shown == told
    assert len(told) >= 15


FAMILY = r"\.It Sy (udpwatch_\w+) Pq (gauge|counter|histogram)(, agent)?$"


def documented_families():
    """{name: (type, told by the agent alone, labels)}; the macro Va marks a label."""
    families, common, name = {}, set(), None
    for line in page("udpwatch.8", "METRICS"):
        if line.startswith(".Ss "):
            common, name = set(), None
        elif line.startswith(".It "):
            match = re.match(FAMILY, line)
            assert match, line
            name, kind, alone = match.groups()
            assert name not in families
            families[name] = kind, bool(alone), set(common)
        elif line.startswith(".Va "):
            labels = set(re.findall(r"[a-z_]+", line[len(".Va "):]))
            (families[name][2] if name else common).update(labels)
    return families


def labels_of(exposition, family):
    """The names of the labels of each of its series, in which le is the histogram's own."""
    names = (family, f"{family}_count")
    return {frozenset(label for label, _ in labels)
            for name, labels in exposition.values if name in names}


def test_metrics(agent, hold, tls_server, directory):
    hold("0.0.0.0:514", name="udp_holder")
    hold("127.0.0.1:2001", name="nobody-named")
    config = (f"[agent]\nstate_dir = {directory}/state\nscope = all\npeak_window = 1s\n"
              "sample_interval = 20ms\n[receiver one]\nports = 514, 515\nprocess = udp_holder\n"
              "buffer = 1MiB\n[receiver two]\nports = 516\nrequired = no\n" +
              tls_server(8443).section("ping"))
    running = agent(config)

    def scrape():
        exposition = running.scrape()
        late = "udpwatch_port_receive_queue_low_bytes", "udpwatch_web_up"  # take longest to be known
        return exposition if all(map(exposition.samples, late)) else None

    exposition = harness.wait_for(scrape, "a full peak_window, and the first web check")
    single = harness.Exposition(
        harness.command("metrics", "--config", running.config, check=0).stdout)
    documented = documented_families()
    assert {name: row[0] for name, row in documented.items()} == exposition.types
    assert {name for name, row in documented.items() if not row[1]} == set(single.types)
    for name, (_, _, labels) in documented.items():
        # Kernels before 5.11 do not count lack of memory.
        assert labels_of(exposition, name) == {frozenset(labels)} or (
            name == "udpwatch_host_memory_errors_total" and not labels_of(exposition, name)), name
    mentioned = {name for lines in map(page, PAGES)
                 for name in re.findall(r"\budpwatch_\w+", "\n".join(lines))}
    assert mentioned == set(exposition.types)
    states = {labels["state"] for labels, _ in exposition.samples("udpwatch_port_state")}
    assert set(re.findall(r"^\.It Cm (\w+)$", "\n".join(page("udpwatch.8", "STATES")),
                          re.MULTILINE)) == states


def test_http_paths(agent):
    agent("[receiver one]\nports = 514\n")
    paths = set(items(page("udpwatch.8", "HTTP"), r"\.It Pa (\S+)$"))
    linked = set(re.findall(r'(?:href|src)="(/[^"]+)"', harness.get("/")[2].decode()))
    assert paths == {"/", "/-/healthy", "/-/ready", *linked}
    assert {path: harness.get(path)[0] for path in paths} == dict.fromkeys(paths, 200)


def test_sections(write):
    text = complaint(write, "[no-such-section]\n")
    told = re.search(r"the sections are (.*)$", text, re.MULTILINE)[1]
    shown = [line for line in page("udpwatch.ini.5", "SECTIONS") if line.startswith(".It ")]
    assert {re.sub(r"\.It Bq Cm (\w+)(?: Ar (\w+))?$",
                   lambda match: f"[{match[1]}{' ' + match[2].upper() if match[2] else ''}]", line)
            for line in shown} == set(told.split(", "))


def test_keys(write):
    assert set(documented_keys(AGENT)) == keys(write, "[agent]")
    assert set(documented_keys(RECEIVER)) == keys(write, "[receiver one]")
    assert set(documented_keys(WEB)) == keys(write, "[web one]")
    assert keys(write, "[filebeat one]") == keys(write, "[receiver one]")


def documented_defaults(section):
    found = {}
    for key, text in documented_keys(section).items():
        match = re.search(r"default is\n(?:\.Cm (\S+)|empty\.)", text)
        if match:
            found[key] = match[1] or ""
    return found


def printed(write, text):
    return harness.command("check-config", "--config", write(text), check=0).stdout


def test_defaults(write):
    """A configuration of the documented defaults says what an empty one says."""
    agent = documented_defaults(AGENT)
    assert set(agent) == keys(write, "[agent]")
    lines = "[agent]\n" + "".join(f"{key} = {value}\n" for key, value in agent.items())
    assert printed(write, lines) == printed(write, "")
    # scope is always all while there is no receiver.
    receiver = documented_defaults(RECEIVER)
    assert set(receiver) == {"process", "required"}
    one, ports = "[filebeat one]\n", "ports = 514\n"
    assert printed(write, lines + one + ports +
                   "".join(f"{key} = {value}\n" for key, value in receiver.items())) == \
        printed(write, one + ports)
    web = documented_defaults(WEB)
    assert set(web) == keys(write, "[web one]") - {"url", "header", "body_contains", "ca_file"}
    assert printed(write, f"{HEADERS[WEB]}\n" + "".join(
        f"{key} = {value}\n" for key, value in web.items())) == printed(write, HEADERS[WEB])


@pytest.mark.parametrize("section,key,value", [
    (AGENT, "listen", "0.0.0.0:0"), (AGENT, "sample_interval", "0ms"),
    (AGENT, "peak_window", "0ms"), (AGENT, "max_sockets", "0"), (RECEIVER, "ports", "0"), (RECEIVER, "buffer", "0"),
    (WEB, "interval", "0ms"), (WEB, "timeout", "0ms"), (WEB, "status", "0")])
def test_ranges(write, section, key, value):
    text = complaint(write, f"{HEADERS[section]}\n{key} = {value}\n")
    told = re.search(r"\b(\d\w*) to (\d\w*)", text)[0]
    assert re.search(rf"\b{told}\b", documented_keys(section)[key]), told


@pytest.mark.parametrize("section,key", [(AGENT, "scope"), (AGENT, "log_level"),
                                         (RECEIVER, "required"), (WEB, "verify"), (WEB, "method"),
                                         (WEB, "follow_redirects"), (WEB, "resolve_family")])
def test_words(write, section, key):
    """The values of a key that is one of a few words."""
    text = complaint(write, f"{HEADERS[section]}\n{key} = no-such-word\n")
    told = set(re.split(r", | or ", re.search(r"; write (.*)$", text, re.MULTILINE)[1]))
    assert len(told) >= 2
    shown = re.findall(r"^\.Cm (.*)$", documented_keys(section)[key], re.MULTILINE)
    assert told == {word for line in shown for word in re.findall(r"\w+", line)}


def test_the_example_is_good(write):
    lines = page("udpwatch.ini.5", "EXAMPLES")
    text = "\n".join(lines[lines.index(".Bd -literal -offset indent") + 1:lines.index(".Ed")])
    result = harness.command("check-config", "--config", write(text + "\n"), check=0)
    assert "warning" not in result.stderr
    assert "[receiver core-switches]" in result.stdout
    assert "[web apple-ping]" in result.stdout


def test_what_becomes_of_a_web_check(agent):
    """The causes, under the names that the metrics have."""
    served = agent(f"{HEADERS[WEB]}\n").scrape().samples("udpwatch_web_checks_total")
    assert set(items(page("udpwatch.ini.5", WEB), r"\.It Li (\w+)$")) == {
        labels["result"] for labels, _ in served}


def messages():
    """All strings of the program, those in a row joined."""
    text = "".join(path.read_text() for path in sorted((harness.ROOT / "src").rglob("*.c")))
    text = re.sub(r'"\s*"', "", re.sub(r'"\s*PRI\w+\s*"', "", text))
    return re.findall(r'"((?:[^"\\\n]|\\.)*)"', text.replace(r"\"", "'"))


@pytest.mark.parametrize("name", PAGES)
def test_diagnostics(name):
    """Each is in the program's words: its parts are in the strings that are filled in."""
    shown = [line[len(".It "):] for line in page(name, "DIAGNOSTICS") if line.startswith(".It ")]
    assert len(shown) >= 2
    strings = messages()
    for line in shown:
        for part in filter(None, re.split(r"\.\.\.|: |^cannot ", line)):
            assert any(part.strip() in string for string in strings), part


# The completion.

def complete(*words, directory=None):
    """What bash offers for the last of the words, and nospace where it adds no blank to it."""
    split = [part for word in words for part in re.split("(=)", word) if part]
    if words[-1] == "":
        split.append("")
    script = f"""
        . {BASH_COMPLETION} && . {COMPLETION} || exit 1
        complete -p udpwatch | grep -q -- '-F _udpwatch udpwatch' || exit 1
        compopt() {{ [ "$2" = filenames ] || echo "$2"; }}  # bash's own works at a key press only
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$LINE" COMP_POINT=${{#LINE}}
        _udpwatch "$1" "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD - 1]}}"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    result = run("bash", "--norc", "-c", script, "bash", *split, cwd=directory,
                 env={**os.environ, "LINE": " ".join(words)})
    assert not result.stderr, result.stderr
    return set(filter(None, result.stdout.splitlines()))


def test_completion_of_commands():
    assert complete("udpwatch", "") == set(commands())
    for option in "--config", "--procfs", "--listen", "--log-level", "--fast-path":
        assert complete("udpwatch", option, "run", "") == set(commands())  # run is its value
    assert complete("udpwatch", "che") == {"check-config"}


def test_completion_of_options():
    assert complete("udpwatch", "-") == options_of()
    for name in commands():
        for before in [], ["--config", "status"], ["--procfs=/proc"]:
            assert complete("udpwatch", *before, name, "-") == options_of(name), (name, before)
        assert complete("udpwatch", name, "") == options_of(name)
    assert complete("udpwatch", "status", "--w") == {"--watch"}
    assert complete("udpwatch", "status", "--watch=") == set()


def test_completion_of_values(directory):
    (directory / "new.ini").touch()
    (directory / "parts").mkdir()
    for command in [], ["status"]:
        for form in lambda option, value: [option, value], lambda option, value: [
                f"{option}={value}"]:
            def offered(option, value=""):
                return complete("udpwatch", *command, *form(option, value), directory=directory)
            assert offered("--config") == {"new.ini", "parts"}
            assert offered("--config", "n") == {"new.ini"}
            assert offered("--procfs") == {"parts"}
            assert offered("--log-level") == LEVELS
            assert offered("--log-level", "w") == {"warning"}
            assert offered("--listen") == set()
            assert offered("--fast-path", "l") == {"look-up=", "nospace"}
            assert offered("--fast-path", "look-up=") == {"on", "off", "auto"}
            assert offered("--fast-path", "look-up=of") == {"off"}


def test_the_levels_are_the_programs():
    text = harness.command("check-config", "--log-level", "loud", check=2).stderr
    assert set(re.split(r", | or ", re.search(r"write (.*)$", text, re.MULTILINE)[1])) == LEVELS
    item = items(page("udpwatch.8", "OPTIONS"), r"\.It Fl (-log-level)")["-log-level"]
    assert LEVELS == set(re.findall(r"\w+", " ".join(re.findall(r"^\.Cm (.*)$", item,
                                                                re.MULTILINE))))


def test_they_are_installed_where_they_are_found(directory):
    """-o all: what is built, with whatever options, is what is installed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    run("make", "-C", harness.ROOT, "-o", "all", f"B={harness.BUILD}", f"DESTDIR={directory}",
        "PREFIX=/usr/local", "install", env=clean)
    share = directory / "usr/local/share"
    for section, name in ("8", "udpwatch"), ("5", "udpwatch.ini"):
        found = run("man", "-M", share / "man", "-w", section, name).stdout.strip()
        assert found == f"{share}/man/man{section}/{name}.{section}"
        assert os.stat(found).st_mode & 0o777 == 0o644
    installed = share / "bash-completion/completions/udpwatch"
    assert installed.read_text() == COMPLETION.read_text()
    assert os.stat(installed).st_mode & 0o777 == 0o644
