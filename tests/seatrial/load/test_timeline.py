from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.load.timeline import Timeline


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 5000), st.floats(1e-5, 60)), min_size=1, max_size=100))
def test_a_long_stage_is_merged_without_losing_a_count(answers: list[tuple[float, float]]) -> None:
    timeline = Timeline(slots=20)
    for at, response_time in answers:
        timeline.count(at, "offered")
        timeline.respond(at, response_time)
    points = timeline.points()
    assert len(points) <= 20
    assert sum(point.offered for point in points) == len(answers)
    assert sum(point.completed for point in points) == len(answers)
    assert max(point.response_max or 0 for point in points) == max(response for _, response in answers)
    latest = max(at for at, _ in answers)
    assert points[-1].start_seconds <= latest < points[-1].start_seconds + points[-1].seconds


def test_percentiles_of_a_second_are_good_to_five_per_cent() -> None:
    timeline = Timeline()
    for number in range(100):
        timeline.respond(0.5, (number + 1) / 1000)
    (point,) = timeline.points()
    assert 0.050 <= (point.response_p50 or 0) <= 0.0526
    assert 0.095 <= (point.response_p95 or 0) <= 0.100
    assert point.response_max == 0.1


def test_a_second_without_answers_has_no_response_time() -> None:
    timeline = Timeline()
    timeline.count(1.2, "offered")
    quiet, point = timeline.points()
    assert (quiet.offered, point.offered) == (0, 1)
    assert point.response_p95 is None
    assert point.response_max is None
