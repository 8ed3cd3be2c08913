"""The two kinds of saboteur that the catalogue is made of."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from seatrial.sabotage.proxy import Meddler, lying_proxy
from seatrial.target.sabotage import Launch, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class WireSaboteur:
    """A defect in what the target says or hears: a lying proxy before a healthy server.

    Parameters
    ----------
    meddler
        Makes a fresh meddler for a launch, so that no state outlives a run.
    """

    id: str
    title: str
    expected: tuple[str, ...]
    meddler: Callable[[Launch], Meddler]
    level: Level = "answers"

    @asynccontextmanager
    async def sabotage(self, launch: Launch) -> AsyncIterator[str]:
        """Start the healthy target and put the proxy before it."""
        upstream = await launch()
        async with lying_proxy(upstream, self.meddler(launch)) as url:
            yield url


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSaboteur:
    """A defect of the target's process or of what surrounds it.

    Parameters
    ----------
    start
        Starts the target with the defect in place and returns its address.
    meanwhile
        Goes on as long as the target runs, where it would heal the defect by itself.
    """

    id: str
    title: str
    expected: tuple[str, ...]
    start: Callable[[Launch], Awaitable[str]]
    meanwhile: Callable[[Launch], Coroutine[None, None, None]] | None = None
    level: Level = "process"

    @asynccontextmanager
    async def sabotage(self, launch: Launch) -> AsyncIterator[str]:
        """Start the target with the defect."""
        url = await self.start(launch)
        if self.meanwhile is None:
            yield url
            return
        going_on = asyncio.create_task(self.meanwhile(launch))
        try:
            yield url
        finally:
            going_on.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await going_on


def wrapped_in(module: str, *options: str) -> Callable[[Sequence[str]], Sequence[str]]:
    """Turn a command line into one that runs it as the child of a Python module."""
    return lambda argv: (sys.executable, "-m", module, *options, "--", *argv)
