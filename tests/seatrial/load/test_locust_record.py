from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.errors import HarnessError, TargetFailure
from seatrial.load.locust_record import WorkerRecord, merge_into, read_records, write_record
from seatrial.load.locust_timeline import SharedTimeline
from seatrial.load.recorder import StageRecorder

Request = tuple[float, float, float, str]

requests = st.lists(
    st.tuples(
        st.floats(0.0, 700.0),
        st.floats(0.0, 0.2),
        st.floats(0.0, 3.0),
        st.sampled_from(["right", "wrong", "late", "drop"]),
    ),
    max_size=60,
)


def recorder() -> StageRecorder:
    made = StageRecorder("x", "open", time_limit=2.0)
    made.timeline = SharedTimeline()
    return made


def play(into: StageRecorder, played: list[Request]) -> None:
    for due, slip, service, fate in played:
        into.offer(due)
        if fate == "drop":
            into.drop(due)
            continue
        into.send(due, due + slip)
        failure = TargetFailure("no", kind="status", status=500) if fate == "wrong" else None
        into.finish(
            failure,
            "timeout" if fate == "late" else None,
            due,
            due + slip,
            due + slip + service,
            in_window=service < 1,
        )


def record_of(recorded: StageRecorder, index: int = 0, **changed: object) -> WorkerRecord:
    values: dict[str, object] = {
        "index": index,
        "final": True,
        "elapsed_seconds": 3.0,
        "window_seconds": 2.0,
        "generator_cpu": 0.1,
        "steal": None,
        "ended_early": None,
        "own_error": None,
        "figures": WorkerRecord.figures_of(recorded),
    }
    return WorkerRecord(**(values | changed))  # type: ignore[arg-type]


def state(recorded: StageRecorder) -> object:
    counts = ("offered", "sent", "dropped", "completed", "failed", "timed_out", "completed_in_window")
    return (
        [getattr(recorded, name) for name in counts],
        [getattr(recorded, name).encode() for name in ("response_time", "service_time", "slip")],
        recorded.errors,
        recorded.timeline.points(),
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(requests, min_size=1, max_size=3))
def test_merged_workers_are_as_one_that_saw_it_all(shares: list[list[Request]]) -> None:
    whole, merged = recorder(), recorder()
    records = []
    for index, share in enumerate(shares):
        play(whole, share)
        worker = recorder()
        play(worker, share)
        records.append(WorkerRecord.from_json(record_of(worker, index).to_json()))
    merge_into(merged, records)
    assert state(merged) == state(whole)


def test_what_a_lost_worker_had_in_flight_is_nobodys() -> None:
    worker = recorder()
    play(worker, [(0.0, 0.0, 0.1, "right"), (0.1, 0.0, 0.1, "wrong"), (0.2, 0.0, 0.1, "drop")])
    worker.offer(0.3)
    worker.send(0.3, 0.3)
    merged = recorder()
    merge_into(merged, [record_of(worker, final=False)])
    assert (merged.offered, merged.sent, merged.dropped) == (3, 2, 1)
    assert merged.completed + merged.failed + merged.timed_out == merged.sent


def test_the_latest_record_of_each_worker_is_kept(tmp_path: Path) -> None:
    early, late = recorder(), recorder()
    play(late, [(0.0, 0.0, 0.1, "right")])
    for index in (1, 0):
        write_record(tmp_path, record_of(early, index, final=False))
        write_record(tmp_path, record_of(late, index))
    records = read_records(tmp_path)
    assert [(record.index, record.final, record.completed) for record in records] == [(0, True, 1), (1, True, 1)]


def test_a_record_that_cannot_be_read_says_so() -> None:
    with pytest.raises(HarnessError, match="cannot read a worker's record"):
        WorkerRecord.from_json("{}")
    damaged = json.loads(record_of(recorder()).to_json())
    del damaged["figures"]["slip"]
    with pytest.raises(HarnessError, match="worker 0 is damaged"):
        merge_into(recorder(), [WorkerRecord(**damaged)])


def test_a_timeline_that_cannot_be_sent_is_our_error() -> None:
    with pytest.raises(HarnessError, match="SharedTimeline"):
        WorkerRecord.figures_of(StageRecorder("x", "open", time_limit=1.0))
