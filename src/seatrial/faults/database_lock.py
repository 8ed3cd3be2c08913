"""A database file that somebody else holds, as a second server or a forgotten shell would."""

import asyncio
import contextlib
import fcntl
import os
import struct
import sys
from pathlib import Path

from seatrial.errors import HarnessError
from seatrial.faults.errors import FaultNotVerified, Obstacle
from seatrial.faults.fault import Fault
from seatrial.faults.journal import Journal
from seatrial.faults.safety import own_process
from seatrial.faults.storage import missing
from seatrial.faults.undo import EndProcess

_HELPER_SECONDS = 10.0
# Record locks belong to a process and are lost with any descriptor it closes, so a process of its own holds it. It ends when
# its standard input does: also when the harness is killed.
_HELPER = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDWR)
fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
print("held", flush=True)
sys.stdin.read()
"""
_FLOCK = struct.Struct("hhqqi")


class HeldLock(Fault):
    """The lock of a DuckDB file is held by another process: whoever opens it is refused.

    A server that has the file open holds the lock itself; stop it before, and start it under the fault. Not for files that this
    very process has open as a database: looking at its lock would lose it.
    """

    name = "database_locked"

    def __init__(self, journal: Journal, path: Path) -> None:
        super().__init__(journal)
        self._path = path
        self._helper: asyncio.subprocess.Process | None = None

    def describe(self) -> str:
        """Which file."""
        return f"the lock of {self._path} held by another process"

    async def probe(self) -> Obstacle | None:
        """The lock must be there to be had."""
        if sys.platform != "linux":
            return Obstacle(reason="the holder of a lock can be seen on Linux only")
        obstacle = missing(self._path)
        if obstacle is not None:
            return obstacle
        try:
            holder = _holder(self._path)
        except PermissionError:
            return Obstacle(reason=f"{self._path} may not be written to by us", cause="privilege")
        if holder is not None:
            return Obstacle(reason=f"process {holder} holds {self._path}; stop it first", cause="target")
        return None

    async def inject(self) -> None:
        """Start a process that takes the lock."""
        self._helper = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-c",
            _HELPER,
            str(self._path),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        identity = own_process(self._helper.pid)
        await self.intend(EndProcess(pid=identity.pid, started=identity.started))
        assert self._helper.stdout is not None
        assert self._helper.stderr is not None
        line = await asyncio.wait_for(self._helper.stdout.readline(), _HELPER_SECONDS)
        if line.strip() != b"held":
            told = (await self._helper.stderr.read()).decode(errors="replace").strip()
            raise FaultNotVerified(f"the lock of {self._path} could not be taken: {told.splitlines()[-1:]}")

    async def verify(self) -> str:
        """The kernel must name our process as the holder."""
        holder = _holder(self._path)
        if self._helper is None or holder != self._helper.pid:
            raise FaultNotVerified(f"{self._path} is held by {holder or 'nobody'}, not by our process")
        return f"process {holder} holds it"

    async def release(self) -> str | None:
        """Let the process end."""
        helper, self._helper = self._helper, None
        if helper is None:
            return None
        assert helper.stdin is not None
        helper.stdin.close()
        try:
            await asyncio.wait_for(helper.wait(), _HELPER_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                helper.kill()
            await helper.wait()
        if _holder(self._path) == helper.pid:
            raise HarnessError(f"{self._path} is still held by process {helper.pid}, which has ended")
        return "lock released"


def _holder(path: Path) -> int | None:
    """The process that holds the file; -1 where the lock belongs to an open file and not to a process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    finally:
        os.close(descriptor)
    kind, _whence, _start, _length, pid = _FLOCK.unpack(answer)
    return None if kind == fcntl.F_UNLCK else int(pid)
