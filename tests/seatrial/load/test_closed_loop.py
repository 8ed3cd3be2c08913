from __future__ import annotations

import asyncio

import pytest

from seatrial.errors import ConfigurationError, HarnessError
from seatrial.load.closed_loop import run_closed_loop


async def test_users_ask_one_after_the_other(server, get) -> None:
    active: dict[int, int] = {}

    async def operation(number: int) -> None:
        user = number // 4
        active[user] = active.get(user, 0) + 1
        assert active[user] == 1
        await get(f"{server.url}/slow?seconds=0.05")
        active[user] -= 1

    result = await run_closed_loop(operation, 5, 4, name="5 x 4", time_limit=5)
    assert result.kind == "closed"
    assert result.offered == result.sent == result.completed == 20
    assert result.slip.count == 0
    assert result.offered_rate is None
    assert result.guard.slip_p99 is None
    assert 0.2 <= result.window_seconds < 2
    assert result.throughput == pytest.approx(20 / result.window_seconds)


async def test_failures_and_time_outs_are_counted_and_the_user_goes_on(server, get) -> None:
    async def operation(number: int) -> None:
        await get(f"{server.url}/{('ok', 'broken', 'slow?seconds=5')[number % 3]}")

    result = await run_closed_loop(operation, 2, 6, name="mixed", time_limit=0.3)
    assert (result.completed, result.failed, result.timed_out) == (4, 4, 4)
    assert result.response_time.answered == 4
    assert result.response_time.unanswered == 4


async def test_our_own_error_cancels_the_other_users() -> None:
    async def operation(number: int) -> None:
        if number == 3:
            raise RuntimeError("ours")
        await asyncio.sleep(30)

    with pytest.raises(HarnessError, match="RuntimeError: ours"):
        await run_closed_loop(operation, 4, 1, name="x", time_limit=60)


@pytest.mark.parametrize(("users", "operations", "limit"), [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
async def test_nobody_doing_nothing_is_a_configuration_error(users: int, operations: int, limit: float) -> None:
    async def operation(number: int) -> None: ...

    with pytest.raises(ConfigurationError):
        await run_closed_loop(operation, users, operations, name="x", time_limit=limit)
