"""Generator and target on different cores.

On shared cores a busy target delays the generator and the generator takes time from the target. Where the system can, each
gets its own, and not two siblings of one physical core; else the stage is recorded as co-located.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from seatrial.errors import HarnessError

__all__ = ["Placement", "plan_placement", "separated"]

_CPU_TOPOLOGY = Path("/sys/devices/system/cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Which cores generator and target run on.

    Parameters
    ----------
    generator, target
        Numbers of logical CPUs; empty where nothing was pinned.
    co_located
        They share cores.
    reason
        Why they do; None if they do not.
    """

    generator: frozenset[int]
    target: frozenset[int]
    co_located: bool
    reason: str | None = None


def plan_placement(available: Iterable[int], siblings: Iterable[frozenset[int]]) -> Placement:
    """Give the generator one physical core and the target all others.

    Parameters
    ----------
    available
        Logical CPUs that this process may use.
    siblings
        Sets of logical CPUs that share a physical core; a CPU in none has a core of its own.
    """
    cpus = frozenset(available)
    groups = list(siblings)
    # The last core: the first one takes most of a small machine's interrupts.
    own = max(cpus)
    physical = frozenset({own}).union(*(group for group in groups if own in group))
    others = cpus - physical
    if not others:
        return Placement(
            generator=frozenset(),
            target=frozenset(),
            co_located=True,
            reason=f"only one physical core may be used (logical CPUs {sorted(cpus)})",
        )
    return Placement(generator=frozenset({own}), target=others, co_located=False)


@contextlib.contextmanager
def separated(target_pids: Iterable[int], *, remote: bool = False) -> Iterator[Placement]:
    """Pin this process and the target's process trees to different cores, and give the old ones back at the end.

    Threads and processes that the target starts meanwhile inherit its cores. Start the target before, not inside: what
    this process starts inherits the generator's core.

    Parameters
    ----------
    target_pids
        Roots of the target's processes; empty if they are not ours to move.
    remote
        The target runs on another machine: nothing is pinned, nothing is shared.

    Raises
    ------
    HarnessError
        A target process is gone.
    """
    if remote:
        yield Placement(generator=frozenset(), target=frozenset(), co_located=False)
        return
    pids = tuple(target_pids)
    placement = _feasible(pids)
    if placement.co_located:
        yield placement
        return
    before: dict[int, set[int]] = {}
    try:
        try:
            _pin([os.getpid()], placement.generator, before)
            for pid in pids:
                _pin(_tree(pid), placement.target, before)
        except PermissionError as error:
            _restore(pids, before)
            before.clear()
            placement = _shared(f"pinning is not permitted: {error}")
        yield placement
    finally:
        _restore(pids, before)


def _feasible(pids: tuple[int, ...]) -> Placement:
    if not hasattr(os, "sched_setaffinity"):
        return _shared("this platform cannot pin processes to cores")
    if not pids:
        return _shared("the target's processes are not known")
    return plan_placement(os.sched_getaffinity(0), _sibling_groups())


def _shared(reason: str) -> Placement:
    return Placement(generator=frozenset(), target=frozenset(), co_located=True, reason=reason)


def _sibling_groups() -> list[frozenset[int]]:
    groups = []
    for file in _CPU_TOPOLOGY.glob("cpu[0-9]*/topology/thread_siblings_list"):
        cpus: set[int] = set()
        for part in file.read_text().strip().split(","):
            first, _, last = part.partition("-")
            cpus.update(range(int(first), int(last or first) + 1))
        groups.append(frozenset(cpus))
    return groups


def _tree(pid: int) -> list[int]:
    try:
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess as error:
        raise HarnessError(f"the target's process {pid} is gone; it cannot be pinned to cores") from error


def _pin(pids: Iterable[int], cores: frozenset[int], before: dict[int, set[int]]) -> None:
    # Affinity belongs to threads: setting a process's moves only its first one.
    for pid in pids:
        for thread in _threads(pid):
            with contextlib.suppress(ProcessLookupError):
                before[thread] = os.sched_getaffinity(thread)
                os.sched_setaffinity(thread, cores)


def _restore(roots: tuple[int, ...], before: dict[int, set[int]]) -> None:
    for root in (os.getpid(), *roots):
        if root not in before:
            continue
        try:
            pids = [root] if root == os.getpid() else _tree(root)
        except HarnessError:
            continue  # it ended while it was pinned, which is for others to judge
        for thread in (thread for pid in pids for thread in _threads(pid)):
            # What was started meanwhile inherited the pin; it gets what its root had.
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(thread, before.get(thread, before[root]))


def _threads(pid: int) -> list[int]:
    try:
        return [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return []
