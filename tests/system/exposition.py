"""A strict reader of the Prometheus text format 0.0.4: what a scraper would refuse is an error here."""

import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)$")
TYPES = {"counter", "gauge", "histogram", "summary", "untyped"}
SUFFIX = re.compile(r"_(bucket|sum|count)$")
ESCAPES = {r"\\": "\\", r"\n": "\n", r"\"": '"'}


class Exposition:
    """values: {(name, frozenset of label items): value}; types and helps: {family: text}."""

    def __init__(self, text):
        self.values, self.types, self.helps = {}, {}, {}
        self._closed, self._family = set(), None
        assert text.endswith("\n"), "the last line must end"
        for number, line in enumerate(text[:-1].split("\n"), 1):
            try:
                self._read(line)
            except AssertionError as error:
                raise AssertionError(f"line {number}: {line!r}: {error}") from None
        for name, kind in self.types.items():
            if kind == "histogram":
                self._check_histograms(name)

    def _read(self, line):
        comment = re.match(rf"# (HELP|TYPE) ({NAME}) (.*)$", line)
        if comment:
            kind, name, rest = comment.groups()
            self._enter(name)
            target = self.helps if kind == "HELP" else self.types
            assert name not in target, f"second {kind}"
            assert kind == "HELP" or rest in TYPES, "unknown type"
            target[name] = rest
            return
        assert not line.startswith("#") and line, "neither HELP, TYPE nor a sample"
        match = SAMPLE.match(line)
        assert match, "not a sample"
        name, labels, value = match.groups()
        family = self._family_of(name)
        self._enter(family)
        assert name != family or self.types.get(family) != "histogram", "a bare histogram"
        assert family in self.types and family in self.helps, "TYPE or HELP is missing"
        key = name, frozenset(self._labels(labels or "").items())
        assert key not in self.values, "the series is repeated"
        self.values[key] = float(value)

    def _family_of(self, name):
        """The family of a sample: the suffixes of a histogram are no part of its name."""
        base = SUFFIX.sub("", name)
        return base if self.types.get(base) == "histogram" else name

    def _check_histograms(self, name):
        """Each set of buckets grows with its bounds up to +Inf, which is the count; it has a sum."""
        buckets = {}
        for labels, value in self.samples(f"{name}_bucket"):
            bound = float(labels.pop("le"))
            buckets.setdefault(frozenset(labels.items()), []).append((bound, value))
        for suffix in "count", "sum":
            keys = {frozenset(labels.items()) for labels, _ in self.samples(f"{name}_{suffix}")}
            assert keys == set(buckets), f"{name}: buckets and {suffix} do not belong together"
        for labels, pairs in buckets.items():
            assert pairs == sorted(pairs), f"{name}: out of order: {pairs}"
            counts = [count for _, count in pairs]
            assert counts == sorted(counts), f"{name}: not summed up: {pairs}"
            assert pairs[-1] == (float("inf"), self.values[f"{name}_count", labels]), pairs

    def _enter(self, family):
        if family == self._family:
            return
        assert family not in self._closed, "the lines of a family must stand together"
        self._closed.add(self._family)
        self._family = family

    @staticmethod
    def _labels(text):
        labels, position = {}, 0
        while position < len(text):
            match = LABEL.match(text, position)
            assert match, "malformed labels"
            name, value, _ = match.groups()
            assert name not in labels, "a label twice"
            labels[name] = re.sub(r'\\[\\n"]', lambda escape: ESCAPES[escape[0]], value)
            position = match.end()
        return labels

    def samples(self, name, **labels):
        """[(labels, value)] of the series that have these labels."""
        wanted = set(labels.items())
        return [(dict(key[1]), value) for key, value in self.values.items()
                if key[0] == name and wanted <= key[1]]

    def value(self, name, **labels):
        """The value of the only series with these labels, None when there is none."""
        found = self.samples(name, **labels)
        assert len(found) <= 1, f"{name}{labels} is not one series: {found}"
        return found[0][1] if found else None

    def state(self, port, **labels):
        """The state of an expected port; exactly one must be 1."""
        found = self.samples("udpwatch_port_state", port=str(port), **labels)
        assert len(found) == 6 and {value for _, value in found} == {0, 1}, found
        (state,) = [series["state"] for series, value in found if value == 1]
        return state

    def states(self):
        """{(receiver, address, port): state} of all expected ports."""
        return {(labels["receiver"], labels["address"], int(labels["port"])): labels["state"]
                for labels, value in self.samples("udpwatch_port_state") if value == 1}

    def counters(self):
        """{series: value} of everything that must never fall, histograms of shares among it."""
        return {key: value for key, value in self.values.items()
                if self.types[self._family_of(key[0])] in ("counter", "histogram")}
