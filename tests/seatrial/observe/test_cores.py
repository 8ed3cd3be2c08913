from __future__ import annotations

import os
from pathlib import Path

import pytest

from seatrial.errors import HarnessError
from seatrial.observe import cores


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Control groups as the kernel shows them, of this process."""
    proc, cgroup = tmp_path / "proc", tmp_path / "cgroup"
    (proc / str(os.getpid())).mkdir(parents=True)
    monkeypatch.setattr(cores, "_PROC", proc)
    monkeypatch.setattr(cores, "_CGROUP", cgroup)
    return tmp_path


def belongs_to(groups: Path, lines: str) -> None:
    (groups / "proc" / str(os.getpid()) / "cgroup").write_text(lines)


def test_affinity_counts() -> None:
    assert cores.usable_cores([os.getpid()]) <= len(os.sched_getaffinity(0))


def test_the_tightest_quota_above_a_process_counts(groups: Path) -> None:
    belongs_to(groups, "0::/outer/inner\n")
    inner = groups / "cgroup" / "outer" / "inner"
    inner.mkdir(parents=True)
    (inner / "cpu.max").write_text("max 100000\n")
    (inner.parent / "cpu.max").write_text("50000 100000\n")
    assert cores.usable_cores([os.getpid()]) == 0.5


def test_the_older_control_groups_too(groups: Path) -> None:
    belongs_to(groups, "4:memory:/m\n2:cpu,cpuacct:/box\n0::/\n")
    box = groups / "cgroup" / "cpu" / "box"
    box.mkdir(parents=True)
    (box / "cpu.cfs_quota_us").write_text("25000\n")
    (box / "cpu.cfs_period_us").write_text("100000\n")
    (box.parent / "cpu.cfs_quota_us").write_text("-1\n")
    (box.parent / "cpu.cfs_period_us").write_text("100000\n")
    assert cores.usable_cores([os.getpid()]) == 0.25


def test_no_quota(groups: Path) -> None:
    belongs_to(groups, "0::/\n")
    assert cores.usable_cores([os.getpid()]) == len(os.sched_getaffinity(0))


def test_no_process() -> None:
    with pytest.raises(HarnessError, match="none of the target's processes"):
        cores.usable_cores([])
