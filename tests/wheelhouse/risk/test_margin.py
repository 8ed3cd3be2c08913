from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.errors import InvalidInput
from wheelhouse.market.instruments import AccountKind, Deliverable, contract_from_osi
from wheelhouse.risk.margin import HouseRules, MarginPosition, margin

SPOT = Decimal(209)


def option(letter, strike, quantity, mark, *, expiry="130420", spot=SPOT, **changes):
    symbol = f"XYZ   {expiry}{letter}{int(Decimal(strike) * 1000):08d}"
    return MarginPosition(
        symbol=symbol,
        underlying="XYZ",
        quantity=quantity,
        mark=Decimal(mark),
        spot=Decimal(spot),
        contract=replace(contract_from_osi(symbol), **changes),
    )


def shares(quantity, spot=SPOT):
    return MarginPosition(symbol="XYZ", underlying="XYZ", quantity=quantity, mark=Decimal(spot), spot=Decimal(spot))


def in_margin(*positions, house=None):
    return margin(positions, kind=AccountKind.MARGIN, house=house)


def strategies(found):
    return [(g.strategy, g.quantity) for g in found.groups]


@pytest.mark.parametrize(
    ("position", "initial"),
    [
        (option("P", "200", -1, "1.20"), 3400),
        (option("P", "150", -1, "0.30"), 1530),
        (option("C", "280", -1, "0.10"), 2100),
    ],
)
def test_uncovered_vectors(position, initial):
    found = in_margin(position)
    assert found.initial == found.maintenance == initial
    assert found.method == "regulation_t"


def test_proceeds_may_be_applied():
    found = in_margin(option("P", "200", -1, "1.20"))
    assert found.initial - found.proceeds == 3280


def test_strangle_is_the_greater_side_and_the_premium_of_the_other():
    found = in_margin(option("P", "200", -1, "1.20"), option("C", "220", -1, "2.00"))
    assert found.initial == 3600
    assert strategies(found) == [("strangle", 1)]
    assert found.proceeds == 320


def test_strangles_take_pairs_and_leave_the_rest_uncovered():
    found = in_margin(option("P", "200", -3, "1.20"), option("C", "220", -1, "2.00"))
    assert strategies(found) == [("strangle", 1), ("uncovered_put", 2)]
    assert found.initial == 3600 + 2 * 3400


def test_a_broad_index_asks_for_less():
    index = replace(option("P", "200", -1, "1.20"), broad_index=True)
    # 15 % of 20,900 less 900, and the premium.
    assert in_margin(index).initial == Decimal("2355.00")


@pytest.mark.parametrize("kind", [AccountKind.CASH, AccountKind.IRA])
def test_cash_and_ira_secure_puts_in_full_whatever_else_they_hold(kind):
    found = margin([option("P", "200", -2, "1.20"), option("P", "190", 2, "0.50"), shares(100)], kind=kind)
    assert found.initial == found.maintenance == 40_000
    assert found.method == "cash_secured"
    covered = margin([option("C", "220", -1, "2.00"), shares(100)], kind=kind)
    assert covered.initial == 0
    assert strategies(covered) == [("covered_call", 1)]


def test_a_covered_call_asks_for_its_shares_at_no_more_than_the_strike():
    out = in_margin(option("C", "220", -1, "2.00"), shares(100))
    assert (out.initial, out.maintenance) == (10_450, 5_225)
    into = in_margin(option("C", "200", -1, "11.00"), shares(100))
    assert (into.initial, into.maintenance) == (10_000, 5_000)
    assert into.proceeds == 0


def test_one_lot_covers_one_call_and_an_odd_remainder_none():
    found = in_margin(option("C", "220", -2, "2.00"), shares(199))
    assert strategies(found) == [("covered_call", 1), ("long_shares", 99), ("uncovered_call", 1)]
    # 20 % of 20,900 less 1,100, and the premium of 200.
    assert found.initial == 10_450 + Decimal("0.5") * 99 * 209 + 3_280


def test_shares_cover_the_dearest_call():
    found = in_margin(option("C", "260", -1, "0.20"), option("C", "210", -1, "5.00"), shares(100))
    covered = next(g for g in found.groups if g.strategy == "covered_call")
    assert covered.symbols[1].endswith("C00210000")


def test_a_credit_spread_asks_for_its_width():
    found = in_margin(option("P", "200", -3, "1.20"), option("P", "195", 3, "0.70"))
    assert strategies(found) == [("spread", 3)]
    assert found.initial == 1500
    assert found.initial - found.proceeds == 1350


def test_a_debit_spread_is_paid_in_full():
    found = in_margin(option("C", "220", -1, "2.00"), option("C", "210", 1, "5.00"))
    assert strategies(found) == [("spread", 1)]
    assert found.initial == 300


def test_a_long_that_expires_earlier_protects_nothing():
    found = in_margin(option("P", "200", -1, "1.20"), option("P", "195", 1, "0.30", expiry="130316"))
    assert strategies(found) == [("uncovered_put", 1), ("long_option", 1)]


def test_a_spread_wider_than_the_uncovered_put_asks_for_is_no_spread():
    found = in_margin(option("P", "200", -1, "1.20"), option("P", "100", 1, "0.01"))
    assert strategies(found) == [("uncovered_put", 1), ("long_option", 1)]


def test_a_condor_asks_for_its_wider_side():
    found = in_margin(
        option("P", "200", -1, "1.20"),
        option("P", "195", 1, "0.70"),
        option("C", "220", -1, "2.00"),
        option("C", "230", 1, "0.80"),
    )
    assert strategies(found) == [("condor", 1)]
    assert found.initial == 1000
    assert found.proceeds == 170


def test_an_adjusted_put_is_secured_by_its_exercise_multiplier():
    # After a 1-for-10 reverse split: strike 5 on ten shares, 500.00 to pay.
    put = option("P", "5", -1, "0.40", spot="5.2", deliverable=Deliverable(shares=(("XYZ", 10),)))
    assert margin([put], kind=AccountKind.CASH).initial == 500
    call = option("C", "5", -1, "0.40", spot="5.2", deliverable=Deliverable(shares=(("XYZ", 10),)))
    assert strategies(margin([call, shares(10)], kind=AccountKind.CASH)) == [("covered_call", 1)]


def test_house_rules_are_named():
    found = in_margin(option("P", "150", -1, "0.30"), house=HouseRules(minimum_per_share=Decimal("37.5")))
    assert found.initial == 3750
    assert found.method == "regulation_t+house"
    doubled = in_margin(option("P", "200", -1, "1.20"), house=HouseRules(multiplier=Decimal(2)))
    assert doubled.initial == 6800
    with pytest.raises(InvalidInput, match=r"multiplier 0\.5"):
        HouseRules(multiplier=Decimal("0.5"))


def test_shares_long_and_short():
    assert (in_margin(shares(100)).initial, in_margin(shares(100)).maintenance) == (10_450, 5_225)
    short = in_margin(shares(-100))
    assert (short.initial, short.maintenance) == (31_350, 27_170)
    assert short.initial - short.proceeds == 10_450


def test_nothing_needs_nothing():
    assert in_margin().initial == 0


leg = st.tuples(
    st.sampled_from("PC"), st.sampled_from([180, 190, 200, 210, 220, 230]), st.integers(-3, 3), st.integers(1, 900)
)


@settings(max_examples=100, deadline=None)
@given(st.lists(leg, max_size=6, unique_by=lambda x: x[:2]), st.integers(0, 400))
def test_grouping_uses_every_contract_once_and_never_asks_for_more(legs, held):
    positions = [option(letter, str(k), q, Decimal(m) / 100) for letter, k, q, m in legs if q]
    found = in_margin(*positions, *([shares(held)] if held else []))
    used = {p.symbol: 0 for p in positions}
    for group in found.groups:
        for symbol in group.symbols:
            if symbol in used:
                used[symbol] += group.quantity
    assert used == {p.symbol: abs(p.quantity) for p in positions}
    apart = sum((in_margin(p).initial for p in positions), Decimal(0)) + (
        in_margin(shares(held)).initial if held else 0
    )
    assert 0 <= found.maintenance <= found.initial <= apart
