"""Supervision of a server process that the harness started, and of no other."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from seatrial.errors import HarnessError, TargetFailure

#: How long a server may take to announce its address, and to end after SIGTERM.
START_SECONDS = 60.0
STOP_SECONDS = 10.0
#: The kind of failure of a server that refused its usage or configuration.
REFUSED_TO_START = "configuration"
_WRONG_CONFIGURATION = 4


class ServerProcess:
    """One child process in a session of its own, its output in a log file.

    The child announces itself with one JSON line ``{"event": "listening", "url": ...}`` on standard output.

    Parameters
    ----------
    argv
        Command line; never holds a secret, command lines are public.
    env
        The child's whole environment.
    cwd, log
        Working directory, and the file that takes standard error.
    """

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> None:
        self.argv = tuple(argv)
        self.log = log
        self._env = dict(env)
        self._cwd = cwd
        self._process: asyncio.subprocess.Process | None = None
        self._draining: asyncio.Task[None] | None = None

    @property
    def process_id(self) -> int:
        """The child's process id; only while it was started by us."""
        if self._process is None:
            raise HarnessError(f"{self.argv[0]} has not been started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the child was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def start(self, *, within_seconds: float = START_SECONDS) -> str:
        """Start the child and return the address it announces.

        Raises
        ------
        TargetFailure
            The child ended or stayed silent; the message holds the end of its log.
        """
        if self.running:
            raise HarnessError(f"process {self.process_id} is running already")
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.argv,
                env=self._env,
                cwd=self._cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        try:
            url = await asyncio.wait_for(self._announcement(), within_seconds)
        except TimeoutError:
            await self.kill()
            raise TargetFailure(
                f"the server did not announce its address within {within_seconds:g} s; its log ends:\n{self.tail()}",
                kind="timeout",
            ) from None
        except BaseException:
            await self.kill()
            raise
        self._draining = asyncio.create_task(self._drain())
        return url

    async def _drain(self) -> None:
        """Read on and throw away: a child whose pipe is full stands still in the middle of its work."""
        assert self._process is not None
        assert self._process.stdout is not None
        while await self._process.stdout.read(1 << 16):
            pass

    async def _announcement(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if isinstance(message, dict) and message.get("event") == "listening" and "url" in message:
                return str(message["url"])
        code = await self._process.wait()
        raise TargetFailure(
            f"the server ended with exit code {code} before it listened; its log ends:\n{self.tail()}",
            kind=REFUSED_TO_START if code == _WRONG_CONFIGURATION else "start",
        )

    def tail(self, lines: int = 15) -> str:
        """The end of the child's log."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the child's process group; a child that is gone is left alone."""
        if self.running:
            try:
                os.killpg(self.process_id, number)
            except ProcessLookupError:
                return

    async def stop(self) -> int:
        """End the child with SIGTERM, after a while with SIGKILL; return its exit code."""
        assert self._process is not None
        self.signal(signal.SIGTERM)
        try:
            code = await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except TimeoutError:
            return await self.kill()
        await self._let_go()
        return code

    async def kill(self) -> int:
        """End the child with SIGKILL and wait for it."""
        assert self._process is not None
        self.signal(signal.SIGKILL)
        code = await self._process.wait()
        await self._let_go()
        return code

    async def _let_go(self) -> None:
        """Stop reading; a grandchild that has left the group may hold the pipe open for long."""
        if self._draining is not None:
            self._draining.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._draining
            self._draining = None
