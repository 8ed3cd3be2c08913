import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.verdict.decision import (
    CategoryOutcome,
    Decision,
    ExitCode,
    Scope,
    category_exit_code,
    category_outcome,
    decide,
    first_exit,
)
from seatrial.verdict.measurement import Comparison, Level, Objective, Scalar, Unit, Verdict, measure
from seatrial.verdict.policy import RELEASE, STANDARD
from seatrial.verdict.scoring import CheckResult, score

PASSED, FAILED, DOUBT, ERROR, WAIVED = (
    Verdict.PASS,
    Verdict.FAIL,
    Verdict.INCONCLUSIVE,
    Verdict.ERROR,
    Verdict.WAIVED,
)
CHECK = CheckResult(
    id="a.x",
    category="a",
    title="x",
    critical=True,
    blocker=True,
    weight=1,
    score=1,
    verdict=PASSED,
    evidence="",
    remediation="",
)
GOOD = score([CHECK], {"a": 1}, STANDARD)


def outcome(verdict, *, critical=True, name="c", failed=None):
    return CategoryOutcome(
        name=name, critical=critical, verdict=verdict, failed=verdict is FAILED if failed is None else failed
    )


def ruling(*outcomes, policy=STANDARD, scope=Scope.FULL, profile="standard", **more):
    more = {"readiness": GOOD} | more
    return decide(outcomes, policy, scope=scope, profile=profile, **more)


def result(*outcomes, **more):
    found = ruling(*outcomes, **more)
    assert found.deployment_ready == (found.decision is Decision.READY)
    assert bool(found.reasons) == (found.decision is not Decision.READY)
    return found.decision, int(found.exit_code)


READY = (Decision.READY, 0)
NOT_READY = (Decision.NOT_READY, 1)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([PASSED, PASSED], READY),
        ([PASSED, WAIVED], READY),
        ([PASSED, FAILED], NOT_READY),
        ([DOUBT, FAILED], NOT_READY),
        ([ERROR, FAILED], NOT_READY),
        ([PASSED, DOUBT], (Decision.INCONCLUSIVE, 2)),
        ([PASSED, ERROR], (Decision.INCONCLUSIVE, 3)),
        ([DOUBT, ERROR], (Decision.INCONCLUSIVE, 3)),
        ([PASSED, Verdict.NOT_ASSESSED], (Decision.INCONCLUSIVE, 2)),
        ([PASSED, Verdict.NOT_APPLICABLE], (Decision.INCONCLUSIVE, 2)),
        ([], (Decision.INCONCLUSIVE, 2)),
    ],
)
def test_rule_2_2_decision(verdicts, expected):
    assert result(*map(outcome, verdicts)) == expected


def test_rule_2_2_categories_that_are_not_critical():
    assert result(outcome(PASSED), outcome(FAILED, critical=False)) == READY
    assert result(outcome(PASSED), outcome(DOUBT, critical=False)) == (Decision.INCONCLUSIVE, 2)
    assert result(outcome(PASSED), outcome(Verdict.NOT_APPLICABLE, critical=False)) == READY


def test_an_error_of_ours_does_not_undo_a_failure_beside_it():
    merged = category_outcome("c", critical=True, policy=STANDARD, scenarios=[("one", ERROR), ("two", FAILED)])
    assert (merged.verdict, merged.failed) == (ERROR, True)
    assert result(merged) == NOT_READY
    assert category_exit_code(merged) is ExitCode.NOT_READY


@pytest.mark.parametrize(("policy", "expected"), [(STANDARD, (Verdict.PASS, False)), (RELEASE, (Verdict.FAIL, True))])
def test_rule_2_6_a_missed_target_decides_under_release_only(policy, expected):
    target = Objective(id="c.s.cpu", comparison=Comparison.LESS, limit=0.7, level=Level.TARGET)
    missed = measure("c.s.cpu", Unit.RATIO, Scalar(value=0.75), target)
    printed = measure("c.s.other", Unit.RATIO, Scalar(value=0.75))
    assert missed.verdict is Verdict.FAIL
    found = category_outcome(
        "c", critical=True, policy=policy, scenarios=[("s", PASSED)], measurements=[missed, printed]
    )
    assert (found.verdict, found.failed) == expected


def test_rule_2_1_the_readiness_assessment_gives_its_category_the_verdict():
    bad = score(
        [CheckResult(**{f: getattr(CHECK, f) for f in CHECK.__slots__} | {"verdict": FAILED, "score": 0})],
        {"a": 1},
        STANDARD,
    )
    found = category_outcome("production_readiness", critical=True, policy=STANDARD, readiness=bad)
    assert found.verdict is FAILED
    assert "blocker a.x failed" in found.reasons
    assert category_outcome("production_readiness", critical=True, policy=STANDARD, readiness=GOOD).verdict is PASSED


def test_rule_2_7_exit_codes_in_precedence():
    order = [130, 4, 5, 1, 3, 2, 0]
    for index, code in enumerate(order):
        assert first_exit(order[index:]) == code
    assert first_exit([]) is ExitCode.NOTHING_SELECTED


@given(st.lists(st.sampled_from(ExitCode), min_size=1))
def test_rule_2_7_the_winning_code_is_one_of_those_given(codes):
    assert first_exit(codes) in codes
    assert first_exit(reversed(codes)) is first_exit(codes)


def test_rule_2_7_interrupted_and_broken_runs():
    assert result(outcome(PASSED), interrupted=True) == (Decision.INCONCLUSIVE, 130)
    assert result(outcome(FAILED), interrupted=True) == (Decision.NOT_READY, 130)
    assert result(outcome(PASSED), internal_error=True) == (Decision.INCONCLUSIVE, 3)


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (PASSED, (Decision.INCONCLUSIVE, 0)),
        (WAIVED, (Decision.INCONCLUSIVE, 0)),
        (FAILED, NOT_READY),
        (DOUBT, (Decision.INCONCLUSIVE, 2)),
        (ERROR, (Decision.INCONCLUSIVE, 3)),
        (Verdict.NOT_APPLICABLE, (Decision.INCONCLUSIVE, 2)),
    ],
)
@pytest.mark.parametrize("critical", [True, False])
def test_rule_2_7_a_partial_run_is_not_a_deployment_decision(verdict, expected, critical):
    found = ruling(outcome(verdict, critical=critical), scope=Scope.PARTIAL, readiness=None)
    assert (found.decision, found.exit_code) == expected
    assert not found.deployment_ready
    assert (
        any("not a deployment decision" in reason for reason in found.reasons) or found.decision is Decision.NOT_READY
    )


def test_a_full_run_without_a_readiness_assessment_is_in_doubt():
    assert result(outcome(PASSED), readiness=None) == (Decision.INCONCLUSIVE, 2)


def release(*outcomes, **more):
    return result(*outcomes, policy=RELEASE, **({"profile": "full", "leaks_assessed": True} | more))


def test_rule_7_4_release():
    assert release(outcome(PASSED)) == READY
    assert release(outcome(PASSED), profile="soak") == READY
    assert release(outcome(PASSED), profile="standard") == (Decision.INCONCLUSIVE, 2)
    assert release(outcome(PASSED), leaks_assessed=False) == (Decision.INCONCLUSIVE, 2)
    assert release(outcome(PASSED), outcome(FAILED, critical=False)) == NOT_READY
    assert release(outcome(PASSED), outcome(WAIVED, critical=False)) == NOT_READY


@given(
    st.lists(st.builds(outcome, st.sampled_from(Verdict), critical=st.booleans()), min_size=1), st.sampled_from(Scope)
)
def test_ready_only_when_nothing_is_failed_or_in_doubt(outcomes, scope):
    found = ruling(*outcomes, scope=scope)
    if found.deployment_ready:
        assert scope is Scope.FULL
        assert all(o.verdict in (PASSED, WAIVED) for o in outcomes if o.critical)
        assert not any(o.verdict in (DOUBT, ERROR) for o in outcomes)
    if any(o.failed and o.critical for o in outcomes):
        assert found.exit_code == 1
