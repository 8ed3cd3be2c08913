"""A named figure with its unit, its samples and its verdict."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from seatrial.verdict.judgement import Guard, GuardState, Judgement, judge
from seatrial.verdict.objective import Comparison, Level, Objective, split_id
from seatrial.verdict.samples import Percentile, Rate, Sample, Scalar, Throughput
from seatrial.verdict.verdicts import Verdict
from seatrial.verdict.waiver import Waiver, active_waiver, expired_waiver

__all__ = [
    "Comparison",
    "Guard",
    "GuardState",
    "Judgement",
    "Level",
    "Measurement",
    "Objective",
    "Percentile",
    "Rate",
    "Sample",
    "Scalar",
    "Throughput",
    "Unit",
    "Verdict",
    "judge",
    "measure",
    "measure_all",
    "waive_measurement",
]


class Unit(StrEnum):
    """Units of a measurement. Ratios are 0..1, CPU is a share of the cores the target may use."""

    SECONDS = "seconds"
    RATIO = "ratio"
    COUNT = "count"
    PER_SECOND = "per_second"
    PER_MINUTE = "per_minute"
    BYTES = "bytes"
    BYTES_PER_1000_OPERATIONS = "bytes_per_1000_operations"
    COUNT_PER_1000_OPERATIONS = "count_per_1000_operations"
    USD = "usd"
    DELTA = "delta"
    VOL_POINTS = "vol_points"
    SCORE = "score"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One figure of a run.

    Parameters
    ----------
    id
        ``<category>.<scenario>.<name>``; the three parts stand beside it.
    unit, value
        ``value`` is finite, or ``None`` where there is none: never 0 or NaN for the unknown.
    samples
        How many observations carry the value.
    objective, verdict
        ``None`` for a figure that is printed, unjudged.
    bound
        The confidence bound that decided, in the same unit.
    detail
        One line for the reader: counts, what was left out, why in doubt.
    waiver
        The waiver that turned a fail into ``waived``.

    Raises
    ------
    ValueError
        A value or bound that is not finite, or an id that does not match its parts.
    """

    id: str
    name: str
    category: str
    scenario: str
    unit: Unit
    value: float | None
    samples: int
    objective: Objective | None = None
    verdict: Verdict | None = None
    bound: float | None = None
    detail: str | None = None
    waiver: Waiver | None = None

    def __post_init__(self) -> None:
        if self.id != f"{self.category}.{self.scenario}.{self.name}":
            raise ValueError(f"measurement {self.id!r} is not <{self.category}>.<{self.scenario}>.<{self.name}>")
        for label, figure in (("value", self.value), ("bound", self.bound)):
            if figure is not None and not math.isfinite(figure):
                raise ValueError(f"measurement {self.id!r}: {label} is {figure}; use None for what is not known")


def measure(
    identifier: str,
    unit: Unit,
    sample: Sample,
    objective: Objective | None = None,
    *,
    guard: Guard | None = None,
    detail: str | None = None,
) -> Measurement:
    """Make a measurement of a sample, judged when there is an objective.

    Raises
    ------
    ConfigurationError
        The id has not three parts, or the objective cannot be judged on such a sample.
    ValueError
        The objective has another id.
    """
    category, scenario, name = split_id(identifier)
    if objective is not None and objective.id != identifier:
        raise ValueError(f"objective {objective.id!r} is not of {identifier!r}; use measure_all for a second objective")
    judgement = judge(sample, objective, guard) if objective is not None else None
    value = sample.value
    notes = [text for text in (judgement and judgement.detail, detail) if text]
    return Measurement(
        id=identifier,
        name=name,
        category=category,
        scenario=scenario,
        unit=unit,
        value=value if value is not None and math.isfinite(value) else None,
        samples=sample.samples,
        objective=objective,
        verdict=judgement.verdict if judgement else None,
        bound=judgement.bound if judgement else None,
        detail="; ".join(notes) or None,
    )


def measure_all(
    identifier: str,
    unit: Unit,
    sample: Sample,
    objectives: Iterable[Objective] = (),
    *,
    guard: Guard | None = None,
    detail: str | None = None,
) -> tuple[Measurement, ...]:
    """Measure one sample against every objective that reads it, for example a required limit and a stricter target.

    Returns
    -------
    tuple
        The measurement ``identifier``, judged if an objective has that id, else printed; then one measurement for each
        further objective whose ``measurement`` is ``identifier``, under that objective's id.
    """
    reading = [objective for objective in objectives if objective.measures == identifier]
    own = next((objective for objective in reading if objective.id == identifier), None)
    others = [objective for objective in reading if objective.id != identifier]
    return (
        measure(identifier, unit, sample, own, guard=guard, detail=detail),
        *(measure(other.id, unit, sample, other, guard=guard, detail=detail) for other in others),
    )


def waive_measurement(measurement: Measurement, waivers: Iterable[Waiver], today: date) -> Measurement:
    """Turn a failed measurement into a waived one if a waiver of its objective holds on ``today`` (a UTC day).

    An expired waiver leaves the failure and says so.
    """
    if measurement.verdict is not Verdict.FAIL or measurement.objective is None:
        return measurement
    known = tuple(w for w in waivers if w.id in (measurement.id, measurement.objective.id))
    for identifier in (measurement.objective.id, measurement.id):
        found = active_waiver(known, identifier, today)
        if found is not None:
            return replace(measurement, verdict=Verdict.WAIVED, waiver=found)
    for identifier in (measurement.objective.id, measurement.id):
        gone = expired_waiver(known, identifier, today)
        if gone is not None:
            note = f"waiver of {gone.owner} expired on {gone.expires.isoformat()}"
            return replace(measurement, detail=f"{measurement.detail}; {note}" if measurement.detail else note)
    return measurement
