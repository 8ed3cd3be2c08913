from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.errors import ConfigurationError
from seatrial.verdict.policy import RELEASE, STANDARD, policy_named
from seatrial.verdict.scoring import CheckResult, Gap, score, waive_check
from seatrial.verdict.verdicts import Verdict
from seatrial.verdict.waiver import Waiver

WEIGHTS = {
    "performance": 25,
    "reliability": 25,
    "security": 20,
    "scalability": 15,
    "monitoring": 10,
    "data_integrity": 20,
    "configuration": 5,
}
SPECIFICATION = [0.92, 0.88, 0.75, 0.90, 0.60, 0.95, 0.80]


def check(category, score_=1.0, verdict=Verdict.PASS, *, name="only", **more):
    if verdict.is_neutral:
        score_ = None
    fields = {
        "id": f"{category}.{name}",
        "category": category,
        "title": name,
        "critical": True,
        "blocker": False,
        "weight": 1.0,
        "score": score_,
        "verdict": verdict,
        "evidence": "seen",
        "remediation": f"repair {category}.{name}",
    }
    return CheckResult(**(fields | more))


def all_passing(**replaced):
    return [replaced.get(name) or check(name) for name in WEIGHTS]


def test_rule_7_1_the_specifications_sample():
    found = score([check(n, s) for n, s in zip(WEIGHTS, SPECIFICATION, strict=True)], WEIGHTS, STANDARD)
    assert found.overall_score == pytest.approx(102.5 / 120)
    assert f"{found.overall_score:.4f}" == "0.8542"
    assert f"{found.overall_score:.2f}" == "0.85"
    assert list(found.category_scores.values()) == SPECIFICATION
    assert sum(found.effective_weights.values()) == pytest.approx(1)
    assert found.effective_weights["performance"] == pytest.approx(25 / 120)
    assert found.nominal_weights == WEIGHTS
    assert found.verdict is Verdict.PASS


def test_rule_7_1_a_category_is_the_weighted_mean_of_its_checks():
    checks = [check("a", 1.0, name="x", weight=3), check("a", 0.0, Verdict.FAIL, name="y", weight=1)]
    assert score(checks, {"a": 7}, STANDARD).category_scores == {"a": 0.75}


@pytest.mark.parametrize("verdict", [Verdict.NOT_APPLICABLE, Verdict.NOT_ASSESSED])
def test_rule_7_2_neutral_checks_leave_numerator_and_denominator(verdict):
    gap = Gap.PLATFORM if verdict is Verdict.NOT_ASSESSED else None
    checks = [
        check("a", 0.9, name="x"),
        check("a", verdict=verdict, name="y", gap=gap),
        check("b", verdict=verdict, gap=gap),
    ]
    found = score(checks, {"a": 1, "b": 1}, STANDARD)
    assert found.category_scores == {"a": 0.9, "b": None}
    assert found.overall_score == pytest.approx(0.9)
    assert found.effective_weights == {"a": 1.0, "b": 0.0}
    assert found.critical_pass_rate == 1.0


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, Verdict.ERROR])
def test_rule_7_2_doubt_and_error_stay_with_score_0(verdict):
    checks = [check("a", 1.0, name="x"), check("a", 0.8, verdict, name="y")]
    found = score(checks, {"a": 1}, STANDARD)
    assert found.overall_score == 0.5
    assert found.critical_pass_rate == 0.5
    assert found.verdict is Verdict.INCONCLUSIVE


def test_rule_7_2_coverage_counts_what_the_host_lacks_and_not_what_the_profile_leaves_out():
    def found(**more):
        return score([check("a", name="x"), check("a", name="y", **more)], {"a": 1}, STANDARD)

    by_profile = found(verdict=Verdict.NOT_ASSESSED, gap=Gap.PROFILE)
    by_host = found(verdict=Verdict.NOT_ASSESSED, gap=Gap.PRIVILEGE)
    lacking = found(verdict=Verdict.NOT_APPLICABLE)
    assert (by_profile.coverage, by_profile.assessed_share) == (1.0, 0.5)
    assert (by_host.coverage, by_host.assessed_share) == (0.5, 0.5)
    assert (lacking.coverage, lacking.assessed_share) == (1.0, 0.5)


def test_rule_7_2_ready_needs_60_percent_of_the_weight_assessed():
    def assessed(weight):
        checks = [check("a"), check("b", verdict=Verdict.NOT_APPLICABLE)]
        return score(checks, {"a": weight, "b": 100 - weight}, STANDARD)

    assert assessed(60).verdict is Verdict.PASS
    assert assessed(59).verdict is Verdict.INCONCLUSIVE
    assert "59.0% of the weight was assessed" in assessed(59).reasons[0]


def test_rule_7_2_a_category_without_checks_is_a_gap():
    found = score([check("a")], {"a": 1, "b": 1}, STANDARD)
    assert (found.coverage, found.assessed_share) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("verdict", "gap", "expected"),
    [
        (Verdict.INCONCLUSIVE, None, Verdict.INCONCLUSIVE),
        (Verdict.ERROR, None, Verdict.INCONCLUSIVE),
        (Verdict.NOT_ASSESSED, Gap.PROFILE, Verdict.INCONCLUSIVE),
        (Verdict.NOT_APPLICABLE, None, Verdict.PASS),
        (Verdict.PASS, None, Verdict.PASS),
        (Verdict.FAIL, None, Verdict.FAIL),
    ],
)
def test_rule_7_2_every_blocker_is_assessed(verdict, gap, expected):
    blocker = check("configuration", verdict=verdict, blocker=True, critical=False, gap=gap)
    assert score(all_passing(configuration=blocker), WEIGHTS, STANDARD).verdict is expected


def test_rule_7_3_a_failed_blocker_vetoes_whatever_the_score():
    blocker = check("configuration", 0.99, Verdict.FAIL, blocker=True)
    found = score(all_passing(configuration=blocker), WEIGHTS, STANDARD)
    assert found.overall_score > 0.99
    assert found.verdict is Verdict.FAIL
    assert found.blockers == ("configuration.only",)


def test_rule_7_3_critical_pass_rate():
    checks = [check("a", name=str(i), weight=0.01) for i in range(7)]
    checks += [check("a", 0.0, Verdict.FAIL, name=f"f{i}", weight=0.01) for i in range(2)]
    checks += [check("a", name="heavy", weight=100, critical=False)]
    found = score(checks, {"a": 1}, STANDARD)
    assert found.critical_pass_rate == pytest.approx(7 / 9)
    assert found.critical_failures == ("a.f0", "a.f1")
    assert found.verdict is Verdict.FAIL
    better = score([*checks, check("a", name="x"), check("a", name="y")], {"a": 1}, STANDARD)
    assert better.verdict is Verdict.PASS


def test_rule_7_3_without_a_critical_check_nothing_is_shown():
    found = score([check("a", critical=False)], {"a": 1}, STANDARD)
    assert found.critical_pass_rate is None
    assert found.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("value", "verdict"), [(0.70, Verdict.PASS), (0.6999, Verdict.FAIL)])
def test_rule_7_4_standard_needs_a_score_of_70(value, verdict):
    assert score([check("a", value)], {"a": 1}, STANDARD).verdict is verdict


@pytest.mark.parametrize(("value", "verdict"), [(0.85, Verdict.PASS), (0.8499, Verdict.FAIL)])
def test_rule_7_4_release_needs_a_score_of_85(value, verdict):
    assert score([check("a", value)], {"a": 1}, RELEASE).verdict is verdict


def test_rule_7_4_release_allows_no_critical_failure_and_no_waived_critical_check():
    failed = check("configuration", 0.9, Verdict.FAIL)
    assert score(all_passing(configuration=failed), WEIGHTS, STANDARD).verdict is Verdict.PASS
    assert score(all_passing(configuration=failed), WEIGHTS, RELEASE).verdict is Verdict.FAIL
    waiver = Waiver(id=failed.id, owner="ops", reason="known", expires=date(2026, 5, 1))
    waived = waive_check(failed, [waiver], date(2026, 5, 1))
    assert score(all_passing(configuration=waived), WEIGHTS, STANDARD).verdict is Verdict.PASS
    assert score(all_passing(configuration=waived), WEIGHTS, RELEASE).verdict is Verdict.FAIL


def test_rule_2_9_a_waiver_keeps_the_score_and_leaves_the_pass_rate():
    failed = check("a", 0.4, Verdict.FAIL, name="y")
    waiver = Waiver(id="a.y", owner="ops", reason="known", expires=date(2026, 5, 1))
    waived = waive_check(failed, [waiver], date(2026, 5, 1))
    found = score([check("a", name="x"), waived], {"a": 1}, STANDARD)
    assert found.overall_score == pytest.approx(0.7)
    assert found.critical_pass_rate == 1.0
    assert found.critical_failures == ()
    assert found.recommendations == ("repair a.y",)


def test_rule_2_9_never_covers_a_blocker_and_expired_is_a_failure():
    waiver = Waiver(id="a.only", owner="ops", reason="known", expires=date(2026, 5, 1))
    blocker = waive_check(check("a", 0.4, Verdict.FAIL, blocker=True), [waiver], date(2026, 5, 1))
    assert blocker.verdict is Verdict.FAIL
    assert "does not count" in blocker.evidence
    expired = waive_check(check("a", 0.4, Verdict.FAIL), [waiver], date(2026, 5, 2))
    assert expired.verdict is Verdict.FAIL
    assert "expired on 2026-05-01" in expired.evidence


def test_recommendations_the_most_urgent_first():
    checks = [
        check("a", 0.0, Verdict.FAIL, name="light", critical=False, weight=1),
        check("a", 0.0, Verdict.FAIL, name="heavy", critical=False, weight=5),
        check("a", 0.0, Verdict.FAIL, name="critical"),
        check("a", 0.0, Verdict.FAIL, name="blocker", blocker=True),
        check("a", name="fine"),
    ]
    names = [text.rsplit(".", 1)[1] for text in score(checks, {"a": 1}, STANDARD).recommendations]
    assert names == ["blocker", "critical", "heavy", "light"]


def test_unfit_configuration_is_refused():
    with pytest.raises(ConfigurationError, match="no weight"):
        score([check("other")], WEIGHTS, STANDARD)
    with pytest.raises(ConfigurationError, match="two checks"):
        score([check("security"), check("security")], WEIGHTS, STANDARD)
    with pytest.raises(ConfigurationError, match="negative"):
        score([], {"a": -1, "b": 2}, STANDARD)
    with pytest.raises(ConfigurationError, match="'strict' is not known"):
        policy_named("strict")


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight": 0},
        {"score": None},
        {"score": 1.2},
        {"verdict": Verdict.NOT_APPLICABLE},
        {"verdict": Verdict.NOT_ASSESSED, "score": None},
        {"gap": Gap.PROFILE},
    ],
)
def test_a_check_result_that_contradicts_itself_is_refused(wrong):
    with pytest.raises(ValueError, match=r"check 'a\.only'"):
        check("a", **{"score": 1.0, **wrong})


@st.composite
def results(draw):
    checks = []
    for category in ("a", "b", "c"):
        for index in range(draw(st.integers(0, 4))):
            verdict = draw(st.sampled_from(Verdict))
            checks.append(
                check(
                    category,
                    draw(st.floats(0, 1)),
                    verdict,
                    name=str(index),
                    weight=draw(st.floats(0.1, 10)),
                    critical=draw(st.booleans()),
                    blocker=draw(st.booleans()),
                    gap=draw(st.sampled_from(Gap)) if verdict is Verdict.NOT_ASSESSED else None,
                )
            )
    return checks


@settings(max_examples=100, deadline=None)
@given(results(), st.sampled_from([STANDARD, RELEASE]), st.floats(0.1, 9))
def test_shares_stay_in_bounds_and_weights_are_relative(checks, policy, factor):
    weights = {"a": 2.0, "b": 1.0, "c": 0.5}
    found = score(checks, weights, policy)
    scaled = score(checks, {name: weight * factor for name, weight in weights.items()}, policy)
    for share in (found.coverage, found.assessed_share, found.overall_score or 0, found.critical_pass_rate or 0):
        assert 0 <= share <= 1 + 1e-9
    assert found.assessed_share <= found.coverage + 1e-9
    assert (scaled.verdict, scaled.overall_score) == (found.verdict, pytest.approx(found.overall_score))
    assert sum(found.effective_weights.values()) in (0, pytest.approx(1))
    if found.verdict is Verdict.PASS:
        assert not found.reasons
        assert not found.blockers
