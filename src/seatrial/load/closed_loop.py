"""Closed-loop load: so many users, each asking again when it has its answer.

Users think in this way, so it is run and printed. Its latencies leave out the waiting of those who could not ask while the
target stood still; they are labelled ``closed`` and pooled before they are judged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from seatrial.errors import ConfigurationError
from seatrial.load.guard import GuardLimits, GuardWatch, guard_report
from seatrial.load.recorder import StageRecorder
from seatrial.load.request import own_error, send_request
from seatrial.load.stage import Operation, StageProgress, StageResult

__all__ = ["run_closed_loop"]


async def run_closed_loop(
    operation: Operation,
    users: int,
    operations_per_user: int,
    *,
    name: str,
    time_limit: float,
    guard_limits: GuardLimits | None = None,
    co_located: bool = False,
    on_progress: Callable[[StageProgress], None] | None = None,
) -> StageResult:
    """Let ``users`` start at once and perform ``operations_per_user`` requests each, one after the other.

    Parameters
    ----------
    operation
        One request, given its number: user ``n`` has the numbers from ``n * operations_per_user`` on.
    name
        Of the stage, for reports and messages.
    time_limit
        Seconds within which the answer must be there. A later request is cancelled, counts above every percentile, and its
        user goes on with the next.
    guard_limits
        Bounds of the generator's core and of steal; there is no slip without due times.
    co_located
        Whether generator and target share cores, for the record.
    on_progress
        Called about once a second, on the loop.

    Returns
    -------
    StageResult
        Of kind ``closed``; response and service time are the same, the window runs to the last answer.

    Raises
    ------
    ConfigurationError
        No users, no operations, or no time.
    HarnessError
        The operation raised anything but ``TargetFailure``: the remaining users are cancelled first. Other errors of
        ``seatrial.errors`` come through as they are.
    """
    if users < 1 or operations_per_user < 1 or not time_limit > 0:
        raise ConfigurationError(
            f"stage {name!r}: {users} users with {operations_per_user} operations and {time_limit} seconds for each; "
            "all three must be above 0"
        )
    clock = asyncio.get_running_loop().time
    recorder = StageRecorder(name, "closed", time_limit=time_limit)
    watch = GuardWatch()
    start = clock()
    active = 0

    async def live(user: int) -> None:
        nonlocal active
        for number in range(user * operations_per_user, (user + 1) * operations_per_user):
            sent = clock() - start
            recorder.offer(sent)
            recorder.send(sent, sent)
            active += 1
            try:
                outcome = await send_request(operation, number, time_limit)
            finally:
                active -= 1
            done = clock() - start
            recorder.finish(outcome.failure, outcome.timeout_detail, sent, sent, done, in_window=True)

    async def report_progress(callback: Callable[[StageProgress], None]) -> None:
        while True:
            await asyncio.sleep(1.0)
            callback(recorder.progress(clock() - start, None, active, warming_up=False))

    try:
        async with asyncio.TaskGroup() as tasks:
            crowd = [tasks.create_task(live(user)) for user in range(users)]
            ticker = tasks.create_task(report_progress(on_progress)) if on_progress else None
            await asyncio.wait(crowd)
            if ticker is not None:
                ticker.cancel()
    except BaseExceptionGroup as failures:
        raise own_error(failures, name)  # noqa: B904 - it carries its cause
    window = clock() - start
    watch.stop()
    guard = guard_report(
        guard_limits or GuardLimits(), watch, slip=None, offered=recorder.offered, dropped=recorder.dropped
    )
    return recorder.result(window, guard, co_located=co_located)
