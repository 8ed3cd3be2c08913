"""Two sets of runs against each other.

The unit is the run, not the request: p < 0.002 cannot come out with fewer than seven runs a side, so fewer are shown but not
tested. A change needs significance and a factor of at least 1.10, between runs of one fingerprint.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from seatrial.errors import ConfigurationError
from seatrial.history.rank_test import rank_test
from seatrial.history.runs import FINGERPRINT, Run, fingerprint

__all__ = ["MIN_FACTOR", "MIN_RUNS", "SIGNIFICANCE", "Comparison", "Direction", "Outcome", "compare", "direction_of"]

MIN_RUNS = 7
SIGNIFICANCE = 0.002
MIN_FACTOR = 1.10

Outcome = Literal["worse", "better", "changed", "no change", "not tested"]
Direction = Literal["lower", "higher", "unknown"]
"""Which way is good."""

_BY_UNIT: dict[str, Direction] = {
    "seconds": "lower",
    "bytes": "lower",
    "bytes_per_1000_operations": "lower",
    "count_per_1000_operations": "lower",
    "per_second": "higher",
    "per_minute": "higher",
    "score": "higher",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One measurement in two sets of runs.

    Parameters
    ----------
    before, now
        Medians over the runs that have a value.
    runs
        How many those are.
    factor
        ``now`` over ``before``; ``None`` where ``before`` is 0.
    p_value
        ``None`` when there were too few runs to test.
    outcome
        ``changed`` is a change of a figure of which nobody said which way is good.
    """

    id: str
    unit: str
    before: float
    now: float
    runs: tuple[int, int]
    factor: float | None
    p_value: float | None
    outcome: Outcome


def compare(before: Sequence[Run], now: Sequence[Run]) -> list[Comparison]:
    """Compare every measurement that both sides hold, in the order of the newest run.

    Raises
    ------
    ConfigurationError
        The runs do not have one fingerprint.
    """
    _require_one_fingerprint((*before, *now))
    old, new = _values(before), _values(now)
    goods = {found["id"]: direction_of(found) for run in (*before, *now) for found in run["measurements"]}
    return [
        _compare(identifier, unit, old[identifier, unit], new[identifier, unit], goods[identifier])
        for identifier, unit in new
        if (identifier, unit) in old
    ]


def direction_of(measurement: Mapping[str, Any]) -> Direction:
    """Which way is good for a measurement entry: as its objective says, else by its unit, as far as that says it."""
    comparison = (measurement.get("objective") or {}).get("comparison")
    if comparison in (">", ">="):
        return "higher"
    if comparison in ("<", "<=") or str(measurement["id"]).endswith("error_rate"):
        return "lower"
    return _BY_UNIT.get(measurement["unit"], "unknown")


def _require_one_fingerprint(runs: Sequence[Run]) -> None:
    if len({fingerprint(run) for run in runs}) <= 1:
        return
    differing = [
        f"{name} ({', '.join(sorted({str(value) for value in values}))})"
        for name, values in zip(FINGERPRINT, zip(*map(fingerprint, runs), strict=True), strict=True)
        if len(set(values)) > 1
    ]
    raise ConfigurationError(f"only like is compared with like; the runs differ in {', '.join(differing)}")


def _values(runs: Sequence[Run]) -> dict[tuple[str, str], list[float]]:
    values: dict[tuple[str, str], list[float]] = {}
    for run in reversed(runs):
        for found in run["measurements"]:
            if found["value"] is not None:
                values.setdefault((found["id"], found["unit"]), []).append(float(found["value"]))
    return values


def _compare(identifier: str, unit: str, before: Sequence[float], now: Sequence[float], good: Direction) -> Comparison:
    old, new = statistics.median(before), statistics.median(now)
    tested = min(len(before), len(now)) >= MIN_RUNS
    p_value = rank_test(before, now) if tested else None
    return Comparison(
        id=identifier,
        unit=unit,
        before=old,
        now=new,
        runs=(len(before), len(now)),
        factor=new / old if old else None,
        p_value=p_value,
        outcome="not tested" if p_value is None else _outcome(old, new, p_value, good),
    )


def _outcome(old: float, new: float, p_value: float, good: Direction) -> Outcome:
    larger = new > old and abs(new) >= abs(old) * MIN_FACTOR
    smaller = old > new and abs(old) >= abs(new) * MIN_FACTOR
    if p_value >= SIGNIFICANCE or not (larger or smaller):
        return "no change"
    if good == "unknown":
        return "changed"
    return "better" if larger == (good == "higher") else "worse"
