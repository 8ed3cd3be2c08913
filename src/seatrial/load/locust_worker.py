"""How a worker keeps its share of the due times. Runs in Locust's processes only.

One greenlet walks the schedule and gives each request that is due to a user who has nothing to do; when all of them wait
for an answer, the request is dropped and counted. So the users are the in-flight cap, and an answer that is late delays
no other request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import gevent  # type: ignore[import-untyped]
from gevent.event import Event  # type: ignore[import-untyped]

from seatrial.load.arrivals import Schedule
from seatrial.load.guard import GuardWatch
from seatrial.load.locust_client import RequestSender
from seatrial.load.locust_job import LocustJob, LocustRequest
from seatrial.load.locust_record import WorkerRecord
from seatrial.load.locust_timeline import SharedTimeline
from seatrial.load.recorder import StageRecorder
from seatrial.load.request import Outcome

__all__ = ["Place", "ScheduleKeeper"]

_BLOCK = 4096
"""Due times computed at once."""
_REPORT_SECONDS = 1.0


class Place:
    """Where a user waits for its next request."""

    __slots__ = ("called", "due", "measured", "number")

    def __init__(self) -> None:
        self.called = Event()
        self.number = 0
        self.due = 0.0
        self.measured = False


class ScheduleKeeper:
    """One worker's share of a stage.

    Parameters
    ----------
    index
        The worker's, from 0.
    report
        Takes a record as text, about once a second and at the end.
    """

    def __init__(self, job: LocustJob, index: int, report: Callable[[str], None]) -> None:
        self._job = job
        self._index = index
        self._report = report
        self._idle: list[Place] = []
        self._in_flight = 0
        self._stop = Event()
        self._closed = False
        self._started = False
        self._reason: str | None = None
        self._own_error: str | None = None
        self._warm_up_start = self._start = time.monotonic()
        self._window = job.schedule.seconds
        self._watch: GuardWatch | None = None
        self._recorder = StageRecorder(job.name, "open", time_limit=job.time_limit)
        self._recorder.timeline = SharedTimeline()

    @property
    def job(self) -> LocustJob:
        """The stage that is kept."""
        return self._job

    # -- for the users

    def wait_for_turn(self, place: Place) -> bool:
        """Wait until there is a request for this place; False when there will be none any more."""
        if self._closed:
            return False
        place.called.clear()
        self._idle.append(place)
        place.called.wait()
        return not self._closed

    def perform(self, place: Place, sender: RequestSender) -> tuple[LocustRequest, Outcome, float]:
        """Send the request of a place and take down what comes of it.

        Returns
        -------
        request, outcome, service_time
            The last in seconds.
        """
        start = self._start if place.measured else self._warm_up_start
        recorder = self._recorder
        request = self._job.request(place.number)
        sent = time.monotonic() - start
        if place.measured:
            recorder.send(place.due, sent)
        try:
            outcome = sender.send(request, place.number)
        finally:
            self._in_flight -= 1
        done = time.monotonic() - start
        if place.measured:
            recorder.finish(
                outcome.failure, outcome.timeout_detail, place.due, sent, done, in_window=done <= self._window
            )
        return request, outcome, done - sent

    # -- for Locust

    def run(self, users: int) -> None:
        """Keep the schedule from now on, once ``users`` have joined; a second call does nothing."""
        if self._started:
            return
        self._started = True
        try:
            while len(self._idle) < users and not self._stop.is_set():
                gevent.sleep(0.01)
            self._keep()
        except Exception as error:  # noqa: BLE001 - it is reported to who started the stage
            self.fail(error)
        self._send(final=True)

    def stop(self, reason: str) -> None:
        """Send nothing more; what is in flight is waited for."""
        if not self._stop.is_set():
            self._reason = reason
            self._stop.set()

    def fail(self, error: BaseException) -> None:
        """Note an error of ours and stop."""
        self._own_error = self._own_error or f"{type(error).__name__}: {error}"
        self.stop("an error of ours")

    def close(self) -> None:
        """Send the users home."""
        self._closed = True
        self._stop.set()
        for place in self._idle:
            place.called.set()

    # -- the schedule

    def _keep(self) -> None:
        job = self._job
        self._warm_up_start = time.monotonic()
        self._start = self._warm_up_start + (job.warm_up.seconds if job.warm_up else 0.0)
        reporter = gevent.spawn(self._report_regularly)
        try:
            if job.warm_up is not None:
                self._dispatch(job.warm_up, self._warm_up_start, measured=False)
            self._watch = GuardWatch()
            self._dispatch(job.schedule, self._start, measured=True)
            self._watch.stop()
            if self._stop.is_set():
                self._window = min(self._window, max(time.monotonic() - self._start, 0.0))
            # Each has its time limit, and so has this.
            while self._in_flight and self._own_error is None:
                gevent.sleep(0.005)
        finally:
            reporter.kill()

    def _dispatch(self, schedule: Schedule, start: float, *, measured: bool) -> None:
        first_number = 0 if measured else -schedule.count
        for rank, due in self._share(schedule):
            delay = start + due - time.monotonic()
            if delay > 0:
                self._stop.wait(delay)
            else:
                # The users need the core to send what is late already.
                gevent.sleep(0)
            if self._stop.is_set():
                return
            self._hand_out(first_number + rank, due, measured=measured)
        self._stop.wait(max(start + schedule.seconds - time.monotonic(), 0.0))

    def _share(self, schedule: Schedule) -> Iterator[tuple[int, float]]:
        block = _BLOCK * self._job.workers
        for first in range(0, schedule.count, block):
            due_times = schedule.due_times(first, first + block).tolist()
            yield from (
                enumerate(due_times, start=first)
                if self._job.workers == 1
                else (
                    (first + offset, due_times[offset])
                    for offset in range(self._index, len(due_times), self._job.workers)
                )
            )

    def _hand_out(self, number: int, due: float, *, measured: bool) -> None:
        if measured:
            self._recorder.offer(due)
        if not self._idle:
            if measured:
                self._recorder.drop(due)
            return
        # The one who came last has the connection that was used last: no more are opened than are needed.
        place = self._idle.pop()
        place.number, place.due, place.measured = number, due, measured
        self._in_flight += 1
        place.called.set()

    # -- reports

    def _report_regularly(self) -> None:
        while True:
            gevent.sleep(_REPORT_SECONDS)
            self._send(final=False)

    def _send(self, *, final: bool) -> None:
        elapsed = time.monotonic() - self._start
        watch = self._watch if final else None
        record = WorkerRecord(
            index=self._index,
            final=final,
            elapsed_seconds=elapsed,
            window_seconds=self._window if final else min(max(elapsed, 0.0), self._window),
            generator_cpu=watch.generator_cpu if watch else 0.0,
            steal=watch.steal if watch else None,
            ended_early=self._reason,
            own_error=self._own_error,
            figures=WorkerRecord.figures_of(self._recorder),
        )
        self._report(record.to_json())
