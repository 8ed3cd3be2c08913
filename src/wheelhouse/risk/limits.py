"""What stops an order: pure predicates over an account and the order, each of which gives typed refusals.

Nothing here knows how an account is stored or an order is sent. The caller states the account as it is, what its working orders would
do in the worst case, and the margin before and after; it gets every reason at once, not only the first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from wheelhouse.market.instruments import AccountKind, OptionContract, Right

ZERO = Decimal(0)


class RefusalCode(StrEnum):
    """Why an order is not accepted."""

    HALTED = "halted"
    STALE_DATA = "stale_data"
    NO_MARKET = "no_market"
    CONTRACT_EXPIRED = "contract_expired"
    CROSSES_ZERO = "crosses_zero"
    UNCOVERED_CALL = "uncovered_call"
    SHORT_SHARES = "short_shares"
    INSUFFICIENT_CASH = "insufficient_cash"
    INSUFFICIENT_BUYING_POWER = "insufficient_buying_power"
    UNKNOWN_PRICE = "unknown_price"
    UNRECONCILED = "unreconciled"
    NAME_LIMIT = "name_limit"
    CONTRACT_LIMIT = "contract_limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One reason: a code for programs, a sentence for people."""

    code: RefusalCode
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLeg:
    """One leg of an order.

    Attributes
    ----------
    quantity
        Signed contracts or shares.
    contract
        None for shares.
    """

    symbol: str
    quantity: int
    contract: OptionContract | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStanding:
    """An account as limits see it.

    Attributes
    ----------
    cash, reserved
        USD in the ledger, and what working orders have a claim on.
    positions
        Signed quantities by symbol.
    working
        Remaining legs of working orders.
    contracts
        Terms of the options among `positions`, by symbol.
    equity, initial_margin
        USD; read for margin accounts only. None if a price that they rest on is unknown.
    halted, unreconciled
        The kill switch, and whether the last comparison with the broker left differences open.
    """

    kind: AccountKind
    cash: Decimal
    reserved: Decimal = ZERO
    positions: Mapping[str, int] = field(default_factory=dict)
    working: tuple[OrderLeg, ...] = ()
    contracts: Mapping[str, OptionContract] = field(default_factory=dict)
    equity: Decimal | None = None
    initial_margin: Decimal | None = None
    halted: bool = False
    unreconciled: bool = False

    @property
    def buying_power(self) -> Decimal | None:
        """USD that new risk may use; None if unknown.

        Cash and IRA: cash less reservations less what short puts are secured with. Margin: equity less initial margin less reservations.
        """
        if self.kind is not AccountKind.MARGIN:
            return self.cash - self.reserved - secured_cash(self.positions, self.contracts)
        if self.equity is None or self.initial_margin is None:
            return None
        return self.equity - self.initial_margin - self.reserved


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedOrder:
    """An order as limits see it.

    Attributes
    ----------
    cash_change
        USD if it fills as far as its limit allows, fees off; negative is paid. None if there is no price.
    equity_change, margin_change
        USD; read for margin accounts. Filling at the market leaves equity but for fees and spread; None if unknown.
    """

    legs: tuple[OrderLeg, ...]
    cash_change: Decimal | None
    equity_change: Decimal | None = ZERO
    margin_change: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcentrationLimits:
    """Bounds on what one order may build up; None is no bound.

    Attributes
    ----------
    name_share
        Greatest part of equity that one underlying's short puts and shares may claim, 0.25 is a quarter.
    contracts_per_order
        Greatest number of contracts in a leg.
    """

    name_share: Decimal | None = None
    contracts_per_order: int | None = None


def refusals(
    account: AccountStanding,
    order: ProposedOrder,
    *,
    now: datetime,
    closes: Mapping[str, datetime] | None = None,
    data_states: Mapping[str, str] | None = None,
    limits: ConcentrationLimits | None = None,
) -> tuple[Refusal, ...]:
    """Every reason not to accept the order; none if it may go.

    Parameters
    ----------
    closes
        When each option last trades, by symbol, for those that may be over.
    data_states
        ``fresh``, ``stale`` or ``missing`` by symbol of leg.
    """
    found: list[Refusal] = []
    found += halted(account)
    found += expired(order.legs, closes or {}, now)
    found += untimely(order.legs, data_states or {})
    found += crossing(account, order.legs)
    found += uncovered(account, order.legs)
    found += unaffordable(account, order)
    found += too_large(order.legs, limits or ConcentrationLimits())
    return tuple(found)


def halted(account: AccountStanding) -> list[Refusal]:
    """The kill switch is on, or the books differ from the broker's."""
    found = []
    if account.halted:
        found.append(Refusal(code=RefusalCode.HALTED, detail="the account is halted; resume it first"))
    if account.unreconciled:
        detail = "the last comparison with the broker left differences open; settle them first"
        found.append(Refusal(code=RefusalCode.UNRECONCILED, detail=detail))
    return found


def expired(legs: Iterable[OrderLeg], closes: Mapping[str, datetime], now: datetime) -> list[Refusal]:
    """Legs that no longer trade."""
    return [
        Refusal(
            code=RefusalCode.CONTRACT_EXPIRED, detail=f"{leg.symbol} last traded at {closes[leg.symbol].isoformat()}"
        )
        for leg in legs
        if leg.symbol in closes and now >= closes[leg.symbol]
    ]


def untimely(legs: Iterable[OrderLeg], data_states: Mapping[str, str]) -> list[Refusal]:
    """Legs whose quote is stale or missing; a state that is not told is taken for fresh."""
    codes = {"stale": RefusalCode.STALE_DATA, "missing": RefusalCode.NO_MARKET}
    return [
        Refusal(code=codes[state], detail=f"the quote of {leg.symbol} is {state}")
        for leg in legs
        if (state := data_states.get(leg.symbol, "fresh")) in codes
    ]


def crosses_zero(held: int, quantity: int) -> bool:
    """Whether a trade would turn a long position into a short one or the other way round."""
    return held * (held + quantity) < 0


def crossing(account: AccountStanding, legs: Iterable[OrderLeg]) -> list[Refusal]:
    """Legs that would cross zero, alone or together with what works in the same direction."""
    found = []
    for leg in legs:
        held = account.positions.get(leg.symbol, 0)
        working = sum(
            w.quantity for w in account.working if w.symbol == leg.symbol and (w.quantity > 0) == (leg.quantity > 0)
        )
        if crosses_zero(held, working + leg.quantity):
            also = f" with {working:+d} working" if working else ""
            detail = f"{leg.quantity:+d} {leg.symbol} against {held:+d}{also} would cross zero; close first"
            found.append(Refusal(code=RefusalCode.CROSSES_ZERO, detail=detail))
    return found


def uncovered(account: AccountStanding, legs: Sequence[OrderLeg]) -> list[Refusal]:
    """Calls without shares behind them, and shares sold short, in accounts that may have neither.

    Of working orders everything that sells is taken as filled and nothing that buys. What is missing already does not stop an order
    that makes it no worse.
    """
    if account.kind is AccountKind.MARGIN:
        return []
    pending = [leg for leg in account.working if leg.quantity < 0]
    contracts = dict(account.contracts) | {leg.symbol: leg.contract for leg in (*pending, *legs) if leg.contract}
    before = _missing_shares(_after(account.positions, pending), contracts)
    after = _missing_shares(_after(_after(account.positions, pending), legs), contracts)
    return [
        Refusal(code=code, detail=f"{count} shares of {symbol} would be missing; a {account.kind} account needs them")
        for (code, symbol), count in sorted(after.items())
        if count > before.get((code, symbol), 0)
    ]


def unaffordable(account: AccountStanding, order: ProposedOrder) -> list[Refusal]:
    """Not enough cash or buying power. An order that frees some is accepted however little there is."""
    if order.cash_change is None:
        detail = "the order has no limit price and its legs no market, so what it costs is unknown"
        return [Refusal(code=RefusalCode.UNKNOWN_PRICE, detail=detail)]
    before = account.buying_power
    after: Decimal | None
    if account.kind is AccountKind.MARGIN:
        after = None
        if before is not None and order.equity_change is not None and order.margin_change is not None:
            after = before + order.equity_change - order.margin_change
        code = RefusalCode.INSUFFICIENT_BUYING_POWER
    else:
        contracts = dict(account.contracts) | {leg.symbol: leg.contract for leg in order.legs if leg.contract}
        secured = secured_cash(_after(account.positions, order.legs), contracts)
        after = account.cash + order.cash_change - account.reserved - secured
        code = RefusalCode.INSUFFICIENT_CASH
    if before is None or after is None:
        detail = "a position has no price, so the buying power of the account is unknown"
        return [Refusal(code=RefusalCode.UNKNOWN_PRICE, detail=detail)]
    if after < 0 and after < before:
        return [Refusal(code=code, detail=f"{-after} USD short: {before} USD before the order, {after} USD after it")]
    return []


def too_large(legs: Iterable[OrderLeg], limits: ConcentrationLimits) -> list[Refusal]:
    """Legs of more contracts than one order may have."""
    most = limits.contracts_per_order
    return [
        Refusal(
            code=RefusalCode.CONTRACT_LIMIT, detail=f"{abs(leg.quantity)} contracts of {leg.symbol}, at most {most}"
        )
        for leg in legs
        if most is not None and leg.contract is not None and abs(leg.quantity) > most
    ]


def too_concentrated(name: str, claim: Decimal, equity: Decimal, limits: ConcentrationLimits) -> list[Refusal]:
    """One underlying's claim on the account, in USD if all of it is assigned, is more than its share of equity."""
    if limits.name_share is None or claim <= limits.name_share * equity:
        return []
    detail = f"{name} would claim {claim} USD, at most {limits.name_share:.0%} of {equity} USD"
    return [Refusal(code=RefusalCode.NAME_LIMIT, detail=detail)]


def secured_cash(positions: Mapping[str, int], contracts: Mapping[str, OptionContract]) -> Decimal:
    """USD that all short puts pay if they are assigned, to the cent."""
    total = sum(
        (
            contract.strike * contract.exercise_multiplier * -quantity
            for symbol, quantity in positions.items()
            if quantity < 0 and (contract := contracts.get(symbol)) is not None and contract.right is Right.PUT
        ),
        ZERO,
    )
    return total.quantize(Decimal("0.01"))


def _after(positions: Mapping[str, int], legs: Iterable[OrderLeg]) -> dict[str, int]:
    held = dict(positions)
    for leg in legs:
        held[leg.symbol] = held.get(leg.symbol, 0) + leg.quantity
    return held


def _missing_shares(
    positions: Mapping[str, int], contracts: Mapping[str, OptionContract]
) -> dict[tuple[RefusalCode, str], int]:
    owed: dict[str, int] = {}
    for symbol, quantity in positions.items():
        contract = contracts.get(symbol)
        if quantity < 0 and contract is not None and contract.right is Right.CALL:
            for delivered, count in contract.deliverable.shares:
                owed[delivered] = owed.get(delivered, 0) - quantity * count
    missing = {}
    for symbol, count in owed.items():
        held = max(0, positions.get(symbol, 0))
        if held < count:
            missing[RefusalCode.UNCOVERED_CALL, symbol] = count - held
    for symbol, quantity in positions.items():
        if quantity < 0 and symbol not in contracts:
            missing[RefusalCode.SHORT_SHARES, symbol] = -quantity
    return missing
