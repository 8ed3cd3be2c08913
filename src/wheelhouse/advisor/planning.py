"""Plans for an account: hedges, sizes and rebalancing, from its books and the published market."""

import math
from collections.abc import Mapping
from datetime import datetime

import numpy as np
import numpy.typing as npt

from wheelhouse.advisor.accounts import AccountBooks, Book
from wheelhouse.advisor.advice import AdviceDesk
from wheelhouse.advisor.risk import LEAST_SESSIONS, RiskDesk, betas_to
from wheelhouse.advisor.valuation import Appraiser
from wheelhouse.advisor.volatility import VolatilityDesk
from wheelhouse.clock import Clock
from wheelhouse.errors import InvalidInput, NotFound
from wheelhouse.ledger.contracts import is_option, underlying_of
from wheelhouse.ledger.orders import Leg
from wheelhouse.market.instruments import normalize_symbol
from wheelhouse.risk.value_at_risk import from_losses
from wheelhouse.snapshots import Snapshot, SnapshotBoard
from wheelhouse.strategy.allocation import size_name
from wheelhouse.strategy.hedging import INDICES, HedgeProposal, NameExposure, Tail, hedge
from wheelhouse.strategy.rebalancing import Rebalance, rebalance
from wheelhouse.strategy.sizing import Sizing

_CONFIDENCE = 0.95

Returns = Mapping[str, Mapping[datetime, float]]


class PlanningDesk:
    """Plans for accounts under the policy of the advice.

    Parameters
    ----------
    sectors, targets
        By underlying; see `wheelhouse.settings.Settings`.
    """

    def __init__(
        self,
        *,
        books: AccountBooks,
        board: SnapshotBoard,
        appraiser: Appraiser,
        advice: AdviceDesk,
        risk: RiskDesk,
        volatility: VolatilityDesk,
        clock: Clock,
        sectors: Mapping[str, str],
        targets: Mapping[str, float],
    ) -> None:
        self._books = books
        self._board = board
        self._appraiser = appraiser
        self._advice = advice
        self._risk = risk
        self._volatility = volatility
        self._clock = clock
        self._sectors = sectors
        self._targets = targets

    def sizing(self, account_id: str, symbol: str) -> Sizing:
        """How many of a put to sell: of the one named, or of the one on the named underlying that the policy prefers.

        Raises
        ------
        NotFound
            There is no such account, nothing is known of the underlying, or the option is not in its chain.
        InvalidInput
            The symbol is malformed, or a call.
        """
        book = self._books.get(account_id)
        now = self._clock.now()
        normal = normalize_symbol(symbol)
        name = underlying_of(normal, self._appraiser.contracts)
        if not self._board.is_known(name):
            raise NotFound(f"nothing is known of {name!r}: no quote, bar, terms or instrument of it has arrived")
        return size_name(
            self._advice.account_view(book, now),
            self._advice.market_view([name], now).underlyings[name],
            self._advice.policy,
            now,
            option=normal if is_option(normal) else None,
            past_returns=self._volatility.past_returns(name),
            spots=self._spots(self._held(book)),
            sectors=self._sectors,
        )

    def rebalance(self, account_id: str) -> Rebalance:
        """The trades that bring the account back to its weights.

        Raises
        ------
        NotFound
            There is no such account.
        InvalidInput
            The account has no equity.
        """
        book = self._books.get(account_id)
        account = self._advice.account_view(book, self._clock.now())
        asks = {}
        for position in account.positions:
            quote = self._board.quote(position.symbol) if position.is_short_option else None
            if quote is not None and quote.mid is not None and quote.ask is not None:
                asks[position.symbol] = quote.ask
        names = {*self._held(book), *self._targets}
        return rebalance(account, self._spots(names), asks, self._advice.policy, targets=self._targets or None)

    def hedge(self, account_id: str, target_delta: float = 0.0) -> tuple[HedgeProposal, ...]:
        """Hedges of the account, the best first.

        Raises
        ------
        NotFound
            There is no such account.
        InvalidInput
            The target is not finite.
        """
        if not math.isfinite(target_delta):
            raise InvalidInput(f"target_delta {target_delta} must be a finite number of shares")
        book = self._books.get(account_id)
        now = self._clock.now()
        snapshots = self._risk.snapshots_of(book)
        quantities = {symbol: position.quantity for symbol, position in sorted(book.state.positions.items())}
        indices = [index for index in INDICES if index not in snapshots and self._board.snapshot(index) is not None]
        snapshots |= {index: self._board.snapshot(index) for index in indices}
        returns = self._risk.returns(snapshots)
        return hedge(
            self._advice.account_view(book, now),
            self._advice.market_view(snapshots, now),
            self._exposures(quantities, snapshots, returns, indices),
            self._tail(quantities, snapshots, returns),
            self._advice.policy,
            now,
            target_delta=target_delta,
        )

    def _exposures(
        self,
        quantities: Mapping[str, int],
        snapshots: Mapping[str, Snapshot | None],
        returns: Returns,
        indices: list[str],
    ) -> dict[str, NameExposure]:
        holdings = self._risk.holdings(quantities, snapshots)
        names = sorted({holding.underlying for holding in holdings})
        betas = {index: betas_to(index, returns, names) for index in indices}
        found = {}
        for name in names:
            own = [holding for holding in holdings if holding.underlying == name]
            found[name] = NameExposure(
                delta_shares=math.fsum(h.quantity * h.multiplier * (h.delta if h.is_option else 1.0) for h in own),
                vega_per_vol_point=math.fsum(
                    h.quantity * h.multiplier * h.vega_per_vol_point for h in own if h.is_option
                ),
                spot=own[0].spot,
                betas={index: beta[name] for index, beta in betas.items() if beta is not None},
            )
        return found

    def _tail(self, quantities: Mapping[str, int], snapshots: Mapping[str, Snapshot | None], returns: Returns) -> Tail:
        """Historical shortfall by full revaluation, as the account's risk is measured, with more legs in the book."""
        book = self._risk.lines(quantities, snapshots)
        sessions = sorted(set.intersection(*(set(returns[name]) for name in book.underlyings))) if len(book) else []
        measurable = len(sessions) >= LEAST_SESSIONS and bool(book.is_known.all())
        profit = book.revalue(_factors(returns, book.underlyings, sessions)) if measurable else None

        def after(legs: tuple[Leg, ...]) -> float | None:
            traded = self._risk.lines({leg.symbol: leg.quantity for leg in legs}, snapshots)
            past_known = all(set(sessions) <= set(returns[name]) for name in traded.underlyings)
            if profit is None or not past_known or not traded.is_known.all():
                return None
            hedged = profit + traded.revalue(_factors(returns, traded.underlyings, sessions))
            return from_losses(-hedged, _CONFIDENCE)[1]

        return after

    def _held(self, book: Book) -> set[str]:
        return {underlying_of(symbol, self._appraiser.contracts) for symbol in book.state.positions}

    def _spots(self, names: set[str]) -> dict[str, float]:
        spots = {name: self._appraiser.spot(name) for name in sorted(names)}
        return {name: float(spot) for name, spot in spots.items() if spot is not None}


def _factors(returns: Returns, names: tuple[str, ...], sessions: list[datetime]) -> npt.NDArray[np.float64]:
    return 1.0 + np.array([[returns[name][session] for name in names] for session in sessions], dtype=np.float64)
