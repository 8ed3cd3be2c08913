from __future__ import annotations

import asyncio
import os
import time

import psutil
import pytest

from seatrial.errors import HarnessError
from seatrial.observe.resources import ResourceSample, ResourceSampler

BUSY = """
import os
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
print("ready", flush=True)
while True:
    pass
"""
IDLE = """
import sys
print("ready", flush=True)
sys.stdin.readline()
"""
ALLOCATING = """
import sys
print("ready", flush=True)
kept = []
for line in sys.stdin:
    kept.append(b"x" * 32 * 2**20)
    print("ready", flush=True)
"""
SHORT_LIVED_CHILDREN = """
import subprocess, sys
print("ready", flush=True)
work = "import time\\nend = time.process_time() + 0.15\\nwhile time.process_time() < end: pass"
sys.stdin.readline()
for _ in range(4):
    subprocess.run([sys.executable, "-S", "-c", work])
print("done", flush=True)
sys.stdin.readline()
"""


def cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


async def test_a_busy_process_uses_its_core(start) -> None:
    samples: list[ResourceSample] = []
    process = start(BUSY)
    async with ResourceSampler([process.pid], interval=0.3, on_sample=samples.append) as sampler:
        used = -cpu_seconds(process.pid)
        begun = time.perf_counter()
        await asyncio.sleep(1.0)
        used += cpu_seconds(process.pid)
        elapsed = time.perf_counter() - begun
    summary = sampler.summary()
    # The kernel's own account of the process is the reference: how much it got depends on who else runs.
    assert summary.cores == 1.0
    assert summary.cpu_mean == pytest.approx(used / elapsed, abs=0.12)
    assert summary.cpu_mean > 0.02
    assert summary.cpu_peak is not None
    assert summary.cpu_mean - 0.05 <= summary.cpu_peak <= 1.2
    # The last tenth of a second is in the mean and is no sample of its own to show.
    assert (summary.samples, len(samples)) == (4, 3)
    assert samples[0].cpu is not None
    assert samples[0].cpu > 0.0
    assert sum(sample.seconds for sample in samples) == pytest.approx(0.9, abs=0.1)


async def test_an_idle_process_uses_nothing(start) -> None:
    process = start(IDLE)
    async with ResourceSampler([process.pid], interval=0.2) as sampler:
        await asyncio.sleep(0.5)
    summary = sampler.summary()
    assert summary.cpu_mean is not None
    assert summary.cpu_mean < 0.05
    assert summary.cores == len(os.sched_getaffinity(0))
    assert not summary.gone


async def test_children_that_come_and_go_between_samples_count(start) -> None:
    process = start(SHORT_LIVED_CHILDREN)
    async with ResourceSampler([process.pid], interval=0.4) as sampler:
        before = sum(psutil.Process(process.pid).cpu_times()[:4])
        process.stdin.write("\n")
        process.stdin.flush()
        assert await asyncio.to_thread(process.stdout.readline) == "done\n"
        used = sum(psutil.Process(process.pid).cpu_times()[:4]) - before
    summary = sampler.summary()
    assert used > 0.6
    assert summary.cpu_mean is not None
    assert summary.cpu_mean * summary.cores * summary.seconds == pytest.approx(used, abs=0.1)


async def test_memory_is_proportional_and_its_growth_unique(start) -> None:
    process = start(ALLOCATING)
    assert process.stdin is not None
    async with ResourceSampler([process.pid], interval=0.1, memory_interval=0.1) as sampler:
        for _ in range(3):
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "ready\n"
        await asyncio.sleep(0.3)
    summary = sampler.summary()
    assert (summary.memory_kind, summary.growth_kind) == ("pss", "uss")
    assert summary.growth_bytes == pytest.approx(96 * 2**20, rel=0.05)
    assert summary.memory_peak_bytes is not None
    assert summary.memory_peak_bytes >= 96 * 2**20


async def test_memory_is_read_no_more_often_than_asked(start, monkeypatch) -> None:
    process = start(IDLE)
    sampler = ResourceSampler([process.pid], interval=0.05, memory_interval=10)
    readings = 0
    read = sampler._tree.memory

    def counted():
        nonlocal readings
        readings += 1
        return read()

    monkeypatch.setattr(sampler._tree, "memory", counted)
    async with sampler:
        await asyncio.sleep(0.4)
    assert sampler.summary().samples >= 5
    assert readings == 1


async def test_a_process_that_vanishes_is_no_idle_process(start) -> None:
    samples: list[ResourceSample] = []
    process = start(BUSY)
    async with ResourceSampler([process.pid], interval=0.2, on_sample=samples.append) as sampler:
        await asyncio.sleep(0.5)
        process.kill()
        process.wait()
        await asyncio.sleep(0.7)
    summary = sampler.summary()
    assert summary.gone
    assert summary.vanished == 1
    assert samples[-1].cpu is None
    assert samples[-1].memory_bytes is None
    assert samples[-1].processes == 0
    # The mean is over the time it ran; the time it was dead does not make it look idle.
    assert summary.cpu_mean is not None
    assert summary.cpu_mean > 0.02


async def test_an_unreaped_dead_process_is_gone_too(start) -> None:
    process = start(IDLE)
    async with ResourceSampler([process.pid], interval=0.1) as sampler:
        os.kill(process.pid, 9)
        await asyncio.sleep(0.4)
    assert sampler.summary().gone


async def test_a_restarted_target_is_followed(start) -> None:
    pids = [start(IDLE).pid]
    samples: list[ResourceSample] = []
    async with ResourceSampler(lambda: pids, interval=0.2, on_sample=samples.append) as sampler:
        psutil.Process(pids[0]).kill()
        pids[0] = start(BUSY).pid
        await asyncio.sleep(0.7)
    assert not sampler.summary().gone
    assert samples[-2].cpu is not None
    assert samples[-2].cpu > 0.0


async def test_without_a_process_there_is_nothing_to_measure(start) -> None:
    process = start(IDLE)
    process.kill()
    process.wait()
    with pytest.raises(HarnessError, match="none of the target's processes"):
        async with ResourceSampler([process.pid]):
            pass


async def test_an_error_while_sampling_is_not_lost(start, monkeypatch) -> None:
    process = start(IDLE)
    sampler = ResourceSampler([process.pid], interval=0.05)

    def broken():
        raise OSError("no more files")

    monkeypatch.setattr(sampler._tree, "tables", broken)
    with pytest.raises(HarnessError, match="no more files"):
        async with sampler:
            await asyncio.sleep(0.2)
