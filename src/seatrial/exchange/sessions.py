"""How the spot moves in a simulated session: seeded paths with a shape that a trial can name.

A path spans its session whatever its length in real time: the same day can be played in six hours or in thirty seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from seatrial.errors import ConfigurationError

__all__ = ["SessionKind", "SpotPath", "spot_path"]


class SessionKind(StrEnum):
    """What kind of day it is. ``amplitude`` means what is said here, as a share of the first spot.

    ``calm``: the spot hardly moves; amplitude is the day's standard deviation (0.3 %).
    ``trending``: it drifts by the amplitude (5 %), up or down as the seed says.
    ``crash``: it falls by the amplitude (20 %) in the middle fifth and recovers a third of it.
    ``swings``: it reaches both plus and minus the amplitude (5 %), twice.
    ``halt``: trading stops in the middle fifth and resumes lower by the amplitude (6 %).
    ``gap``: it jumps by the amplitude (8 %) half-way, up or down as the seed says.
    """

    CALM = "calm"
    TRENDING = "trending"
    CRASH = "crash"
    SWINGS = "swings"
    HALT = "halt"
    GAP = "gap"


_AMPLITUDE = {
    SessionKind.CALM: 0.003,
    SessionKind.TRENDING: 0.05,
    SessionKind.CRASH: 0.20,
    SessionKind.SWINGS: 0.05,
    SessionKind.HALT: 0.06,
    SessionKind.GAP: 0.08,
}
_NOISE = 0.003
"""Standard deviation of the log spot at the end of a session, beside its shape."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpotPath:
    """A spot for each step of a session; ``fraction`` of the session gone by, ``spot`` > 0 and ``halted``, all ``(n,)``."""

    fraction: NDArray[np.float64]
    spot: NDArray[np.float64]
    halted: NDArray[np.bool_]


def spot_path(kind: SessionKind, *, spot: float, steps: int, seed: int, amplitude: float | None = None) -> SpotPath:
    """A path of ``steps`` spots that starts at ``spot``; the same arguments give the same path.

    Parameters
    ----------
    kind
        Its shape.
    spot
        First value, > 0.
    steps
        Number of values, >= 2, evenly spaced from the first to the last instant of the session.
    seed
        Of the noise, and of the direction where the kind has one.
    amplitude
        Size of the move as a share of ``spot``, in (0, 1); the kind's own by default.

    Raises
    ------
    ConfigurationError
        A spot, number of steps or amplitude that makes no path.
    """
    size = _AMPLITUDE[kind] if amplitude is None else amplitude
    if not (np.isfinite(spot) and spot > 0) or steps < 2 or not 0 < size < 1:
        raise ConfigurationError(
            f"a {kind} session from spot {spot} in {steps} steps with amplitude {size}: give a spot above 0, 2 steps or "
            "more, and an amplitude between 0 and 1"
        )
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 0])))
    direction = 1.0 if random.random() < 0.5 else -1.0
    u = np.linspace(0.0, 1.0, steps)
    wiener = np.concatenate(([0.0], np.cumsum(random.standard_normal(steps - 1)))) / np.sqrt(steps - 1)
    halted = np.zeros(steps, dtype=np.bool_)
    match kind:
        case SessionKind.CALM:
            log_move = size * wiener
        case SessionKind.TRENDING:
            log_move = np.log1p(direction * size) * u + _NOISE * wiener
        case SessionKind.CRASH:
            fall = _smooth((u - 0.4) / 0.2) - _smooth((u - 0.6) / 0.4) / 3.0
            log_move = np.log1p(-size) * fall + _NOISE * wiener
        case SessionKind.SWINGS:
            return SpotPath(fraction=u, spot=spot * (1.0 + _swing(u, wiener, size)), halted=halted)
        case SessionKind.HALT:
            halted = (u >= 0.4) & (u < 0.6)
            log_move = np.where(u >= 0.4, np.log1p(-size), 0.0) + _NOISE * wiener
        case SessionKind.GAP:
            log_move = np.where(u >= 0.5, np.log1p(direction * size), 0.0) + _NOISE * wiener
    return SpotPath(fraction=u, spot=spot * np.exp(log_move), halted=halted)


def _smooth(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 0 to 1 without a corner."""
    inside = np.clip(u, 0.0, 1.0)
    return inside * inside * (3.0 - 2.0 * inside)


def _swing(u: NDArray[np.float64], wiener: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    """Two waves with noise on them, scaled so that both extremes are the amplitude exactly."""
    wave = np.sin(4.0 * np.pi * u) + 0.05 * (wiener - wiener[-1] * u)
    up, down = wave.max(), -wave.min()
    scale = np.where(wave > 0, size / up if up > 0 else 0.0, size / down if down > 0 else 0.0)
    return np.asarray(wave * scale, dtype=np.float64)
