from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.market.instruments import AccountKind, contract_from_osi
from wheelhouse.risk.limits import (
    AccountStanding,
    ConcentrationLimits,
    OrderLeg,
    ProposedOrder,
    RefusalCode,
    crosses_zero,
    refusals,
    too_concentrated,
)

NOW = datetime(2013, 3, 1, 20, 45, tzinfo=UTC)
PUT, CALL = "XYZ   130420P00095000", "XYZ   130420C00105000"
CONTRACTS = {symbol: contract_from_osi(symbol) for symbol in (PUT, CALL)}


def leg(symbol, quantity):
    return OrderLeg(symbol=symbol, quantity=quantity, contract=CONTRACTS.get(symbol))


def order(*legs, cash="0", **changes):
    return ProposedOrder(legs=tuple(leg(*pair) for pair in legs), cash_change=Decimal(cash), **changes)


def account(kind=AccountKind.CASH, cash="10000", positions=None, working=(), **changes):
    return AccountStanding(
        kind=kind,
        cash=Decimal(cash),
        positions=positions or {},
        working=tuple(leg(*pair) for pair in working),
        contracts=CONTRACTS,
        **changes,
    )


def codes(standing, proposed, **context):
    return [r.code for r in refusals(standing, proposed, now=NOW, **context)]


def test_a_secured_put_goes_and_one_too_many_does_not():
    assert codes(account(), order((PUT, -1), cash="119.35")) == []
    assert codes(account(), order((PUT, -2), cash="238.70")) == [RefusalCode.INSUFFICIENT_CASH]


def test_reserved_cash_is_not_there():
    assert codes(account(reserved=Decimal(9500)), order((PUT, -1), cash="119.35")) == [RefusalCode.INSUFFICIENT_CASH]


def test_what_frees_money_goes_however_little_there_is():
    short = account(cash="5000", positions={PUT: -1})
    assert codes(short, order((PUT, 1), cash="-120.65")) == []


def test_a_call_needs_its_shares():
    assert codes(account(positions={"XYZ": 100}), order((CALL, -1))) == []
    assert codes(account(positions={"XYZ": 99}), order((CALL, -1))) == [RefusalCode.UNCOVERED_CALL]
    assert codes(account(positions={"XYZ": 100, CALL: -1}), order((CALL, -1))) == [RefusalCode.UNCOVERED_CALL]
    # A working sale of the shares has a claim on them, a working purchase gives none.
    assert codes(account(positions={"XYZ": 100}, working=[("XYZ", -100)]), order((CALL, -1))) == [
        RefusalCode.UNCOVERED_CALL
    ]
    assert codes(account(working=[("XYZ", 100)]), order((CALL, -1))) == [RefusalCode.UNCOVERED_CALL]


def test_shares_under_a_call_cannot_be_sold_but_with_it():
    covered = account(positions={"XYZ": 100, CALL: -1})
    assert codes(covered, order(("XYZ", -100), cash="10000")) == [RefusalCode.UNCOVERED_CALL]
    assert codes(covered, order(("XYZ", -100), (CALL, 1), cash="9800")) == []
    assert codes(account(), order(("XYZ", -100), cash="10000")) == [RefusalCode.SHORT_SHARES]


def test_margin_accounts_answer_with_buying_power():
    standing = account(AccountKind.MARGIN, equity=Decimal(10_000), initial_margin=Decimal(8_000))
    assert standing.buying_power == 2000
    assert codes(standing, order((CALL, -1), margin_change=Decimal(1_900))) == []
    assert codes(standing, order((CALL, -1), margin_change=Decimal(2_100))) == [RefusalCode.INSUFFICIENT_BUYING_POWER]
    unknown = account(AccountKind.MARGIN, equity=None, initial_margin=Decimal(0))
    assert codes(unknown, order((CALL, -1), margin_change=Decimal(1))) == [RefusalCode.UNKNOWN_PRICE]
    assert codes(standing, ProposedOrder(legs=(leg(CALL, -1),), cash_change=None)) == [RefusalCode.UNKNOWN_PRICE]


@given(st.integers(-10, 10), st.integers(-20, 20))
def test_crossing_zero_is_changing_sign(held, quantity):
    after = held + quantity
    assert crosses_zero(held, quantity) == ((held > 0 > after) or (held < 0 < after))


def test_a_leg_that_crosses_zero_alone_or_with_working_ones():
    assert codes(account(positions={PUT: -1}), order((PUT, 2))) == [RefusalCode.CROSSES_ZERO]
    assert codes(account(positions={PUT: -1}, working=[(PUT, 1)]), order((PUT, 1))) == [RefusalCode.CROSSES_ZERO]
    assert codes(account(positions={PUT: -2}, working=[(PUT, 1)]), order((PUT, 1))) == []


def test_every_reason_is_given_at_once():
    standing = account(cash="0", halted=True, unreconciled=True)
    found = codes(
        standing,
        order((PUT, -12), (CALL, -1)),
        closes={CALL: NOW},
        data_states={PUT: "stale", CALL: "missing"},
        limits=ConcentrationLimits(contracts_per_order=10),
    )
    assert found == [
        RefusalCode.HALTED,
        RefusalCode.UNRECONCILED,
        RefusalCode.CONTRACT_EXPIRED,
        RefusalCode.STALE_DATA,
        RefusalCode.NO_MARKET,
        RefusalCode.UNCOVERED_CALL,
        RefusalCode.INSUFFICIENT_CASH,
        RefusalCode.CONTRACT_LIMIT,
    ]


def test_details_say_what_and_how_much():
    (refusal,) = refusals(account(), order((PUT, -2), cash="238.70"), now=NOW)
    assert refusal.detail == "8761.30 USD short: 10000.00 USD before the order, -8761.30 USD after it"


@pytest.mark.parametrize(("claim", "refused"), [("2500", False), ("2501", True)])
def test_one_name_claims_no_more_than_its_share(claim, refused):
    limits = ConcentrationLimits(name_share=Decimal("0.25"))
    assert bool(too_concentrated("XYZ", Decimal(claim), Decimal(10_000), limits)) == refused
