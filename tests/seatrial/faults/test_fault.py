import asyncio

import pytest

from seatrial.errors import HarnessError, TargetFailure
from seatrial.faults.errors import FaultNotPossible, FaultNotReleased, FaultNotVerified, Obstacle
from seatrial.faults.fault import Fault, uninterrupted
from seatrial.faults.journal import Journal
from seatrial.faults.stack import FaultStack


class Toy(Fault):
    """Keeps a list of what was done, in which order."""

    def __init__(self, journal, log, name="toy", *, breaks=(), obstacle=None, slow=0.0):
        super().__init__(journal)
        self.name = name
        self.log = log
        self.breaks = breaks
        self.obstacle = obstacle
        self.slow = slow

    def describe(self):
        return self.name

    async def probe(self):
        return self.obstacle

    async def inject(self):
        self.log.append(f"inject {self.name}")
        self._break("inject")

    async def verify(self):
        self._break("verify")
        return "seen"

    async def release(self):
        await asyncio.sleep(self.slow)
        self.log.append(f"release {self.name}")
        self._break("release")
        return "off"

    def _break(self, where):
        if where in self.breaks:
            raise FaultNotVerified(where) if where == "verify" else RuntimeError(where)


async def steady():
    return


async def test_the_stations_of_a_fault(journal, told, well):
    log = []
    async with Toy(journal, log) as fault:
        assert fault.entry is not None
        assert log == ["inject toy"]
    assert log == ["inject toy", "release toy"]
    assert told.phases() == well
    assert [event.detail for event in told.events] == ["toy", None, None, "seen", "off"]


async def test_an_obstacle_changes_nothing(journal, told):
    log = []
    with pytest.raises(FaultNotPossible, match="no privilege") as caught:
        async with Toy(journal, log, obstacle=Obstacle(reason="no privilege", cause="privilege")):
            pytest.fail("not possible")
    assert caught.value.obstacle.cause == "privilege"
    assert log == []
    assert told.phases() == ["planned", "-probed"]


@pytest.mark.parametrize(
    ("where", "phases"),
    [
        ("inject", ["planned", "probed", "-injected", "released"]),
        ("verify", ["planned", "probed", "injected", "-verified", "released"]),
    ],
)
async def test_what_breaks_half_way_is_released(journal, told, where, phases):
    log = []
    with pytest.raises((RuntimeError, FaultNotVerified), match=where):
        async with Toy(journal, log, breaks=[where]):
            pytest.fail("not in force")
    assert log == ["inject toy", "release toy"]
    assert told.phases() == phases


async def test_it_is_released_after_an_exception(journal, told, well):
    log = []
    with pytest.raises(TargetFailure):
        async with Toy(journal, log):
            raise TargetFailure("wrong")
    assert log[-1] == "release toy"
    assert told.phases() == well


async def test_it_is_released_to_the_end_however_often_it_is_cancelled(journal, told, well):
    log = []
    inside = asyncio.Event()

    async def scenario():
        async with Toy(journal, log, slow=0.3):
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(scenario())
    await inside.wait()
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.05)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["inject toy", "release toy"]
    assert told.phases() == well


async def test_a_release_that_takes_too_long_is_told(journal, told, monkeypatch):
    monkeypatch.setattr("seatrial.faults.fault.RELEASE_SECONDS", 0.05)
    with pytest.raises(FaultNotReleased, match="TimeoutError"):
        async with Toy(journal, [], slow=5):
            pass
    assert told.phases()[-1] == "-released"


async def test_a_fault_is_entered_once_at_a_time(journal):
    async with Toy(journal, []) as fault:
        with pytest.raises(HarnessError, match="in force already"):
            await fault.__aenter__()


async def test_uninterrupted_work_gives_its_result_or_its_error():
    async def work(broken):
        await asyncio.sleep(0)
        return 1 / broken

    assert await uninterrupted(work(1)) == 1
    with pytest.raises(ZeroDivisionError):
        await uninterrupted(work(0))


async def test_a_stack_releases_last_in_first_out_and_waits_for_the_steady_state(journal, told):
    log, asked = [], []

    async def steady_in_time():
        asked.append(tuple(log))
        if len(asked) < 3:
            raise TargetFailure("not yet")

    async with FaultStack(journal, steady_state=steady_in_time) as faults:
        for name in "abc":
            await faults.enter(Toy(journal, log, name))
    assert log == ["inject a", "inject b", "inject c", "release c", "release b", "release a"]
    assert asked == [tuple(log)] * 3
    assert told.phases("a") == ["planned", "probed", "injected", "verified", "released", "restored"]


async def test_one_release_that_fails_does_not_keep_the_others(journal, told):
    log = []

    async def scenario():
        async with FaultStack(journal, steady_state=steady) as faults:
            await faults.enter(Toy(journal, log, "a"))
            await faults.enter(Toy(journal, log, "b", breaks=["release"]))
            await faults.enter(Toy(journal, log, "c"))

    with pytest.raises(FaultNotReleased):
        await scenario()
    assert log[3:] == ["release c", "release b", "release a"]


async def test_a_fault_that_cannot_be_had_releases_those_before_it(journal):
    log = []

    async def scenario():
        async with FaultStack(journal, steady_state=steady) as faults:
            await faults.enter(Toy(journal, log, "a"))
            await faults.enter(Toy(journal, log, "b", obstacle=Obstacle(reason="no")))

    with pytest.raises(FaultNotPossible):
        await scenario()
    assert log == ["inject a", "release a"]


async def test_a_target_that_does_not_recover_has_failed(journal, told):
    async def never():
        raise TargetFailure("503")

    with pytest.raises(TargetFailure, match=r"no steady state within 0\.2 s.*503"):
        async with FaultStack(journal, steady_state=never, within_seconds=0.2) as faults:
            await faults.enter(Toy(journal, []))
    assert told.phases()[-1] == "-restored"


async def test_a_failure_inside_is_not_hidden_by_one_after_it(journal):
    async def never():
        raise TargetFailure("503")

    async def scenario():
        async with FaultStack(journal, steady_state=never, within_seconds=0.1) as faults:
            await faults.enter(Toy(journal, []))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        await scenario()
    assert "no steady state" in caught.value.__notes__[0]


async def test_releasing_early_leaves_nothing_for_the_end(journal, told):
    log = []
    async with FaultStack(journal, steady_state=steady) as faults:
        await faults.enter(Toy(journal, log))
        await faults.release_all()
        log.append("invariants")
    assert log == ["inject toy", "release toy", "invariants"]
    assert told.phases().count("restored") == 1


async def test_a_fault_of_another_journal_is_refused(journal, folder, told):
    with Journal(folder, run_id="r", category="c", scenario="s", emit=told) as other:
        async with FaultStack(journal, steady_state=steady) as faults:
            with pytest.raises(HarnessError, match="another journal"):
                await faults.enter(Toy(other, []))
