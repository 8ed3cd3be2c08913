from __future__ import annotations

import math

import pytest

from seatrial.errors import HarnessError
from seatrial.observe.leaks import LeakCollector, LeakQuantity
from seatrial.verdict.leaks import judge_leak
from seatrial.verdict.verdicts import Verdict

LEAKING = """
import sys
print("ready", flush=True)
kept = []
for line in sys.stdin:
    kept.append(bytearray(int(line)))
    kept[-1][::4096] = b"x" * len(kept[-1][::4096])
    print("ready", flush=True)
"""


async def collect(process, bytes_per_block: int, blocks: int) -> LeakCollector:
    collector = LeakCollector([process.pid], operations_per_block=500, least_seconds=0.0)
    for _ in range(blocks):
        process.stdin.write(f"{bytes_per_block}\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"
        collector.count(500)
        await collector.finish()
    return collector


@pytest.mark.parametrize(("bytes_per_block", "verdict"), [(500_000, Verdict.FAIL), (0, Verdict.PASS)])
async def test_a_leak_is_seen_and_a_sound_process_is_not_accused(start, bytes_per_block: int, verdict: Verdict) -> None:
    collector = await collect(start(LEAKING), bytes_per_block, blocks=40)
    operations, readings = collector.series(LeakQuantity.MEMORY)
    assert operations == [500.0 * (number + 1) for number in range(40)]
    assert judge_leak(operations, readings).verdict is verdict
    for quantity in (LeakQuantity.FILE_DESCRIPTORS, LeakQuantity.THREADS, LeakQuantity.CONNECTIONS):
        assert judge_leak(*collector.series(quantity), limit=0.5).verdict is Verdict.PASS


async def test_blocks_grow_when_they_end_too_soon_for_a_reading(start) -> None:
    process = start(LEAKING)
    collector = LeakCollector([process.pid], operations_per_block=10, least_seconds=60)
    for _ in range(100):
        collector.count()
    (block,) = await collector.finish()
    assert block.operations == 10
    assert block.unique_bytes is not None
    assert block.memory_kind == "uss"


async def test_a_dead_target_leaves_holes_and_no_trend(start) -> None:
    process = start(LEAKING)
    collector = LeakCollector([process.pid], operations_per_block=1, least_seconds=0)
    collector.count()
    await collector.finish()
    process.kill()
    process.wait()
    collector.count()
    await collector.finish()
    _, readings = collector.series(LeakQuantity.MEMORY)
    assert readings[0] > 0
    assert math.isnan(readings[1])


async def test_a_failed_reading_is_not_lost(start, monkeypatch) -> None:
    collector = LeakCollector([start(LEAKING).pid], operations_per_block=1, least_seconds=0)

    def broken():
        raise OSError("no more files")

    monkeypatch.setattr(collector._tree, "memory", broken)
    collector.count()
    with pytest.raises(HarnessError, match="no more files"):
        await collector.finish()


def test_an_empty_block_is_refused() -> None:
    with pytest.raises(HarnessError):
        LeakCollector([1], operations_per_block=0)
