"""What a stage of load yields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from seatrial.errors import HarnessError
from seatrial.load.guard import GuardReport
from seatrial.load.histogram import LatencyRecord
from seatrial.load.timeline import TimelinePoint
from seatrial.verdict.samples import Percentile, Rate, Throughput

__all__ = ["LoopKind", "Operation", "StageProgress", "StageResult", "pool"]

LoopKind = Literal["open", "closed"]
"""Whether requests come when they are due, or when the answer before them has arrived."""

Operation = Callable[[int], Awaitable[None]]
"""One request, given its number. Raises ``TargetFailure`` for what the target did wrong; anything else is our error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageProgress:
    """How far a running stage is.

    Numbers are of measured requests, except ``in_flight``; seconds are of the warm-up while it lasts, then of the measured window.
    ``response_p95`` is of the last second that is over, in seconds; None without an answer in it.
    """

    name: str
    warming_up: bool
    elapsed_seconds: float
    planned_seconds: float | None
    offered: int
    sent: int
    dropped: int
    completed: int
    failed: int
    timed_out: int
    in_flight: int
    response_p95: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """The figures of one stage.

    Parameters
    ----------
    name, kind
        Latencies of kind ``closed`` are labelled so wherever they are shown.
    offered, sent, dropped
        Requests that were due; handed to the operation; not sent because the in-flight cap was reached.
    completed, failed, timed_out
        Requests with a right answer; a wrong one; none by the time limit. They add up to ``sent``.
    response_time
        Done - due of the completed ones; timed-out and dropped requests count above every percentile, failed ones not
        at all. In a closed loop done - sent.
    service_time
        Done - sent of the completed ones; timed-out requests count above every percentile.
    slip
        Sent - due of everything sent: the generator's own lateness. Empty in a closed loop.
    window_seconds
        The measured window: the length of the schedule; in a closed loop the time from first to last.
    completed_in_window
        Successes that came back inside the window; over its length they are the throughput.
    offered_rate
        Arrivals per second of the schedule; None in a closed loop.
    time_limit
        How long an answer was waited for, in seconds.
    errors
        How often each kind of failure happened, by its detail.
    co_located
        Generator and target shared cores.
    """

    name: str
    kind: LoopKind
    offered: int
    sent: int
    dropped: int
    completed: int
    failed: int
    timed_out: int
    response_time: LatencyRecord
    service_time: LatencyRecord
    slip: LatencyRecord
    window_seconds: float
    completed_in_window: int
    offered_rate: float | None
    time_limit: float
    errors: Mapping[str, int]
    guard: GuardReport
    co_located: bool
    timeline: tuple[TimelinePoint, ...]

    @property
    def throughput(self) -> float:
        """Successes completed inside the window per second of it."""
        return self.completed_in_window / self.window_seconds if self.window_seconds > 0 else 0.0

    @property
    def error_count(self) -> int:
        """Failed and timed-out requests: the events of the error rate, whose trials are ``sent``."""
        return self.failed + self.timed_out

    @property
    def error_rate(self) -> float | None:
        """Share of the sent requests that failed or timed out; None when nothing was sent."""
        return self.error_count / self.sent if self.sent else None

    @property
    def failed_share(self) -> float | None:
        """Share of the sent requests that were answered wrongly, and so have no latency; None when nothing was sent."""
        return self.failed / self.sent if self.sent else None

    def response_time_sample(self, quantile: float) -> Percentile:
        """A percentile of the response time for the judge, the same of the service time beside it."""
        service = _percentile_sample(self.service_time, quantile, self.time_limit)
        return _percentile_sample(
            self.response_time, quantile, self.time_limit, failed=self.failed, service_time=service
        )

    def error_rate_sample(self) -> Rate:
        """Failed and timed-out of sent requests, for the judge."""
        return Rate(events=self.error_count, trials=self.sent)

    def throughput_sample(self) -> Throughput:
        """Successes inside the window, for the judge."""
        return Throughput(
            successes=self.completed_in_window,
            window_seconds=self.window_seconds,
            trials=self.offered,
            offered_rate=self.offered_rate,
        )


def _percentile_sample(
    record: LatencyRecord,
    quantile: float,
    time_limit: float,
    *,
    failed: int = 0,
    service_time: Percentile | None = None,
) -> Percentile:
    _, highest, counts = record.ascending()
    answered = np.isfinite(highest)
    return Percentile(
        quantile=quantile,
        values=highest[answered],
        counts=counts[answered],
        unanswered=record.unanswered,
        failed=failed,
        time_limit=time_limit,
        service_time=service_time,
    )


def pool(name: str, stages: Sequence[StageResult]) -> StageResult:
    """One result of several stages that ran one after the other: samples pooled, windows added up.

    Raises
    ------
    HarnessError
        No stage, or open and closed loops mixed: their latencies mean different things.
    """
    if len({stage.kind for stage in stages}) != 1:
        kinds = [f"{stage.name} ({stage.kind})" for stage in stages]
        raise HarnessError(f"cannot pool {kinds or 'nothing'} into {name!r}; give stages of one kind")
    offered = sum(stage.offered for stage in stages)
    dropped = sum(stage.dropped for stage in stages)
    window = sum(stage.window_seconds for stage in stages)
    errors: Counter[str] = Counter()
    for stage in stages:
        errors.update(stage.errors)
    guards = [stage.guard for stage in stages]
    slips = [guard.slip_p99 for guard in guards if guard.slip_p99 is not None]
    steals = [guard.steal for guard in guards if guard.steal is not None]
    return StageResult(
        name=name,
        kind=stages[0].kind,
        offered=offered,
        sent=sum(stage.sent for stage in stages),
        dropped=dropped,
        completed=sum(stage.completed for stage in stages),
        failed=sum(stage.failed for stage in stages),
        timed_out=sum(stage.timed_out for stage in stages),
        response_time=LatencyRecord.merged(*(stage.response_time for stage in stages)),
        service_time=LatencyRecord.merged(*(stage.service_time for stage in stages)),
        slip=LatencyRecord.merged(*(stage.slip for stage in stages)),
        window_seconds=window,
        completed_in_window=sum(stage.completed_in_window for stage in stages),
        offered_rate=offered / window if stages[0].kind == "open" else None,
        time_limit=max(stage.time_limit for stage in stages),
        errors=dict(errors.most_common()),
        guard=GuardReport(
            tripped=tuple(sorted({name for guard in guards for name in guard.tripped})),
            saturated=any(guard.saturated for guard in guards),
            slip_p99=max(slips, default=None),
            generator_cpu=max(guard.generator_cpu for guard in guards),
            steal=max(steals, default=None),
            dropped_share=dropped / offered if offered else 0.0,
        ),
        co_located=any(stage.co_located for stage in stages),
        timeline=(),
    )
