from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.clock import SimulatedClock, SystemClock, parse_clock
from wheelhouse.errors import ConfigurationError

START = datetime(2015, 12, 24, 17, tzinfo=UTC)


class Seconds:
    def __init__(self) -> None:
        self.value = 100.0

    def __call__(self) -> float:
        return self.value


def test_system_is_the_default_word_in_any_case():
    assert isinstance(parse_clock("System"), SystemClock)
    assert parse_clock("system", environment="production").kind == "system"


def test_system_clock_is_utc():
    assert SystemClock().now().utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text", ["2015-12-24T12:00:00-05:00", "2015-12-24T12:00:00-05:00@60x", "2015-12-24T17:00:00Z@0.5x"]
)
def test_anything_but_system_is_refused_in_production(text):
    with pytest.raises(ConfigurationError, match="production"):
        parse_clock(text, environment="production")
    assert parse_clock(text, environment="staging").kind == "simulated"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2015-12-24T12:00:00",
        "2015-12-24T12:00:00-05:00@",
        "2015-12-24T12:00:00-05:00@fastx",
        "@60x",
        "2015-13-01T00:00:00Z",
    ],
)
def test_nonsense_is_refused_with_an_example(text):
    with pytest.raises(ConfigurationError, match="2015-12-24T12:00:00-05:00@60x"):
        parse_clock(text)


def test_pace_is_read():
    clock = parse_clock("2015-12-24T12:00:00-05:00@60x")
    assert isinstance(clock, SimulatedClock)
    assert clock.pace == 60
    assert clock.start == START


@settings(max_examples=50)
@given(pace=st.floats(0, 1e4), elapsed=st.floats(0, 1e4))
def test_time_runs_at_its_pace(pace, elapsed):
    seconds = Seconds()
    clock = SimulatedClock(start=START, pace=pace, monotonic=seconds)
    assert clock.now() == START
    seconds.value += elapsed
    assert (clock.now() - START).total_seconds() == pytest.approx(pace * elapsed, abs=1e-3)


@pytest.mark.parametrize("pace", [float("nan"), float("inf"), -1.0])
def test_impossible_paces_are_refused(pace):
    with pytest.raises(ConfigurationError, match="pace"):
        SimulatedClock(start=START, pace=pace)
