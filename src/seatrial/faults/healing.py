"""Finding what a harness that died left behind, and putting it back.

A journal whose lock is free belongs to no living harness. Its undos that were not done are done now, the last one first.
"""

import fcntl
import json
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seatrial.errors import HarnessError
from seatrial.events import FaultEvent, FaultPhase, utc_now
from seatrial.faults.journal import SUFFIX, VERSION, own_folder
from seatrial.faults.undo import Undo, from_facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Healed:
    """What became of one change that was left behind.

    Parameters
    ----------
    run_id, fault
        Whose it was.
    ok
        Whether it was taken back; if not, its journal stays for another attempt.
    detail
        What was done, or why it could not be.
    """

    journal: Path
    run_id: str
    fault: str
    ok: bool
    detail: str


@dataclass(slots=True)
class _Left:
    run_id: str
    category: str
    scenario: str
    changes: dict[int, tuple[str, Undo]] = field(default_factory=dict)


def heal_leftovers(folder: Path, *, run_id: str, emit: Callable[[FaultEvent], None]) -> tuple[Healed, ...]:
    """Take back what faults of dead harnesses changed; call it before a run disturbs or measures anything.

    Parameters
    ----------
    folder
        Where the journals are.
    run_id
        The present run; the events bear it, and their detail names the run that left the change.

    Returns
    -------
    tuple of Healed
        One for each change; empty when nothing was left. Journals of living harnesses and of other hosts are not touched.
    """
    if not folder.exists():
        return ()
    healed: list[Healed] = []
    for path in sorted(own_folder(folder).glob(f"*{SUFFIX}")):
        for result, left in _heal_file(path):
            healed.append(result)
            emit(
                FaultEvent(
                    ts=utc_now(),
                    run_id=run_id,
                    category=left.category,
                    scenario=left.scenario,
                    fault=result.fault,
                    phase=FaultPhase.RELEASED,
                    ok=result.ok,
                    detail=f"left behind by run {result.run_id}: {result.detail}",
                )
            )
    return tuple(healed)


def _heal_file(path: Path) -> list[tuple[Healed, _Left]]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    except FileNotFoundError:
        return []
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return []  # its harness lives
        if os.fstat(descriptor).st_nlink == 0:
            return []  # its harness, or another healer, finished it between our opening and locking it
        try:
            left = _read(file.read())
        except HarnessError as cause:
            unknown = _Left(run_id="unknown", category="", scenario="")
            detail = f"{path} cannot be read: {cause}; put right by hand what it names, and remove it"
            return [(Healed(journal=path, run_id="unknown", fault="journal", ok=False, detail=detail), unknown)]
        if left is None:
            return []  # another host's, in a shared home
        results: list[tuple[Healed, _Left]] = []
        for number, (fault, undo) in sorted(left.changes.items(), reverse=True):
            try:
                detail, ok = undo.apply(), True
            except (OSError, ValueError, HarnessError) as cause:
                detail, ok = f"{undo} failed: {cause}", False
            else:
                file.write((json.dumps({"record": "undone", "number": number, "detail": detail}) + "\n").encode())
            results.append((Healed(journal=path, run_id=left.run_id, fault=fault, ok=ok, detail=detail), left))
        if all(result.ok for result, _ in results):
            path.unlink(missing_ok=True)
        return results


def _read(content: bytes) -> _Left | None:
    """What the journal says is still to be undone; None if it is another host's."""
    # The last line is torn if the harness died while it wrote; the change it speaks of was then not yet made.
    whole, _, _torn = content.rpartition(b"\n")
    records = [_record(line) for line in whole.splitlines()]
    if not records:
        return _Left(run_id="unknown", category="", scenario="")
    head, *rest = records
    if head.get("record") != "journal" or head.get("version") != VERSION:
        raise HarnessError(f"it starts with {head!r}, not as a journal of version {VERSION}")
    if head.get("host") != platform.node():
        return None
    left = _Left(run_id=str(head["run_id"]), category=str(head["category"]), scenario=str(head["scenario"]))
    for record in rest:
        number = record.get("number")
        if record.get("record") == "undo" and isinstance(number, int):
            left.changes[number] = (str(record.get("fault")), from_facts(record))
        elif record.get("record") == "undone" and isinstance(number, int):
            left.changes.pop(number, None)
    return left


def _record(line: bytes) -> Mapping[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as cause:
        raise HarnessError(f"a line is not JSON ({cause}): {line[:200]!r}") from cause
    if not isinstance(record, dict):
        raise HarnessError(f"a line is no record: {line[:200]!r}")
    return record
