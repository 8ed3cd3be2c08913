import os
import resource
import signal

import pytest

from seatrial.errors import ConfigurationError
from seatrial.events import FaultPhase
from seatrial.faults.errors import FaultNotPossible, FaultNotVerified
from seatrial.faults.limits import MemoryLimit


async def test_a_large_allocation_fails_under_the_memory_limit_and_works_again(journal, child, told, well):
    large = "len(bytearray(200_000_000))"
    assert await child.ask(large) == "200000000"
    async with MemoryLimit(journal, child, headroom_bytes=50_000_000):
        assert await child.ask(large) == "MemoryError"
        assert await child.ask("1 + 1") == "2"
    assert await child.ask(large) == "200000000"
    assert told.phases() == well


async def test_a_process_that_dies_of_the_limit_is_started_again(journal, child):
    async with MemoryLimit(journal, child, headroom_bytes=1_000_000, restart=child.start):
        os.kill(child.process_id, signal.SIGKILL)
        await child.end()
    assert child.starts == 2
    assert await child.ask("1 + 1") == "2"


async def test_a_limit_that_was_there_before_is_there_again(journal, child):
    resource.prlimit(child.process_id, resource.RLIMIT_AS, (8 << 40, resource.RLIM_INFINITY))
    async with MemoryLimit(journal, child, headroom_bytes=0):
        assert resource.prlimit(child.process_id, resource.RLIMIT_AS)[0] < 8 << 40
    assert resource.prlimit(child.process_id, resource.RLIMIT_AS) == (8 << 40, resource.RLIM_INFINITY)


async def test_a_hard_limit_below_the_one_that_is_asked_for_stands_in_the_way(journal, child, told):
    resource.prlimit(child.process_id, resource.RLIMIT_AS, (4 << 30, 4 << 30))
    with pytest.raises(FaultNotPossible, match="hard limit"):
        async with MemoryLimit(journal, child, headroom_bytes=8 << 30):
            pytest.fail("it cannot be had")
    assert told.detail(FaultPhase.PROBED).startswith(f"process {child.process_id}")


async def test_a_limit_that_something_lifted_is_not_verified(journal, child):
    class Lifted(MemoryLimit):
        async def inject(self):
            await super().inject()
            resource.prlimit(child.process_id, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    with pytest.raises(FaultNotVerified, match="Max address space is -1"):
        async with Lifted(journal, child, headroom_bytes=0):
            pytest.fail("it is not in force")


def test_a_headroom_below_nothing_is_refused(journal, child):
    with pytest.raises(ConfigurationError, match="headroom_bytes is -1"):
        MemoryLimit(journal, child, headroom_bytes=-1)
