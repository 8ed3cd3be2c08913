import numpy as np
import pytest

from seatrial.verdict.leaks import LEAK_LIMIT_BYTES, judge_leak, theil_sen
from seatrial.verdict.verdicts import Verdict

OPERATIONS = np.arange(1, 41) * 500


def judge(readings, **more):
    return judge_leak(OPERATIONS.tolist(), np.asarray(readings, dtype=float).tolist(), **more)


@pytest.mark.parametrize("seed", range(20))
def test_rule_5_2_noise_passes(seed):
    noise = np.random.default_rng(seed).normal(200e6, 1e6, 40)
    assert judge(noise).verdict is not Verdict.FAIL
    assert judge(200e6 + noise * 1e-3).verdict is Verdict.PASS


@pytest.mark.parametrize("seed", range(20))
def test_rule_5_2_a_plateau_after_warm_up_passes(seed):
    rng = np.random.default_rng(seed)
    rise = 80e6 * (1 - np.exp(-OPERATIONS / 1500))
    assert judge(200e6 + rise + rng.normal(0, 2e5, 40)).verdict is Verdict.PASS


@pytest.mark.parametrize("seed", range(20))
def test_rule_5_2_a_megabyte_per_1000_operations_fails(seed):
    rng = np.random.default_rng(seed)
    found = judge(200e6 + OPERATIONS * 1000.0 + rng.normal(0, 1e6, 40))
    assert found.verdict is Verdict.FAIL
    assert found.lower_bound > LEAK_LIMIT_BYTES
    assert found.per_1000_operations == pytest.approx(1e6, rel=0.3)


def test_rule_5_2_one_jump_is_a_step_and_in_doubt():
    slope = OPERATIONS * 300.0
    jump = np.where(np.arange(40) >= 30, 20e6, 0)
    found = judge(200e6 + slope + jump)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "one jump" in found.detail


def test_rule_5_2_only_the_estimate_over_the_limit_is_in_doubt():
    rng = np.random.default_rng(1)
    found = judge(200e6 + OPERATIONS * 300.0 + rng.normal(0, 5e5, 40))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.lower_bound <= LEAK_LIMIT_BYTES < found.per_1000_operations


@pytest.mark.parametrize(("blocks", "per_block"), [(39, 1000), (40, 499), (0, 0)])
def test_rule_5_2_shorter_is_not_assessed(blocks, per_block):
    operations = [per_block * (i + 1) for i in range(blocks)]
    assert judge_leak(operations, [1.0] * blocks).verdict is Verdict.NOT_ASSESSED


def test_rule_5_2_the_same_for_open_files():
    assert judge(40 + OPERATIONS / 1000 * 2, limit=1.0).verdict is Verdict.FAIL
    assert judge(np.full(40, 40.0), limit=1.0).verdict is Verdict.PASS


def test_a_missing_reading_is_in_doubt():
    readings = np.full(40, 1e6)
    readings[30] = np.nan
    assert judge(readings).verdict is Verdict.INCONCLUSIVE


def test_theil_sen_agrees_with_scipy():
    from scipy.stats import theilslopes

    rng = np.random.default_rng(5)
    x = np.arange(30.0)
    y = 3 * x + rng.normal(0, 5, 30)
    oracle = theilslopes(y, x, alpha=0.90)
    found = theil_sen(x.tolist(), y.tolist())
    assert found.estimate == pytest.approx(oracle[0])
    assert found.lower <= found.estimate
    assert found.lower == pytest.approx(oracle[2], abs=0.02)


def test_theil_sen_shrugs_off_outliers():
    y = [float(i) for i in range(20)]
    y[7] = 1e9
    assert theil_sen([float(i) for i in range(20)], y).estimate == pytest.approx(1.0)


def test_unfit_input_is_refused():
    with pytest.raises(ValueError, match="strictly ascending"):
        theil_sen([1, 1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="three or more"):
        theil_sen([1, 2], [1, 2])
    with pytest.raises(ValueError, match="readings"):
        judge_leak([1.0], [])
