"""The paper broker: orders against quotes, under a declared fill model, without a clock or a database.

A new order is refused if a leg has no quote, or one that is stale or crossed: nobody may trade on a market that is not there. A market
order is also refused where a side it needs is empty. Whatever was accepted works until it fills, is cancelled or expires, and is
matched again on each new quote. All legs of an order fill at once and in ratio, at the prices of the fill model, if their net is at
least as good as the limit; a better net is the order's gain. Outside sessions orders wait.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from wheelhouse.broker.fills import FillModel, NaturalFill, QuoteView
from wheelhouse.errors import InvalidInput
from wheelhouse.ledger.contracts import Contracts, contract_of
from wheelhouse.ledger.money import ZERO, cents
from wheelhouse.ledger.orders import Fill, Order, OrderType, Reason, TimeInForce, net_per_unit

Quotes = Mapping[str, QuoteView]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """What trading costs in USD, not negative.

    Attributes
    ----------
    option_contract
        For each contract bought or sold.
    share
        For each share bought or sold.
    assignment
        For each contract assigned or exercised.
    """

    option_contract: Decimal = Decimal("0.65")
    share: Decimal = ZERO
    assignment: Decimal = ZERO

    def __post_init__(self) -> None:
        for name in ("option_contract", "share", "assignment"):
            amount = getattr(self, name)
            if not amount.is_finite() or amount < 0:
                raise InvalidInput(f"fee {name} must be at least 0 USD, got {amount}")

    def of_trade(self, quantity: int, *, is_option: bool) -> Decimal:
        """USD for trading a quantity, rounded to the cent once."""
        return cents(abs(quantity) * (self.option_contract if is_option else self.share))


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """An order after meeting the market, and the fills that are new."""

    order: Order
    fills: tuple[Fill, ...] = ()


class Broker(Protocol):
    """Where orders go."""

    @property
    def name(self) -> str:
        """What reports call the broker."""

    def submit(self, order: Order, quotes: Quotes, now: datetime, *, is_open: bool = True) -> Execution:
        """Accept or refuse a new order, and fill it if the market allows."""

    def match(self, order: Order, quotes: Quotes, now: datetime, *, is_open: bool = True) -> Execution:
        """Try a working order again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperBroker:
    """Fills orders from quotes.

    Attributes
    ----------
    fill_model
        See `wheelhouse.broker.fills`.
    is_fresh
        Tells of a quote's time and the present whether it may be traded on.
    """

    is_fresh: Callable[[datetime, datetime], bool]
    fill_model: FillModel = field(default_factory=NaturalFill)
    fees: Fees = field(default_factory=Fees)

    @property
    def name(self) -> str:
        """`paper`, with the fill model."""
        return f"paper/{self.fill_model.name}"

    def submit(self, order: Order, quotes: Quotes, now: datetime, *, is_open: bool = True) -> Execution:
        """Accept or refuse a new order, and fill it if the market allows.

        Returns
        -------
        Execution
            Rejected with `no_quote`, `stale_quote`, `crossed_quote`, and for market orders `no_bid` or `no_ask`; else working or filled.
        """
        reasons = self._refusals(order, quotes, now)
        if reasons:
            return Execution(order=order.rejected(reasons))
        return self.match(order, quotes, now, is_open=is_open)

    def match(self, order: Order, quotes: Quotes, now: datetime, *, is_open: bool = True) -> Execution:
        """Try a working order on the present quotes; where it cannot fill it is returned unchanged.

        Raises
        ------
        InvalidInput
            If the order is final.
        """
        if not order.status.is_open:
            raise InvalidInput(f"order {order.id} is {order.status.value}; only working orders meet the market")
        if not is_open or self._market_faults(order, quotes, now):
            return Execution(order=order)
        prices = self._prices(order, quotes)
        if prices is None:
            return Execution(order=order)
        limit = order.minimum_net
        if limit is not None and net_per_unit(order.legs, prices) < limit:
            return Execution(order=order)
        legs = order.remaining_legs
        remaining = order.units - order.filled_units
        units = self.fill_model.units(legs, [quotes[leg.symbol] for leg in legs], remaining)
        if units <= 0:
            return Execution(order=order)
        fills = tuple(
            Fill(
                id=f"{order.id}-{len(order.fills) + place}",
                ts=now,
                symbol=leg.symbol,
                quantity=leg.quantity // remaining * units,
                price=prices[leg.symbol],
                fee=self.fees.of_trade(leg.quantity // remaining * units, is_option=leg.is_option),
            )
            for place, leg in enumerate(legs, start=1)
        )
        return Execution(order=order.filled(fills), fills=fills)

    def estimate(self, order: Order, quotes: Quotes) -> Decimal | None:
        """Net USD per share of one unit at which the order would fill now, credits positive, whatever its limit; None without a market."""
        if any(leg.symbol not in quotes or quotes[leg.symbol].is_crossed for leg in order.legs):
            return None
        prices = self._prices(order, quotes)
        return None if prices is None else net_per_unit(order.legs, prices)

    def _prices(self, order: Order, quotes: Quotes) -> dict[str, Decimal] | None:
        prices: dict[str, Decimal] = {}
        for leg in order.legs:
            price = self.fill_model.price(quotes[leg.symbol], leg.quantity)
            if price is None:
                return None
            prices[leg.symbol] = price
        return prices

    def _refusals(self, order: Order, quotes: Quotes, now: datetime) -> list[Reason]:
        faults = self._market_faults(order, quotes, now)
        if faults or order.type is OrderType.LIMIT:
            return faults
        return [
            Reason(
                code="no_ask" if leg.quantity > 0 else "no_bid",
                detail=f"{leg.symbol} has nothing to {'buy from' if leg.quantity > 0 else 'sell to'}; a market order needs it",
            )
            for leg in order.legs
            if self.fill_model.price(quotes[leg.symbol], leg.quantity) is None
        ]

    def _market_faults(self, order: Order, quotes: Quotes, now: datetime) -> list[Reason]:
        faults = []
        for leg in order.legs:
            quote = quotes.get(leg.symbol)
            if quote is None or (quote.bid is None and quote.ask is None):
                faults.append(Reason(code="no_quote", detail=f"{leg.symbol} has no quote"))
            elif not self.is_fresh(quote.ts, now):
                faults.append(
                    Reason(code="stale_quote", detail=f"{leg.symbol} was last quoted at {quote.ts.isoformat()}")
                )
            elif quote.is_crossed:
                faults.append(
                    Reason(code="crossed_quote", detail=f"{leg.symbol} is bid {quote.bid} above its ask {quote.ask}")
                )
        return faults


def expire_order(order: Order, *, last_close: datetime, session: date, contracts: Contracts) -> Order:
    """End a working order whose time is over; any other is returned unchanged.

    Parameters
    ----------
    last_close
        The most recent close of a session: day orders entered before it are over. One entered after it works in the next session.
    session
        The session that closed then: orders in contracts that last traded on or before it are over, whatever their time in force.
    """
    if not order.status.is_open or order.created_at >= last_close:
        return order
    if order.time_in_force is TimeInForce.DAY:
        return order.expired(
            Reason(code="day_over", detail=f"day order, not filled by the close {last_close.isoformat()}")
        )
    for leg in order.legs:
        if leg.is_option and contract_of(leg.symbol, contracts).last_trading_day <= session:
            return order.expired(
                Reason(code="contract_expired", detail=f"{leg.symbol} no longer trades after {session}")
            )
    return order
