"""One figure through the runs: where it stands, and whether it creeps towards its limit."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from seatrial.history.runs import Run

__all__ = ["Trend", "sparkline", "trends"]

_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One measurement over runs.

    Parameters
    ----------
    values
        One a run, oldest first; ``None`` where a run has no value.
    median
        Of the runs before the last one; ``None`` when there is none.
    comparison, limit
        Of its objective in the newest run that has one.
    """

    id: str
    unit: str
    values: tuple[float | None, ...]
    last: float | None
    median: float | None
    comparison: str | None
    limit: float | None

    @property
    def factor(self) -> float | None:
        """The last value over the median of those before; ``None`` where either is missing or the median is 0."""
        return None if self.last is None or not self.median else self.last / self.median


def trends(runs: Sequence[Run], *, judged_only: bool = True) -> list[Trend]:
    """The trend of every measurement of the newest run, in its order.

    Parameters
    ----------
    runs
        Of one fingerprint, oldest first.
    judged_only
        Leave out what no objective judges.
    """
    if not runs:
        return []
    by_run = [{found["id"]: found for found in run["measurements"]} for run in runs]
    return [
        _trend([found.get(identifier) for found in by_run])
        for identifier, newest in by_run[-1].items()
        if newest["objective"] is not None or not judged_only
    ]


def _trend(entries: Sequence[Run | None]) -> Trend:
    newest = entries[-1]
    assert newest is not None
    unit = str(newest["unit"])
    values = tuple(None if e is None or e["unit"] != unit or e["value"] is None else float(e["value"]) for e in entries)
    earlier = [value for value in values[:-1] if value is not None]
    objective = newest["objective"] or {}
    return Trend(
        id=str(newest["id"]),
        unit=unit,
        values=values,
        last=values[-1],
        median=statistics.median(earlier) if earlier else None,
        comparison=objective.get("comparison"),
        limit=objective.get("limit"),
    )


def sparkline(values: Sequence[float | None]) -> str:
    """Bars from the lowest to the highest value; a blank where there is none, middling bars where all are equal.

    >>> sparkline([1, 2, None, 4])
    '▁▃ █'
    """
    known = [value for value in values if value is not None]
    if not known:
        return " " * len(values)
    low, span = min(known), max(known) - min(known)

    def bar(value: float | None) -> str:
        if value is None:
            return " "
        return _BARS[3] if span == 0 else _BARS[round((value - low) / span * (len(_BARS) - 1))]

    return "".join(bar(value) for value in values)
