"""From a sample, an objective and the state of our own generator to a verdict."""

import math
from dataclasses import dataclass, replace
from typing import Protocol

from seatrial.errors import ConfigurationError
from seatrial.verdict.objective import Objective
from seatrial.verdict.samples import Percentile, Rate, Sample, Throughput
from seatrial.verdict.statistics import clopper_pearson_lower, clopper_pearson_upper, percentile_ranks
from seatrial.verdict.verdicts import Verdict

__all__ = ["OFFER_FACTOR", "Guard", "GuardState", "Judgement", "judge"]

OFFER_FACTOR = 1.2
"""A throughput floor is judged on a schedule of at least this multiple of it."""


class Guard(Protocol):
    """What the load generator says about itself."""

    @property
    def tripped(self) -> tuple[str, ...]:
        """The guards that tripped, in words; empty when the generator did what it should."""

    @property
    def saturated(self) -> bool:
        """Whether arrivals were dropped because the target kept the in-flight cap full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardState:
    """The simplest :class:`Guard`."""

    tripped: tuple[str, ...] = ()
    saturated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict with the figure that carried it.

    ``bound`` is the confidence bound, in the measurement's unit, on the side of the verdict: for a ceiling the upper one of
    a pass or of doubt, the lower one of a fail. ``None`` when the value itself was compared, or no bound exists.
    """

    verdict: Verdict
    bound: float | None = None
    detail: str | None = None


def judge(sample: Sample, objective: Objective, guard: Guard | None = None) -> Judgement:
    """Judge a sample.

    A percentile is judged by its binomial order-statistic bounds and a rate by its Clopper-Pearson bounds: pass if the bad
    side's bound still meets the limit, fail if the good side's does not, else inconclusive. A throughput and a scalar are
    compared as they are. Fewer samples than ``objective.min_samples`` are inconclusive whatever they say.

    Parameters
    ----------
    sample
        The figure to judge.
    objective
        Its limit.
    guard
        The generator's view of itself, for what was measured under load. When it tripped, a pass becomes inconclusive, and
        so does a failed latency whose service time meets the limit; every other fail stands. Saturation with
        clean guards is a fail of latency, rate and throughput.

    Raises
    ------
    ConfigurationError
        ``==`` on anything but a scalar: no sample could ever show it.
    """
    if objective.comparison == "==" and isinstance(sample, Percentile | Rate | Throughput):
        kind = type(sample).__name__.lower()
        raise ConfigurationError(f"objective {objective.id!r}: '==' on a {kind}, which no sample can show; use a bound")
    if (
        guard is not None
        and guard.saturated
        and not guard.tripped
        and isinstance(sample, Percentile | Rate | Throughput)
    ):
        return Judgement(verdict=Verdict.FAIL, detail="saturated: the target kept the in-flight cap full")
    return _guarded(_judge(sample, objective), sample, objective, guard)


def _judge(sample: Sample, objective: Objective) -> Judgement:
    value = sample.value
    if sample.samples < objective.min_samples:
        return Judgement(
            verdict=Verdict.INCONCLUSIVE, detail=f"{sample.samples} samples, {objective.min_samples} are needed"
        )
    if isinstance(sample, Percentile):
        return _judge_percentile(sample, objective)
    if isinstance(sample, Rate):
        low = clopper_pearson_lower(sample.events, sample.trials)
        high = clopper_pearson_upper(sample.events, sample.trials)
        return _between(objective, low, high, detail=f"{sample.events} of {sample.trials}")
    if value is None or not math.isfinite(value):
        return Judgement(verdict=Verdict.INCONCLUSIVE, detail="no value")
    if isinstance(sample, Throughput):
        return _judge_throughput(sample, value, objective)
    return Judgement(verdict=Verdict.PASS if objective.holds(value) else Verdict.FAIL)


def _judge_percentile(sample: Percentile, objective: Objective) -> Judgement:
    below, above = percentile_ranks(sample.samples, sample.quantile)
    low = -math.inf if below is None else sample.order_statistic(below)
    high = math.inf if above is None else sample.order_statistic(above)
    notes: list[str] = []
    if sample.unanswered:
        notes.append(f"{sample.unanswered} of {sample.samples} not answered in time")
    if sample.failed:
        share = sample.failed / (sample.failed + sample.samples)
        notes.append(f"{sample.failed} failed answers ({share:.2%}) left out")
    if above is None:
        notes.append(f"{sample.samples} samples do not bound this percentile from above")
    return _between(objective, low, high, detail="; ".join(notes) or None)


def _judge_throughput(sample: Throughput, value: float, objective: Objective) -> Judgement:
    verdict = Verdict.PASS if objective.holds(value) else Verdict.FAIL
    offered = sample.offered_rate
    if offered is None or not objective.comparison.is_floor:
        return Judgement(verdict=verdict)
    needed = OFFER_FACTOR * objective.limit
    detail = f"{offered:g}/s offered"
    if offered < needed * (1 - 1e-9):
        return Judgement(
            verdict=Verdict.INCONCLUSIVE, detail=f"{detail}, a floor of {objective.limit:g} needs {needed:g}/s"
        )
    return Judgement(verdict=verdict, detail=detail)


def _between(objective: Objective, low: float, high: float, *, detail: str | None) -> Judgement:
    """The verdict when the true value lies between two bounds, each with 95 % confidence."""
    good, bad = (low, high) if objective.comparison.is_ceiling else (high, low)
    if objective.holds(bad):
        return Judgement(verdict=Verdict.PASS, bound=_finite(bad), detail=detail)
    if not objective.holds(good):
        return Judgement(verdict=Verdict.FAIL, bound=_finite(good), detail=detail)
    return Judgement(verdict=Verdict.INCONCLUSIVE, bound=_finite(bad), detail=detail)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _guarded(judgement: Judgement, sample: Sample, objective: Objective, guard: Guard | None) -> Judgement:
    if guard is None or not guard.tripped:
        return judgement
    blamed = judgement.verdict is Verdict.PASS or (
        judgement.verdict is Verdict.FAIL and _service_time_meets(sample, objective)
    )
    words = "the harness's guard tripped: " + ", ".join(guard.tripped)
    detail = words if judgement.detail is None else f"{judgement.detail}; {words}"
    return replace(judgement, detail=detail, verdict=Verdict.INCONCLUSIVE if blamed else judgement.verdict)


def _service_time_meets(sample: Sample, objective: Objective) -> bool:
    if not isinstance(sample, Percentile) or sample.service_time is None:
        return False
    value = sample.service_time.value
    return value is not None and objective.holds(value)
