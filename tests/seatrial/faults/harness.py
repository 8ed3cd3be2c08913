"""A harness of its own, for the tests that interrupt one: injects every fault that outlives a process, and waits.

Usage: ``python harness.py <folder of journals> <folder of data>``. Prints one line of JSON when the faults are in force.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
from pathlib import Path

from seatrial.faults.corruption import FlipBytes
from seatrial.faults.database_lock import HeldLock
from seatrial.faults.journal import Journal
from seatrial.faults.limits import MemoryLimit
from seatrial.faults.process import Pause
from seatrial.faults.storage import DiskFull, ReadOnly


class Sleeper:
    """A target of this harness."""

    def __init__(self) -> None:
        code = "import time; time.sleep(120)"
        self.process_id = subprocess.Popen(
            [sys.executable, "-I", "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        ).pid


async def run(journals: Path, data: Path, sleeper: Sleeper) -> None:
    with Journal(journals, run_id="killed", category="c", scenario="s", emit=lambda _event: None) as journal:
        async with contextlib.AsyncExitStack() as stack:
            lock = HeldLock(journal, data / "database")
            for fault in (
                MemoryLimit(journal, sleeper, headroom_bytes=50_000_000),
                DiskFull(journal, sleeper, file_bytes=1_000_000),
                Pause(journal, sleeper),
                FlipBytes(journal, data / "page", offsets=(1, 2)),
                ReadOnly(journal, [data / "held"]),
                lock,
            ):
                await stack.enter_async_context(fault)
            print(json.dumps({"target": sleeper.process_id}), flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), Path(sys.argv[2]), Sleeper()))
