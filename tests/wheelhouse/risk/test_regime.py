import math
from datetime import date, timedelta

import numpy as np
import pytest

from wheelhouse.errors import InvalidInput
from wheelhouse.risk.implied_rank import iv_percentile, iv_rank
from wheelhouse.risk.regime import NAMED, Regime, _settled, regime_path


def weekdays(count: int) -> list[date]:
    days, day = [], date(2010, 1, 4)
    while len(days) < count:
        if day.weekday() < 5:
            days.append(day)
        day += timedelta(days=1)
    return days


def spells(*pairs: tuple[float, int], seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(0.0, sigma, length) for sigma, length in pairs])


MOVES = spells((0.006, 150), (0.012, 120), (0.03, 80), (0.012, 60), (0.006, 90), (0.03, 60))
DAYS = weekdays(len(MOVES))


def test_a_storm_is_high_and_calm_is_low():
    path = regime_path(DAYS, MOVES, minimum=350)
    assert set(path.regimes[:350]) == {Regime.UNKNOWN}
    assert path.regimes[480] is Regime.LOW
    assert path.latest is Regime.HIGH
    assert path.latest_probabilities[Regime.HIGH] > 0.6
    assert path.probabilities[350:].sum(axis=1) == pytest.approx(np.ones(len(MOVES) - 350))


def test_nothing_said_of_a_session_depends_on_what_came_after_it():
    whole = regime_path(DAYS, MOVES, minimum=350)
    for end in (380, 431, 500):
        before = regime_path(DAYS[:end], MOVES[:end], minimum=350)
        assert before.regimes == whole.regimes[:end]
        assert before.probabilities[350:] == pytest.approx(whole.probabilities[350:end], rel=1e-6, abs=1e-9)
    wild = MOVES.copy()
    wild[500:] *= 4.0
    assert regime_path(DAYS, wild, minimum=350).regimes[:500] == whole.regimes[:500]


def test_the_end_alone_says_the_same_where_refits_fall_on_the_same_sessions():
    whole = regime_path(DAYS, MOVES, minimum=350)
    quarter = next(i for i in range(len(DAYS) - 90, len(DAYS)) if DAYS[i].month % 3 == 1 and DAYS[i - 1].month % 3 == 0)
    end = regime_path(DAYS, MOVES, minimum=350, last=len(DAYS) - quarter)
    assert end.probabilities[quarter:] == pytest.approx(whole.probabilities[quarter:])
    assert end.regimes[quarter - 1] is Regime.UNKNOWN


def test_another_state_has_to_last():
    def sure(*states: int) -> np.ndarray:
        return np.eye(3)[list(states)]

    low, normal, high = NAMED
    assert _settled(sure(0, 2, 2, 0, 2, 2, 2, 1, 2), 3) == (low, low, low, low, low, low, high, high, high)
    assert _settled(sure(0, 1, 2, 1), 1) == (low, normal, high, normal)
    gone = np.vstack([sure(0), np.full((1, 3), math.nan), sure(2)])
    assert _settled(gone, 5) == (low, Regime.UNKNOWN, high)


def test_too_little_or_motionless_data_are_unknown():
    short = regime_path(DAYS[:100], MOVES[:100])
    assert short.latest is Regime.UNKNOWN
    assert short.latest_probabilities == {}
    assert regime_path([], []).latest is Regime.UNKNOWN
    assert regime_path(DAYS, np.zeros(len(DAYS))).latest is Regime.UNKNOWN


@pytest.mark.parametrize(
    ("days", "moves", "dwell"),
    [
        (DAYS[:3], MOVES[:2], 5),
        (DAYS[:2][::-1], MOVES[:2], 5),
        (DAYS[:1], [math.nan], 5),
        (DAYS[:2], MOVES[:2], 0),
    ],
)
def test_what_makes_no_sense_is_refused(days, moves, dwell):
    with pytest.raises(InvalidInput):
        regime_path(days, moves, dwell=dwell)


def test_rank_and_percentile_are_different_numbers():
    past = [0.20] * 200 + [0.30] * 51 + [1.00]
    assert iv_rank(0.40, past) == pytest.approx(0.25)
    assert iv_percentile(0.40, past) == pytest.approx(251 / 252)
    assert iv_rank(2.0, past) == 1.0
    assert iv_rank(0.10, past) == 0.0
    assert iv_rank(0.40, past[:-1]) is None
    assert iv_percentile(0.40, past[:-1]) is None
    assert iv_rank(0.2, [0.2] * 252) is None
