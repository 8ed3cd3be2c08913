import pytest

from seatrial.errors import ConfigurationError
from seatrial.settings.model import StageSettings
from seatrial.settings.planning import check_plan
from seatrial.verdict.objective import Comparison, Objective


def check(name, comparison, limit, stage, min_samples=1):
    objective = Objective(id=f"a.b.{name}", comparison=Comparison(comparison), limit=limit, min_samples=min_samples)
    check_plan("standard", {"load": stage}, {objective: "load"})


def open_loop(rate, seconds):
    return StageSettings(rate=rate, seconds=seconds)


def test_rule_2_5_planned_samples_under_min_samples():
    check("response_time_p99", "<", 5, open_loop(20, 15), 299)
    with pytest.raises(ConfigurationError, match="300 samples are planned, 301 are needed"):
        check("response_time_p99", "<", 5, open_loop(20, 15), 301)
    with pytest.raises(ConfigurationError, match="25 samples are planned"):
        check("error_rate", "<", 0.05, StageSettings(users=(5,), operations=(5,)), 59)


def test_rule_2_5_min_samples_under_what_a_pass_takes():
    with pytest.raises(ConfigurationError, match="fewer than 59 samples it can never pass"):
        check("response_time_p95", "<", 2, open_loop(20, 15), 58)
    with pytest.raises(ConfigurationError, match="fewer than 2995"):
        check("error_rate", "<", 0.001, open_loop(200, 15), 1000)


def test_rule_2_5_a_floor_above_the_offered_rate():
    check("throughput", ">", 50, open_loop(60, 15))
    with pytest.raises(ConfigurationError, match="59/s are offered, a floor of 50/s needs 60/s"):
        check("throughput", ">", 50, open_loop(59, 15))


@pytest.mark.parametrize(("rate", "seconds"), [(20, 14), (19, 30)])
def test_rule_4_1_a_latency_stage_lasts_15_s_at_20_a_second(rate, seconds):
    with pytest.raises(ConfigurationError, match="miss a short freeze"):
        check("response_time_p95", "<", 2, open_loop(rate, seconds), 59)


def test_rule_2_5_what_can_never_be_shown():
    with pytest.raises(ConfigurationError, match="can never be shown"):
        check("error_rate", "==", 0, open_loop(20, 15))
    with pytest.raises(ConfigurationError, match="5 %"):
        check("error_rate", "<", 5, open_loop(20, 15))
    with pytest.raises(ConfigurationError, match="neither met nor missed"):
        check("error_rate", "<=", 0, open_loop(20, 15))


def test_an_unknown_stage():
    objective = Objective(id="a.b.c", comparison=Comparison.LESS, limit=1)
    with pytest.raises(ConfigurationError, match="did you mean 'load'"):
        check_plan("standard", {"load": open_loop(20, 15)}, {objective: "laod"})
