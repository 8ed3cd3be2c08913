import xml.etree.ElementTree as ET

import pytest

from seatrial.report.junit import JUnitReports
from seatrial.report.model import fold


@pytest.fixture
def written(script, tmp_path):
    def build(events=None, **changes):
        handler = JUnitReports(tmp_path)
        for event in events or script(**changes):
            handler.handle(event)
        handler.close()
        return {path.name: ET.parse(path).getroot().find("testsuite") for path in handler.written}

    return build


def outcomes(suite):
    found = {}
    for case in suite.iter("testcase"):
        child = next((c for c in case if c.tag in ("failure", "error", "skipped")), None)
        found[case.get("name")] = (child.tag, child.get("type")) if child is not None else None
    return found


def test_one_file_a_category(written):
    suites = written()
    assert sorted(suites) == [
        "test_results_end_to_end_workflows.xml",
        "test_results_production_readiness.xml",
        "test_results_real_world_scenarios.xml",
        "test_results_stress_testing.xml",
    ]
    for suite in suites.values():
        assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
        assert int(suite.get("tests")) == len(suite.findall("testcase")) >= 2
    assert "security.main" in outcomes(suites["test_results_production_readiness.xml"])


@pytest.mark.parametrize(("slow", "kind"), [(60, "fail"), (30, "inconclusive")])
def test_rule_9_doubt_is_a_failure_of_its_own_type(written, slow, kind):
    suite = written(slow=slow)["test_results_stress_testing.xml"]
    found = outcomes(suite)
    assert found["response_time_p95"] == ("failure", kind)
    assert found["category_verdict"] == ("failure", kind)
    assert suite.get("failures") == "2"


def test_rule_9_neutral_waived_and_missed_targets_are_skipped(written):
    found = outcomes(written(cpu=0.75)["test_results_stress_testing.xml"])
    assert found["cpu_sustained_target"] == ("skipped", "target")
    assert found["category_verdict"] is None
    found = outcomes(written(slow=60, waived=True)["test_results_stress_testing.xml"])
    assert found["response_time_p95"] == ("skipped", "waived")


def test_an_error_of_ours_is_an_error(written):
    found = outcomes(written(error=True)["test_results_end_to_end_workflows.xml"])
    assert found["main"] == ("error", "error")


def test_a_failed_check_and_its_category(written):
    found = outcomes(written(failed_check="data_integrity")["test_results_production_readiness.xml"])
    assert found["data_integrity.main"] == ("failure", "fail")
    assert found["category_verdict"] == ("failure", "fail")


def test_a_category_that_did_not_run_is_in_doubt(written, script):
    suites = written(events=script()[:8])
    assert outcomes(suites["test_results_production_readiness.xml"]) == {
        "category_verdict": ("failure", "inconclusive")
    }


def test_what_xml_cannot_hold_is_replaced(written):
    suite = written(secret="a\x00b\x1b[31m")["test_results_stress_testing.xml"]
    assert suite is not None


def test_the_report_is_the_same_fold(script):
    report = fold(script())
    assert report.success_rate == 1.0
    assert report.seconds == 127.3
