"""Make events of facts: deposits, orders, fills, assignments, exercises, expiries, dividends.

Every function returns events without a sequence (see `wheelhouse.ledger.events.sequenced`) whose ids depend on the fact alone:
booking it again gives the same ids. Facts with an `external_id` that the account already knows give no events.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from wheelhouse.errors import InvalidInput
from wheelhouse.ledger.account import AccountState
from wheelhouse.ledger.contracts import Contracts, contract_of, is_option, multiplier_of
from wheelhouse.ledger.events import EventKind, LedgerEvent
from wheelhouse.ledger.money import ZERO, cents
from wheelhouse.ledger.orders import Fill, Order
from wheelhouse.market.instruments import OptionContract, Position, Right, Settlement, normalize_symbol

Events = tuple[LedgerEvent, ...]


def open_account(account_id: str, *, ts: datetime, cash: Decimal, positions: Sequence[Position] = ()) -> Events:
    """Open an account: its cash is the first event, even if 0, then one adjustment for each position.

    A cost basis is USD per share, of short positions the amount received, positive.

    Raises
    ------
    InvalidInput
        If a symbol is malformed or repeated, or a quantity is 0.
    """
    events = [
        LedgerEvent(id=f"{account_id}/open/cash", account_id=account_id, ts=ts, kind=EventKind.CASH, cash=cents(cash))
    ]
    seen: set[str] = set()
    for position in positions:
        symbol = normalize_symbol(position.symbol)
        if symbol in seen or position.quantity == 0:
            raise InvalidInput(
                f"opening position {symbol}: quantity {position.quantity}; give each symbol once, with a quantity"
            )
        seen.add(symbol)
        events.append(
            LedgerEvent(
                id=f"{account_id}/open/{symbol}",
                account_id=account_id,
                ts=ts,
                kind=EventKind.ADJUSTMENT,
                symbol=symbol,
                quantity=position.quantity,
                price=position.cost_basis,
                detail={"reason": "opening_position"},
            )
        )
    return tuple(events)


def book_order(order: Order, ts: datetime) -> Events:
    """Record that an order entered its present status; the intent comes before any fill."""
    return (
        LedgerEvent(
            id=f"{order.account_id}/order/{order.id}/{order.status.value}",
            account_id=order.account_id,
            ts=ts,
            kind=EventKind.ORDER,
            symbol=order.legs[0].symbol if len(order.legs) == 1 else None,
            order_id=order.id,
            detail={"status": order.status.value, "reasons": ",".join(reason.code for reason in order.reasons)},
        ),
    )


def book_fill(account_id: str, order_id: str, fill: Fill, contracts: Contracts) -> Events:
    """Record an execution, and its fee as an event of its own."""
    event = LedgerEvent(
        id=f"{account_id}/fill/{fill.id}",
        account_id=account_id,
        ts=fill.ts,
        kind=EventKind.FILL,
        symbol=fill.symbol,
        quantity=fill.quantity,
        price=fill.price,
        cash=cents(-fill.quantity * fill.price * multiplier_of(fill.symbol, contracts)),
        order_id=order_id,
        external_id=fill.id,
    )
    return (event, *_fee(event, fill.fee))


def book_fills(order: Order, fills: Iterable[Fill], contracts: Contracts) -> Events:
    """Record the executions of an order's legs."""
    return tuple(event for fill in fills for event in book_fill(order.account_id, order.id, fill, contracts))


def book_expiry(
    state: AccountState, symbol: str, *, ts: datetime, external_id: str, quantity: int | None = None
) -> Events:
    """Let contracts of a position expire without value.

    Parameters
    ----------
    quantity
        Number of contracts, all of them if None; the sign does not matter, an expiry always closes.
    """
    if external_id in state.external_ids:
        return ()
    held = state.quantity(symbol)
    count = _contracts_of(state, symbol, quantity, held)
    return (
        LedgerEvent(
            id=f"{state.account_id}/{external_id}",
            account_id=state.account_id,
            ts=ts,
            kind=EventKind.EXPIRY,
            symbol=symbol,
            quantity=-count if held > 0 else count,
            price=ZERO,
            external_id=external_id,
        ),
    )


def book_assignment(
    state: AccountState,
    symbol: str,
    *,
    ts: datetime,
    external_id: str,
    contracts: Contracts,
    quantity: int | None = None,
    fee: Decimal = ZERO,
    settlement_price: Decimal | None = None,
    share_prices: Mapping[str, Decimal] | None = None,
) -> Events:
    """Assign contracts of a short position: the option closes at 0 with its premium, shares and cash move by its deliverable.

    Parameters
    ----------
    quantity
        Number of contracts, all of them if None.
    fee
        USD for the whole assignment.
    settlement_price
        Of the underlying; needed for contracts that settle in cash.
    share_prices
        Of the delivered symbols, to divide the strike where a contract delivers several; without them the first carries it all.

    Raises
    ------
    InvalidInput
        If the account is not short that many contracts, or a needed settlement price is missing.
    """
    if external_id in state.external_ids:
        return ()
    held = state.quantity(symbol)
    if held >= 0:
        raise InvalidInput(
            f"account {state.account_id}: assignment of {symbol}, but its position is {held}; only shorts are assigned"
        )
    count = _contracts_of(state, symbol, quantity, held)
    return _settle_option(
        state.account_id,
        contract_of(symbol, contracts),
        EventKind.ASSIGNMENT,
        closing=count,
        ts=ts,
        external_id=external_id,
        fee=fee,
        settlement_price=settlement_price,
        share_prices=share_prices or {},
    )


def book_exercise(
    state: AccountState,
    symbol: str,
    *,
    ts: datetime,
    external_id: str,
    contracts: Contracts,
    quantity: int | None = None,
    fee: Decimal = ZERO,
    settlement_price: Decimal | None = None,
    share_prices: Mapping[str, Decimal] | None = None,
) -> Events:
    """Exercise contracts of a long position; parameters as of `book_assignment`.

    Raises
    ------
    InvalidInput
        If the account is not long that many contracts, or a needed settlement price is missing.
    """
    if external_id in state.external_ids:
        return ()
    held = state.quantity(symbol)
    if held <= 0:
        raise InvalidInput(
            f"account {state.account_id}: exercise of {symbol}, but its position is {held}; only longs are exercised"
        )
    count = _contracts_of(state, symbol, quantity, held)
    return _settle_option(
        state.account_id,
        contract_of(symbol, contracts),
        EventKind.EXERCISE,
        closing=-count,
        ts=ts,
        external_id=external_id,
        fee=fee,
        settlement_price=settlement_price,
        share_prices=share_prices or {},
    )


def book_dividend(
    state: AccountState, symbol: str, *, per_share: Decimal, ts: datetime, external_id: str, shares: int | None = None
) -> Events:
    """Pay a dividend on the shares held (shorts pay it); nothing if none are.

    Parameters
    ----------
    shares
        Signed shares held when the ex-date began, where the payment comes later; the present position if None.
    """
    entitled = state.quantity(symbol) if shares is None else shares
    if external_id in state.external_ids or entitled == 0:
        return ()
    return (
        LedgerEvent(
            id=f"{state.account_id}/{external_id}",
            account_id=state.account_id,
            ts=ts,
            kind=EventKind.DIVIDEND,
            symbol=symbol,
            price=per_share,
            cash=cents(entitled * per_share),
            external_id=external_id,
            detail={"shares": str(entitled)},
        ),
    )


def book_cash(
    state: AccountState,
    amount: Decimal,
    *,
    ts: datetime,
    external_id: str,
    kind: EventKind = EventKind.CASH,
    symbol: str | None = None,
    detail: Mapping[str, str] | None = None,
) -> Events:
    """Book cash that moves no quantity: a deposit or withdrawal, interest, a fee, or a dividend given as a total."""
    if external_id in state.external_ids:
        return ()
    return (
        LedgerEvent(
            id=f"{state.account_id}/{external_id}",
            account_id=state.account_id,
            ts=ts,
            kind=kind,
            symbol=symbol,
            cash=cents(amount),
            external_id=external_id,
            detail=detail or {},
        ),
    )


def _settle_option(
    account_id: str,
    contract: OptionContract,
    kind: EventKind,
    *,
    closing: int,
    ts: datetime,
    external_id: str,
    fee: Decimal,
    settlement_price: Decimal | None,
    share_prices: Mapping[str, Decimal],
) -> Events:
    """Close `closing` contracts (signed) against what the contract delivers."""
    base = f"{account_id}/{external_id}"
    # A put's holder sells and a call's holder buys; `closing` is positive where we are assigned, the holder's opposite.
    buys = closing if contract.right is Right.PUT else -closing
    strike_cash = -buys * contract.strike * contract.exercise_multiplier
    delivered = contract.deliverable.shares
    in_cash = contract.settlement is Settlement.CASH
    if in_cash:
        if settlement_price is None:
            raise InvalidInput(f"{contract.symbol} settles in cash: give the settlement price of {contract.underlying}")
        value = (
            contract.strike - settlement_price if contract.right is Right.PUT else settlement_price - contract.strike
        )
        cash = cents(-closing * max(value, Decimal(0)) * contract.exercise_multiplier)
    elif delivered:
        cash = ZERO
    else:
        cash = cents(strike_cash + buys * contract.deliverable.cash)
    moves_shares = bool(delivered) and not in_cash
    option_event = LedgerEvent(
        id=base,
        account_id=account_id,
        ts=ts,
        kind=kind,
        symbol=contract.symbol,
        quantity=closing,
        price=ZERO if moves_shares else settlement_price,
        cash=cash,
        external_id=external_id,
        detail={"settles": "shares" if moves_shares else "cash"},
    )
    events = [option_event]
    if moves_shares:
        total = cents(strike_cash + buys * contract.deliverable.cash)
        weights = _weights(delivered, share_prices)
        rest = total
        for place, ((symbol, shares), weight) in enumerate(zip(delivered, weights, strict=True), start=1):
            is_last = place == len(delivered)
            part = rest if is_last else cents(total * weight)
            rest -= part
            events.append(
                LedgerEvent(
                    id=f"{base}/{symbol}",
                    account_id=account_id,
                    ts=ts,
                    kind=kind,
                    symbol=symbol,
                    quantity=buys * shares,
                    price=abs(part) / abs(buys * shares),
                    cash=part,
                    external_id=external_id,
                    detail={
                        "option_event": base,
                        "option": contract.symbol,
                        "weight": str(weight),
                        "last": "yes" if is_last else "no",
                    },
                )
            )
        return (*events, *_fee(events[1], fee))
    return (*events, *_fee(option_event, fee))


def _weights(delivered: Sequence[tuple[str, int]], prices: Mapping[str, Decimal]) -> list[Decimal]:
    if all(symbol in prices for symbol, _ in delivered):
        values = [prices[symbol] * shares for symbol, shares in delivered]
        total = sum(values, Decimal(0))
        if total > 0:
            return [value / total for value in values]
    return [Decimal(1), *(Decimal(0) for _ in delivered[1:])]


def _fee(of: LedgerEvent, fee: Decimal) -> Events:
    if not fee:
        return ()
    event = LedgerEvent(
        id=f"{of.id}/fee",
        account_id=of.account_id,
        ts=of.ts,
        kind=EventKind.FEE,
        symbol=of.symbol,
        cash=-cents(fee),
        order_id=of.order_id,
        external_id=of.external_id,
        detail={"of": of.id},
    )
    return (event,)


def _contracts_of(state: AccountState, symbol: str, quantity: int | None, held: int) -> int:
    count = abs(held) if quantity is None else abs(quantity)
    if not is_option(symbol) or not 0 < count <= abs(held):
        raise InvalidInput(
            f"account {state.account_id}: {count} contracts of {symbol} to close, but it holds {held}; "
            "give an option and at most as many as are held"
        )
    return count
