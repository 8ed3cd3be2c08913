import json
from html.parser import HTMLParser

import pytest

from seatrial.report.html import HtmlReport, render
from seatrial.report.json_reports import validation_report
from seatrial.report.model import fold

VOID = {"meta", "br", "line", "wbr", "rect", "polyline"}


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


def plain(page):
    return page.replace("<wbr>", "")


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


def test_a_failure_says_its_likely_cause_and_the_next_step(script):
    page = plain(render(fold(script(slow=60, failed_check="security"))))
    before, _, analysis = page.partition("Failure analysis")
    assert "Likely cause" not in before
    assert analysis.index("response_time_p95") < analysis.index("measured 3 s, wanted &lt; 2 s")
    assert analysis.index("Likely cause") < analysis.index("Next step")
    assert "improve security" in analysis
    assert "Failure analysis" not in render(fold(script()))


def test_what_the_target_says_is_escaped(script):
    page = render(fold(script(secret="<script>alert(1)</script>")))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_rule_9_what_is_drawn_is_in_the_json(script):
    report = fold(script())
    page = render(report)
    body = json.loads(json.dumps(validation_report(report)))
    for title in ("Response time", "Throughput", "CPU", "Memory"):
        assert f'aria-label="{title}"' in page
    assert page.count("<svg") == 4
    assert [point["p95"] for point in body["timeline"]["stages"][0]["points"]] == pytest.approx(
        [0.11, 0.12, 0.13, 0.14, 0.15]
    )
    assert len(body["timeline"]["resources"]) == 5
    for measurement in body["measurements"]:
        assert measurement["id"] in plain(page)


def test_load_resources_and_faults_share_one_axis(script):
    page = render(fold(script()))
    assert page.count('class="axis"') == 1
    # The stage and the fault that was never released are shaded in each of the four panels.
    assert page.count('<rect class="stage"') == page.count('<rect class="fault"') == 4
    assert "dependency down in concurrent recommendations" in page
    assert "concurrent recommendations, nominal: open loop, 30/s</li>" in page


def test_the_page_is_written_when_the_run_closes(script, tmp_path):
    report = HtmlReport(tmp_path / "deep" / "report.html")
    report.close()
    assert not (tmp_path / "deep").exists()
    for event in script():
        report.handle(event)
    report.close()
    assert (tmp_path / "deep" / "report.html").read_text().startswith("<!doctype html>")
