import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from seatrial.errors import TargetFailure
from seatrial.scenarios import market_feed
from seatrial.scenarios.market_feed import Feed, Reader, TargetClock, Update
from seatrial.target.records import IngestResult, MarketState, Quote, Rejection

START = datetime(2013, 3, 1, 14, 30, tzinfo=UTC)


@dataclass
class Market:
    """Takes quotes in and shows the newest; its faults are switches."""

    frozen_after: int | None = None
    refuses_every: int | None = None
    fails_reads: bool = False
    empty: bool = False
    age: timedelta = timedelta()
    shown: dict = field(default_factory=dict)
    pushes: int = 0

    async def push_quotes(self, quotes):
        self.pushes += 1
        if self.refuses_every and self.pushes % self.refuses_every == 0:
            return IngestResult(
                accepted=0, duplicates=0, rejected=1, rejections=(Rejection(index=0, rule="outlier", detail=None),)
            )
        if self.frozen_after is None or self.pushes <= self.frozen_after:
            self.shown[quotes[0].symbol] = quotes[0]
        return IngestResult(accepted=len(quotes), duplicates=0, rejected=0)

    async def market(self, symbol):
        if self.fails_reads:
            raise TargetFailure("status 500", kind="status")
        quote = None if self.empty else self.shown.get(symbol)
        return MarketState(
            symbol=symbol,
            spot=100.0,
            bid=quote and quote.bid,
            ask=quote and quote.ask,
            as_of=quote and quote.ts - self.age,
            age_seconds=0.0,
            state="fresh",
            evidence="simulated",
        )


def update(number: int, now: datetime) -> Update:
    bid = 100.0 + number
    return Update(underlying="AAPL", quotes=(Quote(symbol="AAPL", ts=now, bid=bid, ask=bid + 0.1),))


@pytest.fixture
def watch(monkeypatch):
    """Feed and read a market for half a second, with a grace of a tenth."""
    monkeypatch.setattr(market_feed, "GRACE_SECONDS", 0.1)
    monkeypatch.setattr(market_feed, "READS_PER_SECOND", 100.0)

    async def watched(market):
        clock = TargetClock(START)
        feed = Feed(market, update, clock)
        reader = Reader(market, ["AAPL"], feed, clock)
        async with feed.running(60 * 20), reader.running() as seen:
            await asyncio.sleep(0.6)
        return feed, seen

    return watched


async def test_a_fresh_market_is_fresh(watch):
    feed, seen = await watch(Market())
    assert feed.updates >= 8
    assert seen.judged >= 20
    assert seen.stale == 0
    assert seen.oldest_seconds < 1


async def test_a_frozen_market_is_stale_although_it_acknowledges(watch):
    feed, seen = await watch(Market(frozen_after=1))
    assert feed.updates >= 8
    assert seen.stale > seen.judged / 2


async def test_an_old_stamp_is_an_old_age(watch):
    _, seen = await watch(Market(age=timedelta(minutes=10)))
    assert seen.oldest_seconds >= 600


async def test_looks_without_an_answer_are_not_fresh(watch):
    for market in (Market(fails_reads=True), Market(empty=True)):
        _, seen = await watch(market)
        assert seen.judged > 0
        assert seen.stale == seen.judged
        assert seen.reads == 0


async def test_what_was_never_acknowledged_cannot_be_judged(watch):
    feed, seen = await watch(Market(refuses_every=1))
    assert feed.updates == 0
    assert "outlier" in feed.failures[0]
    assert (seen.judged, seen.stale) == (0, 0)


async def test_an_odd_refusal_leaves_the_others_fresh(watch):
    feed, seen = await watch(Market(refuses_every=3))
    assert feed.failures
    assert seen.stale == 0


async def test_an_error_of_ours_in_the_feed_is_not_lost():
    def broken(number, now):
        raise KeyError("ours")

    with pytest.raises(KeyError):
        async with Feed(Market(), broken, TargetClock(START)).running(6000):
            await asyncio.sleep(0.05)
