"""Splits and special dividends: what they make of shares and of option contracts.

A whole split n:1 multiplies shares and contracts and divides strikes; any other split keeps strike and contract count and changes what
one contract delivers, under a root with a digit. A special dividend cuts every strike by its amount; an ordinary one changes nothing.
In every case what a position has cost moves on unchanged.

References
----------
Options Clearing Corporation, By-Laws, Article VI, Section 11 (adjustments); strikes are rounded to the nearest cent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from math import floor

from wheelhouse.errors import InvalidInput
from wheelhouse.ledger.account import AccountState
from wheelhouse.ledger.contracts import Contracts, contract_of, is_option
from wheelhouse.ledger.events import EventKind, LedgerEvent
from wheelhouse.ledger.money import ZERO, cents
from wheelhouse.market.events import Dividend, Split
from wheelhouse.market.instruments import Deliverable, OptionContract, format_osi, parse_osi


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateAction:
    """The events of one account, and the contracts that came into being and must be known from now on."""

    events: tuple[LedgerEvent, ...]
    contracts: Mapping[str, OptionContract]


def split_contract(contract: OptionContract, split: Split, *, share_price: Decimal | None = None) -> OptionContract:
    """Give the contract that one of `contract` becomes (n of them in a whole split n:1).

    Parameters
    ----------
    share_price
        USD per share after the split, to pay the fraction of a share in the deliverable; without it that fraction is dropped.

    Examples
    --------
    >>> from datetime import date
    >>> from fractions import Fraction
    >>> from wheelhouse.market.instruments import contract_from_osi
    >>> old = contract_from_osi("AAPL  050319P00090000")
    >>> split_contract(old, Split(ex_date=date(2005, 2, 28), ratio=Fraction(2))).symbol
    'AAPL  050319P00045000'
    """
    osi = parse_osi(contract.symbol)
    if split.is_whole and contract.is_standard:
        strike = cents(contract.strike / split.ratio.numerator)
        return replace(contract, symbol=format_osi(osi.root, osi.expiry, osi.right, strike), strike=strike)
    shares: list[tuple[str, int]] = []
    cash = contract.deliverable.cash
    for symbol, count in contract.deliverable.shares:
        if symbol != contract.underlying:
            shares.append((symbol, count))
            continue
        exact = count * split.ratio
        whole = floor(exact)
        fraction = exact - whole
        if fraction and share_price is not None:
            cash += cents(share_price * fraction.numerator / fraction.denominator)
        if whole:
            shares.append((symbol, whole))
    return replace(
        contract,
        symbol=format_osi(_next_root(osi.root), osi.expiry, osi.right, contract.strike),
        deliverable=Deliverable(shares=tuple(shares), cash=cash),
    )


def cut_contract(contract: OptionContract, amount: Decimal) -> OptionContract:
    """Give the contract after a special dividend: its strike cut by the amount per share.

    Raises
    ------
    InvalidInput
        If nothing would be left of the strike.
    """
    osi = parse_osi(contract.symbol)
    strike = contract.strike - amount
    if strike <= 0:
        raise InvalidInput(f"{contract.symbol}: a special dividend of {amount} leaves no strike of {contract.strike}")
    return replace(contract, symbol=format_osi(osi.root, osi.expiry, osi.right, strike), strike=strike)


def book_split(
    state: AccountState,
    underlying: str,
    split: Split,
    *,
    ts: datetime,
    contracts: Contracts,
    share_price: Decimal | None = None,
) -> CorporateAction:
    """Split the shares and contracts that an account holds; no events if it was booked before.

    Parameters
    ----------
    share_price
        USD per share after the split, at which a fraction of a share is paid out; without it the fraction is lost, with a loss.
    """
    external_id = f"split/{underlying}/{split.ex_date}"
    if external_id in state.external_ids:
        return CorporateAction(events=(), contracts={})
    events: list[LedgerEvent] = []
    held = state.quantity(underlying)
    if held:
        exact = held * split.ratio
        whole = int(exact)
        fraction = exact - whole
        in_lieu = ZERO
        if fraction and share_price is not None:
            in_lieu = cents(share_price * fraction.numerator / fraction.denominator)
        events.append(
            LedgerEvent(
                id=f"{state.account_id}/{external_id}/{underlying}",
                account_id=state.account_id,
                ts=ts,
                kind=EventKind.SPLIT,
                symbol=underlying,
                quantity=whole - held,
                price=share_price,
                cash=in_lieu,
                external_id=external_id,
                detail={"ratio": str(split.ratio)},
            )
        )
    changes = []
    for contract, quantity in _held_contracts(state, underlying, contracts):
        factor = split.ratio.numerator if split.is_whole and contract.is_standard else 1
        became = split_contract(contract, split, share_price=share_price)
        changes.append(_Change(old=contract.symbol, quantity=quantity, became=became, becomes=quantity * factor))
    return _changed(state, events, changes, EventKind.SPLIT, ts, external_id)


def book_special_dividend(
    state: AccountState, underlying: str, dividend: Dividend, *, ts: datetime, contracts: Contracts
) -> CorporateAction:
    """Cut the strikes of an account's contracts by a special dividend; its cash is booked by `book_dividend`.

    Raises
    ------
    InvalidInput
        If the dividend is ordinary: those never adjust a contract.
    """
    if dividend.kind != "special":
        raise InvalidInput(
            f"dividend of {dividend.ex_date} on {underlying} is {dividend.kind}: only special ones adjust contracts"
        )
    external_id = f"special/{underlying}/{dividend.ex_date}"
    if external_id in state.external_ids:
        return CorporateAction(events=(), contracts={})
    changes = [
        _Change(
            old=contract.symbol, quantity=quantity, became=cut_contract(contract, dividend.amount), becomes=quantity
        )
        for contract, quantity in _held_contracts(state, underlying, contracts)
    ]
    return _changed(state, [], changes, EventKind.ADJUSTMENT, ts, external_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """`quantity` of the contract `old` turns into `becomes` of the contract `became`."""

    old: str
    quantity: int
    became: OptionContract
    becomes: int


def _held_contracts(state: AccountState, underlying: str, contracts: Contracts) -> list[tuple[OptionContract, int]]:
    return [
        (contract_of(symbol, contracts), position.quantity)
        for symbol, position in sorted(state.positions.items())
        if is_option(symbol) and position.underlying == underlying
    ]


def _changed(
    state: AccountState,
    before: list[LedgerEvent],
    changes: list[_Change],
    kind: EventKind,
    ts: datetime,
    external_id: str,
) -> CorporateAction:
    """Take positions out under their old symbols and put them in under the new ones, with their costs."""
    base = f"{state.account_id}/{external_id}"
    # All leave before any enters: a strike may become another one that is held, as 27 becomes 24 and 24 becomes 21.
    leave = [
        LedgerEvent(
            id=f"{base}/{change.old}/out",
            account_id=state.account_id,
            ts=ts,
            kind=kind,
            symbol=change.old,
            quantity=-change.quantity,
            external_id=external_id,
            detail={"to": change.became.symbol},
        )
        for change in changes
    ]
    enter = [
        LedgerEvent(
            id=f"{base}/{change.old}/in",
            account_id=state.account_id,
            ts=ts,
            kind=kind,
            symbol=change.became.symbol,
            quantity=change.becomes,
            external_id=external_id,
            detail={"from_event": f"{base}/{change.old}/out", "from": change.old},
        )
        for change in changes
    ]
    return CorporateAction(
        events=(*before, *leave, *enter), contracts={change.became.symbol: change.became for change in changes}
    )


def _next_root(root: str) -> str:
    stem = root.rstrip("0123456789")
    number = int(root[len(stem) :] or "0") + 1
    return f"{stem}{number}"
