"""The volatility regime of an underlying: low, normal or high, by what was known at the time.

The states of a switching model are ordered by volatility after every fit and named. The model is fitted anew before the first session
of each calendar quarter, on the sessions before it; probabilities in between are filtered. Nothing here looks ahead: what is said
about a session stays the same whatever comes after it. A regime changes only after the other state was the likeliest for some sessions
in a row; with too little data it is unknown.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wheelhouse.errors import InvalidInput
from wheelhouse.risk.switching import fit

Floats = NDArray[np.float64]

WINDOW: Final = 1008
MINIMUM: Final = 252
DWELL: Final = 5


class Regime(StrEnum):
    """How volatile an underlying is at present, by its own measure."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    UNKNOWN = "unknown"


NAMED: Final = (Regime.LOW, Regime.NORMAL, Regime.HIGH)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegimePath:
    """Regimes by session.

    Attributes
    ----------
    regimes
        ``(n_sessions,)``.
    probabilities
        Filtered, of low, normal and high, ``(n_sessions, 3)``; NaN where the regime is unknown.
    """

    sessions: tuple[date, ...]
    regimes: tuple[Regime, ...]
    probabilities: Floats

    @property
    def latest(self) -> Regime:
        """The regime of the last session; unknown if there is none."""
        return self.regimes[-1] if self.regimes else Regime.UNKNOWN

    @property
    def latest_probabilities(self) -> Mapping[Regime, float]:
        """Of the last session; empty if it is unknown."""
        if not self.regimes or math.isnan(self.probabilities[-1, 0]):
            return {}
        return dict(zip(NAMED, self.probabilities[-1].tolist(), strict=True))


def regime_path(
    sessions: Sequence[date],
    returns: ArrayLike,
    *,
    window: int = WINDOW,
    minimum: int = MINIMUM,
    dwell: int = DWELL,
    last: int | None = None,
) -> RegimePath:
    """Name the regime of each session, walking forward.

    Parameters
    ----------
    sessions, returns
        Dates, ascending, and logarithmic returns of those sessions, ``(n_sessions,)``, finite.
    window, minimum
        Most and fewest sessions that a fit rests on.
    dwell
        Sessions in a row that another state must be the likeliest before the regime becomes that state.
    last
        Look only at so many sessions at the end, with all that precede them for the fits; the others are unknown.

    Raises
    ------
    InvalidInput
        Lengths that differ, dates that do not ascend, a return that is not finite, or a dwell below one.
    """
    days, moves = tuple(sessions), np.asarray(returns, dtype=np.float64)
    if moves.shape != (len(days),):
        raise InvalidInput(f"regime: {len(days)} sessions but returns of shape {moves.shape}")
    if any(later <= earlier for earlier, later in pairwise(days)):
        raise InvalidInput("regime: the sessions do not ascend; sort them and give each once")
    if not np.isfinite(moves).all():
        raise InvalidInput("regime: a return is not finite; leave such sessions out")
    if dwell < 1:
        raise InvalidInput(f"regime: dwell = {dwell}, expected at least 1 session")
    first = minimum if last is None else max(minimum, len(days) - last)
    probabilities = np.full((len(days), len(NAMED)), np.nan)
    starts = [i for i in range(first, len(days)) if i == first or _quarter(days[i]) != _quarter(days[i - 1])]
    for start, end in pairwise([*starts, len(days)]):
        begin = max(0, start - window)
        past = moves[begin:start]
        if np.ptp(past) > 0.0:
            model = fit(past, states=len(NAMED))
            probabilities[start:end] = model.filtered(moves[begin:end])[start - begin :]
    return RegimePath(sessions=days, regimes=_settled(probabilities, dwell), probabilities=probabilities)


def _quarter(day: date) -> tuple[int, int]:
    return day.year, (day.month - 1) // 3


def _settled(probabilities: Floats, dwell: int) -> tuple[Regime, ...]:
    """The likeliest state, changed only after it has lasted."""
    current, rival, lasted = Regime.UNKNOWN, Regime.UNKNOWN, 0
    settled = []
    for row in probabilities:
        if math.isnan(row[0]):
            current, rival, lasted = Regime.UNKNOWN, Regime.UNKNOWN, 0
        else:
            likeliest = NAMED[int(np.argmax(row))]
            lasted = lasted + 1 if likeliest is rival else 1
            rival = likeliest
            if current is Regime.UNKNOWN or lasted >= dwell:
                current = likeliest
        settled.append(current)
    return tuple(settled)
