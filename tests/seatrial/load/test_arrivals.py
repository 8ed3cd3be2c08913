from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.errors import ConfigurationError
from seatrial.load.arrivals import Schedule, Segment, burst, constant, ramp, recorded

rates = st.floats(0.0, 500.0)
segments = st.builds(
    lambda seconds, start, end: Segment(seconds=seconds, rate_start=start, rate_end=end),
    st.floats(0.05, 10.0),
    rates,
    rates,
)
schedules = st.lists(segments, min_size=1, max_size=5).map(lambda parts: Schedule(tuple(parts)))


def integral(schedule: Schedule, at: float) -> float:
    """Arrivals that a schedule owes by a time, by the trapezoidal rule on each segment."""
    total, start = 0.0, 0.0
    for part in schedule.segments:
        inside = min(max(at - start, 0.0), part.seconds)
        rate = part.rate_start + (part.rate_end - part.rate_start) * inside / part.seconds
        total += 0.5 * (part.rate_start + rate) * inside
        start += part.seconds
    return total


@settings(max_examples=60, deadline=None)
@given(schedules)
def test_the_kth_arrival_is_due_when_k_arrivals_are_owed(schedule: Schedule) -> None:
    due = schedule.due_times()
    assert len(due) == schedule.count
    assert np.all(np.diff(due) >= 0)
    assert np.all((due >= 0) & (due <= schedule.seconds + 1e-9))
    for rank in range(0, len(due), max(1, len(due) // 20)):
        assert integral(schedule, due[rank]) == pytest.approx(rank, abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(schedules, st.integers(1, 97))
def test_blocks_are_the_whole(schedule: Schedule, block: int) -> None:
    parts = [schedule.due_times(first, first + block) for first in range(0, schedule.count, block)]
    np.testing.assert_array_equal(np.concatenate([np.empty(0), *parts]), schedule.due_times())


def test_constant_is_evenly_spaced_from_zero() -> None:
    schedule = constant(50, 15)
    assert schedule.count == 750
    np.testing.assert_allclose(schedule.due_times(), np.arange(750) / 50, rtol=1e-12)


def test_a_rate_that_is_not_exact_in_binary_loses_and_gains_no_arrival() -> None:
    assert [constant(rate, 30).count for rate in (0.1, 0.3, 1.1, 333.3)] == [3, 9, 33, 9999]


def test_a_ramp_offers_its_mean_rate() -> None:
    schedule = ramp(0, 100, 10)
    assert schedule.count == 500
    due = schedule.due_times()
    assert due[0] == 0.0
    # A rate of 10 t owes 125 arrivals after 5 s, a quarter of the whole.
    assert np.searchsorted(due, 5.0) == 125


def test_a_burst_is_where_it_was_asked_for() -> None:
    due = burst(10, 200, before=2, during=1, after=2).due_times()
    counts, _ = np.histogram(due, bins=[0, 2, 3, 5])
    np.testing.assert_array_equal(counts, [20, 200, 20])


def test_silence_before_a_burst_is_silent() -> None:
    due = burst(0, 100, before=2, during=1, after=1).due_times()
    assert due[0] == 2.0
    assert due[-1] == pytest.approx(2.99)


def test_a_recorded_shape_keeps_its_shape_and_takes_a_new_peak() -> None:
    counts = [400, 200, 100, 50, 100, 300]
    schedule = recorded(counts, 10.0, peak_rate=20.0)
    assert schedule.seconds == pytest.approx(60)
    assert schedule.peak_rate == pytest.approx(20)
    seen, _ = np.histogram(schedule.due_times(), bins=np.arange(0, 61, 10))
    assert np.argmax(seen) == 0
    assert np.argmin(seen) == 3
    assert seen[3] < 0.25 * seen[0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: constant(0, 1),
        lambda: constant(10, 0),
        lambda: constant(float("nan"), 1),
        lambda: constant(10, float("inf")),
        lambda: ramp(-1, 5, 1),
        lambda: recorded([], 1),
        lambda: recorded([0, 0], 1),
        lambda: recorded([1, 2], 0),
        lambda: Schedule(()),
    ],
)
def test_a_schedule_that_cannot_be_is_a_configuration_error(make) -> None:
    with pytest.raises(ConfigurationError):
        make()
