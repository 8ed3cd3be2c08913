"""Faults of the process that the harness started: killed, paused."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence

from seatrial.faults.errors import FaultNotVerified, Obstacle
from seatrial.faults.fault import Fault
from seatrial.faults.journal import Journal
from seatrial.faults.safety import HasProcess, ProcessIdentity, own_tree
from seatrial.faults.undo import ResumeProcess

#: How long a signal may take to be seen in the process table.
_EFFECT_SECONDS = 5.0
_POLL_SECONDS = 0.01
#: Between a signal and the last look a process may still fork; the tree is read again until it stands still.
_ROUNDS = 10

Restart = Callable[[], Awaitable[None]]


class ProcessFault(Fault):
    """A fault of a target's process tree.

    Parameters
    ----------
    target
        Knows its process; asked when the fault is injected, so that it may have been restarted before.
    restart
        Ends what is left of the target and starts it again. Called on release if its process has ended under the fault.
    """

    def __init__(self, journal: Journal, target: HasProcess, *, restart: Restart | None = None) -> None:
        super().__init__(journal)
        self._target = target
        self._restart = restart
        self._root: ProcessIdentity | None = None

    def tree(self) -> tuple[ProcessIdentity, ...]:
        """The target's processes now, the root first.

        Raises
        ------
        ProcessRefused
            They are not the harness's.
        """
        tree = own_tree(self._target.process_id)
        self._root = self._root or tree[0]
        return tree

    def describe(self) -> str:
        """Which process."""
        return f"process {self._target.process_id}"

    async def probe(self) -> Obstacle | None:
        """Only a running process can suffer; one that is not ours is refused."""
        self._root = None
        pid = self._target.process_id
        try:
            running = ProcessIdentity.of(pid).running
        except ProcessLookupError:
            running = False
        if not running:
            return Obstacle(reason=f"process {pid} has ended", cause="target")
        self.tree()
        return None

    async def release(self) -> str | None:
        """Start the target again if it died of the fault."""
        root, self._root = self._root, None
        if root is None or self._restart is None or root.running:
            return None
        await self._restart()
        return f"process {root.pid} had ended; started again"


class Kill(ProcessFault):
    """SIGKILL to every process of the target; on release it is started again."""

    name = "process_killed"

    def __init__(self, journal: Journal, target: HasProcess, *, restart: Restart) -> None:
        super().__init__(journal, target, restart=restart)
        self._killed: tuple[ProcessIdentity, ...] = ()

    async def inject(self) -> None:
        """Kill the root first, so that it cannot replace its children."""
        self._killed = self.tree()
        for member in self._killed:
            member.send(signal.SIGKILL)

    async def verify(self) -> str:
        """None of them may run."""
        if not await _becomes(lambda: not any(member.running for member in self._killed)):
            raise FaultNotVerified(f"some of {_pids(self._killed)} still run {_EFFECT_SECONDS:g} s after SIGKILL")
        return f"{_pids(self._killed)} ended"


class Pause(ProcessFault):
    """SIGSTOP to every process of the target: it holds its connections and answers nothing."""

    name = "process_paused"

    def __init__(self, journal: Journal, target: HasProcess) -> None:
        super().__init__(journal, target)
        self._paused: tuple[ProcessIdentity, ...] = ()

    async def inject(self) -> None:
        """Stop the tree, the root first, until no new member turns up."""
        known: dict[ProcessIdentity, None] = {}
        for _ in range(_ROUNDS):
            fresh = [member for member in self.tree() if member not in known]
            if not fresh:
                break
            for member in fresh:
                await self.intend(ResumeProcess(pid=member.pid, started=member.started))
                member.send(signal.SIGSTOP)
                known[member] = None
        self._paused = tuple(known)

    async def verify(self) -> str:
        """The kernel must show every thread as stopped."""
        if not await _becomes(lambda: all(member.stopped for member in self._paused if member.running)):
            raise FaultNotVerified(f"some of {_pids(self._paused)} are not stopped {_EFFECT_SECONDS:g} s after SIGSTOP")
        if not any(member.stopped for member in self._paused):
            raise FaultNotVerified(f"none of {_pids(self._paused)} is there to be stopped")
        return f"{_pids(self._paused)} stopped"


def _pids(members: Sequence[ProcessIdentity]) -> str:
    return "process " + ", ".join(str(member.pid) for member in members)


async def _becomes(claim: Callable[[], bool]) -> bool:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _EFFECT_SECONDS
    while not claim():
        if loop.time() > deadline:
            return False
        await asyncio.sleep(_POLL_SECONDS)
    return True
