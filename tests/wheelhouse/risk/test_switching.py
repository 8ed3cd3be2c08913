import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.errors import InvalidInput
from wheelhouse.risk.switching import Switching, _improve, _start, fit

CHAIN = Switching(
    mean=0.001,
    deviations=np.array([0.005, 0.012, 0.03]),
    transition=np.array([[0.9, 0.08, 0.02], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]]),
    initial=np.array([0.5, 0.3, 0.2]),
)


def by_enumeration(model: Switching, returns: np.ndarray) -> tuple[np.ndarray, float]:
    """Filter and likelihood by adding up every path of states."""
    filtered = []
    total = 0.0
    for end in range(1, len(returns) + 1):
        by_last = np.zeros(3)
        for path in itertools.product(range(3), repeat=end):
            weight = model.initial[path[0]]
            for before, after in itertools.pairwise(path):
                weight *= model.transition[before, after]
            for state, value in zip(path, returns[:end], strict=True):
                sd = model.deviations[state]
                weight *= math.exp(-0.5 * ((value - model.mean) / sd) ** 2) / (sd * math.sqrt(2 * math.pi))
            by_last[path[-1]] += weight
        total = by_last.sum()
        filtered.append(by_last / total)
    return np.array(filtered), math.log(total)


def draw(model: Switching, sessions: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    states = [int(rng.choice(3, p=model.initial))]
    while len(states) < sessions:
        states.append(int(rng.choice(3, p=model.transition[states[-1]])))
    path = np.array(states)
    return rng.normal(model.mean, model.deviations[path]), path


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-0.08, 0.08), min_size=1, max_size=6))
def test_filter_and_likelihood_are_the_sums_over_all_paths(returns):
    expected, likelihood = by_enumeration(CHAIN, np.array(returns))
    assert CHAIN.filtered(returns) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert CHAIN.likelihood(returns) == pytest.approx(likelihood, rel=1e-9, abs=1e-9)


def test_the_filter_agrees_with_the_plain_recursion_over_many_sessions():
    returns, _ = draw(CHAIN, 500, 4)
    at, log = CHAIN.initial, 0.0
    for i, value in enumerate(returns):
        ahead = at if i == 0 else at @ CHAIN.transition
        joint = ahead * np.exp(-0.5 * ((value - CHAIN.mean) / CHAIN.deviations) ** 2)
        joint /= CHAIN.deviations * math.sqrt(2 * math.pi)
        log += math.log(joint.sum())
        at = joint / joint.sum()
    assert CHAIN.filtered(returns)[-1] == pytest.approx(at, rel=1e-8)
    assert CHAIN.likelihood(returns) == pytest.approx(log, rel=1e-10)


def test_what_is_filtered_does_not_know_what_follows():
    returns, _ = draw(CHAIN, 120, 7)
    assert CHAIN.filtered(returns[:80]) == pytest.approx(CHAIN.filtered(returns)[:80], rel=1e-9, abs=1e-12)


def test_one_state_is_mean_and_deviation_of_the_sample():
    sample = np.random.default_rng(2).normal(0.001, 0.02, 300)
    found = fit(sample, states=1)
    assert found.mean == pytest.approx(sample.mean())
    assert found.deviations == pytest.approx([sample.std()])
    density = -0.5 * ((sample - sample.mean()) / sample.std()) ** 2 - math.log(sample.std() * math.sqrt(2 * math.pi))
    assert found.log_likelihood == pytest.approx(density.sum())


def test_every_round_of_the_fit_raises_the_likelihood():
    sample, _ = draw(CHAIN, 400, 11)
    model = _start(sample, 3)
    reached = []
    for _ in range(40):
        model = _improve(model, sample, 1e-6)
        reached.append(model.log_likelihood)
    assert (np.diff(reached) >= -1e-7).all()
    assert reached[0] == pytest.approx(_start(sample, 3).likelihood(sample))


def test_a_chain_is_found_again_in_what_it_made():
    true = Switching(
        mean=0.0005,
        deviations=np.array([0.006, 0.013, 0.032]),
        transition=np.array([[0.98, 0.02, 0.0], [0.02, 0.96, 0.02], [0.0, 0.05, 0.95]]),
        initial=np.array([1.0, 0.0, 0.0]),
    )
    sample, path = draw(true, 4000, 3)
    found = fit(sample)
    assert found.deviations == pytest.approx(true.deviations, rel=0.08)
    assert np.diag(found.transition) == pytest.approx(np.diag(true.transition), abs=0.03)
    assert found.transition.sum(axis=1) == pytest.approx([1, 1, 1])
    assert found.log_likelihood >= true.likelihood(sample)
    assert (found.filtered(sample).argmax(axis=1) == path).mean() > 0.8


def test_states_are_ordered_by_volatility_and_the_fit_repeats_itself():
    sample, _ = draw(CHAIN, 600, 5)
    one, other = fit(sample), fit(sample)
    assert (np.diff(one.deviations) >= 0).all()
    assert one.deviations.tolist() == other.deviations.tolist()


def test_a_crash_is_of_the_most_volatile_state_and_what_no_state_explains_breaks_nothing():
    assert CHAIN.filtered([0.0, 0.0, -0.2])[-1].argmax() == 2
    assert np.isfinite(CHAIN.filtered([0.0, 9.0, 0.0])).all()


@pytest.mark.parametrize("sample", [np.zeros(100), np.arange(5.0), np.append(np.arange(50.0), math.nan)])
def test_samples_that_say_nothing_are_refused(sample):
    with pytest.raises(InvalidInput):
        fit(sample)
