import math
from itertools import pairwise

import numpy as np
import pytest

from wheelhouse.pricing.realized import close_to_close, garman_klass, parkinson, rogers_satchell, yang_zhang

OPEN = [100.0, 101.0, 100.5, 103.0]
HIGH = [102.0, 103.0, 104.0, 103.5]
LOW = [99.0, 100.0, 100.0, 101.0]
CLOSE = [101.5, 100.5, 103.5, 101.5]


def simulated_bars(sessions, volatility, drift=0.0, overnight_share=0.0, steps=400, seed=5):
    random = np.random.default_rng(seed)
    daily = volatility / math.sqrt(252)
    night = random.normal(0, daily * math.sqrt(overnight_share), sessions)
    ticks = random.normal(drift / 252 / steps, daily * math.sqrt((1 - overnight_share) / steps), (sessions, steps))
    paths = np.concatenate([np.zeros((sessions, 1)), np.cumsum(ticks, axis=1)], axis=1)
    body = paths[:, -1]
    start = np.concatenate([[0.0], np.cumsum(night + body)[:-1]]) + night
    return tuple(
        100 * np.exp(start + part) for part in (np.zeros(sessions), paths.max(axis=1), paths.min(axis=1), body)
    )


def test_by_hand():
    def log(a, b):
        return math.log(a / b)

    returns = [log(b, a) for a, b in pairwise(CLOSE)]
    mean = sum(returns) / 3
    assert close_to_close(CLOSE) == pytest.approx(math.sqrt(252 * sum((r - mean) ** 2 for r in returns) / 2))
    ranges = [log(h, low) ** 2 for h, low in zip(HIGH, LOW, strict=True)]
    assert parkinson(HIGH, LOW) == pytest.approx(math.sqrt(252 * sum(ranges) / 4 / (4 * math.log(2))))
    bodies = [log(c, o) ** 2 for c, o in zip(CLOSE, OPEN, strict=True)]
    garman = sum(0.5 * r - (2 * math.log(2) - 1) * b for r, b in zip(ranges, bodies, strict=True)) / 4
    assert garman_klass(OPEN, HIGH, LOW, CLOSE) == pytest.approx(math.sqrt(252 * garman))
    rogers = [
        log(h, c) * log(h, o) + log(low, c) * log(low, o) for o, h, low, c in zip(OPEN, HIGH, LOW, CLOSE, strict=True)
    ]
    assert rogers_satchell(OPEN, HIGH, LOW, CLOSE) == pytest.approx(math.sqrt(252 * sum(rogers) / 4))
    nights = np.array([log(o, c) for o, c in zip(OPEN[1:], CLOSE, strict=False)])
    days = np.array([log(c, o) for o, c in zip(OPEN[1:], CLOSE[1:], strict=True)])
    k = 0.34 / (1.34 + 4 / 2)
    total = nights.var(ddof=1) + k * days.var(ddof=1) + (1 - k) * sum(rogers[1:]) / 3
    assert yang_zhang(OPEN, HIGH, LOW, CLOSE) == pytest.approx(math.sqrt(252 * total))


def test_all_find_the_volatility_of_a_path_without_gaps():
    bars = simulated_bars(4000, 0.3)
    _, high, low, close = bars
    assert close_to_close(close) == pytest.approx(0.3, rel=0.03)
    # A path seen at 400 points misses some of its range.
    for found in (parkinson(high, low), garman_klass(*bars), rogers_satchell(*bars), yang_zhang(*bars)):
        assert found == pytest.approx(0.3, rel=0.06)


def test_only_those_that_see_the_night_count_it():
    bars = simulated_bars(4000, 0.3, overnight_share=0.5)
    assert yang_zhang(*bars) == pytest.approx(0.3, rel=0.05)
    assert rogers_satchell(*bars) == pytest.approx(0.3 * math.sqrt(0.5), rel=0.06)


def test_rogers_satchell_ignores_drift_and_parkinson_does_not():
    bars = simulated_bars(2000, 0.2, drift=6.0)
    assert rogers_satchell(*bars) == pytest.approx(0.2, rel=0.07)
    assert parkinson(bars[1], bars[2]) > 0.28


def test_undefined_is_nan():
    assert np.isnan(close_to_close([100.0, 101.0]))
    assert np.isnan(parkinson([], []))
    assert np.isnan(parkinson([100.0, 99.0], [99.0, 100.0]))
    assert np.isnan(garman_klass([1.0, 0.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]))
    assert np.isnan(yang_zhang(OPEN[:2], HIGH[:2], LOW[:2], CLOSE[:2]))
    assert np.isnan(close_to_close([100.0, np.nan, 101.0, 102.0]))


def test_windows_along_the_last_axis():
    windows = np.lib.stride_tricks.sliding_window_view(np.array(CLOSE), 3)
    found = close_to_close(windows)
    assert found.shape == (2,)
    assert found[0] == close_to_close(CLOSE[:3])
