"""What an account is worth: marks, equity, buying power, and what its short options and working orders tie up.

Everything here reads published snapshots and immutable states; nothing waits and nothing is written.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from wheelhouse.advisor.accounts import Book
from wheelhouse.broker.fills import QuoteView
from wheelhouse.broker.paper import PaperBroker
from wheelhouse.ledger.contracts import Contracts, contract_of, is_option, multiplier_of, underlying_of
from wheelhouse.ledger.money import ZERO, cents
from wheelhouse.ledger.orders import Leg, Order
from wheelhouse.market.instruments import AccountKind, Deliverable
from wheelhouse.risk.limits import secured_cash
from wheelhouse.risk.margin import HouseRules, MarginPosition, margin
from wheelhouse.snapshots import SnapshotBoard


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Margin of a whole account in USD; `method` as of `wheelhouse.risk.margin.Margin`."""

    initial: Decimal
    maintenance: Decimal
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionValue:
    """A position at market.

    Attributes
    ----------
    mark
        USD per share: mid; with a zero bid half of the ask; else the last mark with flag `stale_mark`; None if there never was one.
    market_value
        Signed, USD, whole cents.
    close_price
        What closing it would meet: the bid of a long, the ask of a short position; None if unknown.
    delta
        Of one contract per share of its underlying, 1 for shares; None if unknown.
    unrealized
        Market value less tax cost, USD; None if either is unknown.
    """

    symbol: str
    quantity: int
    mark: Decimal | None
    market_value: Decimal | None
    close_price: Decimal | None
    tax_basis: Decimal | None
    campaign_basis: Decimal | None
    deliverable: Deliverable | None
    delta: float | None
    unrealized: Decimal | None
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountValue:
    """An account at market, USD in whole cents; None where a price that it rests on is unknown.

    Attributes
    ----------
    liquidation_equity
        Cash plus the bids of longs less the asks of shorts.
    reserved
        What short puts (cash and IRA accounts) and working orders tie up.
    buying_power
        Cash and IRA: cash less what is reserved. Margin: equity less initial margin less what working orders tie up.
    """

    as_of: datetime
    cash: Decimal
    equity: Decimal | None
    liquidation_equity: Decimal | None
    reserved: Decimal
    buying_power: Decimal | None
    margin: Requirement | None
    positions: tuple[PositionValue, ...]


class Appraiser:
    """Values accounts and hypothetical changes of them.

    Parameters
    ----------
    board
        Where prices come from.
    broker
        Says what orders would fill at and what they cost.
    house
        What the house asks for beyond the regulation.
    """

    def __init__(self, board: SnapshotBoard, broker: PaperBroker, house: HouseRules) -> None:
        self._board = board
        self._broker = broker
        self._house = house

    @property
    def contracts(self) -> Contracts:
        """Contracts that differ from what their symbols say."""
        return self._board.contracts()

    def account(self, book: Book, now: datetime) -> AccountValue:
        """Value an account."""
        state = book.state
        positions = tuple(self._position(book, symbol) for symbol in sorted(state.positions))
        needed = self.requirement(book.kind, {p.symbol: p.quantity for p in positions})
        reserved = self.reserved(book)
        equity = _total(state.cash, (p.market_value for p in positions))
        return AccountValue(
            as_of=now,
            cash=state.cash,
            equity=equity,
            liquidation_equity=_total(state.cash, (self._closing_value(p) for p in positions)),
            reserved=reserved
            + (needed.initial if needed is not None and book.kind is not AccountKind.MARGIN else ZERO),
            buying_power=_buying_power(book.kind, state.cash, equity, needed, reserved),
            margin=needed,
            positions=positions,
        )

    def buying_power(
        self, book: Book, *, cash: Decimal, quantities: Mapping[str, int], reserved: Decimal
    ) -> Decimal | None:
        """Buying power that an account of this cash and these positions would have; None if a price is unknown."""
        values = (self._value(symbol, quantity) for symbol, quantity in quantities.items() if quantity)
        equity = _total(cash, values)
        return _buying_power(book.kind, cash, equity, self.requirement(book.kind, quantities), reserved)

    def requirement(self, kind: AccountKind, quantities: Mapping[str, int]) -> Requirement | None:
        """What positions tie up by themselves; None if a price that it rests on is unknown.

        Cash and IRA accounts secure short puts in full, which takes no price.
        """
        held = {symbol: quantity for symbol, quantity in quantities.items() if quantity}
        if kind is not AccountKind.MARGIN:
            contracts = {symbol: contract_of(symbol, self.contracts) for symbol in held if is_option(symbol)}
            secured = cents(secured_cash(held, contracts))
            return Requirement(initial=secured, maintenance=secured, method="cash_secured")
        positions = []
        for symbol, quantity in held.items():
            underlying = underlying_of(symbol, self.contracts)
            mark, spot = self.mark(symbol)[0], self.worth(symbol)
            if mark is None or spot is None:
                return None
            positions.append(
                MarginPosition(
                    symbol=symbol,
                    underlying=underlying,
                    quantity=quantity,
                    mark=mark,
                    spot=spot,
                    contract=contract_of(symbol, self.contracts) if is_option(symbol) else None,
                )
            )
        needed = margin(positions, kind=kind, house=self._house)
        return Requirement(initial=needed.initial, maintenance=needed.maintenance, method=needed.method)

    def reserved(self, book: Book, *, but: str | None = None) -> Decimal:
        """What working orders tie up, without the order `but`: what they pay and the collateral that they add."""
        held = {symbol: position.quantity for symbol, position in book.state.positions.items()}
        total = ZERO
        for order in book.working():
            if order.id != but:
                total += self.order_needs(book.kind, held, order)
        return total

    def order_needs(self, kind: AccountKind, held: Mapping[str, int], order: Order) -> Decimal:
        """What an order ties up while it works, USD, not negative."""
        before = self.requirement(kind, held)
        after = self.requirement(kind, applied(held, order.remaining_legs))
        added = after.initial - before.initial if after is not None and before is not None else ZERO
        change = self.cash_change(order, self.limit_net(order))
        return max(ZERO, added - (change if change is not None else ZERO))

    def limit_net(self, order: Order) -> Decimal | None:
        """The least net per share of one unit at which the order fills: its limit, or for a market order the present market."""
        return order.minimum_net if order.minimum_net is not None else self.estimate(order)

    def estimate(self, order: Order) -> Decimal | None:
        """Net per share of one unit at which the order would fill now, credits positive; None without a market."""
        return self._broker.estimate(order, self.views(leg.symbol for leg in order.legs))

    def equity_change(self, order: Order, net: Decimal | None) -> Decimal | None:
        """What filling at a net per share of one unit does to the equity at marks; None if a price is unknown."""
        change = self.cash_change(order, net)
        for leg in order.remaining_legs:
            value = self._value(leg.symbol, leg.quantity)
            change = None if change is None or value is None else change + value
        return change

    def cash_change(self, order: Order, net: Decimal | None) -> Decimal | None:
        """Cash of what remains of an order at a net per share of one unit, after fees; None without a net."""
        if net is None:
            return None
        units = order.units - order.filled_units
        multiplier = max((multiplier_of(leg.symbol, self.contracts) for leg in order.legs), default=1)
        return cents(net * multiplier * units) - self.fees(order)

    def fees(self, order: Order) -> Decimal:
        """Fees of what remains of an order, USD, whole cents."""
        fees = self._broker.fees
        return sum((fees.of_trade(leg.quantity, is_option=leg.is_option) for leg in order.remaining_legs), ZERO)

    def views(self, symbols: Iterable[str]) -> dict[str, QuoteView]:
        """What the broker sees of the market of these symbols."""
        rows = (self._board.quote(symbol) for symbol in symbols)
        return {
            row.symbol: QuoteView.of(row.symbol, row.bid, row.ask, row.ts, row.bid_size, row.ask_size)
            for row in rows
            if row is not None
        }

    def spot(self, underlying: str) -> Decimal | None:
        """USD per share of an underlying."""
        snapshot = self._board.snapshot(underlying)
        return None if snapshot is None or snapshot.spot is None else _exact(snapshot.spot)

    def worth(self, symbol: str) -> Decimal | None:
        """USD per share that exercise is about: the spot, of an adjusted option what it delivers per USD of exercise multiplier."""
        contract = contract_of(symbol, self.contracts) if is_option(symbol) else None
        if contract is None or contract.is_standard:
            return self.spot(underlying_of(symbol, self.contracts))
        value = contract.deliverable.cash
        for delivered, shares in contract.deliverable.shares:
            price = self.spot(delivered)
            if price is None:
                return None
            value += price * shares
        return value / contract.exercise_multiplier

    def mark(self, symbol: str) -> tuple[Decimal | None, tuple[str, ...]]:
        """USD per share that a position is valued at, and flags."""
        row = self._board.quote(symbol)
        if row is not None and row.mark is not None:
            spot = None if is_option(symbol) else self.spot(symbol)
            return spot if spot is not None else _exact(row.mark), ()
        last = self._board.last_mark(symbol)
        return (None, ("no_mark",)) if last is None else (_exact(last), ("stale_mark",))

    def delta(self, symbol: str) -> float | None:
        """Delta of one contract per share of its underlying, 1 for shares; None if unknown."""
        if not is_option(symbol):
            return 1.0
        snapshot = self._board.snapshot(underlying_of(symbol, self.contracts))
        row = None if snapshot is None else snapshot.contract_row(symbol)
        if snapshot is None or snapshot.chain is None or row is None:
            return None
        delta = float(snapshot.chain.delta[row])
        return None if delta != delta else delta

    def _position(self, book: Book, symbol: str) -> PositionValue:
        position = book.state.positions[symbol]
        mark, flags = self.mark(symbol)
        value = self._value(symbol, position.quantity)
        row = self._board.quote(symbol)
        side = None if row is None else row.bid if position.quantity > 0 else row.ask
        return PositionValue(
            symbol=symbol,
            quantity=position.quantity,
            mark=mark,
            market_value=value,
            close_price=None if side is None else _exact(side),
            tax_basis=position.tax_basis,
            campaign_basis=position.campaign_basis,
            deliverable=contract_of(symbol, self.contracts).deliverable if is_option(symbol) else None,
            delta=self.delta(symbol),
            unrealized=None if value is None or not position.is_known else value - position.cost,
            flags=flags,
        )

    def _value(self, symbol: str, quantity: int) -> Decimal | None:
        mark = self.mark(symbol)[0]
        return None if mark is None else cents(quantity * mark * multiplier_of(symbol, self.contracts))

    def _closing_value(self, position: PositionValue) -> Decimal | None:
        if position.close_price is None:
            return None
        return cents(position.quantity * position.close_price * multiplier_of(position.symbol, self.contracts))


def applied(held: Mapping[str, int], legs: Iterable[Leg]) -> dict[str, int]:
    """Positions after legs have filled."""
    quantities = dict(held)
    for leg in legs:
        quantities[leg.symbol] = quantities.get(leg.symbol, 0) + leg.quantity
    return {symbol: quantity for symbol, quantity in quantities.items() if quantity}


def _buying_power(
    kind: AccountKind, cash: Decimal, equity: Decimal | None, needed: Requirement | None, reserved: Decimal
) -> Decimal | None:
    if needed is None:
        return None
    if kind is not AccountKind.MARGIN:
        return cash - needed.initial - reserved
    return None if equity is None else equity - needed.initial - reserved


def _total(cash: Decimal, values: Iterable[Decimal | None]) -> Decimal | None:
    total = cash
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _exact(value: float) -> Decimal:
    return Decimal(repr(value))
