import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial import events
from seatrial.errors import HarnessError
from seatrial.events import (
    CheckDone,
    Event,
    LogLine,
    MeasurementTaken,
    ResourceSampled,
    StageProgress,
    from_json,
    to_json,
)
from seatrial.verdict.measurement import Comparison, Objective, Rate, Unit, measure

NOW = datetime(2026, 3, 2, 14, 30, 0, 123456, tzinfo=UTC)
KINDS = [
    kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
]


st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC)))
st.register_type_strategy(Mapping, lambda kind: st.dictionaries(*map(st.from_type, get_args(kind)), max_size=3))
PLAIN = [kind for kind in KINDS if kind not in (MeasurementTaken, CheckDone)]


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(PLAIN).flatmap(st.from_type))
def test_an_event_survives_the_line(event):
    line = to_json(event)
    assert "\n" not in line
    assert from_json(line) == event


def test_a_measurement_survives_the_line():
    objective = Objective(id="a.b.error_rate", comparison=Comparison.LESS, limit=0.05, min_samples=59, saboteurs=("x",))
    taken = measure(objective.id, Unit.RATIO, Rate(events=1, trials=600), objective)
    event = MeasurementTaken(ts=NOW, run_id="r", measurement=taken)
    assert from_json(to_json(event)) == event


def test_times_travel_in_utc():
    there = NOW.astimezone(timezone(timedelta(hours=-5)))
    event = LogLine(ts=there, run_id="r", level="info", source="s", message="zwölf → 12")
    assert json.loads(to_json(event))["ts"] == "2026-03-02T14:30:00.123456Z"
    assert from_json(to_json(event)).ts == NOW
    with pytest.raises(HarnessError, match="no time zone"):
        to_json(LogLine(ts=NOW.replace(tzinfo=None), run_id="r", level="info", source="s", message=""))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "unknown event None"),
        ('{"event":"CatFed"}', "unknown event 'CatFed'"),
        ('{"event":"Event"}', "unknown event 'Event'"),
        ('{"event":"LogLine","ts":"2026-03-02T14:30:00Z"}', "LogLine cannot be read"),
    ],
)
def test_what_cannot_be_read_is_an_error_of_ours(line, message):
    with pytest.raises(HarnessError, match=message):
        from_json(line)


def test_an_event_of_unknown_type_is_not_written():
    with pytest.raises(HarnessError, match="not an event type"):
        to_json(Event(ts=NOW, run_id="r"))


def test_figures_are_finite():
    with pytest.raises(HarnessError, match="not finite"):
        to_json(StageProgress(ts=NOW, run_id="r", category="c", scenario="s", stage="x", elapsed=float("nan")))


def test_events_grow_by_addition():
    line = json.loads(to_json(ResourceSampled(ts=NOW, run_id="r", category="c", scenario="s", cpu=0.5)))
    assert from_json(json.dumps(line | {"temperature": 40})).cpu == 0.5


def test_the_public_names_are_all_events():
    assert {kind.__name__ for kind in KINDS} == set(events._TYPES)
