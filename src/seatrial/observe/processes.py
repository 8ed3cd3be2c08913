"""Reading a tree of processes, whose members come and go.

CPU time is taken from cumulative counters. A process that ended and was waited for leaves its time with its parent, so the
tree's total stays whole; what nobody waited for is lost from its last reading on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import psutil

__all__ = ["MemoryKind", "MemoryReading", "ProcessTree", "TableReading"]

MemoryKind = Literal["pss", "uss", "rss"]
"""Proportional, unique or resident set size: what the platform can tell, best first for a total and for growth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryReading:
    """Memory of a tree in bytes.

    Parameters
    ----------
    total, total_kind
        Of all processes; ``pss`` where it can be read of every one, else ``rss``, which counts shared pages repeatedly.
    unique, unique_kind
        What would be freed if the tree ended, for growth; ``uss``, else ``rss``.
    """

    total: int
    total_kind: MemoryKind
    unique: int
    unique_kind: MemoryKind


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReading:
    """What the kernel's tables hold for a tree; None where it may not be read."""

    file_descriptors: int | None
    threads: int | None
    connections: int | None


@dataclass(slots=True)
class _Used:
    own: float
    waited_for: float

    @property
    def total(self) -> float:
        return self.own + self.waited_for


class ProcessTree:
    """The processes under some roots.

    Parameters
    ----------
    roots
        Process ids, or a function that gives the present ones, for a target that is restarted.
    """

    def __init__(self, roots: Sequence[int] | Callable[[], Sequence[int]]) -> None:
        self._roots = roots if callable(roots) else lambda: roots
        self._used: dict[psutil.Process, _Used] = {}
        self._started = False
        self.vanished = 0

    @property
    def roots(self) -> tuple[int, ...]:
        """The present roots."""
        return tuple(self._roots())

    def running(self) -> list[psutil.Process]:
        """The members that run now, roots first; processes that ended and were not waited for are not among them."""
        return [process for process in self._members() if _runs(process)]

    def cpu_seconds(self) -> float | None:
        """CPU time that the tree used since the last call; the first call starts the count and gives 0.

        A member that ended counts until somebody waits for it. None when none is left.
        """
        now: dict[psutil.Process, _Used] = {}
        for process in {*self._members(), *self._used}:
            try:
                # psutil tells a process from a later one with the same id by its start.
                if process.is_running():
                    times = process.cpu_times()
                    waited_for = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
                    now[process] = _Used(times.user + times.system, waited_for)
            except psutil.Error:
                continue
        before, self._used = self._used, now
        if not self._started:
            self._started = True
            return 0.0 if now else None
        ended = [used.total for process, used in before.items() if process not in now]
        self.vanished += len(ended)
        own = sum(used.own - before[process].own if process in before else used.own for process, used in now.items())
        waited_for = sum(
            used.waited_for - before[process].waited_for if process in before else used.waited_for
            for process, used in now.items()
        )
        # The part of `waited_for` that belongs to members seen before was counted while they ran.
        return own + max(waited_for - sum(ended), 0.0) if now else None

    def memory(self) -> MemoryReading | None:
        """Memory of the tree now; None when no member runs."""
        total = unique = resident = 0
        total_kind: MemoryKind = "pss"
        unique_kind: MemoryKind = "uss"
        seen = False
        for process in self.running():
            try:
                rss, uss, pss = _memory_of(process)
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
            if not rss:
                continue  # between its last instruction and its end a process has no pages any more
            seen = True
            resident += rss
            if pss is None:
                total_kind = "rss"
            if uss is None:
                unique_kind = "rss"
            total += pss or 0
            unique += uss or 0
        if not seen:
            return None
        return MemoryReading(
            total=total if total_kind == "pss" else resident,
            total_kind=total_kind,
            unique=unique if unique_kind == "uss" else resident,
            unique_kind=unique_kind,
        )

    def tables(self, *, connections: bool = False) -> TableReading:
        """Open files, threads and, if asked for, connections of the tree now."""
        processes = self.running()
        return TableReading(
            file_descriptors=_total(processes, lambda process: process.num_fds()),
            threads=_total(processes, lambda process: process.num_threads()),
            connections=_total(processes, lambda process: len(process.net_connections())) if connections else None,
        )

    def _members(self) -> list[psutil.Process]:
        found: dict[psutil.Process, None] = {}
        for pid in self._roots():
            try:
                root = psutil.Process(pid)
                found[root] = None
                found.update(dict.fromkeys(root.children(recursive=True)))
            except psutil.Error:
                continue
        return list(found)


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _memory_of(process: psutil.Process) -> tuple[int, int | None, int | None]:
    """Resident, unique and proportional set size; None for what cannot be read."""
    try:
        full = process.memory_full_info()
    except psutil.AccessDenied:
        return process.memory_info().rss, None, None
    return full.rss, getattr(full, "uss", None), getattr(full, "pss", None)


def _total(processes: list[psutil.Process], count: Callable[[psutil.Process], int]) -> int | None:
    total = 0
    for process in processes:
        try:
            total += count(process)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        except psutil.AccessDenied:
            return None
    return total if processes else None
