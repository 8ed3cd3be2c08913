"""How many cores a process may use: its affinity, and the quota of the control groups it lives in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import psutil

from seatrial.errors import HarnessError

__all__ = ["usable_cores"]

_PROC = Path("/proc")
_CGROUP = Path("/sys/fs/cgroup")


def usable_cores(pids: Sequence[int]) -> float:
    """The cores that these processes may use together; a fraction under a quota.

    Raises
    ------
    HarnessError
        None of the processes is running.
    """
    cpus: set[int] = set()
    for pid in pids:
        try:
            process = psutil.Process(pid)
            # psutil leaves the method out where the platform has no affinity.
            affinity = getattr(process, "cpu_affinity", None)
            cpus.update(affinity() if affinity is not None else range(psutil.cpu_count() or 1))
        except psutil.Error:
            continue
    if not cpus:
        raise HarnessError(f"none of the target's processes {list(pids)} is running; there is nothing to measure")
    quotas = [quota for pid in pids if (quota := _quota(pid)) is not None]
    return min(float(len(cpus)), *quotas) if quotas else float(len(cpus))


def _quota(pid: int) -> float | None:
    """Cores granted by the tightest control group above a process; None without a quota."""
    try:
        lines = (_PROC / str(pid) / "cgroup").read_text().splitlines()
    except OSError:
        return None  # another platform, or the process has just ended
    found: list[float] = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = _CGROUP / "cpu" if controllers else _CGROUP
        group = top / path.strip("/")
        while True:
            quota = _version_1(group) if controllers else _version_2(group)
            if quota is not None:
                found.append(quota)
            if group in (top, top.parent):
                break
            group = group.parent
    return min(found, default=None)


def _version_2(group: Path) -> float | None:
    try:
        quota, period = (group / "cpu.max").read_text().split()
    except OSError:
        return None
    return None if quota == "max" else int(quota) / int(period)


def _version_1(group: Path) -> float | None:
    try:
        quota = int((group / "cpu.cfs_quota_us").read_text())
        period = int((group / "cpu.cfs_period_us").read_text())
    except OSError:
        return None
    return quota / period if quota > 0 else None
