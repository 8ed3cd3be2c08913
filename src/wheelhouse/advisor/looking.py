"""A look at the market without a service: from a database that nobody else holds, or from the sample market in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import polars as pl

from wheelhouse.advisor.advice import policy_of
from wheelhouse.advisor.market import MarketDesk
from wheelhouse.clock import Clock, SimulatedClock, parse_clock
from wheelhouse.feeds.sample import SAMPLE_LABEL, SAMPLE_NOW, SampleMarket
from wheelhouse.market.calendar import nyse
from wheelhouse.market.events import Terms
from wheelhouse.market.instruments import AccountKind, normalize_symbol
from wheelhouse.settings import Settings
from wheelhouse.snapshots import SnapshotBoard
from wheelhouse.store.opening import open_store
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.views import AccountView, MarketView, UnderlyingView

_CALENDAR_YEARS_AHEAD = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the strategy needs for advice without an account of its own.

    Attributes
    ----------
    notice
        A sentence about the source of the data; None if there is nothing to say.
    """

    market: MarketView
    policy: WheelPolicy
    now: datetime
    notice: str | None

    @staticmethod
    def account(cash: Decimal, kind: AccountKind = AccountKind.CASH) -> AccountView:
        """An account that holds this cash and nothing else."""
        return AccountView(id="-", kind=kind, cash=cash, equity=cash, buying_power=cash)


def look_at_sample(settings: Settings, symbols: Sequence[str]) -> Look:
    """Look at the sample market at its own now, or at the clock's if one is declared.

    Raises
    ------
    NotFound
        A symbol is not of the sample.
    """
    declared = parse_clock(settings.clock, environment=settings.environment)
    clock: Clock = declared if declared.kind == "simulated" else SimulatedClock(start=SAMPLE_NOW, pace=0.0)
    now = clock.now()
    board = _board(settings, now)
    sample = SampleMarket(nyse(now.year + _CALENDAR_YEARS_AHEAD))
    names = [normalize_symbol(symbol) for symbol in symbols]
    generations: dict[str, int] = {}
    for name in names:
        generations |= board.take_terms({name: sample.terms(name, now)})
        quotes = sample.quotes([name], now).with_columns(evidence=pl.lit(sample.evidence.value))
        generations |= board.take_quotes(quotes)
    board.value(generations, now)
    return Look(market=_view(board, names, now), policy=_policy(settings), now=now, notice=SAMPLE_LABEL)


def look_at_store(settings: Settings, symbols: Sequence[str]) -> Look:
    """Look at what a database holds, without writing to it.

    Raises
    ------
    StoreHeld
        A server holds the database.
    """
    clock = parse_clock(settings.clock, environment=settings.environment)
    now = clock.now()
    store = open_store(settings.database_url, read_only=True)
    try:
        board = _board(settings, now)
        MarketDesk(store, board, clock, nyse(now.year + _CALENDAR_YEARS_AHEAD)).load()
    finally:
        store.close()
    names = [normalize_symbol(symbol) for symbol in symbols]
    return Look(market=_view(board, names, now), policy=_policy(settings), now=now, notice=None)


def _board(settings: Settings, now: datetime) -> SnapshotBoard:
    return SnapshotBoard(
        nyse(now.year + _CALENDAR_YEARS_AHEAD),
        stale_after=settings.market.stale_after,
        default_terms=Terms(rate=settings.market.default_rate),
    )


def _view(board: SnapshotBoard, names: Sequence[str], now: datetime) -> MarketView:
    views = []
    for name in names:
        snapshot = board.snapshot(name)
        state, age = board.state(name, now)
        chain = None if snapshot is None else snapshot.chain
        views.append(UnderlyingView(symbol=name, chain=chain, state=state, age_seconds=age, terms=board.terms(name)))
    return MarketView.of(*views)


def _policy(settings: Settings) -> WheelPolicy:
    return policy_of(settings.policy, fee_per_contract=float(settings.fees.option_contract))
