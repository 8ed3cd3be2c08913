from datetime import UTC, datetime

import pytest

from seatrial.events import ScenarioDone
from seatrial.report.advice import advise_measurement, advise_scenario, remediation
from seatrial.report.failures import failures
from seatrial.report.model import fold
from seatrial.settings.loading import load
from seatrial.verdict.measurement import Measurement, Unit
from seatrial.verdict.verdicts import Verdict


def scenario(detail, *, verdict=Verdict.FAIL, category="stress_testing", traceback=None):
    return ScenarioDone(
        ts=datetime(2026, 1, 1, tzinfo=UTC),
        run_id="r",
        category=category,
        scenario="concurrent_recommendations",
        title="Concurrent Recommendations",
        node="test_stress_testing.py::TestStressTesting::test_concurrent_recommendations",
        verdict=verdict,
        seconds=1.0,
        detail=detail,
        traceback=traceback,
    )


def measurement(name, *, verdict=Verdict.FAIL, detail=None, samples=5, category="stress_testing"):
    return Measurement(
        id=f"{category}.s.{name}",
        name=name,
        category=category,
        scenario="s",
        unit=Unit.COUNT,
        value=1.0,
        samples=samples,
        verdict=verdict,
        detail=detail,
    )


def test_a_ready_run_has_no_failures(script):
    assert failures(fold(script())) == []


def test_what_decides_comes_first_and_a_missed_target_last(script):
    found = failures(fold(script(slow=60, failed_check="data_integrity", cpu=0.75, error=True)))
    assert found[0].blocker
    assert found[0].id == "data_integrity.main"
    assert (found[-1].id.rpartition(".")[2], found[-1].decides) == ("cpu_sustained_target", False)
    assert {failure.kind for failure in found} == {"internal error", "scenario", "objective", "check"}
    assert all(failure.advice.cause and failure.advice.next_step for failure in found)


def test_a_scenario_that_only_repeats_its_figures_is_not_told_twice(script):
    report = fold(script(slow=60))
    missed = next(m for m in report.measurements if m.verdict is Verdict.FAIL)
    said = f"{missed.id} is 3, wanted < 2: fail" + (f" ({missed.detail})" if missed.detail else "")
    scenarios = report.categories["stress_testing"].scenarios
    scenarios[:] = [scenario(said)]
    assert [failure.kind for failure in failures(report)] == ["objective"]
    scenarios[:] = [scenario(f"{said}; order simulation: expected that the order is filled")]
    assert [failure.kind for failure in failures(report)] == ["scenario", "objective"]


def test_every_objective_of_the_defaults_has_advice_of_its_own():
    settings = load(profile="full")
    advice = {o.id: advise_measurement(measurement(o.name, category=o.category)) for o in settings.objectives}
    assert all(found.cause and found.next_step for found in advice.values())
    assert "not known" not in "".join(found.cause for found in advice.values())


def test_doubt_is_explained_by_what_caused_it():
    doubt = Verdict.INCONCLUSIVE
    assert "samples" in advise_measurement(measurement("response_time_p95", verdict=doubt)).cause
    assert "ended before" in advise_measurement(measurement("cpu_peak", verdict=doubt, samples=0)).cause
    tripped = "the harness's guard tripped: slip P99 is 0.4 s"
    assert "generator" in advise_measurement(measurement("response_time_p95", verdict=doubt, detail=tripped)).cause
    assert "Likely cause" in remediation(measurement("throughput"))


@pytest.mark.parametrize(
    ("detail", "word"),
    [
        ("GET /livez: connection refused", "not up"),
        ("GET /v1/about answered 401", "key"),
        ("POST /v1/accounts answered 404", "no such route"),
        ("GET /readyz: no answer within 10 s", "does not answer"),
        ("the database is locked", "does not"),
        ("AAPL is stale (900 s old)", "old"),
        ("something else", "memory leak"),
    ],
)
def test_a_scenarios_failure_is_read_by_its_words(detail, word):
    if word == "does not":
        assert advise_scenario(scenario(detail)).cause.startswith("the database")
    else:
        assert word in advise_scenario(scenario(detail)).cause


def test_an_error_is_ours_and_says_how_to_repeat_it():
    advice = advise_scenario(scenario("KeyError: 1", verdict=Verdict.ERROR))
    assert advice.cause.startswith("our own side")
    assert "tests/production/test_stress_testing.py::TestStressTesting" in advice.next_step
