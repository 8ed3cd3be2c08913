import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, rankdata

from seatrial.history.rank_test import rank_test

samples = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=7)
tied = st.lists(st.integers(0, 3).map(float), min_size=1, max_size=5)


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=14, unique=True), st.data())
@settings(max_examples=50)
def test_without_ties_it_is_the_exact_test_of_scipy(values, data):
    cut = data.draw(st.integers(1, len(values) - 1))
    before, now = values[:cut], values[cut:]
    assert rank_test(before, now) == pytest.approx(mannwhitneyu(before, now, method="exact").pvalue)


@given(tied, tied)
@settings(max_examples=50)
def test_with_ties_it_is_the_share_of_all_deals(before, now):
    ranks = rankdata([*before, *now])
    mean = len(before) * (len(ranks) + 1) / 2
    sums = [sum(deal) for deal in itertools.combinations(ranks, len(before))]
    far = abs(sum(ranks[: len(before)]) - mean)
    assert rank_test(before, now) == pytest.approx(np.mean([abs(s - mean) >= far - 1e-9 for s in sums]))


@given(samples, samples)
@settings(max_examples=50)
def test_it_does_not_matter_which_side_is_named_first(before, now):
    assert rank_test(before, now) == pytest.approx(rank_test(now, before))
    assert 0 < rank_test(before, now) <= 1


def test_seven_runs_a_side_can_be_significant_and_six_cannot():
    assert rank_test(range(7), range(10, 17)) < 0.002
    assert rank_test(range(6), range(10, 16)) > 0.002


def test_many_runs_are_tested_by_the_approximation():
    rng = np.random.default_rng(5)
    before, now = rng.integers(0, 20, 50), rng.integers(2, 22, 40)
    assert rank_test(before, now) == pytest.approx(mannwhitneyu(before, now).pvalue)
    assert rank_test([1.0] * 50, [1.0] * 50) == 1.0
