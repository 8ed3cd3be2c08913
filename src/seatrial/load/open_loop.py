"""Open-loop load: requests are sent when they are due, whether or not earlier ones were answered.

A closed-loop generator waits for each answer before it asks again, and so stops measuring exactly while the target
stands still ("coordinated omission", [1]_). Here every request has a due time, and its response time runs from that
time: a target frozen for 3 seconds makes all requests that were due meanwhile late, as it would real clients.

References
----------
.. [1] G. Tene, "How NOT to Measure Latency", 2013.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from seatrial.errors import ConfigurationError
from seatrial.load.arrivals import Schedule
from seatrial.load.guard import GuardLimits, GuardWatch, guard_report
from seatrial.load.recorder import StageRecorder
from seatrial.load.request import own_error, send_request
from seatrial.load.stage import Operation, StageProgress, StageResult

__all__ = ["run_open_loop"]

_BLOCK = 4096
"""Due times computed at once."""


async def run_open_loop(
    operation: Operation,
    schedule: Schedule,
    *,
    name: str,
    time_limit: float,
    in_flight_cap: int,
    warm_up: Schedule | None = None,
    guard_limits: GuardLimits | None = None,
    co_located: bool = False,
    on_progress: Callable[[StageProgress], None] | None = None,
) -> StageResult:
    """Send requests on a schedule and measure them from their due times.

    Parameters
    ----------
    operation
        One request. It is given its number: measured requests count from 0 in the order they are due, those of the
        warm-up from ``-warm_up.count`` to -1.
    schedule
        When measured requests are due; its length is the measured window.
    name
        Of the stage, for reports and messages.
    time_limit
        Seconds from sending within which the answer must be there. A later request is cancelled and counts above every
        percentile.
    in_flight_cap
        The most requests that may wait for an answer; those due beyond it are dropped and counted.
    warm_up
        Sent right before ``schedule``, not measured.
    guard_limits
        Bounds of the generator itself; without ``tightest_latency_limit`` slip is reported without a bound.
    co_located
        Whether generator and target share cores, for the record.
    on_progress
        Called about once a second, on the loop.

    Raises
    ------
    ConfigurationError
        A time limit or cap that nothing can be sent under.
    HarnessError
        The operation raised anything but ``TargetFailure``: the remaining requests are cancelled first. Other errors
        of ``seatrial.errors`` come through as they are.
    """
    if not time_limit > 0:
        raise ConfigurationError(f"stage {name!r}: the time limit is {time_limit} seconds; give one above 0")
    if in_flight_cap < 1:
        raise ConfigurationError(f"stage {name!r}: the in-flight cap is {in_flight_cap}; give 1 or more")
    generator = _Generator(operation, schedule, name, time_limit, in_flight_cap)
    try:
        async with asyncio.TaskGroup() as requests:
            ticker = requests.create_task(generator.report_progress(on_progress)) if on_progress else None
            if warm_up is not None:
                await generator.dispatch(requests, warm_up, measured=False)
            watch = GuardWatch()
            await generator.dispatch(requests, schedule, measured=True)
            watch.stop()
            await generator.drain()
            if ticker is not None:
                ticker.cancel()
    except BaseExceptionGroup as failures:
        raise own_error(failures, name)  # noqa: B904 - it carries its cause
    recorder = generator.recorder
    guard = guard_report(
        guard_limits or GuardLimits(),
        watch,
        slip=recorder.slip,
        offered=recorder.offered,
        dropped=recorder.dropped,
    )
    return recorder.result(schedule.seconds, guard, co_located=co_located)


class _Generator:
    def __init__(
        self, operation: Operation, schedule: Schedule, name: str, time_limit: float, in_flight_cap: int
    ) -> None:
        self._operation = operation
        self._time_limit = time_limit
        self._cap = in_flight_cap
        self._time = asyncio.get_running_loop().time
        self._window = self._planned = schedule.seconds
        self._start = self._time()
        self._warming_up = False
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.recorder = StageRecorder(name, "open", time_limit=time_limit, offered_rate=schedule.mean_rate)

    async def dispatch(self, requests: asyncio.TaskGroup, schedule: Schedule, *, measured: bool) -> None:
        """Send what is due until the schedule ends; answers may still be outstanding then."""
        self._warming_up = not measured
        self._planned = schedule.seconds
        self._start = start = self._time()
        count = schedule.count
        first_number = 0 if measured else -count
        for first in range(0, count, _BLOCK):
            for rank, due in enumerate(schedule.due_times(first, first + _BLOCK).tolist(), start=first):
                delay = start + due - self._time()
                if delay > 0:
                    await asyncio.sleep(delay)
                self._launch(requests, first_number + rank, due, measured=measured)
        await asyncio.sleep(max(start + schedule.seconds - self._time(), 0.0))

    def _launch(self, requests: asyncio.TaskGroup, number: int, due: float, *, measured: bool) -> None:
        if measured:
            self.recorder.offer(due)
        if self._in_flight >= self._cap:
            if measured:
                self.recorder.drop(due)
            return
        self._in_flight += 1
        self._idle.clear()
        requests.create_task(self._measured(number, due) if measured else self._unmeasured(number))

    async def _measured(self, number: int, due: float) -> None:
        recorder, start = self.recorder, self._start
        sent = self._time() - start
        recorder.send(due, sent)
        try:
            outcome = await send_request(self._operation, number, self._time_limit)
        finally:
            self._landed()
        done = self._time() - start
        recorder.finish(outcome.failure, outcome.timeout_detail, due, sent, done, in_window=done <= self._window)

    async def _unmeasured(self, number: int) -> None:
        try:
            await send_request(self._operation, number, self._time_limit)
        finally:
            self._landed()

    def _landed(self) -> None:
        self._in_flight -= 1
        if not self._in_flight:
            self._idle.set()

    async def drain(self) -> None:
        """Wait for what is still in flight; its time limits bound this."""
        await self._idle.wait()

    async def report_progress(self, on_progress: Callable[[StageProgress], None]) -> None:
        """Tell how far the stage is, once a second, until cancelled."""
        while True:
            await asyncio.sleep(1.0)
            elapsed = self._time() - self._start
            on_progress(self.recorder.progress(elapsed, self._planned, self._in_flight, warming_up=self._warming_up))
