"""Limits that the kernel sets to a process while it runs: of its memory here, of its files in `seatrial.faults.storage`."""

import contextlib
import resource
from abc import abstractmethod
from pathlib import Path

from seatrial.errors import ConfigurationError, HarnessError
from seatrial.faults.errors import FaultNotVerified, Obstacle
from seatrial.faults.journal import Journal
from seatrial.faults.process import ProcessFault, Restart
from seatrial.faults.safety import HasProcess, ProcessIdentity
from seatrial.faults.undo import RestoreLimit


class LimitFault(ProcessFault):
    """A soft limit of a resource on every process of the target, and on what they start."""

    resource_number: int
    resource_row: str

    def __init__(self, journal: Journal, target: HasProcess, *, restart: Restart | None = None) -> None:
        super().__init__(journal, target, restart=restart)
        self._limits: dict[ProcessIdentity, int] = {}

    @abstractmethod
    def limit_bytes(self, member: ProcessIdentity) -> int:
        """The limit for one process."""

    async def probe(self) -> Obstacle | None:
        """Limits of another process are a thing of Linux, and of one's own processes."""
        if not hasattr(resource, "prlimit"):
            return Obstacle(reason="this platform cannot limit a running process (no prlimit)")
        obstacle = await super().probe()
        if obstacle is not None:
            return obstacle
        for member in self.tree():
            try:
                _soft, hard = resource.prlimit(member.pid, self.resource_number)
            except PermissionError:
                return Obstacle(reason=f"process {member.pid} belongs to another user", cause="privilege")
            limit = self.limit_bytes(member)
            if hard != resource.RLIM_INFINITY and hard < limit:
                return Obstacle(
                    reason=f"process {member.pid} has a hard limit of {hard} bytes already, below {limit}",
                    cause="target",
                )
        return None

    async def inject(self) -> None:
        """Lower the soft limit only, which may be raised again without privilege."""
        for member in self.tree():
            # A member may end at any of these steps.
            with contextlib.suppress(ProcessLookupError):
                soft, hard = resource.prlimit(member.pid, self.resource_number)
                await self.intend(
                    RestoreLimit(pid=member.pid, started=member.started, limit=self.resource_number, soft=soft)
                )
                limit = self.limit_bytes(member)
                resource.prlimit(member.pid, self.resource_number, (limit, hard))
                self._limits[member] = limit

    async def verify(self) -> str:
        """The kernel's own table must show the limit."""
        evidence: list[str] = []
        for member, limit in self._limits.items():
            shown = _shown_limit(member.pid, self.resource_row)
            if shown is None and not member.running:
                continue  # it ran into the limit already
            if shown != limit:
                raise FaultNotVerified(f"process {member.pid}: {self.resource_row} is {shown}, not {limit}")
            evidence.append(f"process {member.pid}: {self.resource_row} {limit}")
        if not self._limits:
            raise FaultNotVerified("no process was there to be limited")
        return "; ".join(evidence) or "the process ended under the limit"


class MemoryLimit(LimitFault):
    """No more address space than what is in use and `headroom_bytes`: the next large allocation fails.

    Parameters
    ----------
    headroom_bytes
        What each process may still map.
    """

    name = "out_of_memory"
    resource_number = resource.RLIMIT_AS
    resource_row = "Max address space"

    def __init__(
        self, journal: Journal, target: HasProcess, *, headroom_bytes: int, restart: Restart | None = None
    ) -> None:
        super().__init__(journal, target, restart=restart)
        if headroom_bytes < 0:
            raise ConfigurationError(f"headroom_bytes is {headroom_bytes}; it must be at least 0")
        self._headroom_bytes = headroom_bytes

    def describe(self) -> str:
        """Which process, and what is left to it."""
        return f"{super().describe()} may map {self._headroom_bytes} bytes more"

    def limit_bytes(self, member: ProcessIdentity) -> int:
        """What it has mapped now, and the headroom."""
        try:
            pages = int(Path(f"/proc/{member.pid}/statm").read_text().split()[0])
        except (OSError, IndexError):
            pages = 0
        return pages * resource.getpagesize() + self._headroom_bytes


def _shown_limit(pid: int, row: str) -> int | None:
    try:
        table = Path(f"/proc/{pid}/limits").read_text()
    except OSError:
        return None
    for line in table.splitlines():
        if line.startswith(row):
            soft = line.removeprefix(row).split()[0]
            return resource.RLIM_INFINITY if soft == "unlimited" else int(soft)
    raise HarnessError(f"/proc/{pid}/limits has no row {row!r}")
