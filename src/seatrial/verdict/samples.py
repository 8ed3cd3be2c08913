"""What a scenario hands over to be judged: a percentile, a rate, a throughput or one exact figure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Percentile", "Rate", "Sample", "Scalar", "Throughput"]


class Sample(Protocol):
    """A figure and how many observations carry it."""

    @property
    def value(self) -> float | None:
        """The point estimate, or ``None`` when there is none."""

    @property
    def samples(self) -> int:
        """How many observations there are."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Percentile:
    """One percentile of a latency record.

    Parameters
    ----------
    quantile
        In (0, 1): 0.95 for P95.
    values
        Ascending, ``(n,)``, in seconds: the answers' times or, with ``counts``, the upper edges of the buckets of a
        histogram.
    counts
        ``(n,)`` answers per bucket; ``None`` when ``values`` are single answers.
    unanswered
        Requests without an answer by their time limit. They count above every percentile.
    failed
        Failed answers. They are in the error rate, not in here; their share is printed.
    time_limit
        How long an unanswered request was waited for, in seconds; shown when the percentile lies among them.
    service_time
        The same percentile of the time from send to answer, which tells the harness's own lateness from the target's.
    """

    quantile: float
    values: NDArray[np.float64]
    counts: NDArray[np.int64] | None = None
    unanswered: int = 0
    failed: int = 0
    time_limit: float | None = None
    service_time: "Percentile | None" = None

    def __post_init__(self) -> None:
        if not 0 < self.quantile < 1:
            raise ValueError(f"quantile is {self.quantile}; it must lie between 0 and 1")
        if self.counts is not None and self.counts.shape != self.values.shape:
            raise ValueError(f"{self.values.size} values but {self.counts.size} counts; give one count a value")
        if not np.isfinite(self.values).all():
            raise ValueError("a latency is not finite; count a request without an answer in `unanswered`")
        if (np.diff(self.values) < 0).any():
            raise ValueError("values are not ascending; sort them first, or use Percentile.of")

    @classmethod
    def of(
        cls,
        values: Iterable[float],
        quantile: float,
        *,
        unanswered: int = 0,
        failed: int = 0,
        time_limit: float | None = None,
        service_times: Iterable[float] | None = None,
    ) -> "Percentile":
        """From single answers in any order, in seconds."""
        service = None if service_times is None else cls.of(service_times, quantile, time_limit=time_limit)
        return cls(
            quantile=quantile,
            values=np.sort(np.fromiter(values, dtype=np.float64)),
            unanswered=unanswered,
            failed=failed,
            time_limit=time_limit,
            service_time=service,
        )

    @property
    def answered(self) -> int:
        """How many requests were answered in time."""
        return int(self.values.size if self.counts is None else self.counts.sum())

    @property
    def samples(self) -> int:
        """Answered and unanswered requests."""
        return self.answered + self.unanswered

    @property
    def value(self) -> float | None:
        """The percentile by nearest rank in seconds; among the unanswered, their time limit (``None`` if not known)."""
        if not self.samples:
            return None
        found = self.order_statistic(max(1, math.ceil(self.samples * self.quantile - 1e-9)))
        return found if math.isfinite(found) else self.time_limit

    def order_statistic(self, rank: int) -> float:
        """The ``rank``-th smallest observation, from 1; infinite among the unanswered."""
        if rank > self.answered:
            return math.inf
        if self.counts is None:
            return float(self.values[rank - 1])
        return float(self.values[np.searchsorted(np.cumsum(self.counts), rank)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Events of so many independent trials, for example failed of sent requests."""

    events: int
    trials: int

    def __post_init__(self) -> None:
        if not 0 <= self.events <= self.trials:
            raise ValueError(f"{self.events} events of {self.trials} trials: there cannot be more events than trials")

    @property
    def samples(self) -> int:
        """The number of trials."""
        return self.trials

    @property
    def value(self) -> float | None:
        """Events over trials, 0..1; ``None`` without a trial."""
        return self.events / self.trials if self.trials else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Successes completed inside the measured window over its length.

    Parameters
    ----------
    successes
        Right answers that arrived inside the window; late ones do not count.
    window_seconds
        Length of the measured window.
    trials
        Requests that were due in the window.
    offered_rate
        Requests a second on the schedule; ``None`` for a closed loop, which offers as much as it gets answered.
    """

    successes: int
    window_seconds: float
    trials: int
    offered_rate: float | None = None

    @property
    def samples(self) -> int:
        """The number of requests that were due."""
        return self.trials

    @property
    def value(self) -> float | None:
        """Successes a second; ``None`` without a window."""
        return self.successes / self.window_seconds if self.window_seconds > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """One figure taken as exact: a count, a duration, a share of a core, a number of bytes."""

    value: float | None
    samples: int = 1
