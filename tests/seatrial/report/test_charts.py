import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.report.charts import Panel, Range, Series, Span, ranges, ticks, time_axis


def drawn(y, *, limit=None, spans=(), x=None, top=0.0):
    line = Series(name="a<b", css_class="line-a", x=x or list(range(len(y))), y=y)
    return time_axis([Panel(title="T", unit="s", series=[line], limit=limit, top=top)], spans, end=10)


def test_a_line_has_a_gap_where_nothing_was_measured():
    assert len(re.findall("<polyline", drawn([1, None, 2, 3]))) == 2
    assert drawn([None]) == ""
    assert "<polyline" in drawn([0.0])
    assert "a&lt;b" in drawn([1])


def test_a_limit_is_drawn_where_it_is_near_and_told_where_it_is_far():
    assert '<line class="limit"' in drawn([1.0], limit=2.0)
    assert '<line class="limit"' not in drawn([0.01], limit=2.0)
    assert "limit 2 s" in drawn([0.01], limit=2.0)
    assert '<line class="limit"' in drawn([0.01], limit=2.0, top=5.0)


def test_a_span_stands_at_its_seconds():
    page = drawn([1, 2], spans=[Span(mark="A", words="disk full", start=2.5, end=5, kind="fault")])
    assert 'style="left:25.00%;width:25.00%"' in page
    assert '<rect class="fault" x="250.0" y="0" width="250.0"' in page
    assert "disk full" in page


@given(st.floats(1e-3, 1e6))
@settings(max_examples=100)
def test_ticks_are_few_and_inside(end):
    found = ticks(end)
    assert found[0] == 0
    assert 2 <= len(found) <= 6
    assert found[-1] <= end * (1 + 1e-6)


def test_ticks_are_round():
    assert ticks(127.3) == [0, 50, 100]
    assert ticks(72) == [0, 20, 40, 60]
    assert ticks(0) == [0]


def test_ranges_share_one_axis():
    page = ranges([Range(name="one", low=1, middle=2, high=4), Range(name="two", low=0, middle=1, high=2)], unit="ms")
    assert "left:25.00%;width:75.00%" in page
    assert page.count("<b style=") == 2
    assert ranges([], unit="ms") == ""


@pytest.mark.parametrize("highest", [0.7, 1.0, 7.3, 99, 101, 2160])
def test_the_axis_ends_above_the_highest_point(highest):
    top = float(re.search(r'class="top">([\d.e+]+) s', drawn([highest]))[1])
    assert highest <= top <= highest * 2
