from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.errors import HarnessError
from seatrial.load.locust_collector import Collector, LostCause
from seatrial.load.locust_record import WorkerRecord, read_records
from seatrial.load.locust_timeline import SharedTimeline
from seatrial.load.recorder import StageRecorder


def record(index: int, *, final: bool = False, completed: int = 0, failed: int = 0) -> WorkerRecord:
    recorder = StageRecorder("x", "open", time_limit=1.0)
    recorder.timeline = SharedTimeline()
    recorder.offered = recorder.sent = completed + failed
    recorder.completed, recorder.failed = completed, failed
    return WorkerRecord(
        index=index,
        final=final,
        elapsed_seconds=1.0,
        window_seconds=1.0,
        generator_cpu=0.0,
        steal=None,
        ended_early=None,
        own_error=None,
        figures=WorkerRecord.figures_of(recorder),
    )


def test_a_cause_is_lost_when_nothing_but_failures_came_for_so_long() -> None:
    cause = LostCause(5.0)
    assert cause.observe(0.0, 100, 0) is None
    assert cause.observe(1.0, 100, 20) is None
    assert cause.observe(5.9, 100, 90) is None
    reason = cause.observe(6.0, 100, 100)
    assert reason is not None
    assert "last 100 requests" in reason


def test_one_right_answer_gives_hope_again() -> None:
    cause = LostCause(5.0)
    cause.observe(0.0, 0, 50)
    assert cause.observe(4.0, 1, 100) is None
    assert cause.observe(8.0, 1, 150) is None
    assert cause.observe(12.9, 1, 200) is None
    assert cause.observe(13.0, 1, 200) is not None


def test_silence_and_a_few_failures_are_no_lost_cause() -> None:
    cause = LostCause(5.0)
    for now in range(60):
        assert cause.observe(float(now), 10, 9) is None
    assert LostCause(None).observe(1e9, 0, 1000) is None


def test_the_stage_is_over_when_all_who_are_there_are_done(tmp_path: Path) -> None:
    collector = Collector(tmp_path, 2, None)
    assert not collector.over(2)
    collector.receive(record(0, final=True).to_json())
    assert not collector.over(2)
    # The other one is gone.
    assert collector.over(1)
    collector.receive(record(1, final=True).to_json())
    assert collector.over(2)
    assert [found.index for found in read_records(tmp_path)] == [0, 1]


def test_an_error_of_ours_ends_the_stage(tmp_path: Path) -> None:
    collector = Collector(tmp_path, 2, None)
    collector.receive(replace(record(0), own_error="KeyError: 'x'").to_json())
    assert collector.over(2)


def test_a_worker_without_a_share_is_not_counted(tmp_path: Path) -> None:
    collector = Collector(tmp_path, 1, None)
    collector.receive(record(1, final=True).to_json())
    assert read_records(tmp_path) == []
    assert not collector.over(1)


def test_the_workers_together_are_the_cause(tmp_path: Path) -> None:
    collector = Collector(tmp_path, 2, 3.0)
    collector.receive(record(0, failed=30).to_json())
    collector.receive(record(1, completed=1, failed=30).to_json())
    assert collector.lost_cause(0.0) is None
    collector.receive(record(1, completed=1, failed=50).to_json())
    assert collector.lost_cause(1.0) is None
    assert collector.lost_cause(4.0) is not None


def test_a_message_that_is_no_record_is_our_error(tmp_path: Path) -> None:
    with pytest.raises(HarnessError):
        Collector(tmp_path, 1, None).receive("nonsense")


def test_who_came_is_counted_also_when_they_have_left(tmp_path: Path) -> None:
    collector = Collector(tmp_path, 2, None)
    for count in (0, 1, 0):
        collector.note_connected(count)
    assert (tmp_path / "connected").read_text() == "1"
