"""The recorder that both loops fill a stage's figures with."""

from __future__ import annotations

from collections import Counter

from seatrial.errors import TargetFailure
from seatrial.load.guard import GuardReport
from seatrial.load.histogram import LatencyRecord
from seatrial.load.stage import LoopKind, StageProgress, StageResult
from seatrial.load.timeline import Timeline

__all__ = ["StageRecorder"]

_DISTINCT_ERRORS = 50
_OTHER_ERRORS = "(other errors)"


class StageRecorder:
    """Takes down what happens to each measured request; times are seconds from the start of the window."""

    def __init__(self, name: str, kind: LoopKind, *, time_limit: float, offered_rate: float | None = None) -> None:
        self.name = name
        self.time_limit = time_limit
        self.offered_rate = offered_rate
        self.kind: LoopKind = kind
        self.offered = self.sent = self.dropped = 0
        self.completed = self.failed = self.timed_out = 0
        self.completed_in_window = 0
        self.response_time = LatencyRecord()
        self.service_time = LatencyRecord()
        self.slip = LatencyRecord()
        self.errors: Counter[str] = Counter()
        self.timeline = Timeline()

    def offer(self, due: float) -> None:
        """Count a request that is due."""
        self.offered += 1
        self.timeline.count(due, "offered")

    def drop(self, due: float) -> None:
        """Count a request that cannot be sent; its caller never gets an answer, so it counts above every percentile."""
        self.dropped += 1
        self.response_time.record_unanswered()
        self.timeline.count(due, "dropped")

    def send(self, due: float, sent: float) -> None:
        """Count a request handed to the operation."""
        self.sent += 1
        if self.kind == "open":
            self.slip.record(max(sent - due, 0.0))
        self.timeline.count(due, "sent")

    def finish(
        self,
        failure: TargetFailure | None,
        timeout_detail: str | None,
        due: float,
        sent: float,
        done: float,
        *,
        in_window: bool,
    ) -> None:
        """Count what came of a request: no answer if ``timeout_detail``, a wrong one if ``failure``, else a right one."""
        if timeout_detail is not None:
            self.timed_out += 1
            self.response_time.record_unanswered()
            self.service_time.record_unanswered()
            self._count_error(timeout_detail)
            self.timeline.count(done, "timed_out")
        elif failure is not None:
            self.failed += 1
            self._count_error(_describe(failure))
            self.timeline.count(done, "failed")
        else:
            self.completed += 1
            self.completed_in_window += in_window
            self.response_time.record(done - due)
            self.service_time.record(done - sent)
            self.timeline.respond(done, done - due)

    def progress(
        self, elapsed_seconds: float, planned_seconds: float | None, in_flight: int, *, warming_up: bool
    ) -> StageProgress:
        """Where the stage stands now."""
        last = self.timeline.last_point()
        return StageProgress(
            name=self.name,
            warming_up=warming_up,
            elapsed_seconds=elapsed_seconds,
            planned_seconds=planned_seconds,
            offered=self.offered,
            sent=self.sent,
            dropped=self.dropped,
            completed=self.completed,
            failed=self.failed,
            timed_out=self.timed_out,
            in_flight=in_flight,
            response_p95=None if last is None else last.response_p95,
        )

    def result(self, window_seconds: float, guard: GuardReport, *, co_located: bool) -> StageResult:
        """The stage's figures."""
        return StageResult(
            name=self.name,
            kind=self.kind,
            offered=self.offered,
            sent=self.sent,
            dropped=self.dropped,
            completed=self.completed,
            failed=self.failed,
            timed_out=self.timed_out,
            response_time=self.response_time,
            service_time=self.service_time,
            slip=self.slip,
            window_seconds=window_seconds,
            completed_in_window=self.completed_in_window,
            offered_rate=self.offered_rate,
            time_limit=self.time_limit,
            errors=dict(self.errors.most_common()),
            guard=guard,
            co_located=co_located,
            timeline=self.timeline.points(),
        )

    def _count_error(self, detail: str) -> None:
        # Details may hold ids; a run of any length keeps a bounded number of them.
        known = detail in self.errors or len(self.errors) < _DISTINCT_ERRORS
        self.errors[detail if known else _OTHER_ERRORS] += 1


def _describe(failure: TargetFailure) -> str:
    """A failure in one short line: its kind, its status, the beginning of its detail."""
    status = f" {failure.status}" if failure.status is not None else ""
    return f"{failure.kind}{status}: {failure.detail[:200]}"
