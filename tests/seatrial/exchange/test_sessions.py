from __future__ import annotations

import numpy as np
import pytest

from seatrial.errors import ConfigurationError
from seatrial.exchange.sessions import SessionKind, spot_path


@pytest.mark.parametrize("kind", list(SessionKind))
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_path_starts_at_the_spot_and_repeats(kind: SessionKind, seed: int) -> None:
    first, again = (spot_path(kind, spot=250.0, steps=300, seed=seed) for _ in range(2))
    assert first.spot[0] == 250.0
    assert first.spot.min() > 0
    assert first.spot.tobytes() == again.spot.tobytes()
    assert first.spot.tobytes() != spot_path(kind, spot=250.0, steps=300, seed=seed + 10).spot.tobytes()
    assert len(first.spot) == len(first.halted) == len(first.fraction) == 300


def move(kind: SessionKind, seed: int = 5, amplitude: float | None = None) -> np.ndarray:
    return spot_path(kind, spot=100.0, steps=401, seed=seed, amplitude=amplitude).spot / 100 - 1


def test_a_calm_day_is_calm() -> None:
    assert np.abs(move(SessionKind.CALM)).max() < 0.02


def test_a_trend_goes_one_way_or_the_other() -> None:
    ends = [move(SessionKind.TRENDING, seed)[-1] for seed in range(12)]
    assert all(0.03 < abs(end) < 0.07 for end in ends)
    assert min(ends) < 0 < max(ends)


def test_a_crash_falls_in_the_middle_and_recovers_in_part() -> None:
    path = move(SessionKind.CRASH)
    assert np.abs(path[:160]).max() < 0.02
    assert path.min() == pytest.approx(-0.20, abs=0.02)
    assert 0.57 < np.argmin(path) / 400 < 0.7
    assert -0.17 < path[-1] < -0.10


@pytest.mark.parametrize("amplitude", [0.05, 0.10])
def test_swings_reach_both_sides_exactly(amplitude: float) -> None:
    path = move(SessionKind.SWINGS, amplitude=amplitude)
    assert path.max() == pytest.approx(amplitude)
    assert path.min() == pytest.approx(-amplitude)


def test_a_halt_stops_and_resumes_lower() -> None:
    path = spot_path(SessionKind.HALT, spot=100.0, steps=401, seed=5)
    assert 0.18 < path.halted.mean() < 0.22
    before, after = np.flatnonzero(path.halted)[[0, -1]] + [-1, 1]
    assert path.spot[after] / path.spot[before] - 1 == pytest.approx(-0.06, abs=0.01)


def test_a_gap_is_one_step() -> None:
    steps = np.abs(np.diff(np.log1p(move(SessionKind.GAP))))
    assert np.sort(steps)[-1] > 0.07
    assert np.sort(steps)[-2] < 0.002


@pytest.mark.parametrize(
    ("spot", "steps", "amplitude"), [(0, 10, 0.1), (100, 1, 0.1), (100, 10, 1.0), (np.nan, 10, 0.1)]
)
def test_what_makes_no_path_is_a_configuration_error(spot: float, steps: int, amplitude: float) -> None:
    with pytest.raises(ConfigurationError):
        spot_path(SessionKind.CALM, spot=spot, steps=steps, seed=1, amplitude=amplitude)
