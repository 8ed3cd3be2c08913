"""Journals, and real child processes to disturb."""

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from seatrial.events import FaultEvent, FaultPhase
from seatrial.faults.journal import Journal


@dataclass
class Told:
    """What a journal emitted."""

    events: list[FaultEvent] = field(default_factory=list)

    def __call__(self, event: FaultEvent) -> None:
        self.events.append(event)

    def phases(self, fault: str | None = None) -> list[str]:
        """Stations in order; one that was not reached has a minus."""
        return [
            ("" if event.ok else "-") + event.phase.value
            for event in self.events
            if fault is None or event.fault == fault
        ]

    def detail(self, phase: FaultPhase) -> str:
        return next(event.detail or "" for event in reversed(self.events) if event.phase is phase)


#: The stations of a fault that went well, without a stack around it.
WELL = ["planned", "probed", "injected", "verified", "released"]


@pytest.fixture
def well() -> list[str]:
    return WELL


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journals"


@pytest.fixture
def journal(folder: Path, told: Told) -> Iterator[Journal]:
    with Journal(folder, run_id="run-1", category="real_world_scenarios", scenario="outage", emit=told) as journal:
        yield journal


class Child:
    """A process of ours that does one thing for each line it is told, and answers with a line."""

    def __init__(self, code: str) -> None:
        self._code = code
        self._process: asyncio.subprocess.Process | None = None
        self.starts = 0

    @property
    def process_id(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        self.starts += 1
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-c",
            self._code,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert await self.ask("hello")

    async def ask(self, line: str, *, within_seconds: float = 20.0) -> str:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()
        return (await asyncio.wait_for(self._process.stdout.readline(), within_seconds)).decode().strip()

    async def end(self) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()


#: Evaluates each line and prints the answer or the name of the exception.
EVALUATOR = """
import sys
hello = "hello"
for line in sys.stdin:
    try:
        answer = eval(line)
    except Exception as error:
        answer = f"{type(error).__name__} {getattr(error, 'errno', '')}".strip()
    print(answer, flush=True)
"""


@pytest.fixture
async def child():
    child = Child(EVALUATOR)
    await child.start()
    try:
        yield child
    finally:
        await child.end()
