"""Locust's processes: started with what they need to know, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import seatrial
from seatrial.errors import ConfigurationError, HarnessError
from seatrial.load.locust_job import JOB_VARIABLE, KEY_VARIABLE, OWNED_VARIABLE

__all__ = ["LocustProcesses", "require_locust"]

_GRACE_SECONDS = 5.0
_TAIL = 1500


def require_locust() -> None:
    """Raise a ``ConfigurationError`` where Locust is not installed. Looks for it without importing it."""
    if importlib.util.find_spec("locust") is None:
        raise ConfigurationError("Locust is not installed; install it with: pip install 'seatrial[load]'")


class LocustProcesses:
    """Processes that end with the block: all of them, whatever happens in it.

    Parameters
    ----------
    folder
        Where they run and their logs go.
    key
        The target's key, for their environment.
    """

    def __init__(self, folder: Path, key: str | None) -> None:
        self._folder = folder
        self._environment = _environment(folder, key)
        self._running: list[asyncio.subprocess.Process] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            for process in self._running:
                _signal(process, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GRACE_SECONDS):
                    await asyncio.gather(*(process.wait() for process in self._running))
        finally:
            for process in self._running:
                _signal(process, signal.SIGKILL)
            await asyncio.shield(asyncio.gather(*(process.wait() for process in self._running)))

    async def start(self, command: Sequence[str], name: str) -> asyncio.subprocess.Process:
        """Start a process with its log in ``<name>.log``.

        Raises
        ------
        HarnessError
            The command cannot be run.
        """
        with self._log(name).open("wb") as log:
            try:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    cwd=self._folder,
                    env=self._environment,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    # A group of its own: its forks are ended with it, and a Ctrl-C comes through us.
                    start_new_session=True,
                )
            except OSError as error:
                raise HarnessError(f"cannot start Locust with {command[0]!r}: {error}") from error
        self._running.append(process)
        return process

    def tail(self, name: str) -> str:
        """The end of a process's log."""
        return self._log(name).read_text(encoding="utf-8", errors="replace")[-_TAIL:].strip()

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


def _environment(folder: Path, key: str | None) -> dict[str, str]:
    # Settings of Locust that somebody exported are meant for other runs.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    # The processes run in another folder; they find the same seatrial as we did.
    paths = [str(Path(seatrial.__file__).resolve().parents[1])]
    paths += [str(Path(path).resolve()) for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    environment[JOB_VARIABLE] = str(folder / "job.json")
    environment[OWNED_VARIABLE] = "1"
    environment.pop(KEY_VARIABLE, None)
    if key is not None:
        environment[KEY_VARIABLE] = key
    return environment


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Signal a process (SIGTERM) or its whole group (SIGKILL), which may outlive its leader."""
    with contextlib.suppress(ProcessLookupError):
        if number is signal.SIGKILL:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
