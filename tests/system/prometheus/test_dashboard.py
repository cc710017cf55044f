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


def type_check(directory, content):
    """What the TypeScript compiler has to say of a dashboard: nothing, when it is one."""
    for name in "dashboard.ts", "tsconfig.json":
        (directory / name).write_bytes((PROJECT / name).read_bytes())
    (directory / "node_modules").symlink_to(GRAFANA / "node_modules")
    (directory / "checked.ts").write_text(
        "import type { UdpwatchDashboard } from './dashboard';\n"
        f"export const dashboard: UdpwatchDashboard = {json.dumps(content, indent=1)};\n")
    result = subprocess.run([GRAFANA / "node_modules/.bin/tsc", "--project", directory],
                            capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode == 0) == (result.stdout == ""), result
    return result.stdout


def test_grafana_knows_every_key(board, directory):
    assert type_check(directory, board) == ""


def spoil(board):
    """The dashboard with each kind of mistake once, and what the compiler must say of each."""
    first = {kind: next(panel for panel in dashboard.panels(board) if panel["type"] == kind)
             for kind in ("heatmap", "stat", "state-timeline", "table", "timeseries")}
    board["titel"] = ""
    board["templating"]["list"][1]["refresh"] = 7
    first["stat"]["options"]["colourMode"] = "value"
    first["state-timeline"]["options"]["showValue"] = "sometimes"
    first["table"]["targets"][0]["legend"] = "{{state}}"
    first["table"]["fieldConfig"]["overrides"][0]["properties"].append({"id": "custom.widht", "value": 3})
    first["timeseries"]["fieldConfig"]["defaults"]["custom"]["spanNull"] = True
    del first["heatmap"]["description"]
    return ["titel", "7", "colourMode", "sometimes", "legend", "custom.widht", "spanNull", "description"]


@pytest.mark.parametrize("number", range(8))
def test_the_type_check_finds(board, directory, number):
    """Each mistake alone."""
    broken = json.loads(json.dumps(board))
    names = spoil(broken)
    assert len(names) == 8
    assert names[number] in type_check(directory, broken)


def test_is_importable(board):
    assert board["uid"] == "udpwatch" and "id" not in board and "__inputs" not in board
    for panel in dashboard.panels(board):
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]
    assert dashboard.variables(board)["datasource"]["query"] == "prometheus"


def test_ids_are_unique(board):
    ids = [panel["id"] for panel in board["panels"] + dashboard.panels(board)
           if panel["type"] == "row" or panel in dashboard.panels(board)]
    rows = [panel["id"] for panel in board["panels"] if panel["type"] == "row"]
    shown = [panel["id"] for panel in dashboard.panels(board)]
    assert len(set(rows + shown)) == len(rows + shown), ids


def cells(panel):
    place = panel["gridPos"]
    return set(itertools.product(range(place["x"], place["x"] + place["w"]),
                                 range(place["y"], place["y"] + place["h"])))


def test_no_two_panels_overlap(board):
    taken = {}
    for panel in dashboard.panels(board) + [row for row in board["panels"] if row["type"] == "row"]:
        for cell in cells(panel):
            assert 0 <= cell[0] < 24, panel["title"]
            assert cell not in taken, (panel["title"], taken.get(cell))
            taken[cell] = panel["title"]


def test_each_panel_says_what_it_tells(board):
    titles = [panel["title"] for panel in dashboard.panels(board)]
    assert len(set(titles)) == len(titles) <= 24
    for panel in dashboard.panels(board):
        assert len(panel["description"]) > 60, panel["title"]
        defaults = panel["fieldConfig"]["defaults"]
        units = {defaults["unit"]} | {entry["value"] for override in panel["fieldConfig"]["overrides"]
                                      for entry in override["properties"] if entry["id"] == "unit"}
        assert units <= UNITS, panel["title"]
        assert defaults["noValue"] == "not known", panel["title"]


def test_what_is_missing_is_not_drawn(board):
    """No line over a gap, and no query that puts 0 in the place of nothing."""
    for panel, target in dashboard.queries(board):
        assert not re.search(r"\bvector\b|\babsent\b(?=\s*\()|\bor\s+on\b", target["expr"])
        if panel["type"] == "timeseries":
            assert panel["fieldConfig"]["defaults"]["custom"]["spanNulls"] is False


def threshold_lists(panel):
    config = panel["fieldConfig"]
    found = [config["defaults"].get("thresholds")]
    found += [entry["value"] for override in config["overrides"] for entry in override["properties"]
              if entry["id"] == "thresholds"]
    return [thresholds["steps"] for thresholds in found if thresholds]


def test_thresholds_rise(board):
    for panel in dashboard.panels(board):
        for steps in threshold_lists(panel):
            assert steps[0]["value"] is None, panel["title"]
            values = [step["value"] for step in steps[1:]]
            assert values == sorted(set(values)) and all(value > 0 for value in values)


def test_counters_are_rated_over_the_right_time(board):
    for _, target in dashboard.queries(board):
        for window in re.findall(r"\brate\([^[]+\[([^]]+)\]", target["expr"]):
            assert window == "$__rate_interval"
        for window in re.findall(r"\bincrease\([^[]+\[([^]]+)\]", target["expr"]):
            assert window in ("$__range", "$__rate_interval")


def test_every_query_heeds_the_choice(board):
    """Each selector of a metric names job and instance, those of ports and receivers the receiver."""
    for panel, target in dashboard.queries(board):
        for metric, selector in re.findall(r"\b(udpwatch_\w+|up)\b(?!\|)(\{[^}]*\}?[^}]*\})?",
                                           target["expr"]):
            if "|" in metric or not selector:
                continue
            assert 'job=~"$job",instance=~"$instance"' in selector, (panel["title"], metric)
            if re.match("udpwatch_(port|receiver|socket)", metric):
                assert "receiver=~`${receiver:regex}`" in selector, (panel["title"], metric)
        assert re.search(r"\{[^}]*\$job", target["expr"]), panel["title"]


def shown_columns(panel):
    """{source column: shown name} of a table."""
    (organize,) = [each["options"] for each in panel["transformations"] if each["id"] == "organize"]
    return organize["renameByName"], organize


def test_tables_show_each_column_once(board):
    for panel in (each for each in dashboard.panels(board) if each["type"] == "table"):
        renamed, organize = shown_columns(panel)
        values = {f"Value #{target['refId']}" for target in panel["targets"]}
        assert values <= set(renamed) | set(organize["excludeByName"]), panel["title"]
        assert len(set(renamed.values())) == len(renamed) == len(organize["indexByName"])
        names = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
        names |= {entry["displayName"] for entry in panel["options"]["sortBy"]}
        assert names <= set(renamed.values()), panel["title"]


def test_each_state_has_a_name_and_a_colour(board):
    found = [entry["options"] for panel in dashboard.panels(board) for entry in mappings(panel)
             if len(entry["options"]) > 2]
    assert len(found) == 2  # the timeline and the table of ports
    for options in found:
        assert [options[str(code)]["text"] for code in range(1, 7)] == STATES
        assert len({each["color"] for each in options.values()}) == len(STATES)


def mappings(panel):
    config = panel["fieldConfig"]
    found = list(config["defaults"].get("mappings", []))
    for override in config["overrides"]:
        for entry in override["properties"]:
            found += entry["value"] if entry["id"] == "mappings" else []
    return found
