import json
import re
from html.parser import HTMLParser

import pytest

from seatrial.report.charts import Series, line_chart
from seatrial.report.html import render
from seatrial.report.json_reports import validation_report
from seatrial.report.model import fold

VOID = {"meta", "br", "line"}


class Balanced(HTMLParser):
    """Fails on a tag that is closed wrongly or left open, and notes addresses."""

    def __init__(self):
        super().__init__()
        self.open, self.addresses = [], []

    def handle_starttag(self, tag, attrs):
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize(
    "changes", [{}, {"slow": 60, "failed_check": "security"}, {"only": ["stress_testing"]}, {"error": True}]
)
def test_the_page_is_whole_and_needs_no_network(script, changes):
    page = render(fold(script(**changes)))
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert parser.addresses == []
    assert "<script" not in page
    assert "url(" not in page


def test_the_decision_comes_first(script):
    assert "<h1>READY</h1>" in render(fold(script()))
    assert "<h1>NOT READY</h1>" in render(fold(script(slow=60)))
    assert "<h1>INCONCLUSIVE</h1>" in render(fold(script(slow=30)))
    assert "not a deployment decision</h1>" in render(fold(script(only=["stress_testing"])))


def test_what_the_target_says_is_escaped(script):
    page = render(fold(script(secret="<script>alert(1)</script>")))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_rule_9_what_is_drawn_is_in_the_json(script):
    report = fold(script())
    page = render(report)
    body = json.loads(json.dumps(validation_report(report)))
    assert page.count("<svg") == 4
    assert [point["p95"] for point in body["timeline"]["stages"][0]["points"]] == pytest.approx(
        [0.11, 0.12, 0.13, 0.14, 0.15]
    )
    assert len(body["timeline"]["resources"]) == 5
    for measurement in body["measurements"]:
        assert measurement["id"] in page


def test_a_line_has_a_gap_where_nothing_was_measured():
    svg = line_chart([Series(name="a", css_class="line-a", x=[0, 1, 2, 3], y=[1, None, 2, 3])], title="t", unit="s")
    assert len(re.findall("<polyline", svg)) == 2
    assert line_chart([Series(name="a", css_class="line-a", x=[0], y=[None])], title="t", unit="s") == ""
    assert line_chart([Series(name="a", css_class="line-a", x=[5], y=[0.0])], title="t", unit="s")
