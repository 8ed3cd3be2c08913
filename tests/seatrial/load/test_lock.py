from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.errors import HarnessError
from seatrial.load.lock import default_lock_path, measuring_lock

HOLDER = """
import asyncio, sys
from pathlib import Path
from seatrial.load.lock import measuring_lock

async def main():
    async with measuring_lock("the other stage", path=Path(sys.argv[1])):
        print("held", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "measuring.lock"


def hold(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


async def test_stages_of_one_process_take_turns(path: Path) -> None:
    running = 0

    async def stage() -> None:
        nonlocal running
        async with measuring_lock("a stage", path=path):
            running += 1
            assert running == 1
            await asyncio.sleep(0.05)
            running -= 1

    await asyncio.gather(*(stage() for _ in range(3)))


async def test_it_says_whom_it_waits_for_and_goes_on_when_the_holder_dies(path: Path) -> None:
    holder = hold(path)
    messages: list[str] = []
    holders: list[str] = []
    try:

        async def wait() -> None:
            async with measuring_lock("mine", path=path, on_wait=messages.append):
                holders.append(path.read_text())  # noqa: ASYNC240 - one line

        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0.3)
        assert not waiting.done()
        assert len(messages) == 1
        assert f"process {holder.pid}, the other stage" in messages[0]
    finally:
        holder.kill()
        holder.communicate()
    await asyncio.wait_for(waiting, 5)
    assert holders == [f"process {os.getpid()}, mine\n"]


async def test_waiting_has_a_limit(path: Path) -> None:
    async with measuring_lock("first", path=path):
        with pytest.raises(HarnessError, match="still held by process"):
            async with measuring_lock("second", path=path, wait_limit=0.2):
                pass


async def test_a_leftover_file_is_no_lock(path: Path) -> None:
    path.write_text("process 1, long ago\n")  # noqa: ASYNC240 - one line
    async with measuring_lock("now", path=path, wait_limit=0):
        pass


async def test_a_folder_that_is_not_there_is_our_error(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="TMPDIR"):
        async with measuring_lock("x", path=tmp_path / "missing" / "lock"):
            pass


def test_the_lock_is_one_for_the_machine() -> None:
    assert default_lock_path() == default_lock_path()
    assert default_lock_path().is_absolute()
