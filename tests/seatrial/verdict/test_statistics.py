import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.verdict.statistics import (
    clopper_pearson_lower,
    clopper_pearson_upper,
    min_samples_for_percentile,
    min_samples_for_rate,
    percentile_ranks,
)


def binomial_cdf(k: int, n: int, p: float) -> float:
    """Summed term by term with exact integers: an oracle that shares nothing with scipy."""
    return math.fsum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))


@pytest.mark.parametrize(("quantile", "samples"), [(0.95, 59), (0.99, 299), (0.999, 2995)])
def test_rule_2_3_samples_a_percentile_needs(quantile, samples):
    assert min_samples_for_percentile(quantile) == samples
    assert percentile_ranks(samples, quantile)[1] == samples
    assert percentile_ranks(samples - 1, quantile)[1] is None


@pytest.mark.parametrize(("limit", "trials"), [(0.05, 59), (0.01, 299), (0.001, 2995)])
def test_rule_2_3_clean_requests_a_rate_needs(limit, trials):
    assert min_samples_for_rate(limit) == trials
    assert clopper_pearson_upper(0, trials) < limit <= clopper_pearson_upper(0, trials - 1)


def test_rule_2_3_ranks_at_600():
    lower, upper = percentile_ranks(600, 0.95)
    assert (600 - upper, 600 - lower + 1) == (20, 40)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 250), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_ranks_are_the_tightest_that_hold_the_confidence(samples, quantile):
    lower, upper = percentile_ranks(samples, quantile)
    if upper is not None:
        assert binomial_cdf(upper - 1, samples, quantile) >= 0.95 - 1e-12
    below = (upper or samples + 1) - 1
    if below >= 1:
        assert binomial_cdf(below - 1, samples, quantile) < 0.95 + 1e-12
    if lower is not None:
        assert 1 - binomial_cdf(lower - 1, samples, quantile) >= 0.95 - 1e-12
    assert 1 - binomial_cdf((lower or 0), samples, quantile) < 0.95 + 1e-12


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.data())
def test_clopper_pearson_inverts_the_binomial(trials, data):
    events = data.draw(st.integers(0, trials))
    low, high = clopper_pearson_lower(events, trials), clopper_pearson_upper(events, trials)
    assert 0 <= low <= events / trials <= high <= 1
    if events < trials:
        assert binomial_cdf(events, trials, high) == pytest.approx(0.05, abs=1e-7)
    if events > 0:
        assert 1 - binomial_cdf(events - 1, trials, low) == pytest.approx(0.05, abs=1e-7)


def test_a_percentile_bound_covers_as_often_as_it_says():
    rng = np.random.default_rng(1)
    draws = np.sort(rng.exponential(size=(4000, 200)), axis=1)
    truth = -math.log(0.05)
    lower, upper = percentile_ranks(200, 0.95)
    assert (draws[:, upper - 1] >= truth).mean() >= 0.94
    assert (draws[:, lower - 1] <= truth).mean() >= 0.94


def test_no_sample_has_no_bound():
    assert percentile_ranks(0, 0.95) == (None, None)
    assert (clopper_pearson_lower(0, 0), clopper_pearson_upper(0, 0)) == (0.0, 1.0)


@pytest.mark.parametrize("quantile", [0.0, 1.0, 95.0])
def test_a_quantile_outside_0_1_is_refused(quantile):
    with pytest.raises(ValueError, match="between 0 and 1"):
        percentile_ranks(100, quantile)
    with pytest.raises(ValueError, match="between 0 and 1"):
        min_samples_for_percentile(quantile)


def test_more_events_than_trials_are_refused():
    with pytest.raises(ValueError, match="3 events of 2 trials"):
        clopper_pearson_upper(3, 2)
