"""Orders: one or more legs that fill in ratio or not at all.

A limit is the net premium per share of one *unit* of the combo. The unit is the greatest common divisor of the leg quantities, stock
legs counted in hundreds: selling 2 puts and buying 2 further ones is 2 units of one each, and 300 shares with 3 short calls are 3
units of 100 shares with one call. `effect` says who pays that net.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import reduce
from math import gcd
from typing import Final

from wheelhouse.errors import InvalidInput
from wheelhouse.ledger.money import ZERO
from wheelhouse.market.instruments import normalize_symbol

SHARES_PER_UNIT: Final = 100
OSI_LENGTH: Final = 21


class OrderStatus(StrEnum):
    """Where an order stands; all but the first two are final."""

    WORKING = "working"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"

    @property
    def is_open(self) -> bool:
        """Whether the order can still fill."""
        return self in (OrderStatus.WORKING, OrderStatus.PARTIALLY_FILLED)


class OrderType(StrEnum):
    """How the price of an order is decided."""

    LIMIT = "limit"
    MARKET = "market"


class Effect(StrEnum):
    """Who pays the net premium: a credit is received, a debit paid."""

    CREDIT = "credit"
    DEBIT = "debit"


class TimeInForce(StrEnum):
    """How long an order works: to the close of its session, or until cancelled."""

    DAY = "day"
    GTC = "gtc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """Signed quantity of one symbol in an order: contracts of an option, shares of an equity; positive buys."""

    symbol: str
    quantity: int

    def __post_init__(self) -> None:
        if self.quantity == 0:
            raise InvalidInput(f"leg {self.symbol}: quantity is 0; leave the leg out")
        if normalize_symbol(self.symbol) != self.symbol:
            raise InvalidInput(f"leg {self.symbol!r}: write the symbol as {normalize_symbol(self.symbol)!r}")

    @property
    def is_option(self) -> bool:
        """Whether the leg is in an option."""
        # The symbol is normalised, and no equity symbol is as long as a padded option symbol.
        return len(self.symbol) == OSI_LENGTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution of one leg.

    Attributes
    ----------
    quantity
        Signed contracts or shares.
    price
        USD per share.
    fee
        USD for the whole fill, whole cents, not negative.
    """

    id: str
    ts: datetime
    symbol: str
    quantity: int
    price: Decimal
    fee: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why an order was refused, or why it does not fill: a code for programs, a sentence for people."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order and what became of it.

    Attributes
    ----------
    limit_price
        Net USD per share of one unit, not negative; None for market orders.
    effect
        None only for market orders of several legs; with one leg it follows from the side.

    Raises
    ------
    InvalidInput
        If the legs are empty or repeat a symbol, mix options with stock that is not a multiple of 100 shares, or the limit and effect
        contradict the type or the side.
    """

    id: str
    account_id: str
    created_at: datetime
    legs: tuple[Leg, ...]
    type: OrderType = OrderType.LIMIT
    limit_price: Decimal | None = None
    effect: Effect | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    status: OrderStatus = OrderStatus.WORKING
    fills: tuple[Fill, ...] = ()
    reasons: tuple[Reason, ...] = ()
    idempotency_key: str | None = None

    def __post_init__(self) -> None:
        _check_legs(self.id, self.legs)
        if self.created_at.tzinfo is None:
            raise InvalidInput(f"order {self.id}: created_at {self.created_at} has no time zone")
        if self.effect is None and len(self.legs) == 1:
            object.__setattr__(self, "effect", _side_effect(self.legs[0]))
        if self.type is OrderType.MARKET:
            if self.limit_price is not None:
                raise InvalidInput(f"order {self.id}: a market order takes no limit_price, got {self.limit_price}")
            return
        if self.limit_price is None:
            raise InvalidInput(
                f"order {self.id}: a limit order needs limit_price, the net premium per share of one unit"
            )
        if not self.limit_price.is_finite() or self.limit_price < 0:
            raise InvalidInput(
                f"order {self.id}: limit_price must be at least 0, got {self.limit_price}; effect says whether it is paid or received"
            )
        if self.effect is None:
            raise InvalidInput(f"order {self.id}: {len(self.legs)} legs need an effect, 'credit' or 'debit'")
        if len(self.legs) == 1 and self.limit_price > 0 and self.effect is not _side_effect(self.legs[0]):
            raise InvalidInput(
                f"order {self.id}: effect {self.effect.value!r} contradicts a single leg of {self.legs[0].quantity}; "
                f"it is a {_side_effect(self.legs[0]).value}"
            )

    @property
    def units(self) -> int:
        """Number of units that the whole order consists of."""
        return combo_units(self.legs)

    @property
    def ratios(self) -> tuple[int, ...]:
        """Signed weight of each leg in the net price of one unit, without a common divisor."""
        return combo_ratios(self.legs)

    @property
    def minimum_net(self) -> Decimal | None:
        """The least net per share of one unit that the limit allows, credits positive, debits negative; None for market orders."""
        if self.limit_price is None:
            return None
        return self.limit_price if self.effect is Effect.CREDIT else -self.limit_price

    @property
    def filled_units(self) -> int:
        """Number of units that have filled."""
        first = self.legs[0]
        done = sum(fill.quantity for fill in self.fills if fill.symbol == first.symbol)
        return self.units * done // first.quantity

    @property
    def remaining_legs(self) -> tuple[Leg, ...]:
        """What has not filled yet, in the order's ratio."""
        done = self.filled_units
        units = self.units
        return tuple(
            Leg(symbol=leg.symbol, quantity=leg.quantity // units * (units - done)) for leg in self.legs if done < units
        )

    @property
    def side(self) -> str:
        """`buy` or `sell` with one leg, `combo` with several."""
        if len(self.legs) > 1:
            return "combo"
        return "buy" if self.legs[0].quantity > 0 else "sell"

    def filled(self, fills: Iterable[Fill]) -> "Order":
        """Add fills; the status follows from what remains.

        Raises
        ------
        InvalidInput
            If the order is final, or the fills break the ratio of the legs or exceed them.
        """
        self._require_open("fill")
        after = replace(self, fills=self.fills + tuple(fills))
        totals: dict[str, int] = {leg.symbol: 0 for leg in self.legs}
        for fill in after.fills:
            if fill.symbol not in totals:
                raise InvalidInput(f"order {self.id}: fill {fill.id} is of {fill.symbol}, which is no leg of it")
            totals[fill.symbol] += fill.quantity
        done, units = after.filled_units, self.units
        for leg in self.legs:
            if totals[leg.symbol] != leg.quantity // units * done or not 0 <= done <= units:
                raise InvalidInput(
                    f"order {self.id}: fills of {totals[leg.symbol]} {leg.symbol} break the ratio of the legs or exceed {leg.quantity}"
                )
        if done == 0:
            return after
        return replace(after, status=OrderStatus.FILLED if done == units else OrderStatus.PARTIALLY_FILLED)

    def cancelled(self) -> "Order":
        """Withdraw what remains; what has filled stays filled."""
        self._require_open("cancel")
        return replace(self, status=OrderStatus.CANCELLED)

    def expired(self, *reasons: Reason) -> "Order":
        """End what remains because its time is over."""
        self._require_open("expire")
        return replace(self, status=OrderStatus.EXPIRED, reasons=self.reasons + reasons)

    def rejected(self, reasons: Iterable[Reason]) -> "Order":
        """Refuse the order before anything of it has filled."""
        self._require_open("reject")
        given = tuple(reasons)
        if not given or self.fills:
            raise InvalidInput(
                f"order {self.id}: a rejection needs a reason and no fills, got {given} and {len(self.fills)} fills"
            )
        return replace(self, status=OrderStatus.REJECTED, reasons=self.reasons + given)

    def _require_open(self, act: str) -> None:
        if not self.status.is_open:
            raise InvalidInput(f"order {self.id} is {self.status.value}: cannot {act} it")


def combo_units(legs: Iterable[Leg]) -> int:
    """Count the units of a combo.

    Examples
    --------
    >>> combo_units([Leg(symbol="XYZ", quantity=300), Leg(symbol="XYZ   130316C00050000", quantity=-3)])
    3
    """
    return _divisor(tuple(legs))


def combo_ratios(legs: Iterable[Leg]) -> tuple[int, ...]:
    """Give the signed weight of each leg in the net price of one unit.

    Examples
    --------
    >>> combo_ratios([Leg(symbol="XYZ", quantity=300), Leg(symbol="XYZ   130316C00050000", quantity=-3)])
    (1, -1)
    """
    given = tuple(legs)
    units = _divisor(given)
    mixed = any(leg.is_option for leg in given)
    return tuple(leg.quantity // units // (SHARES_PER_UNIT if mixed and not leg.is_option else 1) for leg in given)


def crosses_zero(held: int, quantity: int) -> bool:
    """Tell whether a leg would turn a long position short or a short one long in one step."""
    return held != 0 and (held > 0) != (held + quantity > 0) and held + quantity != 0


def net_per_unit(legs: Iterable[Leg], prices: Mapping[str, Decimal]) -> Decimal:
    """Net USD per share of one unit at the given prices: credits positive, debits negative."""
    given = tuple(legs)
    weighted = (-ratio * prices[leg.symbol] for leg, ratio in zip(given, combo_ratios(given), strict=True))
    return sum(weighted, Decimal(0))


def _divisor(legs: tuple[Leg, ...]) -> int:
    # Stock counts in hundreds only beside options; alone, a unit of it is one share, which gives the same net per share.
    mixed = any(leg.is_option for leg in legs)
    return reduce(gcd, (leg.quantity // (SHARES_PER_UNIT if mixed and not leg.is_option else 1) for leg in legs), 0)


def _check_legs(order_id: str, legs: tuple[Leg, ...]) -> None:
    if not legs:
        raise InvalidInput(f"order {order_id}: an order needs at least one leg")
    symbols = [leg.symbol for leg in legs]
    if len(set(symbols)) != len(symbols):
        raise InvalidInput(f"order {order_id}: the legs repeat a symbol: {', '.join(symbols)}; add their quantities up")
    if any(leg.is_option for leg in legs):
        odd = [leg for leg in legs if not leg.is_option and leg.quantity % SHARES_PER_UNIT]
        if odd:
            raise InvalidInput(
                f"order {order_id}: {odd[0].quantity} shares of {odd[0].symbol} beside options; a combo takes stock in hundreds"
            )


def _side_effect(leg: Leg) -> Effect:
    return Effect.DEBIT if leg.quantity > 0 else Effect.CREDIT
