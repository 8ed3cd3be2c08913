"""When requests are due: schedules that do not wait for answers.

A schedule is a row of segments, each with a rate of arrivals that is constant or changes linearly. The first arrival
is due at 0; arrival ``k`` is due when the integral of the rate has reached ``k``. Due times are computed in blocks on
demand, so a schedule of a day costs no more memory than one of a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from seatrial.errors import ConfigurationError

__all__ = ["Schedule", "Segment", "burst", "constant", "ramp", "recorded"]

_ROUNDING = 1e-9
"""Arrivals: a whole number of them that floating point missed by this little is that number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of time in which the rate of arrivals moves linearly from one value to another.

    Parameters
    ----------
    seconds
        Length, > 0.
    rate_start, rate_end
        Arrivals per second at both ends, >= 0.
    """

    seconds: float
    rate_start: float
    rate_end: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.seconds) and self.seconds > 0):
            raise ConfigurationError(f"a stage lasts {self.seconds} seconds; give a finite length above 0")
        for rate in (self.rate_start, self.rate_end):
            if not (np.isfinite(rate) and rate >= 0):
                raise ConfigurationError(f"a stage offers {rate} requests per second; give a finite rate of 0 or more")

    @property
    def arrivals(self) -> float:
        """The integral of the rate over the segment."""
        return 0.5 * (self.rate_start + self.rate_end) * self.seconds


@dataclass(frozen=True, slots=True)
class Schedule:
    """Segments one after the other."""

    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        if not self.segments:
            raise ConfigurationError("a schedule needs at least one segment")

    @property
    def seconds(self) -> float:
        """Length, which is the measured window of an open-loop stage."""
        return float(sum(segment.seconds for segment in self.segments))

    @property
    def count(self) -> int:
        """How many arrivals are due within the length."""
        return int(np.ceil(sum(segment.arrivals for segment in self.segments) - _ROUNDING))

    @property
    def mean_rate(self) -> float:
        """Arrivals per second over the whole length."""
        return self.count / self.seconds

    @property
    def peak_rate(self) -> float:
        """The largest rate at any moment, arrivals per second."""
        return max(max(segment.rate_start, segment.rate_end) for segment in self.segments)

    def due_times(self, first: int = 0, last: int | None = None) -> NDArray[np.float64]:
        """Due times of the arrivals ``first`` (inclusive) to ``last`` (exclusive; all by default).

        Returns
        -------
        ndarray of float64, shape (n,)
            Seconds from the start of the schedule, ascending, the first of all being 0 where the schedule starts with
            a rate above 0.
        """
        stop = self.count if last is None else min(last, self.count)
        ranks = np.arange(max(first, 0), max(stop, first, 0), dtype=np.float64)
        lengths = np.array([segment.seconds for segment in self.segments])
        arrivals = np.array([segment.arrivals for segment in self.segments])
        starts = np.concatenate(([0.0], np.cumsum(lengths)[:-1]))
        before = np.concatenate(([0.0], np.cumsum(arrivals)[:-1]))
        # Side "right" leaves silent segments out: an arrival on their edge belongs to the one after.
        index = np.clip(np.searchsorted(before, ranks + _ROUNDING, side="right") - 1, 0, len(lengths) - 1)
        rate_start = np.array([segment.rate_start for segment in self.segments])[index]
        rate_end = np.array([segment.rate_end for segment in self.segments])[index]
        slope = (rate_end - rate_start) / lengths[index]
        due_in_segment = np.maximum(ranks - before[index], 0.0)
        # Root of rate_start t + slope t^2 / 2 = due, in the form that does not cancel when the slope is small.
        root = np.sqrt(np.maximum(rate_start**2 + 2.0 * slope * due_in_segment, 0.0))
        denominator = rate_start + root
        offset = np.divide(2.0 * due_in_segment, denominator, out=np.zeros_like(ranks), where=denominator > 0)
        return np.asarray(starts[index] + np.minimum(offset, lengths[index]), dtype=np.float64)


def constant(rate: float, seconds: float) -> Schedule:
    """``rate`` arrivals per second for ``seconds``, evenly spaced."""
    _positive(rate, "rate")
    return Schedule((Segment(seconds=seconds, rate_start=rate, rate_end=rate),))


def ramp(rate_start: float, rate_end: float, seconds: float) -> Schedule:
    """A rate that rises (or falls) linearly over ``seconds``."""
    _positive(max(rate_start, rate_end), "rate")
    return Schedule((Segment(seconds=seconds, rate_start=rate_start, rate_end=rate_end),))


def burst(base_rate: float, burst_rate: float, *, before: float, during: float, after: float) -> Schedule:
    """A base rate with one burst in it: the market's open, a headline.

    Parameters
    ----------
    base_rate, burst_rate
        Arrivals per second outside and inside the burst.
    before, during, after
        Seconds of each part.
    """
    _positive(burst_rate, "burst rate")
    parts = ((before, base_rate), (during, burst_rate), (after, base_rate))
    return Schedule(tuple(Segment(seconds=seconds, rate_start=rate, rate_end=rate) for seconds, rate in parts))


def recorded(arrival_counts: Sequence[float], bin_seconds: float, *, peak_rate: float | None = None) -> Schedule:
    """The shape of a recorded day: the rate moves linearly between the middles of its bins.

    Parameters
    ----------
    arrival_counts
        Requests seen in each bin of the recording, in order of time.
    bin_seconds
        Length of a bin when it is played back; shorter than the recorded one to play it faster.
    peak_rate
        If given, the shape is scaled so that its largest rate is this one (arrivals per second).

    Returns
    -------
    Schedule
        It lasts ``len(arrival_counts) * bin_seconds``.
    """
    counts = np.asarray(arrival_counts, dtype=np.float64)
    if counts.ndim != 1 or counts.size == 0 or not np.all(np.isfinite(counts)) or counts.min() < 0 or counts.max() <= 0:
        raise ConfigurationError("a recorded shape needs counts of 0 or more per bin, one of them above 0")
    if not bin_seconds > 0:
        raise ConfigurationError(f"a recorded shape has bins of {bin_seconds} seconds; give a length above 0")
    rates = counts / bin_seconds
    if peak_rate is not None:
        _positive(peak_rate, "peak rate")
        rates = rates * (peak_rate / rates.max())
    knots = [float(rates[0]), *(float(rate) for rate in rates), float(rates[-1])]
    lengths = [bin_seconds / 2, *([bin_seconds] * (len(rates) - 1)), bin_seconds / 2]
    return Schedule(
        tuple(
            Segment(seconds=seconds, rate_start=start, rate_end=end)
            for seconds, (start, end) in zip(lengths, pairwise(knots), strict=True)
        )
    )


def _positive(rate: float, name: str) -> None:
    if not (np.isfinite(rate) and rate > 0):
        raise ConfigurationError(f"the {name} is {rate} per second; give a finite number above 0")
