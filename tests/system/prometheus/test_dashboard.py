"""The dashboard's form: it loads in Grafana, says what each panel tells, and names what exists."""

import itertools
import json
import re
import subprocess

import pytest

import dashboard
import harness

GRAFANA = harness.ROOT / "build/grafana"
PROJECT = harness.ROOT / "tests/system/prometheus/grafana"
# Of Grafana's units, those in use: a name that it does not know is shown as text behind the number.
UNITS = {"short", "none", "bytes", "percentunit", "s", "pps", "cpm", "cps", "dateTimeFromNow"}
STATES = ["ok", "shared", "standby", "unknown", "absent", "wrong_owner"]


@pytest.fixture(scope="module")
def board():
    return dashboard.read()


def overridden(panel, name):
    """What a panel's overrides set a property of a field to."""
    return [entry["value"] for override in panel["fieldConfig"]["overrides"]
            for entry in override["properties"] if entry["id"] == name]


def settings(panel, name):
    """All that a panel sets a property of a field to."""
    defaults = panel["fieldConfig"]["defaults"]
    return ([defaults[name]] if name in defaults else []) + overridden(panel, name)


def type_check(directory, **contents):
    """{name: what the compiler has to say of that dashboard}; nothing, when it is one."""
    for name in "dashboard.ts", "tsconfig.json":
        (directory / name).write_bytes((PROJECT / name).read_bytes())
    (directory / "node_modules").symlink_to(GRAFANA / "node_modules")
    for name, content in contents.items():
        (directory / f"{name}.ts").write_text(
            "import type { UdpwatchDashboard } from './dashboard';\n"
            f"export const checked: UdpwatchDashboard = {json.dumps(content, indent=1)};\n")
    result = subprocess.run([GRAFANA / "node_modules/.bin/tsc", "--project", "."], cwd=directory,
                            capture_output=True, text=True, timeout=harness.HANGS, check=False)
    found = {name: "" for name in contents}
    for line in re.findall(r"^\S.*(?:\n\s.*)*", result.stdout, re.MULTILINE):
        found[line.split(".ts(")[0]] += line
    assert (result.returncode == 0) == (not any(found.values())), result
    return found


def first(board, kind):
    return next(panel for panel in dashboard.panels(board) if panel["type"] == kind)


def override(board, name, value):
    """Have the first override of a table set this property."""
    properties = first(board, "table")["fieldConfig"]["overrides"][0]["properties"]
    properties.append({"id": name, "value": value})


# {what the compiler must name: how a dashboard is spoilt}
MISTAKES = {
    "titel": lambda board: board.update(titel="udpwatch"),
    "'7'": lambda board: board["templating"]["list"][1].update(refresh=7),
    "colourMode": lambda board: first(board, "stat")["options"].update(colourMode="value"),
    "sometimes": lambda board:
        first(board, "state-timeline")["options"].update(showValue="sometimes"),
    "legend": lambda board: first(board, "table")["targets"][0].update(legend="{{state}}"),
    "custom.widht": lambda board: override(board, "custom.widht", 3),
    '"custom.width"': lambda board: override(board, "custom.width", "wide"),
    "spanNull": lambda board:
        first(board, "timeseries")["fieldConfig"]["defaults"]["custom"].update(spanNull=True),
    "description": lambda board: first(board, "heatmap").pop("description"),
    "piechart": lambda board: first(board, "stat").update(type="piechart"),
}


def spoilt(board, mistake):
    copy = json.loads(json.dumps(board))
    mistake(copy)
    return copy


def test_grafana_knows_every_key(board, directory):
    """And what it does not know is found: each mistake alone, named by the compiler."""
    broken = {f"mistake_{number}": spoilt(board, mistake)
              for number, mistake in enumerate(MISTAKES.values())}
    found = type_check(directory, right=board, **broken)
    assert found.pop("right") == ""
    for name, complaint in zip(MISTAKES, found.values()):
        assert name in complaint, (name, complaint)


def test_is_importable(board):
    assert board["uid"] == "udpwatch" and "id" not in board and "__inputs" not in board
    variables = dashboard.variables(board)
    assert variables["datasource"]["query"] == "prometheus"
    asking = [each for each in variables.values() if each["type"] == "query"]
    for each in dashboard.panels(board) + asking:
        assert each["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, each


def test_links_lead_to_the_runbook(board):
    runbook = (harness.ROOT / "doc/runbook.md").read_text()
    anchors = {heading.lower() for heading in re.findall(r"^## (\w+)$", runbook, re.MULTILINE)}
    linked = [link["url"] for panel in dashboard.panels(board) for link in panel.get("links", [])]
    assert len(linked) > 10
    for url in linked:
        address, anchor = url.split("#")
        assert address == "${runbook:raw}" and anchor in anchors, url


def test_ids_are_unique(board):
    ids = [panel["id"] for panel in dashboard.panels(board) + rows(board)]
    assert len(set(ids)) == len(ids)


def rows(board):
    return [panel for panel in board["panels"] if panel["type"] == "row"]


def cells(panel):
    place = panel["gridPos"]
    return set(itertools.product(range(place["x"], place["x"] + place["w"]),
                                 range(place["y"], place["y"] + place["h"])))


def test_no_two_panels_overlap(board):
    taken = {}
    for panel in dashboard.panels(board) + rows(board):
        for cell in cells(panel):
            assert 0 <= cell[0] < 24, panel["title"]
            assert cell not in taken, (panel["title"], taken.get(cell))
            taken[cell] = panel["title"]


def test_each_panel_says_what_it_tells(board):
    titles = [panel["title"] for panel in dashboard.panels(board)]
    assert len(set(titles)) == len(titles) <= 28
    for panel in dashboard.panels(board):
        assert len(panel["description"]) > 60, panel["title"]
        defaults = panel["fieldConfig"]["defaults"]
        assert {defaults["unit"], *overridden(panel, "unit")} <= UNITS, panel["title"]
        assert defaults["noValue"] == "not known", panel["title"]


def test_what_is_missing_is_not_drawn(board):
    """No line is drawn over a gap, and no query puts 0 in the place of nothing."""
    for panel, target in dashboard.queries(board):
        assert not re.search(r"\b(vector|absent|absent_over_time)\(", target["expr"])
        if panel["type"] == "timeseries":
            assert panel["fieldConfig"]["defaults"]["custom"]["spanNulls"] is False


def test_thresholds_rise(board):
    for panel in dashboard.panels(board):
        for thresholds in settings(panel, "thresholds"):
            lowest, *values = [step["value"] for step in thresholds["steps"]]
            assert lowest is None, panel["title"]
            assert values == sorted(set(values)) and all(value > 0 for value in values)


def test_counters_are_rated_over_the_right_time(board):
    for _, target in dashboard.queries(board):
        for window in re.findall(r"\brate\([^[]+\[([^]]+)\]", target["expr"]):
            assert window == "$__rate_interval"
        for window in re.findall(r"\bincrease\([^[]+\[([^]]+)\]", target["expr"]):
            assert window in ("$__range", "$__rate_interval")


def test_every_query_heeds_the_choice(board):
    """Each selector names job and instance, those of ports and receivers the receiver too."""
    for panel, target in dashboard.queries(board):
        # Its braces end no selector.
        expression = target["expr"].replace("${receiver:regex}", "$receiver")
        outside = re.sub(r"\{[^}]*\}", "{}", expression)
        for metric, braces in re.findall(r"\b(udpwatch_\w+|up)\b(\{\})?", outside):
            assert braces, (panel["title"], metric)
        for metric, selector in re.findall(r"(\w*)\{([^}]*)\}", expression):
            assert 'job=~"$job",instance=~"$instance"' in selector, (panel["title"], metric)
            if re.match("udpwatch_(port|receiver|socket)", metric):
                assert "receiver=~`$receiver`" in selector, (panel["title"], metric)


def organized(panel):
    """How a table names and orders its columns."""
    (options,) = [each["options"] for each in panel["transformations"] if each["id"] == "organize"]
    return options


def test_tables_show_each_column_once(board):
    for panel in (each for each in dashboard.panels(board) if each["type"] == "table"):
        organize = organized(panel)
        renamed = organize["renameByName"]
        values = {f"Value #{target['refId']}" for target in panel["targets"]}
        assert values <= set(renamed) | set(organize["excludeByName"]), panel["title"]
        assert len(set(renamed.values())) == len(renamed) == len(organize["indexByName"])
        names = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
        names |= {entry["displayName"] for entry in panel["options"]["sortBy"]}
        assert names <= set(renamed.values()), panel["title"]


def test_each_state_has_a_name_and_a_colour(board):
    found = [mapping["options"] for panel in dashboard.panels(board)
             for mapping in sum(settings(panel, "mappings"), []) if len(mapping["options"]) > 2]
    assert len(found) == 2  # the timeline and the table of ports
    for options in found:
        assert [options[str(code)]["text"] for code in range(1, 7)] == STATES
        assert len({each["color"] for each in options.values()}) == len(STATES)
    coded = [dict(re.findall(r'state="(\w+)"\} == 1\) \* (\d)', target["expr"]))
             for _, target in dashboard.queries(board)]
    assert [codes for codes in coded if codes] == 2 * [
        {state: str(code) for code, state in enumerate(STATES, 1)}]
