"""A feed into the target and a reader of what comes out, so that freshness is measured and not believed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from seatrial.errors import TargetFailure
from seatrial.target.protocol import TradingSystem
from seatrial.target.records import MarketState, Quote

#: How long a target may take to show what it has acknowledged.
GRACE_SECONDS = 1.0
#: How often the reader looks; 299 judged looks within 15 s bound a rate of one in a hundred.
READS_PER_SECOND = 24.0


class TargetClock:
    """The target's own now, read once and carried on with our clock."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._read_at = asyncio.get_running_loop().time()

    def now(self) -> datetime:
        """The target's time."""
        return self._now + timedelta(seconds=asyncio.get_running_loop().time() - self._read_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One message of a feed: quotes of one underlying and its options, all of one moment."""

    underlying: str
    quotes: tuple[Quote, ...]

    @property
    def content(self) -> tuple[float | None, float | None]:
        """What a reader of the underlying can tell it by."""
        quote = next(quote for quote in self.quotes if quote.symbol == self.underlying)
        return quote.bid, quote.ask


@dataclass(slots=True)
class Acknowledged:
    """What the target said it has taken in of one underlying: each content with the time of its acknowledgement."""

    contents: list[tuple[float | None, float | None]] = field(default_factory=list)
    at: list[float] = field(default_factory=list)

    def newest_before(self, moment: float) -> int | None:
        """Index of the newest update acknowledged by a moment."""
        known = [index for index, at in enumerate(self.at) if at <= moment]
        return known[-1] if known else None


class Feed:
    """Pushes an update at a steady pace and keeps what was acknowledged."""

    def __init__(self, target: TradingSystem, make: Callable[[int, datetime], Update], clock: TargetClock) -> None:
        self._target = target
        self._make = make
        self._clock = clock
        self.acknowledged: dict[str, Acknowledged] = {}
        self.pushed: dict[str, tuple[float | None, float | None]] = {}
        self.updates = 0
        self._next = 0
        self.quotes_accepted = 0
        self.failures: list[str] = []

    async def push(self) -> None:
        """Push the next update; a refused quote in it is a failure of the target, for they are all good."""
        update = self._make(self._next, self._clock.now())
        self._next += 1
        self.pushed[update.underlying] = update.content
        result = await self._target.push_quotes(update.quotes)
        if result.rejected:
            first = result.rejections[0] if result.rejections else None
            raise TargetFailure(f"{result.rejected} of {len(update.quotes)} good quotes rejected, the first by {first}")
        known = self.acknowledged.setdefault(update.underlying, Acknowledged())
        known.contents.append(update.content)
        known.at.append(asyncio.get_running_loop().time())
        self.updates += 1
        self.quotes_accepted += result.accepted + result.duplicates

    @contextlib.asynccontextmanager
    async def running(self, updates_per_minute: float) -> AsyncIterator[None]:
        """Push one update after the other meanwhile, each when it is due or when the one before has been acknowledged."""
        task = asyncio.create_task(self._run(60 / updates_per_minute))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self, interval: float) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        number = 0
        while True:
            try:
                await self.push()
            except TargetFailure as failure:
                self.failures.append(failure.detail)
            number += 1
            await asyncio.sleep(max(0.0, started + number * interval - loop.time()))


@dataclass(slots=True)
class Freshness:
    """What a reader saw.

    Parameters
    ----------
    reads
        Answers with an instant, from which an age follows.
    judged
        Looks that could be told fresh or stale: something had been acknowledged long enough before.
    stale
        Judged looks that showed older content than that, or nothing.
    """

    reads: int = 0
    judged: int = 0
    stale: int = 0
    oldest_seconds: float = 0.0
    failures: list[str] = field(default_factory=list)


class Reader:
    """Reads underlyings at a steady pace and compares each answer with what was acknowledged before it was asked."""

    def __init__(self, target: TradingSystem, symbols: Sequence[str], feed: Feed, clock: TargetClock) -> None:
        self._target = target
        self._symbols = tuple(symbols)
        self._feed = feed
        self._clock = clock
        self.seen = Freshness()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Freshness]:
        """Read meanwhile."""
        task = asyncio.create_task(self._run())
        try:
            yield self.seen
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        number = 0
        while True:
            symbol = self._symbols[number % len(self._symbols)]
            asked = loop.time()
            try:
                state = await self._target.market(symbol)
            except TargetFailure as failure:
                self.seen.failures.append(failure.detail)
                state = None
            self._judge(symbol, state, asked)
            number += 1
            await asyncio.sleep(max(0.0, started + number / READS_PER_SECOND - loop.time()))

    def _judge(self, symbol: str, state: MarketState | None, asked: float) -> None:
        if state is not None and state.as_of is not None:
            self.seen.reads += 1
            age = (self._clock.now() - state.as_of).total_seconds()
            self.seen.oldest_seconds = max(self.seen.oldest_seconds, age, state.age_seconds or 0.0)
        known = self._feed.acknowledged.get(symbol)
        due = None if known is None else known.newest_before(asked - GRACE_SECONDS)
        if known is None or due is None:
            return
        self.seen.judged += 1
        # What is shown must be what was acknowledged a while ago, or anything pushed since; what is not answered shows nothing.
        shown = None if state is None or state.as_of is None else (state.bid, state.ask)
        if shown is None or shown not in (*known.contents[due:], self._feed.pushed.get(symbol)):
            self.seen.stale += 1
