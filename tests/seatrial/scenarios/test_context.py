import contextlib

import pytest

from seatrial.errors import CONFIGURATION, ConfigurationError, NotSupported, TargetFailure
from seatrial.events import InternalError, MeasurementTaken, ScenarioDone
from seatrial.scenarios.context import Watched
from seatrial.scenarios.endings import NotApplicable, ObjectiveMissed
from seatrial.verdict.measurement import Rate, Scalar, Unit
from seatrial.verdict.verdicts import Verdict


class Remote:
    """A target whose process is not ours."""

    lacks = frozenset({"control", "trading"})
    symbols = ("AAPL", "ZSA")


async def ending(context, told, body=None, error=None):
    """Run a scenario to its end; returns the verdict that was told. Its error has to come through."""
    with contextlib.suppress(ObjectiveMissed if error is None else type(error)):
        async with context:
            if body is not None:
                body(context)
            if error is not None:
                raise error
        assert error is None, "the context swallowed it"
    [done] = told.of(ScenarioDone)
    return done


@pytest.mark.parametrize(
    ("value", "verdict"), [(0.5, Verdict.PASS), (1.5, Verdict.PASS), (2.5, Verdict.FAIL), (None, Verdict.INCONCLUSIVE)]
)
async def test_a_figure_gives_the_scenario_its_verdict(make_context, told, value, verdict):
    done = await ending(make_context(), told, lambda ctx: ctx.measure("seconds", Scalar(value=value), Unit.SECONDS))
    assert done.verdict is verdict
    assert (done.detail is None) == (verdict is Verdict.PASS)


async def test_no_trials_are_no_pass(make_context, told):
    done = await ending(
        make_context(), told, lambda ctx: ctx.measure("error_rate", Rate(events=0, trials=0), Unit.RATIO)
    )
    assert done.verdict is Verdict.INCONCLUSIVE


async def test_a_missed_target_is_told_and_does_not_decide(make_context, told):
    await ending(make_context(), told, lambda ctx: ctx.measure("seconds", Scalar(value=1.5), Unit.SECONDS))
    verdicts = {event.measurement.id: event.measurement.verdict for event in told.of(MeasurementTaken)}
    assert verdicts["stress_testing.mine.seconds_target"] is Verdict.FAIL
    assert verdicts["stress_testing.mine.seconds"] is Verdict.PASS


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (TargetFailure("status 500", kind="status"), Verdict.FAIL),
        (AssertionError("wrong"), Verdict.FAIL),
        (KeyError("ours"), Verdict.ERROR),
        (pytest.skip.Exception("not here"), Verdict.NOT_ASSESSED),
        (NotApplicable("none"), Verdict.NOT_APPLICABLE),
        (ConfigurationError("no such stage"), Verdict.ERROR),
        (NotSupported("no such method"), Verdict.ERROR),
    ],
)
async def test_what_an_exception_says(make_context, told, error, verdict):
    done = await ending(make_context(), told, error=error)
    assert done.verdict is verdict
    assert str(error.args[0]) in done.detail
    misconfigured = [event for event in told.of(InternalError) if event.where == CONFIGURATION]
    assert bool(misconfigured) == isinstance(error, ConfigurationError | NotSupported)


async def test_a_failed_figure_is_told_beside_the_failure_that_ended_the_scenario(make_context, told):
    done = await ending(
        make_context(),
        told,
        lambda ctx: ctx.measure("seconds", Scalar(value=9.0), Unit.SECONDS),
        TargetFailure("gone", kind="connection"),
    )
    assert "seconds is 9" in done.detail
    assert "gone" in done.detail


@pytest.mark.parametrize("error", [TargetFailure("refused"), AssertionError("wrong")])
async def test_a_failed_step_is_counted_and_named(make_context, told, error):
    with pytest.raises(type(error)):  # noqa: PT012 - the context passes it on
        async with make_context() as ctx:
            async with ctx.step("first"):
                pass
            async with ctx.step("second"):
                raise error
    [steps] = [e.measurement for e in told.of(MeasurementTaken) if e.measurement.name == "steps_failed"]
    assert (steps.value, steps.samples, steps.verdict) == (1.0, 2, Verdict.FAIL)


async def test_a_waiver_turns_a_fail_into_waived(make_context, told):
    waiver = """
[[waivers]]
id = "stress_testing.mine.seconds"
owner = "o"
reason = "known"
expires = 2999-01-01
"""
    context = make_context(toml=waiver)
    done = await ending(context, told, lambda ctx: ctx.measure("seconds", Scalar(value=9.0), Unit.SECONDS))
    assert done.verdict is Verdict.WAIVED


async def test_resources_of_a_process_that_is_not_ours_are_not_applicable(make_context, told):
    async with make_context(target=Remote()) as ctx:
        ctx.judge_resources(Watched())
    [memory] = [e.measurement for e in told.of(MeasurementTaken) if e.measurement.name == "memory_bytes"]
    assert (memory.verdict, memory.value, memory.samples) == (Verdict.NOT_APPLICABLE, None, 0)


async def test_what_the_target_lacks_leaves_the_scenario(make_context, told):
    done = await ending(make_context(target=Remote()), told)
    assert done.verdict is Verdict.PASS
    with pytest.raises(NotApplicable, match="trading"):
        make_context(target=Remote()).need("trading")


async def test_quotes_of_real_symbols_need_a_disposable_target(make_context):
    with pytest.raises(pytest.skip.Exception, match=r"AAPL into a target that is not disposable"):
        make_context(target=Remote(), toml='[target]\nkind = "http://127.0.0.1:1"\n').need_own_symbols()
    make_context(target=Remote(), toml='[target]\nkind = "http://127.0.0.1:1"\ndisposable = true\n').need_own_symbols()
    make_context(target=Remote()).need_own_symbols()


def test_accounts_tell_whose_they_are(make_context):
    context = make_context()
    assert context.account_name("x") == "seatrial-r1-x-1"
    assert context.account_name("x") != context.account_name("x")
