"""What happened in each second of a stage, for charts; never judged.

A timeline has a fixed number of slots. When a stage outlives them, neighbours are merged and a slot's length doubles:
memory does not grow with the length of a run.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Timeline", "TimelinePoint"]

_BINS_PER_E_FOLD = 20
"""Chart percentiles are good to 5 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelinePoint:
    """One slot of a timeline.

    ``offered``, ``sent`` and ``dropped`` are counted when a request was due; ``completed``, ``failed``, ``timed_out`` and
    the response times (seconds; None without an answer) when it ended.
    """

    start_seconds: float
    seconds: float
    offered: int
    sent: int
    dropped: int
    completed: int
    failed: int
    timed_out: int
    response_p50: float | None
    response_p95: float | None
    response_max: float | None


@dataclass(slots=True)
class _Slot:
    counts: Counter[str] = field(default_factory=Counter)
    responses: Counter[int] = field(default_factory=Counter)
    response_max: float = 0.0

    def absorb(self, other: _Slot) -> None:
        self.counts.update(other.counts)
        self.responses.update(other.responses)
        self.response_max = max(self.response_max, other.response_max)


class Timeline:
    """Counts and response times by the second, or by more seconds in a long stage.

    Parameters
    ----------
    slots
        The most points it ever has, even.
    """

    __slots__ = ("_limit", "_seconds", "_slots")

    def __init__(self, slots: int = 600) -> None:
        self._limit = slots
        self._seconds = 1.0
        self._slots: list[_Slot] = []

    def count(self, at: float, what: str) -> None:
        """Count one ``offered``, ``sent``, ``dropped``, ``completed``, ``failed`` or ``timed_out`` at ``at`` seconds."""
        self._slot(at).counts[what] += 1

    def respond(self, at: float, response_time: float) -> None:
        """Count a request completed at ``at`` seconds after ``response_time`` seconds."""
        slot = self._slot(at)
        slot.counts["completed"] += 1
        slot.responses[math.ceil(math.log(max(response_time, 1e-6)) * _BINS_PER_E_FOLD)] += 1
        slot.response_max = max(slot.response_max, response_time)

    def points(self) -> tuple[TimelinePoint, ...]:
        """The timeline so far."""
        return tuple(self._point(number, slot) for number, slot in enumerate(self._slots))

    def last_point(self) -> TimelinePoint | None:
        """The last slot that is over; None while the first one runs."""
        number = len(self._slots) - 2
        return self._point(number, self._slots[number]) if number >= 0 else None

    def _slot(self, at: float) -> _Slot:
        while at >= self._limit * self._seconds:
            self._halve()
        number = int(max(at, 0.0) / self._seconds)
        while len(self._slots) <= number:
            self._slots.append(_Slot())
        return self._slots[number]

    def _halve(self) -> None:
        for even, odd in zip(self._slots[::2], self._slots[1::2], strict=False):
            even.absorb(odd)
        self._slots = self._slots[::2]
        self._seconds *= 2

    def _point(self, number: int, slot: _Slot) -> TimelinePoint:
        counts = slot.counts
        return TimelinePoint(
            start_seconds=number * self._seconds,
            seconds=self._seconds,
            offered=counts["offered"],
            sent=counts["sent"],
            dropped=counts["dropped"],
            completed=counts["completed"],
            failed=counts["failed"],
            timed_out=counts["timed_out"],
            response_p50=_percentile(slot, 0.50),
            response_p95=_percentile(slot, 0.95),
            response_max=slot.response_max if slot.responses else None,
        )


def _percentile(slot: _Slot, share: float) -> float | None:
    remaining = math.ceil(share * slot.responses.total())
    for bin_number in sorted(slot.responses):
        remaining -= slot.responses[bin_number]
        if remaining <= 0:
            return min(math.exp(bin_number / _BINS_PER_E_FOLD), slot.response_max)
    return None
