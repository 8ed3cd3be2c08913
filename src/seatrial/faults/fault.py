"""What a fault is: probed, injected, verified, and always released."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar, final

from seatrial.errors import HarnessError, TargetFailure
from seatrial.events import FaultPhase
from seatrial.faults.errors import FaultNotPossible, FaultNotReleased, Obstacle
from seatrial.faults.journal import Journal
from seatrial.faults.undo import Undo

#: How long a release may take before the journal alone takes its changes back.
RELEASE_SECONDS = 120.0

T = TypeVar("T")


class Fault(ABC):
    """One fault: inside ``async with`` it is in force and verified, outside it is gone.

    A subclass that changes something which outlives this process calls `intend` before the change.

    Raises
    ------
    FaultNotPossible
        On entering: the probe found an obstacle, nothing was changed.
    FaultNotVerified
        On entering: its effect was not seen; it has been released.
    FaultNotReleased
        On leaving: something could not be put back.
    """

    name: str

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._entry: int | None = None

    @abstractmethod
    def describe(self) -> str:
        """What it does to what, in one line with its figures."""

    @abstractmethod
    async def probe(self) -> Obstacle | None:
        """Why it cannot be had here, or None if it can. Changes nothing."""

    @abstractmethod
    async def inject(self) -> None:
        """Make the change."""

    @abstractmethod
    async def verify(self) -> str:
        """Look at the effect by another way than the one that made it, and return the evidence.

        Raises
        ------
        FaultNotVerified
            The effect is not there.
        """

    async def release(self) -> str | None:
        """Take back what the journal does not know of; what it knows is undone after this. Must bear being called twice."""
        return None

    async def intend(self, undo: Undo) -> None:
        """Put the way back on disk; the change may be made when this has returned."""
        if self._entry is None:
            raise HarnessError(f"fault {self.name} has not been entered, so it may change nothing")
        await asyncio.to_thread(self.journal.intend, self._entry, undo)

    @property
    def entry(self) -> int | None:
        """Its number in the journal, while it is in force."""
        return self._entry

    @final
    async def __aenter__(self) -> Self:
        """Probe, inject, verify."""
        if self._entry is not None:
            raise HarnessError(f"fault {self.name} is in force already; make another one")
        entry = self.journal.begin(self.name, self.describe())
        obstacle = await self.probe()
        self.journal.reached(
            entry, FaultPhase.PROBED, ok=obstacle is None, detail=obstacle.reason if obstacle is not None else None
        )
        if obstacle is not None:
            raise FaultNotPossible(self.name, obstacle)
        self._entry = entry
        phase = FaultPhase.INJECTED
        try:
            await self.inject()
            self.journal.reached(entry, phase)
            phase = FaultPhase.VERIFIED
            evidence = await self.verify()
        except BaseException as cause:
            self.journal.reached(entry, phase, ok=False, detail=str(cause) or type(cause).__name__)
            await uninterrupted(self._leave())
            raise
        self.journal.reached(entry, phase, detail=evidence)
        return self

    @final
    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Release, whatever happened inside and however often this task is cancelled meanwhile."""
        await uninterrupted(self._leave())

    async def _leave(self) -> None:
        entry, self._entry = self._entry, None
        if entry is None:
            return
        told: list[str] = []
        failure: Exception | None = None
        try:
            own = await asyncio.wait_for(self.release(), RELEASE_SECONDS)
            if own is not None:
                told.append(own)
        except Exception as cause:  # noqa: BLE001 - whatever it was, the journal's part must still be done; raised below
            failure = cause
        try:
            told += await asyncio.to_thread(self.journal.undo, entry)
        except FaultNotReleased as cause:
            failure = failure or cause
        if failure is None:
            self.journal.reached(entry, FaultPhase.RELEASED, detail="; ".join(told) or None)
            return
        detail = str(failure) or type(failure).__name__
        self.journal.reached(entry, FaultPhase.RELEASED, ok=False, detail=detail)
        if isinstance(failure, FaultNotReleased | TargetFailure):
            # A target that does not come back after its fault is a result of the trial.
            raise failure
        raise FaultNotReleased(f"fault {self.name} could not be released: {detail}") from failure


async def uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Finish the work also when this task is cancelled meanwhile, and only then be cancelled."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as cause:
            cancelled = cause
        except Exception:  # noqa: BLE001 - raised below, from the task
            break
    if cancelled is not None and not task.cancelled():
        failure = task.exception()
        if failure is not None:
            cancelled.add_note(f"after it: {failure}")
        raise cancelled
    return task.result()
