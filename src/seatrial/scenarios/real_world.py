"""Real-world scenarios: what the market does on a day that matters."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from seatrial.exchange.sessions import SessionKind, spot_path
from seatrial.exchange.simulator import Requoter
from seatrial.scenarios.context import ProductionContext
from seatrial.scenarios.market_feed import Feed, Reader, TargetClock, Update
from seatrial.scenarios.stress import asking_for_advice, open_accounts
from seatrial.target.protocol import TradingSystem
from seatrial.target.records import Chain, Quote
from seatrial.verdict.measurement import Rate, Scalar, Unit

#: Messages of a chain a minute; the specification asks for a hundred and more.
UPDATES_PER_MINUTE = 150.0
#: Contracts re-quoted by one message, the nearest to the money first.
CONTRACTS_PER_UPDATE = 60
#: Share of the updates that may go wrong: an odd one costs freshness, which is judged; more than that is a broken intake.
FEED_FAILURES = 0.05
#: Of the opening's path; the same one in every run, so that runs compare.
SEED = 20_130_301


class RealWorldScenarios:
    """Scenarios of category ``real_world_scenarios``; subclass it in a test file, or run it as it is."""

    async def test_market_open(self, advisor: TradingSystem, production_context: ProductionContext) -> None:
        """The first minutes of a session: the chain moves all the time while users ask what to do."""
        async with production_context("Market Open") as ctx:
            ctx.need("market", "books", "advice")
            ctx.need_own_symbols()
            plan = ctx.plan("market_open")
            async with ctx.step("pre-market preparation"):
                chains = [await advisor.chain(symbol) for symbol in advisor.symbols]
                accounts = await open_accounts(ctx, advisor, max(plan.users), purpose="open")
                clock = TargetClock((await advisor.about()).now)
                feed = Feed(advisor, SimulatedOpening(chains, minutes=(plan.seconds or 0.0) / 60 + 1), clock)
                for _ in chains:
                    await feed.push()
                before = feed.updates
            reader = Reader(advisor, advisor.symbols, feed, clock)
            loop = asyncio.get_running_loop()
            started = loop.time()
            async with feed.running(UPDATES_PER_MINUTE), reader.running() as seen:
                load = await ctx.open_loop("users", asking_for_advice(advisor, accounts), plan)
            minutes = (loop.time() - started) / 60
            ctx.judge_load(load)
            ctx.measure(
                "updates_per_minute",
                Scalar(value=(feed.updates - before) / minutes, samples=feed.updates - before),
                Unit.PER_MINUTE,
                detail=f"{feed.quotes_accepted} quotes in {feed.updates} messages"
                + (f"; {len(feed.failures)} failed: {feed.failures[0][:120]}" if feed.failures else ""),
            )
            ctx.measure("data_age_seconds", Scalar(value=seen.oldest_seconds, samples=seen.reads), Unit.SECONDS)
            ctx.measure(
                "stale_read_rate",
                Rate(events=seen.stale, trials=seen.judged),
                Unit.RATIO,
                detail=f"{len(seen.failures)} looks failed: {seen.failures[0][:120]}" if seen.failures else None,
            )
            async with ctx.step("feed"):
                share = len(feed.failures) / (len(feed.failures) + feed.updates)
                ctx.expect(
                    share < FEED_FAILURES,
                    f"fewer than {FEED_FAILURES:.0%} of good updates are refused or unanswered, got {share:.1%}"
                    + (f": {feed.failures[0][:120]}" if feed.failures else ""),
                )


class SimulatedOpening:
    """Updates of an opening: each underlying in turn, its chain quoted again along a seeded path of its spot."""

    def __init__(self, chains: Sequence[Chain], *, minutes: float) -> None:
        nearest = [near_the_money(chain) for chain in chains]
        steps = max(2, math.ceil(minutes * UPDATES_PER_MINUTE / len(chains)))
        self._requoters = [Requoter(chain, seed=SEED) for chain in nearest]
        self._paths = [
            spot_path(SessionKind.TRENDING, spot=chain.spot, steps=steps, seed=SEED + number).spot
            for number, chain in enumerate(nearest)
        ]
        self._underlyings = [chain.symbol for chain in chains]
        self._started: datetime | None = None

    def __call__(self, number: int, now: datetime) -> Update:
        """The update of that number, at an instant of the target's clock."""
        self._started = self._started or now
        place, step = number % len(self._requoters), number // len(self._requoters)
        path = self._paths[place]
        elapsed = (now - self._started).total_seconds()
        updates = self._requoters[place].requote(float(path[step % len(path)]), now, elapsed_seconds=elapsed)
        quotes = tuple(
            Quote(
                symbol=update.symbol,
                ts=update.ts,
                bid=update.bid,
                ask=update.ask,
                bid_size=update.bid_size,
                ask_size=update.ask_size,
                last=update.last,
            )
            for update in updates
        )
        return Update(underlying=self._underlyings[place], quotes=quotes)


def near_the_money(chain: Chain) -> Chain:
    """A chain with only its contracts nearest to the money."""
    nearest = sorted(
        chain.contracts, key=lambda contract: (abs(math.log(contract.strike / chain.spot)), contract.symbol)
    )
    return replace(chain, contracts=tuple(nearest[:CONTRACTS_PER_UPDATE]))
