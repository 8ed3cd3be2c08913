from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.errors import HarnessError
from seatrial.load.histogram import LatencyRecord

latencies = st.lists(st.floats(0.0, 5000.0), max_size=200)


def record_of(values: list[float], unanswered: int = 0) -> LatencyRecord:
    record = LatencyRecord()
    for value in values:
        record.record(value)
    record.record_unanswered(unanswered)
    return record


@settings(max_examples=80, deadline=None)
@given(latencies, st.integers(0, 20))
def test_every_order_statistic_lies_in_its_bounds(values: list[float], unanswered: int) -> None:
    record = record_of(values, unanswered)
    exact = sorted(values) + [math.inf] * unanswered
    assert record.count == len(exact)
    for rank, value in enumerate(exact, start=1):
        low, high = record.order_statistic_bounds(rank)
        assert low <= value + 1e-12
        assert value <= high + 1e-12
        if math.isfinite(value):
            assert high - low <= max(1.001e-6, 0.001 * value)


@settings(max_examples=50, deadline=None)
@given(latencies, latencies, st.integers(0, 5))
def test_merging_is_recording_everything_in_one(first: list[float], second: list[float], unanswered: int) -> None:
    merged = LatencyRecord.merged(record_of(first, unanswered), record_of(second, 1))
    whole = record_of(first + second, unanswered + 1)
    for ours, theirs in zip(merged.ascending(), whole.ascending(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@settings(max_examples=50, deadline=None)
@given(latencies, st.integers(0, 5))
def test_encoding_keeps_every_count(values: list[float], unanswered: int) -> None:
    record = record_of(values, unanswered)
    again = LatencyRecord.decode(record.encode())
    for ours, theirs in zip(again.ascending(), record.ascending(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    again.merge(record)
    assert again.count == 2 * record.count


def test_percentiles_by_nearest_rank() -> None:
    record = record_of([number / 1000 for number in range(1, 101)])
    assert record.percentile(95) == pytest.approx(0.095, rel=2e-3)
    assert record.percentile(100) == pytest.approx(0.100, rel=2e-3)
    assert record.percentile(0) == pytest.approx(0.001, rel=2e-3)
    assert record.mean == pytest.approx(0.0505, rel=2e-3)
    assert record.maximum == pytest.approx(0.1, rel=2e-3)


def test_the_unanswered_count_above_every_percentile() -> None:
    record = record_of([0.001] * 94, unanswered=6)
    assert record.percentile(94) == pytest.approx(0.001, rel=2e-3)
    assert record.percentile(95) == math.inf


def test_longer_than_a_day_is_no_answer() -> None:
    record = record_of([86_400.5])
    assert (record.answered, record.unanswered) == (0, 1)


def test_nothing_recorded_has_no_percentile() -> None:
    record = LatencyRecord()
    assert record.percentile(95) is None
    assert record.mean is None
    assert record.maximum is None


@pytest.mark.parametrize("seconds", [-1e-9, math.nan])
def test_a_clock_that_went_backwards_is_our_error(seconds: float) -> None:
    with pytest.raises(HarnessError):
        LatencyRecord().record(seconds)


def test_no_such_rank() -> None:
    with pytest.raises(HarnessError, match="rank 2"):
        record_of([1.0]).order_statistic(2)


@pytest.mark.parametrize("text", ["", "1", "x:y", "0:HISTgarbage"])
def test_text_that_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(HarnessError, match="cannot read"):
        LatencyRecord.decode(text)


def test_memory_does_not_grow_with_samples() -> None:
    record = LatencyRecord()
    for number in range(20_000):
        record.record(number * 1e-3)
    assert record.count == 20_000
    assert len(record.ascending()[0]) < 8_000
