"""The reader of expositions that the other tests trust: it refuses what a scraper would."""

import pytest

from exposition import Exposition

HISTOGRAM = """# HELP h Help.
# TYPE h histogram
h_bucket{a="b",le="0.5"} 2
h_bucket{a="b",le="+Inf"} 3
h_sum{a="b"} 1.5
h_count{a="b"} 3
# HELP x_count Help.
# TYPE x_count gauge
x_count 1
"""


def test_a_histogram():
    exposition = Exposition(HISTOGRAM)
    assert exposition.value("h_bucket", a="b", le="0.5") == 2
    assert exposition.value("h_sum", a="b") == 1.5
    assert len(exposition.counters()) == 4


@pytest.mark.parametrize("right, wrong", [
    ('le="+Inf"} 3', 'le="+Inf"} 4'), ('le="0.5"} 2', 'le="0.5"} 5'), ('le="+Inf"', 'le="1"'),
    ('h_sum{a="b"} 1.5\n', ""), ('h_count{a="b"} 3\n', ""), ('h_count{a="b"}', "h_count"),
    ('h_count{a="b"}', 'h{a="b"}'), ("histogram", "gauge"), ('le="0.5"', 'le="x"'),
    ('h_bucket{a="b",le="0.5"}', 'h_bucket{a="b"}'), ("x_count 1\n", "x_count_sum 1\n"),
    ('h_bucket{a="b",le="0.5"} 2\nh_bucket{a="b",le="+Inf"} 3\n',
     'h_bucket{a="b",le="+Inf"} 3\nh_bucket{a="b",le="0.5"} 2\n')])
def test_a_broken_histogram_is_refused(right, wrong):
    assert right in HISTOGRAM
    with pytest.raises((AssertionError, KeyError, ValueError)):
        Exposition(HISTOGRAM.replace(right, wrong))
