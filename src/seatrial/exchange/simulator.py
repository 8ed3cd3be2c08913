"""The simulated exchange: a target's own chain, quoted again along a seeded path of the spot.

Each contract keeps its implied volatility at its strike, raised as the spot falls and lowered as it rises, and its half spread. What
the model does not explain of its first mid (early exercise above all) is kept beside it and melts with the time left. Quotes are on
the exchange's ticks, never under the option's lower bound, and free of executable arbitrage.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from seatrial.errors import ConfigurationError, HarnessError
from seatrial.exchange.arbitrage import Market, highest_bids
from seatrial.exchange.pricing import european_price, lower_bound
from seatrial.exchange.quotes import QuoteBatch, QuotedChain, QuotedContract, QuoteUpdate
from seatrial.exchange.sessions import SessionKind, spot_path
from seatrial.exchange.ticks import TickTable

__all__ = ["Requoter", "simulate"]

_FEWEST_A_MINUTE, _MOST_A_MINUTE = 100, 10_000
_SECONDS_PER_YEAR = 365 * 86_400.0
_LARGEST_SIZE = 200
_TRADE_SHARE = 0.1
"""Share of the quotes that come with a new trade."""


def simulate(
    chain: QuotedChain,
    kind: SessionKind,
    *,
    start: datetime,
    seconds: float,
    updates_per_minute: float,
    seed: int,
    amplitude: float | None = None,
) -> Iterator[QuoteBatch]:
    """Quote a chain again and again through a session.

    Every batch quotes the underlying and all contracts at one instant: quotes of different instants would offer arbitrage. The rate
    says how far batches are apart.

    Parameters
    ----------
    chain
        The target's own, with quotes.
    kind, amplitude
        How the spot moves; see :class:`SessionKind`.
    start
        Instant of the first batch, timezone-aware; its quotes are the chain's own wherever those stand.
    seconds
        Length of the session, > 0.
    updates_per_minute
        Quotes per minute, 100 to 10,000.
    seed
        The same arguments and seed give the same quotes.

    Raises
    ------
    ConfigurationError
        A rate outside its range, or one at which the chain is quoted only once in the session.
    HarnessError
        The chain has no quote to start from.
    """
    if not _FEWEST_A_MINUTE <= updates_per_minute <= _MOST_A_MINUTE:
        raise ConfigurationError(
            f"{updates_per_minute} updates a minute; the exchange sends {_FEWEST_A_MINUTE} to {_MOST_A_MINUTE}"
        )
    requoter = Requoter(chain, seed=seed)
    spacing = len(requoter.symbols) * 60.0 / updates_per_minute
    steps = int(seconds / spacing + 1e-9) + 1
    if steps < 2:
        raise ConfigurationError(
            f"{len(requoter.symbols)} symbols at {updates_per_minute:g} updates a minute are quoted every {spacing:.1f} s, which is "
            f"once in {seconds:g} s; take fewer contracts, more updates or a longer session"
        )
    path = spot_path(kind, spot=chain.spot, steps=steps, seed=seed, amplitude=amplitude)
    return _batches(requoter, path.spot, path.halted, start, spacing)


def _batches(
    requoter: Requoter, spots: NDArray[np.float64], halted: NDArray[np.bool_], start: datetime, spacing: float
) -> Iterator[QuoteBatch]:
    for step, (spot, stopped) in enumerate(zip(spots.tolist(), halted.tolist(), strict=True)):
        elapsed = step * spacing
        ts = start + timedelta(seconds=elapsed)
        updates = () if stopped else requoter.requote(spot, ts, elapsed_seconds=elapsed)
        yield QuoteBatch(seconds=elapsed, spot=spot, halted=stopped, updates=updates)


class Requoter:
    """Quotes a chain at other spots and later instants.

    Parameters
    ----------
    chain
        The target's own. Contracts without an ask or without time left are left out.
    seed
        Of sizes and trades; they change from call to call.
    spot_vol_response
        Relative rise of every volatility for a relative fall of the spot, beside the skew that sticks to the strikes: 1.5 makes
        20 % to 21.6 % when the spot falls by 5 %. One factor for all keeps the order of variances in time.

    Raises
    ------
    HarnessError
        No contract with a quote, or none of them with an implied volatility.
    """

    def __init__(self, chain: QuotedChain, *, seed: int = 0, spot_vol_response: float = 1.5) -> None:
        quoted = [contract for contract in chain.contracts if _is_quoted(contract)]
        if not quoted or not any(contract.implied_volatility for contract in quoted):
            raise HarnessError(
                f"the chain of {chain.symbol} has {len(chain.contracts)} contracts, {len(quoted)} of them with an ask, and no implied "
                "volatility to simulate from; push quotes to the target first"
            )
        self._chain = chain
        self._response = spot_vol_response
        self._random = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 1])))
        self._american = chain.model == "american"
        self._strike = np.array([contract.strike for contract in quoted], dtype=np.float64)
        self._years = np.array([contract.years_to_expiry for contract in quoted], dtype=np.float64)
        self._is_call = np.array([contract.right == "call" for contract in quoted], dtype=np.bool_)
        bid = np.array([contract.bid or 0.0 for contract in quoted], dtype=np.float64)
        ask = np.array([contract.ask for contract in quoted], dtype=np.float64)
        self._volatility = _volatilities(quoted, self._strike, self._years)
        self._mid = 0.5 * (bid + ask)
        self._half_spread = 0.5 * np.maximum(ask - bid, 0.0)
        self._unexplained = self._mid - self._model(chain.spot, self._years, self._volatility)
        self._ticks = TickTable.of(np.concatenate([bid, ask]))
        self._spot_half_spread = max(0.01, round(1e-4 * chain.spot, 2))
        self._last: list[float | None] = [None] * (len(quoted) + 1)
        self.symbols: tuple[str, ...] = (chain.symbol, *(contract.symbol for contract in quoted))

    def requote(self, spot: float, ts: datetime, *, elapsed_seconds: float = 0.0) -> tuple[QuoteUpdate, ...]:
        """Quotes at another spot: the underlying first, then every contract.

        Parameters
        ----------
        spot
            Mid of the underlying before it is rounded to cents; options are priced on the rounded one.
        ts
            Instant of the quotes.
        elapsed_seconds
            Since the chain was taken; options are that much older.
        """
        spot_bid = round(max(spot - self._spot_half_spread, 0.01), 2)
        spot_ask = round(max(spot + self._spot_half_spread, spot_bid + 0.01), 2)
        bid, ask = self._option_quotes(spot_bid, spot_ask, elapsed_seconds / _SECONDS_PER_YEAR)
        bids = [spot_bid, *bid.tolist()]
        asks = [spot_ask, *ask.tolist()]
        count = len(bids)
        bid_sizes = self._random.integers(1, _LARGEST_SIZE, count).tolist()
        ask_sizes = self._random.integers(1, _LARGEST_SIZE, count).tolist()
        trades = self._random.random(count).tolist()
        updates = []
        for place, symbol in enumerate(self.symbols):
            if trades[place] < _TRADE_SHARE:
                # A buyer lifts the ask or a seller hits the bid, if there is one.
                hits = trades[place] < _TRADE_SHARE / 2 and bids[place] > 0
                self._last[place] = bids[place] if hits else asks[place]
            updates.append(
                QuoteUpdate(
                    symbol=symbol,
                    ts=ts,
                    bid=bids[place],
                    ask=asks[place],
                    bid_size=bid_sizes[place] if bids[place] > 0 else 0,
                    ask_size=ask_sizes[place],
                    last=self._last[place],
                )
            )
        return tuple(updates)

    def _option_quotes(
        self, spot_bid: float, spot_ask: float, elapsed_years: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        chain = self._chain
        spot = 0.5 * (spot_bid + spot_ask)
        years = np.maximum(self._years - elapsed_years, 0.0)
        volatility = np.clip(self._volatility * (spot / chain.spot) ** -self._response, 0.01, 5.0)
        floor = lower_bound(
            spot, self._strike, years, chain.rate, chain.dividend_yield, self._is_call, american=self._american
        )
        mid = np.maximum(self._model(spot, years, volatility) + self._unexplained * years / self._years, floor)
        ask = self._ticks.up(np.maximum(mid + self._half_spread, floor))
        market = Market(spot=spot, rate=chain.rate, dividend_yield=chain.dividend_yield, american=self._american)
        highest = np.minimum(highest_bids(market, self._strike, years, self._is_call, ask), self._ticks.below(ask))
        bid = self._ticks.down(np.minimum(mid - self._half_spread, highest))
        return bid, ask

    def _model(self, spot: float, years: NDArray[np.float64], volatility: NDArray[np.float64]) -> NDArray[np.float64]:
        chain = self._chain
        return european_price(spot, self._strike, years, volatility, chain.rate, chain.dividend_yield, self._is_call)


def _is_quoted(contract: QuotedContract) -> bool:
    ask, bid = contract.ask, contract.bid
    return ask is not None and 0 < ask < np.inf and (bid is None or 0 <= bid <= ask) and contract.years_to_expiry > 0


def _volatilities(
    contracts: list[QuotedContract], strike: NDArray[np.float64], years: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Each contract's own volatility; where it has none, that of the strikes beside it, in its expiry or the nearest one."""
    given = np.array([contract.implied_volatility or np.nan for contract in contracts], dtype=np.float64)
    known = np.isfinite(given)
    filled = given.copy()
    expiries = np.unique(years[known])
    for place in np.flatnonzero(~known):
        nearest = expiries[np.argmin(np.abs(expiries - years[place]))]
        beside = known & (years == nearest)
        order = np.argsort(strike[beside], kind="stable")
        filled[place] = np.interp(np.log(strike[place]), np.log(strike[beside][order]), given[beside][order])
    return filled
