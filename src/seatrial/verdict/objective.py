"""An objective: a measurement, a comparison and a limit. Data, never code."""

import math
import re
from dataclasses import dataclass
from enum import StrEnum

from seatrial.errors import ConfigurationError
from seatrial.verdict.statistics import min_samples_for_percentile, min_samples_for_rate

__all__ = ["Comparison", "Level", "Objective", "default_min_samples", "percentile_of_name", "split_id"]

_PART = r"[A-Za-z0-9][A-Za-z0-9_\-]*"
_ID = re.compile(rf"^({_PART})\.({_PART})\.({_PART})$")
_PERCENTILE = re.compile(r"_p(\d{2,5})$")


class Comparison(StrEnum):
    """How a value stands to its limit. Reads ``value <comparison> limit``."""

    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    EQUAL = "=="

    def holds(self, value: float, limit: float) -> bool:
        """Whether ``value`` meets ``limit``. NaN never does."""
        match self:
            case Comparison.LESS:
                return value < limit
            case Comparison.AT_MOST:
                return value <= limit
            case Comparison.MORE:
                return value > limit
            case Comparison.AT_LEAST:
                return value >= limit
            case Comparison.EQUAL:
                return value == limit

    @property
    def is_ceiling(self) -> bool:
        """Whether small values are good."""
        return self in (Comparison.LESS, Comparison.AT_MOST)

    @property
    def is_floor(self) -> bool:
        """Whether large values are good."""
        return self in (Comparison.MORE, Comparison.AT_LEAST)


class Level(StrEnum):
    """Whether a missed objective decides (``required``) or, under policy ``standard``, is only reported (``target``)."""

    REQUIRED = "required"
    TARGET = "target"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What one measurement must meet.

    Parameters
    ----------
    id
        ``<category>.<scenario>.<name>``, the id of the measurement it judges.
    comparison
        Reads ``value <comparison> limit``.
    limit
        In the measurement's unit: seconds, ratios 0..1, bytes, per second.
    min_samples
        With fewer samples the verdict is ``inconclusive``: no data is never a pass.
    level
        ``required`` decides; ``target`` is reported, and decides under policy ``release``.
    saboteurs
        Ids of the saboteurs that must make this objective fail.
    measurement
        The id of the figure it reads, where that is not its own: a second, stricter objective of the same figure has an
        id of its own (``...cpu_sustained_target`` reads ``...cpu_sustained``).

    Raises
    ------
    ConfigurationError
        The id has not three parts, the limit is not finite, or ``min_samples`` is under 1.
    """

    id: str
    comparison: Comparison
    limit: float
    min_samples: int = 1
    level: Level = Level.REQUIRED
    saboteurs: tuple[str, ...] = ()
    measurement: str | None = None

    def __post_init__(self) -> None:
        split_id(self.id)
        if self.measurement is not None:
            split_id(self.measurement)
        if not math.isfinite(self.limit):
            raise ConfigurationError(f"objective {self.id!r}: limit is {self.limit}; give a finite number")
        if self.min_samples < 1:
            raise ConfigurationError(f"objective {self.id!r}: min_samples is {self.min_samples}; it must be 1 or more")

    @property
    def measures(self) -> str:
        """The id of the measurement that this objective judges."""
        return self.measurement or self.id

    @property
    def category(self) -> str:
        """The first part of the id."""
        return split_id(self.id)[0]

    @property
    def scenario(self) -> str:
        """The second part of the id."""
        return split_id(self.id)[1]

    @property
    def name(self) -> str:
        """The third part of the id."""
        return split_id(self.id)[2]

    def holds(self, value: float) -> bool:
        """Whether a value taken as exact meets the limit."""
        return self.comparison.holds(value, self.limit)

    def __str__(self) -> str:
        return f"{self.id} {self.comparison} {self.limit:g}"


def split_id(text: str) -> tuple[str, str, str]:
    """Split ``<category>.<scenario>.<name>`` into its parts.

    Raises
    ------
    ConfigurationError
        It has not three parts of letters, digits, ``_`` and ``-``.
    """
    match = _ID.match(text)
    if match is None:
        raise ConfigurationError(
            f"id {text!r} is not <category>.<scenario>.<name> of letters, digits, '_' and '-', "
            "for example stress_testing.concurrent_recommendations.error_rate"
        )
    return match[1], match[2], match[3]


def percentile_of_name(name: str) -> float | None:
    """The quantile a measurement's name speaks of: ``response_time_p95`` is 0.95, ``..._p999`` 0.999; else ``None``.

    >>> percentile_of_name("response_time_p999")
    0.999
    """
    match = _PERCENTILE.search(name)
    if match is None:
        return None
    return float(f"0.{match[1]}")


def default_min_samples(name: str, comparison: Comparison, limit: float) -> int:
    """The fewest samples with which a pass is possible at all, read from the measurement's name.

    A percentile needs enough for its order-statistic bound, a rate (a name ending in ``_rate``) with a ceiling enough
    for a Clopper-Pearson bound without a single event; anything else needs one.
    """
    quantile = percentile_of_name(name)
    if quantile is not None:
        return min_samples_for_percentile(quantile)
    if name.endswith("_rate") and 0 < limit < 1:
        if comparison.is_ceiling:
            return min_samples_for_rate(limit)
        if comparison.is_floor:
            return min_samples_for_rate(1 - limit)
    return 1
