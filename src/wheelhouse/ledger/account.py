"""An account as the fold of its events: cash, positions with lots and both cost bases, cycles, and what was realised.

The fold is pure and incremental: applying events one by one, in batches, or all at once gives equal states. Every change keeps

    cash + cost of lots = deposits + contributed + realized + unknown_proceeds + dividends + interest + expenses

to the cent (premiums between an assigned option and its shares deducted on the left, see `AccountState.imbalance`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from wheelhouse.errors import Conflict, InvalidInput
from wheelhouse.ledger.campaigns import Campaign
from wheelhouse.ledger.contracts import Contracts, is_option, multiplier_of, underlying_of
from wheelhouse.ledger.events import DISAGREES, STATEMENT, EventKind, LedgerEvent
from wheelhouse.ledger.money import ZERO, cents
from wheelhouse.ledger.positions import Consideration, Lot, PositionState, Traded, rescale, trade


@dataclass(frozen=True, slots=True, kw_only=True)
class InTransit:
    """What one event has taken out and the events tied to it will put in: a premium towards shares, or lots towards a new symbol."""

    underlying: str
    premium: Decimal = ZERO
    lots: tuple[Lot, ...] = ()
    known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """What the events up to `sequence` make of an account. USD, whole cents, signed from the account's view.

    Attributes
    ----------
    positions
        By symbol; flat ones are absent.
    campaigns, closed_campaigns
        The open cycle of each underlying, and the ended ones in the order of their ends.
    realized
        Profit of everything closed, by tax cost, after fees; without dividends and interest.
    unknown_proceeds
        Cash from closing lots whose cost is unknown, for which no profit can be said.
    contributed
        Value of positions that came or went without a trade, and cash corrections.
    expenses
        Fees that belong to no symbol, negative.
    external_ids
        Names of the facts that were booked from outside, each with the fingerprint of its body.
    unreconciled
        Whether the last comparison with the broker's statement left differences open.
    """

    account_id: str
    sequence: int = 0
    as_of: datetime | None = None
    cash: Decimal = ZERO
    positions: Mapping[str, PositionState] = field(default_factory=dict)
    campaigns: Mapping[str, Campaign] = field(default_factory=dict)
    closed_campaigns: tuple[Campaign, ...] = ()
    realized: Decimal = ZERO
    unknown_proceeds: Decimal = ZERO
    dividends: Decimal = ZERO
    interest: Decimal = ZERO
    deposits: Decimal = ZERO
    contributed: Decimal = ZERO
    expenses: Decimal = ZERO
    fees: Decimal = ZERO
    in_transit: Mapping[str, InTransit] = field(default_factory=dict)
    external_ids: Mapping[str, str] = field(default_factory=dict)
    unreconciled: bool = False

    def quantity(self, symbol: str) -> int:
        """Signed position in a symbol, 0 if flat."""
        position = self.positions.get(symbol)
        return 0 if position is None else position.quantity

    @property
    def imbalance(self) -> Decimal:
        """What the accounting identity above is off by: 0.00 unless the fold is wrong."""
        held = sum((position.cost for position in self.positions.values()), ZERO)
        moving = sum(
            (sum((lot.cost for lot in transit.lots), ZERO) - transit.premium for transit in self.in_transit.values()),
            ZERO,
        )
        earned = self.realized + self.unknown_proceeds + self.dividends + self.interest + self.expenses
        return self.cash + held + moving - self.deposits - self.contributed - earned


def fold(events: Iterable[LedgerEvent], contracts: Contracts, *, account_id: str | None = None) -> AccountState:
    """Make an account of its events, from the first one.

    Parameters
    ----------
    events
        In sequence, from 1.
    contracts
        Contracts that differ from their symbol's standard reading.
    account_id
        Needed only where there may be no events.

    Raises
    ------
    Conflict
        If the sequence has a gap.
    InvalidInput
        If an event belongs to another account, or there is neither an event nor an account id.
    """
    history = list(events)
    if account_id is None and not history:
        raise InvalidInput("no events and no account_id: nothing says which account this is")
    return apply_all(AccountState(account_id=account_id or history[0].account_id), history, contracts)


def apply(state: AccountState, event: LedgerEvent, contracts: Contracts) -> AccountState:
    """Add one event; see `apply_all`."""
    return apply_all(state, (event,), contracts)


def apply_all(state: AccountState, events: Iterable[LedgerEvent], contracts: Contracts) -> AccountState:
    """Add events to a state; those that it already contains are passed over.

    Raises
    ------
    Conflict
        If the sequence has a gap.
    InvalidInput
        If an event belongs to another account or refers to one that is not in its history.
    """
    draft = _Draft(state, contracts)
    for event in events:
        draft.add(event)
    return draft.state()


class _Draft:
    """A state being written; nothing outside this module sees it."""

    def __init__(self, state: AccountState, contracts: Contracts) -> None:
        self._state = state
        self._contracts = contracts
        self._sequence = state.sequence
        self._as_of = state.as_of
        self._cash = state.cash
        self._positions = dict(state.positions)
        self._campaigns = dict(state.campaigns)
        self._closed = list(state.closed_campaigns)
        self._in_transit = dict(state.in_transit)
        self._external_ids = dict(state.external_ids)
        self._realized = state.realized
        self._unknown_proceeds = state.unknown_proceeds
        self._dividends = state.dividends
        self._interest = state.interest
        self._deposits = state.deposits
        self._contributed = state.contributed
        self._expenses = state.expenses
        self._fees = state.fees
        self._unreconciled = state.unreconciled

    def state(self) -> AccountState:
        return AccountState(
            account_id=self._state.account_id,
            sequence=self._sequence,
            as_of=self._as_of,
            cash=self._cash,
            positions=self._positions,
            campaigns=self._campaigns,
            closed_campaigns=tuple(self._closed),
            realized=self._realized,
            unknown_proceeds=self._unknown_proceeds,
            dividends=self._dividends,
            interest=self._interest,
            deposits=self._deposits,
            contributed=self._contributed,
            expenses=self._expenses,
            fees=self._fees,
            in_transit=self._in_transit,
            external_ids=self._external_ids,
            unreconciled=self._unreconciled,
        )

    def add(self, event: LedgerEvent) -> None:
        account_id = self._state.account_id
        if event.account_id != account_id:
            raise InvalidInput(f"event {event.id} belongs to account {event.account_id}, not to {account_id}")
        if 0 < event.sequence <= self._sequence:
            return
        if event.sequence != self._sequence + 1:
            raise Conflict(
                f"account {account_id}: event {event.id} has sequence {event.sequence} where {self._sequence + 1} is next; "
                "read the missing events first"
            )
        match event.kind:
            case EventKind.CASH:
                self._deposits += event.cash
            case EventKind.INTEREST:
                self._interest += event.cash
            case EventKind.DIVIDEND:
                self._add_dividend(event)
            case EventKind.FEE:
                self._add_fee(event)
            case EventKind.ORDER:
                pass
            case EventKind.FILL | EventKind.EXPIRY:
                self._add_trade(event)
            case EventKind.ASSIGNMENT | EventKind.EXERCISE:
                self._add_delivery(event)
            case EventKind.RECONCILIATION if STATEMENT in event.detail:
                self._unreconciled = event.detail[STATEMENT] == DISAGREES
            case EventKind.SPLIT | EventKind.ADJUSTMENT | EventKind.RECONCILIATION:
                self._add_adjustment(event)
        self._cash += event.cash
        self._sequence = event.sequence
        self._as_of = event.ts if self._as_of is None else max(self._as_of, event.ts)
        # Fills are guarded by their order, and a fee of another event by that event.
        if event.external_id is not None and event.kind is not EventKind.FILL and "of" not in event.detail:
            self._external_ids.setdefault(event.external_id, event.detail.get("fingerprint", ""))

    def _add_dividend(self, event: LedgerEvent) -> None:
        self._dividends += event.cash
        if event.symbol is not None:
            self._earn(underlying_of(event.symbol, self._contracts), dividends=event.cash)

    def _add_fee(self, event: LedgerEvent) -> None:
        self._fees += event.cash
        if event.symbol is None:
            self._expenses += event.cash
            return
        underlying = underlying_of(event.symbol, self._contracts)
        position = self._positions.get(event.symbol)
        opened_by = event.detail.get("of")
        if position is not None and any(lot.id == opened_by for lot in position.lots):
            lots = tuple(
                replace(lot, cost=lot.cost - event.cash, purchase_cost=lot.purchase_cost - event.cash)
                if lot.id == opened_by
                else lot
                for lot in position.lots
            )
            self._positions[event.symbol] = replace(position, lots=lots)
        else:
            self._realized += event.cash
            if is_option(event.symbol):
                self._earn(underlying, premium=event.cash)
            else:
                self._earn(underlying, shares=event.cash)
        self._settle(underlying, event)

    def _add_trade(self, event: LedgerEvent) -> None:
        symbol = self._symbol(event)
        traded = self._trade(event, Consideration(cash=event.cash, purchase_cash=event.cash))
        self._realize(symbol, traded)
        self._settle(underlying_of(symbol, self._contracts), event)

    def _add_delivery(self, event: LedgerEvent) -> None:
        """Close an assigned or exercised option, or move the shares that it delivers at strike and premium."""
        symbol = self._symbol(event)
        underlying = underlying_of(symbol, self._contracts)
        option_event = event.detail.get("option_event")
        if option_event is None:
            traded = self._trade(event, Consideration(cash=event.cash, purchase_cash=event.cash))
            if event.detail.get("settles") == "shares":
                # The premium is part of the shares' cost or proceeds; realising it here as well would count it twice.
                self._in_transit[event.id] = InTransit(
                    underlying=underlying, premium=traded.realized, known=traded.known
                )
                self._earn(underlying, premium=traded.realized, known=traded.known)
                self._unknown_proceeds += traded.unknown_proceeds
            else:
                self._realize(symbol, traded)
        else:
            transit = self._arrived(event, option_event)
            premium = cents(transit.premium * Decimal(event.detail.get("weight", "1")))
            if event.detail.get("last", "yes") == "yes":
                premium = transit.premium
            else:
                self._in_transit[option_event] = replace(transit, premium=transit.premium - premium)
            cash = Consideration(cash=event.cash + premium, purchase_cash=event.cash, known=transit.known)
            traded = self._trade(event, cash)
            self._realize(symbol, traded)
            self._settle(transit.underlying, event)
        self._settle(underlying, event)

    def _add_adjustment(self, event: LedgerEvent) -> None:
        """Change a position without a trade: opening positions, splits, other symbols after a corporate action, corrections."""
        if event.quantity == 0 and "ratio" not in event.detail:
            self._contributed += event.cash
            return
        symbol = self._symbol(event)
        underlying = underlying_of(symbol, self._contracts)
        from_event = event.detail.get("from_event")
        if "to" in event.detail:
            position = self._positions.pop(symbol, None)
            if position is None or position.quantity != -event.quantity:
                raise InvalidInput(
                    f"event {event.id} moves {-event.quantity} {symbol} away, but the account holds another quantity"
                )
            self._in_transit[event.id] = InTransit(underlying=underlying, lots=position.lots)
            self._contributed += event.cash
        elif from_event is not None:
            transit = self._arrived(event, from_event)
            ratio = Fraction(event.quantity, sum(lot.quantity for lot in transit.lots))
            self._begin(underlying, event)
            moved = rescale(transit.lots, quantity=event.quantity, ratio=ratio, cash=ZERO)
            if symbol in self._positions:
                raise InvalidInput(f"event {event.id} moves lots into {symbol}, which the account already holds")
            self._place(symbol, moved.lots, transit.lots[0].opened_at)
            self._contributed += event.cash
            self._settle(transit.underlying, event)
        elif "ratio" in event.detail and symbol in self._positions:
            position = self._positions[symbol]
            ratio = Fraction(event.detail["ratio"])
            traded = rescale(position.lots, quantity=position.quantity + event.quantity, ratio=ratio, cash=event.cash)
            self._place(symbol, traded.lots, position.opened_at)
            self._realize(symbol, traded)
        else:
            self._contribute(event, symbol)
        self._settle(underlying, event)

    def _contribute(self, event: LedgerEvent, symbol: str) -> None:
        before = self._cost(symbol)
        value = None
        if event.price is not None:
            amount = -cents(event.quantity * event.price * multiplier_of(symbol, self._contracts))
            value = Consideration(cash=amount, purchase_cash=amount)
        traded = self._trade(event, value)
        self._realize(symbol, traded)
        self._contributed += event.cash + self._cost(symbol) - before - traded.realized - traded.unknown_proceeds

    def _trade(self, event: LedgerEvent, consideration: Consideration | None) -> Traded:
        symbol = self._symbol(event)
        self._begin(underlying_of(symbol, self._contracts), event)
        position = self._positions.get(symbol)
        lots = () if position is None else position.lots
        traded = trade(lots, event_id=event.id, ts=event.ts, quantity=event.quantity, consideration=consideration)
        crossed = bool(lots and traded.lots) and (lots[0].quantity > 0) != (traded.lots[0].quantity > 0)
        self._place(symbol, traded.lots, event.ts if position is None or crossed else position.opened_at)
        return traded

    def _place(self, symbol: str, lots: tuple[Lot, ...], opened_at: datetime) -> None:
        if lots:
            self._positions[symbol] = PositionState(
                symbol=symbol,
                underlying=underlying_of(symbol, self._contracts),
                multiplier=multiplier_of(symbol, self._contracts),
                lots=lots,
                opened_at=opened_at,
            )
        else:
            self._positions.pop(symbol, None)

    def _realize(self, symbol: str, traded: Traded) -> None:
        self._realized += traded.realized
        self._unknown_proceeds += traded.unknown_proceeds
        underlying = underlying_of(symbol, self._contracts)
        if is_option(symbol):
            self._earn(underlying, premium=traded.purchase_realized, known=traded.known)
        else:
            self._earn(underlying, shares=traded.purchase_realized, known=traded.known)

    def _earn(
        self,
        underlying: str,
        *,
        premium: Decimal = ZERO,
        shares: Decimal = ZERO,
        dividends: Decimal = ZERO,
        known: bool = True,
    ) -> None:
        """Credit the open cycle, or the last ended one: fees and dividends may arrive after the position has gone."""
        if underlying in self._campaigns:
            campaign = self._campaigns[underlying]
            self._campaigns[underlying] = campaign.earned(
                premium=premium, shares=shares, dividends=dividends, known=known
            )
            return
        place = self._last_closed(underlying)
        if place is not None:
            self._closed[place] = self._closed[place].earned(
                premium=premium, shares=shares, dividends=dividends, known=known
            )

    def _begin(self, underlying: str, event: LedgerEvent) -> None:
        if underlying in self._campaigns:
            return
        place = self._last_closed(underlying)
        if place is not None and event.order_id is not None and self._closed[place].closing_order == event.order_id:
            self._campaigns[underlying] = replace(self._closed.pop(place), closed_at=None, closing_order=None)
        else:
            self._campaigns[underlying] = Campaign(underlying=underlying, opened_at=event.ts)

    def _settle(self, underlying: str, event: LedgerEvent) -> None:
        """End the cycle if the underlying is flat, else bring the campaign basis of its shares up to date."""
        campaign = self._campaigns.get(underlying)
        if campaign is None:
            return
        held = any(position.underlying == underlying for position in self._positions.values())
        if not held and not any(transit.underlying == underlying for transit in self._in_transit.values()):
            self._closed.append(replace(campaign, closed_at=event.ts, closing_order=event.order_id))
            del self._campaigns[underlying]
            return
        shares = self._positions.get(underlying)
        if shares is not None:
            basis = None
            if shares.is_known and campaign.known:
                basis = (shares.purchase_cost - campaign.premium) / shares.quantity
            if basis != shares.campaign_basis:
                self._positions[underlying] = replace(shares, campaign_basis=basis)

    def _arrived(self, event: LedgerEvent, tied_to: str) -> InTransit:
        if tied_to not in self._in_transit:
            raise InvalidInput(
                f"event {event.id} continues {tied_to}, which is not in transit in account {event.account_id}"
            )
        return self._in_transit.pop(tied_to)

    def _last_closed(self, underlying: str) -> int | None:
        for place in range(len(self._closed) - 1, -1, -1):
            if self._closed[place].underlying == underlying:
                return place
        return None

    def _cost(self, symbol: str) -> Decimal:
        position = self._positions.get(symbol)
        return ZERO if position is None else position.cost

    @staticmethod
    def _symbol(event: LedgerEvent) -> str:
        if event.symbol is None:
            raise InvalidInput(f"event {event.id} of kind {event.kind.value} names no symbol")
        return event.symbol
