"""One request under a time limit, and what becomes of its exceptions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from seatrial.errors import HarnessError, SeatrialError, TargetFailure
from seatrial.load.stage import Operation

__all__ = ["Outcome", "own_error", "send_request"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request.

    Parameters
    ----------
    failure
        What the target did wrong; None for a right answer or none at all.
    timeout_detail
        Why there is no answer, where there is none.
    """

    failure: TargetFailure | None = None
    timeout_detail: str | None = None


_RIGHT = Outcome()


async def send_request(operation: Operation, number: int, time_limit: float) -> Outcome:
    """Run the operation, cancel it at its time limit, and sort what it raised.

    Parameters
    ----------
    time_limit
        Seconds.

    Raises
    ------
    HarnessError
        The operation cancelled itself: nothing is known about the target then.
    Exception
        Whatever else the operation raised that is not a ``TargetFailure``.
    """
    failure: TargetFailure | None = None
    limit = asyncio.timeout(time_limit)
    try:
        async with limit:
            await operation(number)
    except TargetFailure as error:
        failure = error
    except TimeoutError:
        if not limit.expired():
            raise
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling() == 0:
            raise HarnessError(f"request {number} cancelled itself; raise TargetFailure for a time-out") from None
        raise
    if limit.expired():
        return Outcome(timeout_detail=f"timeout: no answer within {time_limit:g} s")
    if failure is None:
        return _RIGHT
    if failure.kind == "timeout":
        return Outcome(timeout_detail=f"timeout: {failure.detail[:200]}")
    return Outcome(failure=failure)


def own_error(failures: BaseExceptionGroup[BaseException], name: str) -> SeatrialError:
    """The error to raise for what went wrong on our side in stage ``name``: ours as it is, anything else wrapped."""
    first = failures.exceptions[0]
    if isinstance(first, SeatrialError):
        return first
    wrapped = HarnessError(
        f"stage {name!r}: {type(first).__name__}: {first}; an operation raises TargetFailure for what the target did"
    )
    wrapped.__cause__ = first
    return wrapped
