"""The dashboard, and its queries with the variables filled in as Grafana does."""

import json
import re

import harness

FILE = harness.ROOT / "etc/grafana/udpwatch.json"
VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)")


def read():
    return json.loads(FILE.read_text())


def panels(dashboard):
    """All panels, those in collapsed rows among them; rows are none."""
    nested = [inner for panel in dashboard["panels"] for inner in panel.get("panels", [])]
    return [panel for panel in dashboard["panels"] + nested if panel["type"] != "row"]


def queries(dashboard):
    """[(panel, target)] of all panels."""
    return [(panel, target) for panel in panels(dashboard) for target in panel["targets"]]


def variables(dashboard):
    """{name: variable}."""
    return {variable["name"]: variable for variable in dashboard["templating"]["list"]}


def as_regex(value):
    """Grafana's format "regex"."""
    return re.sub(r"[\\^$*+?.()|\[\]{}/]", r"\\\g<0>", value)


def as_promql(value):
    """What Grafana's Prometheus data source makes of a value where no format is named: for a
    regular expression inside quotation marks. It leaves quotation marks in the value alone."""
    return re.sub(r"[$^*{}\[\]+?.()|]", r"\\\\\g<0>", value.replace("\\", "\\" * 4))


def alternatives(values, escape):
    escaped = [escape(value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


class Choice:
    """What somebody chose at the top of the dashboard. chosen: {variable: [values]}; all is chosen
    of the others, every: what that is for a variable without allValue."""

    def __init__(self, dashboard, seconds, chosen=None, every=None):
        self.variables = variables(dashboard)
        self.chosen = chosen or {}
        self.every = every or {}
        # For a data source whose scrape interval is set to 1s, and points 1 s apart.
        self.builtin = {"__interval": "1s", "__rate_interval": "4s", "__range": f"{seconds}s"}

    def value(self, name, form):
        if name in self.builtin:
            return self.builtin[name]
        variable = self.variables[name]
        escape = as_regex if form == "regex" else as_promql
        if name in self.chosen:
            return alternatives(self.chosen[name], escape)
        if variable.get("allValue"):
            return variable["allValue"]
        if variable["includeAll"]:
            return alternatives(self.every[name], escape)
        return variable["current"]["value"]

    def fill_in(self, text):
        return VARIABLE.sub(lambda match: self.value(match[1] or match[3], match[2]), text)
