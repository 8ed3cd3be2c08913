import pytest

from seatrial.errors import ConfigurationError
from seatrial.history.comparison import compare

OLD = [1.00, 1.01, 1.02, 0.99, 0.98, 1.03, 1.04]


@pytest.fixture
def only(run):
    def compared(before, now, **more):
        (found,) = compare([run(v, **more) for v in before], [run(v, **more) for v in now])
        return found

    return compared


def test_rule_8_fewer_than_seven_runs_are_not_tested(only):
    found = only(OLD[:6], [2.0] * 7)
    assert (found.outcome, found.p_value, found.runs) == ("not tested", None, (6, 7))
    assert found.factor == pytest.approx(2 / 1.005)


def test_rule_8_a_regression_needs_significance_and_a_factor(only):
    assert only(OLD, [v * 1.2 for v in OLD]).outcome == "worse"
    assert only(OLD, [v * 1.09 for v in OLD]).outcome == "no change"
    noisy = [0.5, 0.6, 1.4, 1.5, 1.2, 1.3, 1.45]
    assert only(OLD, noisy).outcome == "no change"
    assert only(OLD, [v / 1.2 for v in OLD]).outcome == "better"


def test_rule_8_ties_do_not_hide_a_regression(only):
    assert only([1.0, 1.0, 1.01, 1.01, 1.02, 1.02, 1.03], [1.2] * 7).outcome == "worse"
    assert only([0.0] * 7, [1.0] * 7, unit="count", objective={"comparison": "<="}).outcome == "worse"
    assert only([0.0] * 7, [0.0] * 7).outcome == "no change"


def test_which_way_is_good_is_said_by_the_objective_or_the_unit(only):
    more = [v * 1.2 for v in OLD]
    assert only(OLD, more, unit="per_second").outcome == "better"
    assert only(OLD, more, unit="ratio", objective={"comparison": ">"}).outcome == "better"
    assert only(OLD, more, unit="ratio", measured="a.b.5_users_error_rate").outcome == "worse"
    assert only(OLD, more, unit="count").outcome == "changed"


def test_rule_8_only_like_is_compared_with_like(run):
    with pytest.raises(ConfigurationError, match=r"differ in cores \(2, 4\)"):
        compare([run(1)], [run(1, cores=4)])


def test_rule_8_the_targets_version_is_what_is_compared(run):
    assert compare([run(1, version="1")], [run(1, version="2")])


def test_runs_without_the_value_do_not_count(run):
    found = compare([run(v) for v in [*OLD, None]], [run(None), run(2.0)])
    assert [c.runs for c in found] == [(7, 1)]
    assert compare([run(1.0)], [run(1.0, unit="bytes")]) == []
