import json
import re

import pytest

from seatrial.events import RunFinished
from seatrial.report.json_reports import JsonReports, readiness_report, validation_report
from seatrial.report.model import fold
from seatrial.report.shapes import ReadinessReport, ValidationReport

SPECIFIED_VALIDATION = {
    "timestamp",
    "deployment_ready",
    "overall_success_rate",
    "total_categories",
    "passed_categories",
    "failed_categories",
    "critical_failures",
    "test_duration_seconds",
    "detailed_results",
    "recommendations",
}
SPECIFIED_READINESS = {
    "overall_ready",
    "overall_score",
    "category_scores",
    "critical_failures",
    "deployment_blockers",
    "recommendations",
}
CONTRACT = {
    "schema_version",
    "run_id",
    "scope",
    "policy",
    "profile",
    "decision",
    "evidence_class",
    "environment",
    "target",
    "measurements",
    "checks",
    "effective_weights",
    "coverage",
    "assessed_share",
}


@pytest.fixture
def both(script):
    def build(**changes):
        report = fold(script(**changes))
        return validation_report(report), readiness_report(report)

    return build


def test_the_specifications_example(both):
    validation, readiness = both()
    assert set(validation) >= SPECIFIED_VALIDATION | CONTRACT
    assert set(readiness) >= SPECIFIED_READINESS | CONTRACT
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", validation["timestamp"])
    expected = {
        "deployment_ready": True,
        "overall_success_rate": 1.0,
        "total_categories": 4,
        "passed_categories": 4,
        "failed_categories": 0,
        "critical_failures": [],
        "test_duration_seconds": 127.3,
        "recommendations": [],
        "decision": "READY",
    }
    assert {key: validation[key] for key in expected} == expected
    detail = validation["detailed_results"]["end_to_end_workflows"]
    assert (detail["status"], detail["exit_code"], detail["critical"]) == ("PASSED", 0, True)
    assert readiness["overall_ready"] is True
    assert readiness["overall_score"] == pytest.approx(102.5 / 120, abs=1e-12)
    assert readiness["category_scores"]["monitoring"] == 0.6
    assert readiness["deployment_blockers"] == []


def test_rule_7_1_both_weights_are_in_every_report(both):
    for report in both():
        assert sum(report["nominal_weights"].values()) == 120
        assert sum(report["effective_weights"].values()) == pytest.approx(1)


def test_entries_have_the_contracts_keys(both):
    validation, _ = both(slow=60)
    measured = {entry["id"]: entry for entry in validation["measurements"]}
    p95 = measured["stress_testing.concurrent_recommendations.response_time_p95"]
    assert p95["objective"] == {"comparison": "<", "limit": 2.0, "min_samples": 59, "level": "required"}
    assert (p95["unit"], p95["value"], p95["samples"], p95["verdict"], p95["bound"]) == (
        "seconds",
        3.0,
        600,
        "fail",
        3.0,
    )
    printed = measured["stress_testing.concurrent_recommendations.requests_offered"]
    assert (printed["objective"], printed["verdict"]) == (None, None)
    (first, *_) = validation["checks"]
    assert set(first) == {
        "id",
        "category",
        "title",
        "critical",
        "blocker",
        "weight",
        "score",
        "verdict",
        "evidence",
        "remediation",
        "saboteurs",
    }


def test_a_failed_run(both):
    validation, readiness = both(slow=60, failed_check="data_integrity")
    assert validation["decision"] == "NOT READY"
    assert validation["deployment_ready"] is False
    assert validation["exit_code"] == 1
    assert validation["critical_failures"] == ["stress_testing", "production_readiness"]
    assert (validation["passed_categories"], validation["failed_categories"]) == (2, 2)
    assert validation["overall_success_rate"] == 0.5
    assert any("response_time_p95" in text for text in validation["recommendations"])
    assert "improve data_integrity" in validation["recommendations"]
    assert readiness["overall_ready"] is False
    assert readiness["critical_failures"] == ["data_integrity.main"]
    assert readiness["deployment_blockers"] == ["data_integrity.main"]


def test_rule_2_2_an_inconclusive_run_is_not_ready_and_not_failed(both):
    validation, _ = both(slow=30)
    assert validation["decision"] == "INCONCLUSIVE"
    assert validation["deployment_ready"] is False
    assert (validation["failed_categories"], validation["inconclusive_categories"]) == (0, 1)
    assert validation["detailed_results"]["stress_testing"]["status"] == "INCONCLUSIVE"


def test_rule_2_7_a_partial_run(both):
    validation, readiness = both(only=["stress_testing"])
    assert (validation["scope"], validation["deployment_ready"], validation["exit_code"]) == ("partial", False, 0)
    assert validation["total_categories"] == 1
    assert readiness["overall_ready"] is False
    assert readiness["overall_score"] is None
    assert set(readiness["category_scores"].values()) == {None}
    assert set(readiness) >= SPECIFIED_READINESS | CONTRACT


def test_rule_2_9_a_waiver_is_in_the_report(both):
    validation, _ = both(slow=60, waived=True)
    assert validation["decision"] == "READY"
    assert validation["detailed_results"]["stress_testing"]["status"] == "WAIVED"
    (entry,) = [m for m in validation["measurements"] if m["verdict"] == "waived"]
    assert entry["waiver"] == {"owner": "ops", "reason": "known", "expires": "2024-01-15"}


def test_files_are_named_by_utc_and_hold_strict_json(script, tmp_path):
    handler = JsonReports(tmp_path / "new")
    for event in script():
        handler.handle(event)
    handler.close()
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "production_readiness_report_20240115T103000Z.json",
        "production_validation_report_20240115T103000Z.json",
    ]
    for path in handler.written:
        json.loads(path.read_text(), parse_constant=pytest.fail)


def test_a_run_that_broke_off_still_reports(script, tmp_path):
    handler = JsonReports(tmp_path)
    for event in script()[:9]:
        assert not isinstance(event, RunFinished)
        handler.handle(event)
    handler.close()
    body = json.loads(handler.written[0].read_text())
    assert (body["decision"], body["deployment_ready"], body["exit_code"]) == ("INCONCLUSIVE", False, 3)
    assert body["reasons"] == ["the run broke off before it was finished"]
    assert body["detailed_results"]["production_readiness"]["status"] == "NOT_RUN"


def test_without_an_event_nothing_is_written(tmp_path):
    handler = JsonReports(tmp_path / "new")
    handler.close()
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "changes", [{}, {"slow": 60, "failed_check": "security"}, {"only": ["stress_testing"]}, {"error": True}]
)
def test_reports_hold_to_their_types(both, changes):
    from pydantic import TypeAdapter

    validation, readiness = both(**changes)
    TypeAdapter(ValidationReport).validate_python(validation, strict=True)
    TypeAdapter(ReadinessReport).validate_python(readiness, strict=True)
    assert set(validation) == ValidationReport.__required_keys__
    assert set(readiness) == ReadinessReport.__required_keys__
