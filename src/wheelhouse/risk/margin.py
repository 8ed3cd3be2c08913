"""What positions tie up: in full in cash and IRA accounts, by Regulation T with its strategies in margin accounts.

Requirements include what buying short options and shares back costs, as the rules state them: the proceeds of the sale may be applied
against them. `Margin.proceeds` says how much that is, so equity, which has those liabilities off already, has to exceed
`initial - proceeds`.

References
----------
Board of Governors of the Federal Reserve, Regulation T (12 CFR 220); Cboe Rule 10.3 and FINRA Rule 4210(f)(2): uncovered options,
spreads, straddles and combinations.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from wheelhouse.errors import InvalidInput
from wheelhouse.market.instruments import AccountKind, OptionContract, Right

ZERO: Final = Decimal(0)
_CENT: Final = Decimal("0.01")
_SHARES_INITIAL: Final = Decimal("0.50")
_SHARES_MAINTENANCE: Final = Decimal("0.25")
_SHORT_SHARES_INITIAL: Final = Decimal("1.50")
_SHORT_SHARES_MAINTENANCE: Final = Decimal("1.30")
_UNCOVERED: Final = Decimal("0.20")
_UNCOVERED_BROAD_INDEX: Final = Decimal("0.15")
_UNCOVERED_LEAST: Final = Decimal("0.10")


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseRules:
    """What the house asks for beyond the regulation, for uncovered options.

    Attributes
    ----------
    minimum_per_share
        USD; the least requirement per share of exercise multiplier.
    multiplier
        On the regulation's requirement.
    """

    minimum_per_share: Decimal = ZERO
    multiplier: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        if self.minimum_per_share < 0 or self.multiplier < 1:
            raise InvalidInput(
                f"house rules: minimum_per_share {self.minimum_per_share} must not be negative "
                f"and multiplier {self.multiplier} not below 1"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginPosition:
    """A position with the prices that its margin rests on.

    Attributes
    ----------
    quantity
        Signed shares or contracts.
    mark
        USD per share, or per premium unit of an option.
    spot
        USD per share of the underlying; of an adjusted option what it delivers, per USD of exercise multiplier. Of shares, the mark.
    contract
        None for shares.
    broad_index
        Whether the underlying is a broad index, of which less is asked for.
    """

    symbol: str
    underlying: str
    quantity: int
    mark: Decimal
    spot: Decimal
    contract: OptionContract | None = None
    broad_index: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginGroup:
    """Positions that are margined together.

    Attributes
    ----------
    strategy
        ``long_shares``, ``short_shares``, ``long_option``, ``covered_call``, ``cash_secured_put``, ``spread``, ``condor``, ``strangle``,
        ``uncovered_put`` or ``uncovered_call``.
    symbols
        Of the legs.
    quantity
        Contracts or shares of each leg, not signed.
    proceeds
        Part of the requirements that the sale of the short legs brought, at marks.
    """

    strategy: str
    underlying: str
    symbols: tuple[str, ...]
    quantity: int
    initial: Decimal
    maintenance: Decimal
    proceeds: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """Requirements of a whole account in USD, to the cent.

    Attributes
    ----------
    method
        ``cash_secured``, ``regulation_t`` or ``regulation_t+house``.
    proceeds
        Marks of what is short and uncovered: already off the equity, and part of `initial` and `maintenance`.
    groups
        What the sums consist of.
    """

    initial: Decimal
    maintenance: Decimal
    proceeds: Decimal
    method: str
    groups: tuple[MarginGroup, ...]


def margin(positions: Iterable[MarginPosition], *, kind: AccountKind, house: HouseRules | None = None) -> Margin:
    """Requirements of the positions of one account.

    Cash and IRA accounts secure short puts with their full strike whatever else they hold; shares and long options are paid, and calls
    stand behind shares (`limits` refuses those that do not; one that is held nevertheless is asked for what its shares cost).
    Margin accounts group each underlying: shares cover calls, longs that expire no earlier make spreads where that asks for less, put
    and call spreads of one expiry make condors, uncovered puts and calls make strangles.
    """
    rules = house or HouseRules()
    by_underlying: dict[str, list[MarginPosition]] = defaultdict(list)
    for position in positions:
        if position.quantity:
            by_underlying[position.underlying].append(position)
    groups: list[MarginGroup] = []
    for _, held in sorted(by_underlying.items()):
        ordered = sorted(held, key=lambda p: p.symbol)
        groups += _regulation_t(ordered, rules) if kind is AccountKind.MARGIN else _fully_secured(ordered)
    method = "cash_secured"
    if kind is AccountKind.MARGIN:
        method = "regulation_t" if rules == HouseRules() else "regulation_t+house"
    return Margin(
        initial=sum((g.initial for g in groups), ZERO).quantize(_CENT),
        maintenance=sum((g.maintenance for g in groups), ZERO).quantize(_CENT),
        proceeds=sum((g.proceeds for g in groups), ZERO).quantize(_CENT),
        method=method,
        groups=tuple(groups),
    )


def uncovered_per_share(
    *,
    right: Right,
    spot: Decimal,
    strike: Decimal,
    premium: Decimal,
    broad_index: bool = False,
    house: HouseRules | None = None,
) -> Decimal:
    """Requirement of one uncovered short option per share, its premium included.

    The greater of premium + 20 % of spot (15 % of a broad index) - out-of-the-money amount, and premium + 10 % of strike (put) or
    spot (call).

    Examples
    --------
    >>> uncovered_per_share(right=Right.PUT, spot=Decimal(209), strike=Decimal(200), premium=Decimal("1.20"))
    Decimal('34.00')
    """
    rules = house or HouseRules()
    out = max(ZERO, spot - strike if right is Right.PUT else strike - spot)
    share = _UNCOVERED_BROAD_INDEX if broad_index else _UNCOVERED
    least = _UNCOVERED_LEAST * (strike if right is Right.PUT else spot)
    return max((premium + max(share * spot - out, least)) * rules.multiplier, rules.minimum_per_share)


@dataclass(slots=True)
class _Part:
    """Contracts of one position that no group has taken yet."""

    position: MarginPosition
    contract: OptionContract
    left: int
    per_contract: Decimal = ZERO

    @property
    def value(self) -> Decimal:
        """USD of one contract at its mark."""
        return self.position.mark * self.contract.premium_multiplier


def _fully_secured(held: Sequence[MarginPosition]) -> list[MarginGroup]:
    groups = []
    shares = sum(p.quantity for p in held if p.contract is None)
    for part in _parts(held, short=True):
        contract, count = part.contract, part.left
        if contract.right is Right.PUT:
            needed = contract.strike * contract.exercise_multiplier * count
            groups.append(_group("cash_secured_put", [part], count, needed, needed))
            continue
        lot = _lot(contract, part.position.underlying)
        covered = min(count, max(0, shares) // lot) if lot else 0
        shares -= covered * lot
        if covered:
            groups.append(_group("covered_call", [part], covered, ZERO, ZERO))
        if count > covered:
            needed = part.position.spot * contract.exercise_multiplier * (count - covered)
            groups.append(_group("uncovered_call", [part], count - covered, needed, needed))
    return groups


def _regulation_t(held: Sequence[MarginPosition], rules: HouseRules) -> list[MarginGroup]:
    shorts, longs = _parts(held, short=True), _parts(held, short=False)
    for part in shorts:
        position, contract = part.position, part.contract
        part.per_contract = contract.exercise_multiplier * uncovered_per_share(
            right=contract.right,
            spot=position.spot,
            strike=contract.strike,
            # Premium per share of exercise: the two multipliers differ in adjusted series.
            premium=part.value / contract.exercise_multiplier,
            broad_index=position.broad_index,
            house=rules,
        )
    # The dearest first, so that what covers them saves most.
    shorts.sort(key=lambda p: (-p.per_contract, p.position.symbol))
    groups = _covered_by_shares(held, shorts)
    groups += _condors(_spreads(shorts, longs))
    groups += _uncovered(shorts)
    for part in longs:
        if part.left:
            paid = part.value * part.left
            groups.append(_group("long_option", [part], part.left, paid, paid))
    return groups


def _covered_by_shares(held: Sequence[MarginPosition], shorts: Sequence[_Part]) -> list[MarginGroup]:
    groups: list[MarginGroup] = []
    for stock in (p for p in held if p.contract is None):
        if stock.quantity < 0:
            value = stock.mark * -stock.quantity
            initial, maintenance = value * _SHORT_SHARES_INITIAL, value * _SHORT_SHARES_MAINTENANCE
            groups.append(_shares("short_shares", (stock.symbol,), stock, -stock.quantity, initial, maintenance, value))
            continue
        free = stock.quantity
        for part in shorts:
            lot = _lot(part.contract, stock.symbol)
            count = min(part.left, free // lot) if part.contract.right is Right.CALL and lot else 0
            if not count:
                continue
            part.left -= count
            free -= count * lot
            # What a call will take away for its strike is worth no more than that.
            strike = part.contract.strike * part.contract.exercise_multiplier / lot
            value = min(stock.mark, strike) * count * lot
            legs = (stock.symbol, part.position.symbol)
            initial, maintenance = value * _SHARES_INITIAL, value * _SHARES_MAINTENANCE
            groups.append(_shares("covered_call", legs, stock, count, initial, maintenance, ZERO))
        if free:
            value = stock.mark * free
            initial, maintenance = value * _SHARES_INITIAL, value * _SHARES_MAINTENANCE
            groups.append(_shares("long_shares", (stock.symbol,), stock, free, initial, maintenance, ZERO))
    return groups


@dataclass(slots=True)
class _Spread:
    short: _Part
    long: _Part
    left: int
    width: Decimal


def _spreads(shorts: Sequence[_Part], longs: Sequence[_Part]) -> list[_Spread]:
    spreads = []
    for short in shorts:
        candidates = [(width, long) for long in longs if (width := _width(short, long)) is not None]
        for width, long in sorted(candidates, key=lambda c: (c[0], c[1].position.symbol)):
            count = min(short.left, long.left)
            # Apart, the short is uncovered and the long paid in full; together they ask for the width.
            if count and width < short.per_contract:
                short.left -= count
                long.left -= count
                spreads.append(_Spread(short=short, long=long, left=count, width=width))
    return spreads


def _width(short: _Part, long: _Part) -> Decimal | None:
    """What a spread of one contract each can lose at expiry, before premiums; None if the long does not protect the short."""
    a, b = short.contract, long.contract
    same = a.right is b.right and a.deliverable == b.deliverable and a.exercise_multiplier == b.exercise_multiplier
    if not same or b.last_trading_day < a.last_trading_day:
        return None
    gap = b.strike - a.strike if a.right is Right.CALL else a.strike - b.strike
    return max(ZERO, gap) * a.exercise_multiplier


def _condors(spreads: Sequence[_Spread]) -> list[MarginGroup]:
    """Put and call spreads of one expiry cannot both lose: the wider counts."""
    groups: list[MarginGroup] = []
    expiries = sorted({s.short.contract.expiry for s in spreads})
    for expiry in expiries:
        ours = [s for s in spreads if s.short.contract.expiry == expiry]
        puts = sorted((s for s in ours if s.short.contract.right is Right.PUT), key=lambda s: -s.width)
        calls = sorted((s for s in ours if s.short.contract.right is Right.CALL), key=lambda s: -s.width)
        for put in puts:
            for call in calls:
                count = min(put.left, call.left) if put.width and call.width else 0
                if count:
                    groups.append(_spread_group("condor", [put, call], count, max(put.width, call.width)))
        groups += [_spread_group("spread", [s], s.left, s.width) for s in (*puts, *calls) if s.left]
    return groups


def _spread_group(strategy: str, spreads: Sequence[_Spread], count: int, width: Decimal) -> MarginGroup:
    net = sum((s.short.value - s.long.value for s in spreads), ZERO)
    for spread in spreads:
        spread.left -= count
    # A net debit is paid in full; a net credit may be applied.
    needed = (width + max(ZERO, -net)) * count
    legs = [part for s in spreads for part in (s.short, s.long)]
    return _group(strategy, legs, count, needed, needed, max(ZERO, net) * count)


def _uncovered(shorts: Sequence[_Part]) -> list[MarginGroup]:
    """Strangles of the dearest put with the dearest call: the greater side, and the premium of the other."""
    groups = []
    puts = [p for p in shorts if p.contract.right is Right.PUT and p.left]
    calls = [p for p in shorts if p.contract.right is Right.CALL and p.left]
    while puts and calls:
        put, call = puts[0], calls[0]
        count = min(put.left, call.left)
        other = call.value if put.per_contract >= call.per_contract else put.value
        needed = (max(put.per_contract, call.per_contract) + other) * count
        groups.append(_group("strangle", [put, call], count, needed, needed, (put.value + call.value) * count))
        put.left -= count
        call.left -= count
        puts, calls = [p for p in puts if p.left], [p for p in calls if p.left]
    for part in (*puts, *calls):
        strategy = "uncovered_put" if part.contract.right is Right.PUT else "uncovered_call"
        needed = part.per_contract * part.left
        groups.append(_group(strategy, [part], part.left, needed, needed, part.value * part.left))
    return groups


def _parts(held: Sequence[MarginPosition], *, short: bool) -> list[_Part]:
    return [
        _Part(position=p, contract=p.contract, left=abs(p.quantity))
        for p in held
        if p.contract is not None and (p.quantity < 0) == short
    ]


def _lot(contract: OptionContract, symbol: str) -> int:
    """Shares of a symbol that one contract delivers; 0 if it delivers anything else beside them or none of them."""
    shares = contract.deliverable.shares
    return shares[0][1] if len(shares) == 1 and shares[0][0] == symbol else 0


def _group(
    strategy: str,
    parts: Sequence[_Part],
    count: int,
    initial: Decimal,
    maintenance: Decimal,
    proceeds: Decimal = ZERO,
) -> MarginGroup:
    return MarginGroup(
        strategy=strategy,
        underlying=parts[0].position.underlying,
        symbols=tuple(p.position.symbol for p in parts),
        quantity=count,
        initial=initial,
        maintenance=maintenance,
        proceeds=proceeds,
    )


def _shares(
    strategy: str,
    symbols: tuple[str, ...],
    stock: MarginPosition,
    count: int,
    initial: Decimal,
    maintenance: Decimal,
    proceeds: Decimal,
) -> MarginGroup:
    return MarginGroup(
        strategy=strategy,
        underlying=stock.underlying,
        symbols=symbols,
        quantity=count,
        initial=initial,
        maintenance=maintenance,
        proceeds=proceeds,
    )
