import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.errors import ConfigurationError
from seatrial.verdict.judgement import GuardState, judge
from seatrial.verdict.objective import Comparison, Objective
from seatrial.verdict.samples import Percentile, Rate, Scalar, Throughput
from seatrial.verdict.verdicts import Verdict


def objective(comparison="<", limit=2.0, min_samples=1, name="response_time_p95"):
    return Objective(id=f"a.b.{name}", comparison=Comparison(comparison), limit=limit, min_samples=min_samples)


def p95(fast, slow=0, **more):
    return Percentile.of([0.1] * fast + [3.0] * slow, 0.95, **more)


@pytest.mark.parametrize(
    ("slow", "verdict"),
    [(0, "pass"), (20, "pass"), (21, "inconclusive"), (39, "inconclusive"), (40, "fail"), (600, "fail")],
)
def test_rule_2_3_p95_of_600(slow, verdict):
    assert judge(p95(600 - slow, slow), objective()).verdict == verdict


@pytest.mark.parametrize(("samples", "verdict"), [(0, "inconclusive"), (58, "inconclusive"), (59, "pass")])
def test_rule_2_3_no_data_is_never_a_pass(samples, verdict):
    assert judge(p95(samples), objective()).verdict == verdict
    assert judge(p95(samples), objective(min_samples=59)).verdict == verdict


def test_rule_2_3_fewer_samples_than_the_objective_asks_for():
    found = judge(p95(400), objective(min_samples=500))
    assert (found.verdict, found.detail) == (Verdict.INCONCLUSIVE, "400 samples, 500 are needed")
    for empty in (Scalar(value=None), Scalar(value=math.nan), Rate(events=0, trials=0)):
        assert judge(empty, objective()).verdict is Verdict.INCONCLUSIVE
    assert judge(Throughput(successes=0, trials=9, window_seconds=0), objective()).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("events", "trials", "limit", "verdict"),
    [
        (0, 2995, 0.001, "pass"),
        (0, 2994, 0.001, "inconclusive"),
        (10, 3000, 0.001, "fail"),
        (0, 59, 0.05, "pass"),
        (30, 600, 0.05, "inconclusive"),
        (300, 600, 0.05, "fail"),
    ],
)
def test_rule_2_3_rates_by_clopper_pearson(events, trials, limit, verdict):
    assert judge(Rate(events=events, trials=trials), objective(limit=limit)).verdict == verdict


def test_a_rate_with_a_floor_mirrors_one_with_a_ceiling():
    floor = objective(">=", 0.95, name="completeness_rate")
    assert judge(Rate(events=600, trials=600), floor).verdict is Verdict.PASS
    assert judge(Rate(events=570, trials=600), floor).verdict is Verdict.INCONCLUSIVE
    assert judge(Rate(events=400, trials=600), floor).verdict is Verdict.FAIL


def test_rule_2_4_throughput_is_judged_on_a_schedule_of_1_2_times_the_floor():
    floor = objective(">", 50, name="throughput")
    at = {rate: Throughput(successes=600, trials=700, window_seconds=10, offered_rate=rate) for rate in (59, 60, None)}
    assert judge(at[59], floor).verdict is Verdict.INCONCLUSIVE
    assert judge(at[60], floor).verdict is Verdict.PASS
    assert judge(at[None], floor).verdict is Verdict.PASS
    slow = Throughput(successes=100, trials=700, window_seconds=10, offered_rate=60)
    assert judge(slow, floor).verdict is Verdict.FAIL
    dead = Throughput(successes=0, trials=700, window_seconds=10, offered_rate=60)
    assert judge(dead, floor).verdict is Verdict.FAIL


def test_rule_2_4_unanswered_requests_count_above_every_percentile():
    found = judge(p95(560, unanswered=40, time_limit=10.0), objective(limit=60.0))
    assert found.verdict is Verdict.FAIL
    assert p95(500, unanswered=100, time_limit=10.0).value == 10.0
    assert p95(500, unanswered=100).value is None
    assert "40 of 600 not answered in time" in found.detail


def test_rule_2_4_failed_answers_are_not_in_latency_and_their_share_is_printed():
    found = judge(p95(900, failed=100), objective())
    assert found.verdict is Verdict.PASS
    assert "100 failed answers (10.00%) left out" in found.detail


def test_rule_2_8_a_tripped_guard_takes_the_pass_and_the_latency_fail_that_is_ours():
    guard = GuardState(tripped=("slip",))
    ours = p95(0, 600, service_times=[0.1] * 600)
    theirs = p95(0, 600, service_times=[3.0] * 600)
    assert judge(p95(600), objective(), guard).verdict is Verdict.INCONCLUSIVE
    assert judge(ours, objective(), guard).verdict is Verdict.INCONCLUSIVE
    assert judge(theirs, objective(), guard).verdict is Verdict.FAIL
    assert judge(p95(0, 600), objective(), guard).verdict is Verdict.FAIL
    rate = objective(limit=0.05, name="error_rate")
    assert judge(Rate(events=300, trials=600), rate, guard).verdict is Verdict.FAIL
    assert judge(Rate(events=0, trials=600), rate, guard).verdict is Verdict.INCONCLUSIVE
    assert "slip" in judge(p95(600), objective(), guard).detail


def test_rule_2_8_saturation_with_clean_guards_is_the_targets():
    saturated = GuardState(saturated=True)
    assert judge(p95(600), objective(), saturated).verdict is Verdict.FAIL
    assert judge(Rate(events=0, trials=600), objective(limit=0.05), saturated).verdict is Verdict.FAIL
    assert judge(Scalar(value=0.3), objective(limit=0.7), saturated).verdict is Verdict.PASS
    both = GuardState(saturated=True, tripped=("generator_cpu",))
    assert judge(p95(600), objective(), both).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    "sample", [p95(100), Rate(events=0, trials=9), Throughput(successes=1, trials=1, window_seconds=1)]
)
def test_rule_2_5_equality_of_an_estimate_is_a_configuration_error(sample):
    with pytest.raises(ConfigurationError, match="no sample can show"):
        judge(sample, objective("=="))


def test_a_scalar_is_compared_as_it_is():
    assert judge(Scalar(value=0.0), objective("==", 0)).verdict is Verdict.PASS
    assert judge(Scalar(value=1.0), objective("==", 0)).verdict is Verdict.FAIL
    assert judge(Scalar(value=30.0), objective("<", 30)).verdict is Verdict.FAIL


def test_a_histogram_is_judged_like_its_single_answers():
    single = p95(570, 30)
    pooled = Percentile(quantile=0.95, values=np.array([0.1, 3.0]), counts=np.array([570, 30]))
    assert (pooled.samples, pooled.value) == (single.samples, single.value)
    for limit in (0.05, 1.0, 5.0):
        assert judge(pooled, objective(limit=limit)) == judge(single, objective(limit=limit))


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.floats(0.001, 10), min_size=1, max_size=400),
    st.floats(0.01, 9),
    st.floats(1.0, 3.0),
    st.integers(0, 30),
)
def test_a_laxer_limit_never_judges_worse(values, limit, factor, unanswered):
    order = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2}
    sample = Percentile.of(values, 0.95, unanswered=unanswered)
    strict = judge(sample, objective(limit=limit)).verdict
    lax = judge(sample, objective(limit=limit * factor)).verdict
    assert order[strict] <= order[lax]


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 2000), st.data(), st.floats(0.001, 0.5))
def test_the_estimate_of_a_decided_rate_is_on_the_same_side(trials, data, limit):
    sample = Rate(events=data.draw(st.integers(0, trials)), trials=trials)
    verdict = judge(sample, objective(limit=limit)).verdict
    if verdict is Verdict.PASS:
        assert sample.value < limit
    if verdict is Verdict.FAIL:
        assert sample.value >= limit
