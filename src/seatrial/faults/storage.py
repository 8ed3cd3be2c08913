"""Faults of a target's storage: a disk that is full, files that cannot be written to."""

import errno
import os
import resource
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

from seatrial.errors import ConfigurationError
from seatrial.faults.errors import FaultNotVerified, Obstacle
from seatrial.faults.fault import Fault
from seatrial.faults.journal import Journal
from seatrial.faults.limits import LimitFault
from seatrial.faults.process import Restart
from seatrial.faults.safety import HasProcess, ProcessIdentity
from seatrial.faults.undo import ClearImmutable, RestoreMode, immutable, set_immutable

_CAP_DAC_OVERRIDE = 1
_CAP_LINUX_IMMUTABLE = 9
_SIGXFSZ_BIT = 24


class DiskFull(LimitFault):
    """No file of the target may grow beyond `file_bytes`; what it writes past that fails with EFBIG.

    A full disk says ENOSPC and lets files be overwritten in place, so choose at least the size of the database. The limit is on
    the process's log files too.

    Parameters
    ----------
    file_bytes
        The largest offset that may be written to.
    """

    name = "disk_full"
    resource_number = resource.RLIMIT_FSIZE
    resource_row = "Max file size"

    def __init__(
        self, journal: Journal, target: HasProcess, *, file_bytes: int, restart: Restart | None = None
    ) -> None:
        super().__init__(journal, target, restart=restart)
        if file_bytes < 0:
            raise ConfigurationError(f"file_bytes is {file_bytes}; it must be at least 0")
        self._file_bytes = file_bytes

    def describe(self) -> str:
        """Which process, and how far it may write."""
        return f"{super().describe()} may write no file beyond {self._file_bytes} bytes"

    def limit_bytes(self, member: ProcessIdentity) -> int:  # noqa: ARG002 - limits of other kinds differ
        """The same for every process."""
        return self._file_bytes

    async def probe(self) -> Obstacle | None:
        """A process that would die of SIGXFSZ is refused: no full disk kills."""
        obstacle = await super().probe()
        if obstacle is not None:
            return obstacle
        for member in self.tree():
            if not _survives_sigxfsz(member.pid):
                return Obstacle(
                    reason=f"process {member.pid} neither ignores nor handles SIGXFSZ: the limit would kill it, "
                    "which a full disk does not",
                    cause="target",
                )
        return None


class ReadOnly(Fault):
    """Files and folders that cannot be written to, created in or removed from.

    A file that a process has open for writing already stays open to it; restart it under the fault, or name the folder
    in which it makes its next file. Where permissions do not bind us (root), the file system's immutable flag is used.

    Parameters
    ----------
    paths
        Existing files and folders; of a folder only its own entries are meant.
    """

    name = "storage_read_only"

    def __init__(self, journal: Journal, paths: Sequence[Path]) -> None:
        super().__init__(journal)
        if not paths:
            raise ConfigurationError("a fault of storage needs at least one path")
        self._paths = tuple(paths)

    def describe(self) -> str:
        """Which paths."""
        return f"read-only: {', '.join(map(str, self._paths))}"

    async def probe(self) -> Obstacle | None:
        """Every path must exist, be writable now and of a file system that can be told otherwise."""
        for path in self._paths:
            obstacle = missing(path)
            if obstacle is not None:
                return obstacle
            if not os.access(path, os.W_OK):
                return Obstacle(reason=f"{path} cannot be written to as it is", cause="target")
            if path.stat().st_uid != os.geteuid() and os.geteuid() != 0:
                return Obstacle(reason=f"{path} belongs to user {path.stat().st_uid}", cause="privilege")
            if not _has_capability(_CAP_DAC_OVERRIDE):
                continue
            if not _has_capability(_CAP_LINUX_IMMUTABLE):
                return Obstacle(
                    reason="permissions do not bind this user and it may not set the immutable flag "
                    "(no CAP_LINUX_IMMUTABLE); run as an ordinary user",
                    cause="privilege",
                )
            try:
                if immutable(path):
                    return Obstacle(reason=f"{path} is immutable as it is", cause="target")
            except OSError as cause:
                return Obstacle(reason=f"the file system of {path} has no immutable flag: {cause}")
        return None

    async def inject(self) -> None:
        """Take the right to write away."""
        for path in self._paths:
            if _has_capability(_CAP_DAC_OVERRIDE):
                await self.intend(ClearImmutable(path=str(path)))
                set_immutable(path, on=True)
            else:
                found = path.stat()
                await self.intend(RestoreMode(path=str(path), inode=found.st_ino, mode=stat.S_IMODE(found.st_mode)))
                path.chmod(stat.S_IMODE(found.st_mode) & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))

    async def verify(self) -> str:
        """Try to write, changing nothing if it works."""
        for path in self._paths:
            if _writable(path):
                raise FaultNotVerified(f"{path} can still be written to")
        return f"{len(self._paths)} path(s) refuse to be written to"


def missing(path: Path) -> Obstacle | None:
    """Why a fault cannot have this path, or None: it is not there, or only a link to something."""
    if path.is_symlink():
        return Obstacle(reason=f"{path} is a link; name what it leads to", cause="target")
    return None if path.exists() else Obstacle(reason=f"{path} does not exist", cause="target")


def _writable(path: Path) -> bool:
    try:
        if path.is_dir():
            tempfile.TemporaryFile(dir=path).close()
        else:
            os.close(os.open(path, os.O_WRONLY | os.O_CLOEXEC))
    except OSError as cause:
        if cause.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise
        return False
    return True


def _has_capability(bit: int) -> bool:
    status = Path("/proc/self/status")
    if not status.exists():
        return os.geteuid() == 0
    return bool(_status_mask(status, "CapEff") >> bit & 1)


def _survives_sigxfsz(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return bool((_status_mask(status, "SigIgn") | _status_mask(status, "SigCgt")) >> _SIGXFSZ_BIT & 1)


def _status_mask(status: Path, row: str) -> int:
    for line in status.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == row:
            return int(value, 16)
    return 0
