from datetime import UTC, datetime, timedelta

import pytest

from seatrial.errors import ConfigurationError
from seatrial.faults.clock import ClockStep
from seatrial.faults.errors import FaultNotVerified
from seatrial.faults.safety import ProcessIdentity


class Clocked:
    """A child process whose clock is the machine's, or starts where it is told to."""

    def __init__(self, child):
        self.child = child

    @property
    def process_id(self) -> int:
        return self.child.process_id

    async def restart_at(self, at: datetime | None) -> None:
        await self.child.end()
        await self.child.start()
        start = "None" if at is None else repr(at.timestamp() - datetime.now(UTC).timestamp())
        await self.child.ask(f"globals().update(shift={start}) or 1")

    async def now(self) -> datetime:
        text = await self.child.ask("__import__('time').time() + (globals().get('shift') or 0)")
        return datetime.fromtimestamp(float(text), UTC)


@pytest.mark.parametrize("step", [timedelta(hours=2), timedelta(days=-1)])
async def test_the_target_runs_on_a_stepped_clock_and_then_on_its_own(journal, told, well, child, step):
    target = Clocked(child)
    async with ClockStep(journal, target, step=step, restart_at=target.restart_at, now=target.now):
        stepped = ProcessIdentity.of(target.process_id)
        assert abs(await target.now() - datetime.now(UTC) - step) < timedelta(seconds=30)
    assert not stepped.running
    assert abs(await target.now() - datetime.now(UTC)) < timedelta(seconds=30)
    assert told.phases() == well


async def test_a_clock_that_does_not_move_is_not_verified_and_the_target_is_restarted(journal, child, told):
    target = Clocked(child)

    async def ignored(_at: datetime | None) -> None:
        await target.restart_at(None)

    with pytest.raises(FaultNotVerified, match="expected"):
        async with ClockStep(journal, target, step=timedelta(hours=1), restart_at=ignored, now=target.now):
            pytest.fail("it is not in force")
    assert child.starts == 3
    assert told.phases() == ["planned", "probed", "injected", "-verified", "released"]


async def test_a_target_that_was_not_restarted_has_no_stepped_clock(journal, child):
    target = Clocked(child)

    async def nothing(_at: datetime | None) -> None:
        return

    with pytest.raises(FaultNotVerified, match="not restarted"):
        async with ClockStep(journal, target, step=timedelta(hours=1), restart_at=nothing, now=target.now):
            pytest.fail("it is not in force")
    assert await child.ask("1") == "1"


def test_a_step_that_nobody_could_see_is_refused(journal, child):
    target = Clocked(child)
    with pytest.raises(ConfigurationError, match="not more than the tolerance"):
        ClockStep(journal, target, step=timedelta(seconds=5), restart_at=target.restart_at, now=target.now)
