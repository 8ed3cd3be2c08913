import math
from datetime import date

import pytest

from seatrial.verdict.measurement import (
    Comparison,
    Level,
    Measurement,
    Objective,
    Scalar,
    Unit,
    Verdict,
    measure,
    measure_all,
    waive_measurement,
)
from seatrial.verdict.waiver import Waiver

CPU = Objective(id="s.load.cpu_sustained", comparison=Comparison.LESS, limit=0.8)
CPU_TARGET = Objective(
    id="s.load.cpu_sustained_target", comparison=Comparison.LESS, limit=0.7, level=Level.TARGET, measurement=CPU.id
)


def test_a_measurement_without_objective_is_printed_unjudged():
    found = measure("s.load.cpu_sustained", Unit.RATIO, Scalar(value=0.5, samples=30))
    assert (found.verdict, found.objective, found.value, found.samples, found.name) == (
        None,
        None,
        0.5,
        30,
        "cpu_sustained",
    )


def test_one_figure_against_a_requirement_and_a_target():
    required, target = measure_all(CPU.id, Unit.RATIO, Scalar(value=0.75), [CPU_TARGET, CPU])
    assert (required.id, required.verdict) == (CPU.id, Verdict.PASS)
    assert (target.id, target.verdict, target.value) == (CPU_TARGET.id, Verdict.FAIL, 0.75)
    assert measure_all("s.load.other", Unit.COUNT, Scalar(value=1), [CPU])[0].verdict is None


def test_an_objective_of_another_measurement_is_refused():
    with pytest.raises(ValueError, match="is not of"):
        measure("s.load.other", Unit.RATIO, Scalar(value=1), CPU)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_no_value(value):
    assert measure("s.load.other", Unit.RATIO, Scalar(value=value)).value is None
    with pytest.raises(ValueError, match="use None"):
        Measurement(id="a.b.c", name="c", category="a", scenario="b", unit=Unit.COUNT, value=value, samples=1)


def test_the_id_is_made_of_its_parts():
    with pytest.raises(ValueError, match="is not <a>"):
        Measurement(id="a.b.d", name="c", category="a", scenario="b", unit=Unit.COUNT, value=1, samples=1)


def test_rule_2_9_a_waived_objective_keeps_its_value_until_the_end_of_the_day():
    failed = measure(CPU.id, Unit.RATIO, Scalar(value=0.9), CPU)
    waiver = Waiver(id=CPU.id, owner="ops", reason="new hardware in May", expires=date(2026, 4, 30))
    waived = waive_measurement(failed, [waiver], date(2026, 4, 30))
    assert (waived.verdict, waived.value, waived.waiver) == (Verdict.WAIVED, 0.9, waiver)
    expired = waive_measurement(failed, [waiver], date(2026, 5, 1))
    assert expired.verdict is Verdict.FAIL
    assert "expired on 2026-04-30" in expired.detail
    passed = measure(CPU.id, Unit.RATIO, Scalar(value=0.1), CPU)
    assert waive_measurement(passed, [waiver], date(2026, 4, 1)) is passed
