"""One measuring stage at a time on a machine.

Two loads at once measure each other. The lock is an advisory lock (``flock``) on a file in the temporary folder: the kernel
releases it when its holder dies, so there are no stale locks to clean up. The file says who holds it, for the message only.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from seatrial.errors import HarnessError

__all__ = ["default_lock_path", "measuring_lock"]

_POLL_SECONDS = 0.1


def default_lock_path() -> Path:
    """The lock's file, the same for every user of the machine."""
    return Path(tempfile.gettempdir()) / "seatrial-measuring.lock"


@contextlib.asynccontextmanager
async def measuring_lock(
    name: str,
    *,
    path: Path | None = None,
    on_wait: Callable[[str], None] | None = None,
    wait_limit: float | None = None,
) -> AsyncIterator[None]:
    """Hold the machine's measuring lock.

    Parameters
    ----------
    name
        What is measured, shown to those who wait.
    path
        Another file, for tests.
    on_wait
        Called once, with a line to print, when somebody else holds the lock.
    wait_limit
        Seconds to wait at most; forever if None. It is not re-entrant: a stage that asks twice waits for itself.

    Raises
    ------
    HarnessError
        The file cannot be opened or locked, or the wait took longer than ``wait_limit``.
    """
    lock_path = path or default_lock_path()
    descriptor = _open(lock_path)
    try:
        await _acquire(descriptor, lock_path, on_wait, wait_limit)
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()}, {name}\n".encode(), 0)
        yield
    finally:
        # Closing the only descriptor releases the lock. The file stays: removing it would let two processes hold two files.
        os.close(descriptor)


async def _acquire(
    descriptor: int, path: Path, on_wait: Callable[[str], None] | None, wait_limit: float | None
) -> None:
    clock = asyncio.get_running_loop().time
    start = clock()
    told = False
    while not _try_lock(descriptor, path):
        holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another process"
        if on_wait is not None and not told:
            on_wait(f"waiting for {holder} to finish measuring on this machine ({path})")
            told = True
        if wait_limit is not None and clock() - start >= wait_limit:
            raise HarnessError(
                f"the measuring lock {path} is still held by {holder} after {wait_limit:g} s; "
                "let it finish or end it, two loads at once measure each other"
            )
        await asyncio.sleep(_POLL_SECONDS)


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        # Without O_CREAT first: in a sticky folder the kernel refuses it for a file of another user (protected_regular).
        return os.open(path, flags)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _cannot(path, error) from error
    try:
        descriptor = os.open(path, flags | os.O_CREAT, 0o666)
    except OSError as error:
        raise _cannot(path, error) from error
    with contextlib.suppress(PermissionError):
        # The umask took the others' right to lock it; only the file's owner can give it back, and needs to only once.
        os.fchmod(descriptor, 0o666)
    return descriptor


def _try_lock(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno == errno.EINTR:
            return False
        raise _cannot(path, error) from error
    return True


def _cannot(path: Path, error: OSError) -> HarnessError:
    return HarnessError(f"cannot use the measuring lock {path}: {error}; set TMPDIR to a folder that can be written to")
