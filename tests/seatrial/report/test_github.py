import html
import io

import pytest

from seatrial.report.github import GithubReport, annotation, github_report
from seatrial.report.markdown import cell, identifier, markdown_table, run_markdown
from seatrial.report.model import fold


def told(events, path=None):
    stream = io.StringIO()
    report = GithubReport(stream, path)
    for event in events:
        report.handle(event)
    report.close()
    return stream.getvalue()


def test_it_is_used_where_a_github_action_runs(tmp_path):
    assert github_report({}, io.StringIO()) is None
    assert github_report({"GITHUB_ACTIONS": "false"}, io.StringIO()) is None
    assert github_report({"GITHUB_ACTIONS": "true"}, io.StringIO()) is not None


def test_each_failure_is_an_annotation_on_one_line(script):
    lines = told(script(slow=60, failed_check="security", cpu=0.75)).splitlines()
    assert all(line.startswith(("::error title=", "::warning title=")) for line in lines)
    assert lines[0].startswith("::error title=fail%3A stress_testing.concurrent_recommendations.response_time_p95::")
    assert "measured 3 s, wanted < 2 s%0ALikely cause: " in lines[0]
    assert next(line for line in lines if line.startswith("::warning")).count("cpu_sustained_target") == 1
    assert told(script()) == ""
    assert told([]) == ""


def test_a_message_cannot_end_its_command():
    assert annotation("error", "a:b,c", "100%\n::error::x") == "::error title=a%3Ab%2Cc::100%25%0A::error::x"


def test_no_more_annotations_than_github_shows(script, monkeypatch):
    monkeypatch.setattr("seatrial.report.github._MOST_SHOWN", 1)
    lines = told(script(slow=60, failed_check="security", cpu=0.5)).splitlines()
    assert lines == ["::error title=2 more::They are in the job's summary and the report."]


def test_the_summary_is_appended(script, tmp_path):
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    told(script(slow=60), path)
    text = path.read_text()
    assert text.startswith("before\n## ❌ NOT READY")
    assert "### Failure analysis" in text


def test_a_summary_that_github_would_refuse_is_not_written(script, tmp_path, monkeypatch):
    monkeypatch.setattr("seatrial.report.github._LARGEST_SUMMARY", 10)
    told(script(), tmp_path / "summary.md")
    assert "too long" in (tmp_path / "summary.md").read_text()


@pytest.mark.parametrize(
    ("changes", "head"),
    [
        ({}, "## ✅ READY"),
        ({"slow": 30}, "## ❓ INCONCLUSIVE"),
        ({"only": ["stress_testing"]}, "## ✅ Partial run, not a deployment decision: selected categories passed"),
        ({"only": ["stress_testing"], "slow": 60}, "## ❌ Partial run, not a deployment decision"),
    ],
)
def test_the_markdown_begins_with_the_decision(script, changes, head):
    assert run_markdown(fold(script(**changes))).startswith(head)


def test_a_run_that_broke_off_is_told_as_far_as_it_came(script):
    text = run_markdown(fold(script()[:3]))
    assert text.startswith("## ❓ INCONCLUSIVE")
    assert "did not run to its end" in text


def test_what_the_target_says_is_no_markup():
    said = cell("a|b <img src=x>\n`rm` [x](http://evil) @all")
    assert not set("|<>`[]@\n") & set(said)
    assert html.unescape(said) == "a|b <img src=x> `rm` [x](http://evil) @all"
    assert cell("a_b _c_") == "a_b &#95;c&#95;"
    assert identifier("a.b_c-1") == "`a.b_c-1`"
    assert identifier("a`b") == "a&#96;b"
    assert len(cell("x" * 1000)) == 300
    assert markdown_table(("a", "b"), []) == ""
    assert markdown_table(("a", "b"), [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
