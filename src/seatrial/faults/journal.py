"""The journal of a scenario's faults: every station as an event, and every way back on disk before the change is made.

One file a journal, locked while its harness lives. The kernel lets go of the lock when the harness dies, however it dies, and
the next run then knows the file for what was left behind: see `seatrial.faults.healing`.
"""

import fcntl
import json
import os
import platform
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from seatrial.errors import HarnessError
from seatrial.events import FaultEvent, FaultPhase, utc_now
from seatrial.faults.errors import FaultNotReleased
from seatrial.faults.undo import Undo, to_facts

VERSION = 1
SUFFIX = ".jsonl"


def default_journal_folder() -> Path:
    """Where the journals of this user are, the same for every run: altered files survive a restart of the machine."""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "seatrial" / "faults"


@dataclass(slots=True)
class _Noted:
    number: int
    entry: int
    undo: Undo


class Journal:
    """The faults of one scenario.

    Parameters
    ----------
    folder
        Of this user alone; made if it is missing. The same for all runs, or what is left behind is never found.
    run_id, category, scenario
        What the events and the file bear.
    emit
        Takes each station of each fault; must not block.

    Raises
    ------
    HarnessError
        The folder belongs to another user, who could make us change files, or it cannot be written.
    """

    def __init__(
        self, folder: Path, *, run_id: str, category: str, scenario: str, emit: Callable[[FaultEvent], None]
    ) -> None:
        self.run_id = run_id
        self.category = category
        self.scenario = scenario
        self._emit = emit
        self._lock = threading.Lock()
        self._entries: list[str] = []
        self._noted: list[_Noted] = []
        self._count = 0
        self._file, self.path = _create(own_folder(folder))
        self._write(
            {
                "record": "journal",
                "version": VERSION,
                "run_id": run_id,
                "category": category,
                "scenario": scenario,
                "host": platform.node(),
                "process": os.getpid(),
            },
            durably=True,
        )
        # Only now may a healer see it: it is locked and says whose it is.
        shown = self.path.with_suffix(SUFFIX)
        self.path.rename(shown)
        self.path = shown
        _sync_folder(folder)

    def begin(self, fault: str, detail: str) -> int:
        """Note that a fault is planned; return the number of its entry."""
        with self._lock:
            self._entries.append(fault)
            entry = len(self._entries) - 1
        self.reached(entry, FaultPhase.PLANNED, detail=detail)
        return entry

    def reached(self, entry: int, phase: FaultPhase, *, ok: bool = True, detail: str | None = None) -> None:
        """Note that a fault reached a station, or (``ok`` false) did not."""
        fault, now = self._entries[entry], utc_now()
        self._write(
            {
                "record": "phase",
                "ts": now.isoformat(),
                "entry": entry,
                "fault": fault,
                "phase": phase.value,
                "ok": ok,
                "detail": detail,
            }
        )
        self._emit(
            FaultEvent(
                ts=now,
                run_id=self.run_id,
                category=self.category,
                scenario=self.scenario,
                fault=fault,
                phase=phase,
                ok=ok,
                detail=detail,
            )
        )

    def intend(self, entry: int, undo: Undo) -> None:
        """Write on disk how a change is taken back; the change may be made when this has returned."""
        with self._lock:
            self._count += 1
            noted = _Noted(self._count, entry, undo)
            # In memory first: if the write fails half way, an undo too many does no harm.
            self._noted.append(noted)
        record = {"record": "undo", "number": noted.number, "entry": entry, "fault": self._entries[entry]}
        self._write({**record, **to_facts(undo)}, durably=True)

    def undo(self, entry: int | None = None) -> tuple[str, ...]:
        """Take back what a fault changed, or all faults, the last change first.

        Returns
        -------
        tuple of str
            What was done, in this order. A second call has nothing left to do.

        Raises
        ------
        FaultNotReleased
            At least one change could not be taken back; the others were.
        """
        done: list[str] = []
        failures: list[Exception] = []
        with self._lock:
            mine = [noted for noted in reversed(self._noted) if entry is None or noted.entry == entry]
        for noted in mine:
            try:
                told = noted.undo.apply()
            except (OSError, ValueError, HarnessError) as cause:
                failures.append(cause)
                continue
            done.append(told)
            with self._lock:
                self._noted.remove(noted)
            self._write({"record": "undone", "number": noted.number, "detail": told})
        if failures:
            raise FaultNotReleased(
                f"{len(failures)} change(s) could not be taken back, the first: {failures[0]}; "
                f"{self.path} keeps them for the next run"
            ) from failures[0]
        return tuple(done)

    def close(self) -> None:
        """Take back whatever is left and remove the file.

        Raises
        ------
        FaultNotReleased
            Something could not be taken back; the file stays.
        """
        if self._file.closed:
            return
        try:
            self.undo()
            self.path.unlink(missing_ok=True)
        finally:
            # Closing it releases the lock; what the file still holds, the next run heals.
            self._file.close()

    def __enter__(self) -> Self:
        """Return the journal."""
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it: the last net under faults whose own release never ran."""
        self.close()

    def _write(self, record: dict[str, object], *, durably: bool = False) -> None:
        line = json.dumps(record, ensure_ascii=False) + "\n"
        with self._lock:
            self._file.write(line.encode())
            self._file.flush()
            if durably:
                os.fsync(self._file.fileno())


def own_folder(folder: Path) -> Path:
    """The folder, made if it is missing, after it was found to be ours alone.

    Raises
    ------
    HarnessError
        It is another user's, or others may write to it: a journal that they put there would change files in our name.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError as cause:
        raise HarnessError(f"the folder {folder} for the journals of faults cannot be used: {cause}") from cause
    if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise HarnessError(
            f"the folder {folder} for the journals of faults belongs to user {found.st_uid} with mode "
            f"{stat.S_IMODE(found.st_mode):o}; it must be yours ({os.geteuid()}) and writable by nobody else"
        )
    return folder


def _create(folder: Path) -> tuple[IO[bytes], Path]:
    path = folder / f"{os.getpid()}-{os.urandom(6).hex()}.new"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    file = os.fdopen(descriptor, "ab", buffering=0)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return file, path


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
