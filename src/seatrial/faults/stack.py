"""Several faults at once, released last in first out, and the steady state that must follow."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from seatrial.errors import HarnessError, TargetFailure
from seatrial.events import FaultPhase
from seatrial.faults.fault import Fault
from seatrial.faults.journal import Journal

#: How long a target may take to its steady state, and how often it is asked.
RESTORE_SECONDS = 60.0
RESTORE_POLL_SECONDS = 0.1


class FaultStack:
    """Several faults at once, released last in first out, and the steady state after them.

    Parameters
    ----------
    journal
        That of the faults.
    steady_state
        Returns when the target is as before, and raises `TargetFailure` while it is not; asked until it returns.
    within_seconds
        How long the target may take.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        steady_state: Callable[[], Awaitable[None]],
        within_seconds: float = RESTORE_SECONDS,
    ) -> None:
        self._journal = journal
        self._steady_state = steady_state
        self._within_seconds = within_seconds
        self._faults = contextlib.AsyncExitStack()
        self._entries: list[int] = []

    async def enter(self, fault: Fault) -> Fault:
        """Put a fault in force on top of the others."""
        if fault.journal is not self._journal:
            raise HarnessError(f"fault {fault.name} has another journal than its stack")
        await self._faults.enter_async_context(fault)
        assert fault.entry is not None
        self._entries.append(fault.entry)
        return fault

    async def release_all(self) -> None:
        """Release every fault and wait for the steady state; without faults it does nothing.

        Raises
        ------
        TargetFailure
            The target did not reach its steady state in time.
        FaultNotReleased
            Something could not be put back.
        """
        entries, self._entries = tuple(self._entries), []
        await self._faults.aclose()
        if not entries:
            return
        try:
            seconds = await self._steady()
        except TargetFailure as cause:
            for entry in entries:
                self._journal.reached(entry, FaultPhase.RESTORED, ok=False, detail=cause.detail)
            raise
        for entry in entries:
            self._journal.reached(entry, FaultPhase.RESTORED, detail=f"steady after {seconds:.2f} s")

    async def _steady(self) -> float:
        clock = asyncio.get_running_loop().time
        start = clock()
        last: TargetFailure | None = None
        try:
            async with asyncio.timeout(self._within_seconds):
                while True:
                    try:
                        await self._steady_state()
                    except TargetFailure as cause:
                        last = cause
                        await asyncio.sleep(RESTORE_POLL_SECONDS)
                    else:
                        return clock() - start
        except TimeoutError:
            raise TargetFailure(
                f"no steady state within {self._within_seconds:g} s after the faults were released; "
                f"last: {last.detail if last is not None else 'no answer'}",
                kind="timeout",
            ) from last

    async def __aenter__(self) -> Self:
        """Return the stack."""
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Release every fault; after an interruption nobody waits for the steady state, after a failure it is only noted."""
        if exc is not None and not isinstance(exc, Exception):
            await self._faults.aclose()
            return
        try:
            await self.release_all()
        except TargetFailure as failure:
            if exc is None:
                raise
            exc.add_note(f"after it: {failure}")
