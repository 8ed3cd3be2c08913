"""How each change is taken back, as a value that a file can hold.

A fault writes the undo to its journal before it makes the change, so every undo must also do no harm when the change was
never made, was taken back already, or was overtaken by what the target wrote since.
"""

import fcntl
import os
import resource
import signal
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import ClassVar, TypeAlias

from seatrial.errors import HarnessError
from seatrial.faults.safety import ProcessIdentity

Facts: TypeAlias = Mapping[str, str | int]

_FS_IOC_GETFLAGS = 0x80086601
_FS_IOC_SETFLAGS = 0x40086602
_FS_IMMUTABLE = 0x10


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeProcess:
    """Let a stopped process run on."""

    kind: ClassVar[str] = "resume_process"
    pid: int
    started: str

    def apply(self) -> str:
        """Send SIGCONT; say what was done."""
        sent = ProcessIdentity(pid=self.pid, started=self.started).send(signal.SIGCONT)
        return f"process {self.pid} resumed" if sent else f"process {self.pid} is gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndProcess:
    """End a process that must not outlive its fault."""

    kind: ClassVar[str] = "end_process"
    pid: int
    started: str

    def apply(self) -> str:
        """Send SIGKILL; say what was done."""
        sent = ProcessIdentity(pid=self.pid, started=self.started).send(signal.SIGKILL)
        return f"process {self.pid} ended" if sent else f"process {self.pid} is gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreLimit:
    """Give a process its soft limit of a resource back.

    Parameters
    ----------
    limit
        The resource's number, as in the module `resource`.
    soft
        The limit before the fault, in the resource's unit.
    """

    kind: ClassVar[str] = "restore_limit"
    pid: int
    started: str
    limit: int
    soft: int

    def apply(self) -> str:
        """Set the limit; say what was done."""
        if not ProcessIdentity(pid=self.pid, started=self.started).running:
            return f"process {self.pid} is gone, its limits with it"
        try:
            _soft, hard = resource.prlimit(self.pid, self.limit)
            resource.prlimit(self.pid, self.limit, (self.soft, hard))
        except ProcessLookupError:
            return f"process {self.pid} is gone, its limits with it"
        return f"limit {self.limit} of process {self.pid} is {self.soft} again"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreBytes:
    """Write the bytes back that a fault altered, unless the file has others there by now.

    Parameters
    ----------
    inode
        The file's number; another file of the same name is left alone.
    original, altered
        Hexadecimal, of the same length.
    """

    kind: ClassVar[str] = "restore_bytes"
    path: str
    inode: int
    offset: int
    original: str
    altered: str

    def apply(self) -> str:
        """Compare and write; say what was done."""
        where = f"{self.path} at {self.offset}"
        original, altered = bytes.fromhex(self.original), bytes.fromhex(self.altered)
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return f"{where}: the file is gone"
        try:
            if os.fstat(descriptor).st_ino != self.inode:
                return f"{where}: another file has its name, left alone"
            present = os.pread(descriptor, len(original), self.offset)
            if present == original:
                return f"{where}: as it was"
            if present != altered:
                return f"{where}: written by the target since, left alone"
            os.pwrite(descriptor, original, self.offset)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return f"{where}: {len(original)} byte(s) restored"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreMode:
    """Give a file or folder its permissions back, unless another one has its name by now."""

    kind: ClassVar[str] = "restore_mode"
    path: str
    inode: int
    mode: int

    def apply(self) -> str:
        """Change the mode; say what was done."""
        path = Path(self.path)
        try:
            if path.stat().st_ino != self.inode:
                return f"{path}: another file has its name, left alone"
            path.chmod(self.mode)
        except FileNotFoundError:
            return f"{path} is gone"
        return f"{self.path} has mode {self.mode:o} again"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearImmutable:
    """Let a file or folder be changed again."""

    kind: ClassVar[str] = "clear_immutable"
    path: str

    def apply(self) -> str:
        """Clear the flag; say what was done."""
        try:
            set_immutable(Path(self.path), on=False)
        except FileNotFoundError:
            return f"{self.path} is gone"
        return f"{self.path} may be changed again"


Undo: TypeAlias = ResumeProcess | EndProcess | RestoreLimit | RestoreBytes | RestoreMode | ClearImmutable

_KINDS: dict[str, type[Undo]] = {
    kind.kind: kind for kind in (ResumeProcess, EndProcess, RestoreLimit, RestoreBytes, RestoreMode, ClearImmutable)
}


def to_facts(undo: Undo) -> dict[str, str | int]:
    """The undo as a flat record, with its kind."""
    return {"kind": undo.kind, **asdict(undo)}


def from_facts(facts: Facts) -> Undo:
    """The undo of a record.

    Raises
    ------
    HarnessError
        The kind is not known to this version, or a field is missing or of the wrong type.
    """
    kind = _KINDS.get(str(facts.get("kind")))
    if kind is None:
        raise HarnessError(f"undo {facts.get('kind')!r} is not known to this version; known: {', '.join(_KINDS)}")
    values: dict[str, str | int] = {}
    for field in fields(kind):
        value = facts.get(field.name)
        if value is None or type(value) is not field.type:
            raise HarnessError(f"undo {kind.kind}: {field.name} is {value!r}; it must be of {field.type}")
        values[field.name] = value
    return kind(**values)  # type: ignore[arg-type]  # each value was just compared with its field's type


def immutable(path: Path) -> bool:
    """Whether the file system refuses every change of a file or folder, also by its owner and by root."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return bool(_flags(descriptor) & _FS_IMMUTABLE)
    finally:
        os.close(descriptor)


def set_immutable(path: Path, *, on: bool) -> None:
    """Set or clear the flag; needs the capability CAP_LINUX_IMMUTABLE and a file system that has it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        flags = _flags(descriptor)
        wanted = flags | _FS_IMMUTABLE if on else flags & ~_FS_IMMUTABLE
        fcntl.ioctl(descriptor, _FS_IOC_SETFLAGS, struct.pack("i", wanted))
    finally:
        os.close(descriptor)


def _flags(descriptor: int) -> int:
    # The request says "long" and the kernel reads and writes an int.
    answer = fcntl.ioctl(descriptor, _FS_IOC_GETFLAGS, bytes(8))
    return int(struct.unpack("i", answer[:4])[0])
