"""A clock that is stepped: the target started again at another time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from seatrial.errors import ConfigurationError
from seatrial.faults.errors import FaultNotVerified, Obstacle
from seatrial.faults.fault import Fault
from seatrial.faults.journal import Journal
from seatrial.faults.safety import HasProcess, own_process
from seatrial.faults.undo import EndProcess

TOLERANCE = timedelta(seconds=60)

RestartAt = Callable[[datetime | None], Awaitable[None]]
Now = Callable[[], Awaitable[datetime]]


class ClockStep(Fault):
    """The target's clock jumps, by a restart of the target; on release it is started on its ordinary clock.

    Parameters
    ----------
    target
        Knows its process.
    step
        Forward, or back if negative; more than `tolerance`, or nobody could see it.
    restart_at
        Ends the target's process and starts another one whose clock stands at this time, zone-aware, and runs; with None, on its
        ordinary clock. Returns when it is ready.
    now
        Asks the target what time it is.
    tolerance
        By how much its answer may differ from what is expected, for the time that a start takes.
    """

    name = "clock_stepped"

    def __init__(
        self,
        journal: Journal,
        target: HasProcess,
        *,
        step: timedelta,
        restart_at: RestartAt,
        now: Now,
        tolerance: timedelta = TOLERANCE,
    ) -> None:
        super().__init__(journal)
        if abs(step) <= tolerance:
            raise ConfigurationError(f"step is {step}, not more than the tolerance of {tolerance}")
        self._target = target
        self._step = step
        self._restart_at = restart_at
        self._now = now
        self._tolerance = tolerance
        self._expected: datetime | None = None
        self._since = 0.0

    def describe(self) -> str:
        """By how much, in words that bear a sign."""
        return f"clock of process {self._target.process_id} stepped by {self._step.total_seconds():+.0f} s"

    async def probe(self) -> Obstacle | None:
        """Only a process of ours is restarted, and its clock must have a zone to be compared."""
        own_process(self._target.process_id)
        if (await self._now()).tzinfo is None:
            return Obstacle(reason="the target tells its time without a zone", cause="target")
        return None

    async def inject(self) -> None:
        """Start it again at the stepped time."""
        ordinary = own_process(self._target.process_id)
        self._expected = await self._now() + self._step
        self._since = asyncio.get_running_loop().time()
        await self._restart_at(self._expected)
        stepped = own_process(self._target.process_id)
        if stepped == ordinary:
            raise FaultNotVerified(f"process {stepped.pid} was not restarted, so its clock was not stepped")
        # Of use to the next run alone: a target that outlives its harness must not go on in another time.
        await self.intend(EndProcess(pid=stepped.pid, started=stepped.started))

    async def verify(self) -> str:
        """Ask the target for its time."""
        assert self._expected is not None
        present = await self._now()
        real = timedelta(seconds=asyncio.get_running_loop().time() - self._since)
        if not -self._tolerance <= present - self._expected <= real + self._tolerance:
            raise FaultNotVerified(f"the target says {present.isoformat()}, expected {self._expected.isoformat()}")
        return f"the target says {present.isoformat()}"

    async def release(self) -> str | None:
        """Start it on its ordinary clock."""
        expected, self._expected = self._expected, None
        if expected is None:
            return None
        await self._restart_at(None)
        return "restarted on its ordinary clock"
