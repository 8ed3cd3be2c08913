import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.errors import InvalidInput
from wheelhouse.strategy.policy import PRESETS, Knob, WheelPolicy

KNOBS = WheelPolicy.knobs()
NUMBERS = [knob for knob in KNOBS if knob.low is not None]


def test_every_field_is_a_documented_and_bounded_knob() -> None:
    assert [knob.name for knob in KNOBS] == [f.name for f in dataclasses.fields(WheelPolicy)]
    for knob in KNOBS:
        assert knob.meaning
        bounded = knob.low is not None and knob.high is not None and knob.low < knob.high
        assert bounded or knob.choices or isinstance(knob.default, bool)


@pytest.mark.parametrize("knob", NUMBERS, ids=lambda knob: knob.name)
def test_a_number_outside_its_bounds_is_refused_by_name_value_and_bounds(knob: Knob) -> None:
    assert knob.high is not None
    value = type(knob.default)(knob.high + 1)
    with pytest.raises(InvalidInput) as caught:
        WheelPolicy.from_mapping({knob.name: value})
    message = str(caught.value)
    assert knob.name in message
    assert str(value) in message
    assert f"from {knob.low:g} to {knob.high:g}" in message


@given(knob=st.sampled_from(NUMBERS), share=st.floats(0, 1))
def test_every_number_within_its_bounds_is_accepted_or_contradicts_its_partner(knob: Knob, share: float) -> None:
    assert knob.low is not None
    assert knob.high is not None
    value = knob.low + share * (knob.high - knob.low)
    try:
        policy = WheelPolicy.from_mapping({knob.name: round(value) if isinstance(knob.default, int) else value})
    except InvalidInput as error:
        assert "lies above" in str(error)  # noqa: PT017 - only a contradiction may refuse
    else:
        assert getattr(policy, knob.name) == pytest.approx(value, abs=0.5)


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"put_max_delta": math.nan}, "put_max_delta = nan"),
        ({"put_max_delta": "0.3"}, "must be a number from 0.01 to 0.6"),
        ({"put_max_delta": True}, "must be a number"),
        ({"min_dte": 20.5}, "must be a whole number from 0 to 730"),
        ({"allow_earnings": 1}, "must be true or false"),
        ({"call_floor": "taxes"}, "did you mean 'tax'?"),
        ({"min_dte": 60}, "min_dte = 60 lies above max_dte = 56"),
        ({"put_min_delta": 0.4}, "raise put_max_delta"),
        ({"put_max_dleta": 0.3}, "did you mean 'put_max_delta'?"),
        ({"preset": "conservativ"}, "did you mean 'conservative'?"),
        ({"preset": "zzz"}, "choose one of standard, conservative, aggressive, early_exit"),
    ],
)
def test_what_is_wrong_is_said(values: dict[str, object], part: str) -> None:
    with pytest.raises(InvalidInput, match=r"^policy: ") as caught:
        WheelPolicy.from_mapping(values)
    assert part in str(caught.value)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid_policies(name: str) -> None:
    assert WheelPolicy.preset(name) == WheelPolicy.from_mapping({"preset": name})


def test_presets_differ_and_standard_is_the_default() -> None:
    assert WheelPolicy.preset("standard") == WheelPolicy()
    assert len({WheelPolicy.preset(name) for name in PRESETS}) == len(PRESETS)
    early = WheelPolicy.preset("early_exit")
    assert (early.roll_profit, early.roll_dte) == (0.5, 21)


@pytest.mark.parametrize("name", PRESETS)
def test_what_a_preset_sells_is_not_due_to_roll_at_once_and_a_monthly_is_always_in_reach(name: str) -> None:
    policy = WheelPolicy.preset(name)
    assert policy.min_dte > policy.roll_dte
    assert policy.max_dte - policy.min_dte >= 35  # monthlies are at most five weeks apart


def test_named_values_change_a_start_and_keep_the_rest() -> None:
    start = WheelPolicy(max_contracts=3)
    changed = WheelPolicy.from_mapping({"allow_earnings": True}, start=start)
    assert (changed.max_contracts, changed.allow_earnings) == (3, True)


def test_the_default_triggers_are_those_of_the_trade() -> None:
    policy = WheelPolicy()
    assert (policy.roll_profit, policy.roll_dte, policy.roll_when_itm, policy.roll_itm_puts) == (0.9, 15, False, False)
    assert policy.call_floor == "tax"
    assert not policy.allow_earnings
