from __future__ import annotations

import asyncio
import math
import time

import pytest

from seatrial.errors import ConfigurationError, HarnessError, NotSupported, TargetFailure
from seatrial.load.arrivals import constant
from seatrial.load.closed_loop import run_closed_loop
from seatrial.load.guard import GuardLimits
from seatrial.load.open_loop import run_open_loop
from seatrial.load.stage import StageProgress, pool
from seatrial.verdict.judgement import judge
from seatrial.verdict.objective import Comparison, Level, Objective
from seatrial.verdict.verdicts import Verdict


def objective(comparison: str, limit: float, *, min_samples: int) -> Objective:
    return Objective(
        id="a.b.c",
        comparison=Comparison(comparison),
        limit=limit,
        min_samples=min_samples,
        level=Level.REQUIRED,
        saboteurs=("x",),
    )


async def test_a_healthy_server_is_measured(server, get) -> None:
    numbers: list[int] = []

    async def operation(number: int) -> None:
        numbers.append(number)
        await get(f"{server.url}/ok")

    result = await run_open_loop(
        operation,
        constant(100, 1.5),
        name="nominal",
        time_limit=2,
        in_flight_cap=100,
        warm_up=constant(40, 0.5),
    )
    assert sorted(numbers) == list(range(-20, 150))
    assert (result.offered, result.sent, result.completed) == (150, 150, 150)
    assert (result.dropped, result.failed, result.timed_out) == (0, 0, 0)
    assert result.response_time.count == result.service_time.count == result.slip.count == 150
    assert result.throughput == pytest.approx(100, rel=0.1)
    assert result.error_rate == 0.0
    assert result.kind == "open"
    assert result.offered_rate == 100
    assert sum(point.offered for point in result.timeline) == 150
    assert sum(point.completed for point in result.timeline) == 150
    response, service = result.response_time.percentile(50), result.service_time.percentile(50)
    assert response is not None
    assert service is not None
    assert response >= service


async def _freeze(server, get, *, rate: float, seconds: float, frozen: float) -> None:
    async def operation(number: int) -> None:
        await get(f"{server.url}/ok")

    server.freeze(after=seconds / 3, seconds=frozen)
    result = await run_open_loop(operation, constant(rate, seconds), name="frozen", time_limit=10, in_flight_cap=1000)
    # A fifth of the requests were due while the server stood still, the first of them waited for all of it.
    assert result.completed == result.offered
    p95 = result.response_time.percentile(95)
    assert p95 is not None
    assert 0.6 * frozen <= p95 <= frozen + 0.3
    judged = judge(
        result.response_time_sample(0.95),
        objective("<", 0.3 * frozen, min_samples=59),
    )
    assert judged.verdict is Verdict.FAIL


async def test_a_frozen_server_shows_in_the_response_time(server, get) -> None:
    await _freeze(server, get, rate=100, seconds=3, frozen=0.6)


@pytest.mark.slow
async def test_a_server_frozen_for_3_of_15_seconds_shows_in_the_response_time(server, get) -> None:
    await _freeze(server, get, rate=50, seconds=15, frozen=3)


async def test_a_closed_loop_does_not_see_what_an_open_one_sees(server, get) -> None:
    async def operation(number: int) -> None:
        await get(f"{server.url}/ok")
        await asyncio.sleep(0.01)

    server.freeze(after=0.3, seconds=0.6)
    result = await run_closed_loop(operation, 1, 100, name="polite", time_limit=10)
    p95 = result.response_time.percentile(95)
    assert p95 is not None
    assert p95 < 0.2
    assert result.kind == "closed"


async def test_a_generator_that_is_too_busy_trips_its_guard() -> None:
    async def operation(number: int) -> None:
        end = time.thread_time() + 0.008
        while time.thread_time() < end:
            pass

    result = await run_open_loop(
        operation,
        constant(200, 1),
        name="busy",
        time_limit=5,
        in_flight_cap=1000,
        guard_limits=GuardLimits(tightest_latency_limit=0.1),
    )
    # Its share of the core depends on who else wants it; that requests go out late does not.
    assert any(line.startswith("slip") for line in result.guard.tripped)
    assert result.guard.generator_cpu > 0.1
    assert not result.guard.clean
    assert not result.guard.saturated
    # The service was quick enough, however slow this machine is: the lateness is ours, so it is neither a pass nor a fail.
    longest_service = result.service_time.percentile(100)
    assert longest_service is not None
    wanted = objective("<", 1.5 * longest_service, min_samples=59)
    assert judge(result.response_time_sample(0.95), wanted, result.guard).verdict is Verdict.INCONCLUSIVE


async def test_a_target_that_cannot_keep_up_is_saturated(server, get) -> None:
    async def operation(number: int) -> None:
        await get(f"{server.url}/slow?seconds=0.3")

    limits = GuardLimits(tightest_latency_limit=5.0, steal=1.0, generator_cpu=10.0)
    result = await run_open_loop(
        operation, constant(60, 1), name="flood", time_limit=2, in_flight_cap=5, guard_limits=limits
    )
    assert result.dropped > 30
    assert result.sent + result.dropped == result.offered == 60
    assert result.guard.tripped == ()
    assert result.guard.saturated
    # Nobody who was turned away got an answer.
    assert result.response_time.unanswered == result.dropped
    assert result.service_time.unanswered == 0
    assert result.error_rate == 0.0
    wanted = objective(">", 1, min_samples=1)
    assert judge(result.throughput_sample(), wanted, result.guard).verdict is Verdict.FAIL


async def test_drops_of_a_busy_generator_are_its_own() -> None:
    async def operation(number: int) -> None:
        time.sleep(0.05)  # noqa: ASYNC251 - blocks the loop on purpose
        await asyncio.sleep(0.2)

    result = await run_open_loop(
        operation,
        constant(100, 1),
        name="blocked",
        time_limit=5,
        in_flight_cap=2,
        guard_limits=GuardLimits(tightest_latency_limit=0.1),
    )
    assert any(line.startswith("dropped") for line in result.guard.tripped)
    assert not result.guard.saturated


async def test_a_request_without_an_answer_counts_above_every_percentile(server, get) -> None:
    async def operation(number: int) -> None:
        await get(f"{server.url}/slow?seconds=5" if number % 10 == 0 else f"{server.url}/ok")

    result = await run_open_loop(operation, constant(100, 1), name="hanging", time_limit=0.3, in_flight_cap=100)
    assert result.timed_out == 10
    assert result.error_count == 10
    assert result.error_rate == pytest.approx(0.1)
    assert result.failed == 0
    assert result.response_time.percentile(95) == math.inf
    assert result.service_time.unanswered == 10
    assert result.response_time.percentile(85) < 0.3
    assert result.errors == {"timeout: no answer within 0.3 s": 10}


async def test_an_adapters_own_time_out_is_no_answer_either() -> None:
    async def operation(number: int) -> None:
        raise TargetFailure("nothing came", kind="timeout")

    result = await run_open_loop(operation, constant(50, 0.2), name="mute", time_limit=1, in_flight_cap=10)
    assert result.timed_out == result.response_time.unanswered == 10


async def test_failed_answers_are_errors_and_have_no_latency(server, get) -> None:
    async def operation(number: int) -> None:
        await get(f"{server.url}/broken" if number % 4 == 0 else f"{server.url}/ok")

    result = await run_open_loop(operation, constant(100, 1), name="broken", time_limit=2, in_flight_cap=100)
    assert (result.completed, result.failed) == (75, 25)
    assert result.response_time.count == 75
    assert result.error_rate == result.failed_share == pytest.approx(0.25)
    ((detail, count),) = result.errors.items()
    assert count == 25
    assert detail.startswith("status 500: GET ")
    sample = result.error_rate_sample()
    assert (sample.events, sample.trials) == (25, 100)


async def test_a_closed_port_is_the_targets_failure(server, get) -> None:
    async def operation(number: int) -> None:
        await get("http://127.0.0.1:9/ok")

    result = await run_open_loop(operation, constant(50, 0.4), name="down", time_limit=1, in_flight_cap=50)
    assert result.failed == result.sent == 20
    assert result.throughput == 0.0
    assert result.response_time.percentile(95) is None


async def test_late_answers_are_no_throughput(server, get) -> None:
    async def operation(number: int) -> None:
        await get(f"{server.url}/slow?seconds=0.5")

    result = await run_open_loop(operation, constant(40, 1), name="late", time_limit=3, in_flight_cap=100)
    assert result.completed == 40
    assert 10 <= result.completed_in_window <= 21
    assert result.throughput == result.completed_in_window


async def test_distinct_errors_are_bounded() -> None:
    async def operation(number: int) -> None:
        raise TargetFailure(f"order {number} was lost")

    result = await run_open_loop(operation, constant(500, 0.4), name="chatty", time_limit=1, in_flight_cap=50)
    assert len(result.errors) == 51
    assert sum(result.errors.values()) == result.failed == 200


async def test_our_own_error_cancels_the_rest_and_comes_through() -> None:
    cancelled = 0

    async def operation(number: int) -> None:
        nonlocal cancelled
        if number == 5:
            raise KeyError("forgotten")
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled += 1
            raise

    before = len(asyncio.all_tasks())
    with pytest.raises(HarnessError, match="stage 'ours': KeyError") as caught:
        await run_open_loop(operation, constant(100, 20), name="ours", time_limit=60, in_flight_cap=100)
    assert isinstance(caught.value.__cause__, KeyError)
    assert cancelled == 5
    assert len(asyncio.all_tasks()) == before


async def test_a_wrong_declaration_stays_what_it_is() -> None:
    async def operation(number: int) -> None:
        raise NotSupported("this adapter has no recommend")

    with pytest.raises(NotSupported):
        await run_open_loop(operation, constant(10, 1), name="x", time_limit=1, in_flight_cap=1)


@pytest.mark.parametrize("error", [TimeoutError("of somebody else"), asyncio.CancelledError()])
async def test_a_stray_time_out_or_cancellation_is_our_error(error: BaseException) -> None:
    async def operation(number: int) -> None:
        raise error

    with pytest.raises(HarnessError):
        await run_open_loop(operation, constant(10, 1), name="x", time_limit=1, in_flight_cap=1)


async def test_an_error_in_the_progress_callback_is_our_error() -> None:
    async def operation(number: int) -> None:
        await asyncio.sleep(0)

    def on_progress(progress: StageProgress) -> None:
        raise ValueError("no such column")

    with pytest.raises(HarnessError, match="no such column"):
        await run_open_loop(
            operation, constant(10, 5), name="x", time_limit=1, in_flight_cap=1, on_progress=on_progress
        )


async def test_cancelling_a_stage_leaves_no_request_behind() -> None:
    async def operation(number: int) -> None:
        await asyncio.sleep(30)

    before = len(asyncio.all_tasks())
    stage = asyncio.create_task(run_open_loop(operation, constant(100, 20), name="x", time_limit=60, in_flight_cap=100))
    await asyncio.sleep(0.1)
    stage.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stage
    assert len(asyncio.all_tasks()) == before


async def test_progress_is_told_every_second() -> None:
    seen: list[StageProgress] = []

    async def operation(number: int) -> None:
        await asyncio.sleep(0.01)

    await run_open_loop(
        operation,
        constant(50, 1.3),
        name="told",
        time_limit=1,
        in_flight_cap=10,
        warm_up=constant(10, 0.9),
        on_progress=seen.append,
    )
    assert len(seen) == 2
    assert seen[0].elapsed_seconds == pytest.approx(0.1, abs=0.09)
    assert seen[1].completed > 40
    assert seen[1].planned_seconds == 1.3
    assert not seen[1].warming_up


async def test_stages_are_pooled_by_their_samples() -> None:
    async def operation(number: int) -> None:
        await asyncio.sleep(0)

    stages = [
        await run_open_loop(operation, constant(100, 0.2), name=name, time_limit=1, in_flight_cap=10)
        for name in ("first", "second")
    ]
    whole = pool("both", stages)
    assert whole.sent == whole.response_time.count == 40
    assert whole.window_seconds == pytest.approx(0.4)
    assert whole.offered_rate == pytest.approx(100)
    closed = await run_closed_loop(operation, 2, 2, name="closed", time_limit=1)
    with pytest.raises(HarnessError, match="one kind"):
        pool("mixed", [*stages, closed])


async def test_a_stage_nothing_can_be_sent_in_is_a_configuration_error() -> None:
    async def operation(number: int) -> None: ...

    with pytest.raises(ConfigurationError):
        await run_open_loop(operation, constant(1, 1), name="x", time_limit=0, in_flight_cap=1)
    with pytest.raises(ConfigurationError):
        await run_open_loop(operation, constant(1, 1), name="x", time_limit=1, in_flight_cap=0)
