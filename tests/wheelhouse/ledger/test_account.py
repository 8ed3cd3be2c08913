"""Both cost bases, cycles and what is realised, by hand-worked examples."""

from dataclasses import replace
from decimal import Decimal

import pytest

from wheelhouse.errors import Conflict, InvalidInput
from wheelhouse.ledger.account import apply, fold
from wheelhouse.ledger.booking import book_assignment, book_cash, book_dividend, book_exercise, book_expiry
from wheelhouse.ledger.events import EventKind
from wheelhouse.market.instruments import Position

PUT_50 = "XYZ   130316P00050000"
PUT_48 = "XYZ   130420P00048000"
CALL_52 = "XYZ   130420C00052000"


def assign(book, symbol, name="as1", **changes):
    return book.append(
        book_assignment(book.state, symbol, ts=book.now, external_id=name, contracts=book.contracts, **changes)
    )


def test_assigned_put_pays_the_strike_and_counts_its_premium_once(book):
    book.open().fill(PUT_50, -1, "1.20", fee="0.65")
    assign(book, PUT_50)
    state = book.state
    assert state.cash == Decimal(100000) + Decimal("120.00") - Decimal("0.65") - Decimal(5000)
    assert state.quantity(PUT_50) == 0
    assert state.quantity("XYZ") == 100
    shares = state.positions["XYZ"]
    # (K x 100 - net premium) / 100 = (5000 - 119.35) / 100, in both senses while the cycle has seen one option only.
    assert shares.tax_basis == Decimal("48.8065")
    assert shares.campaign_basis == Decimal("48.8065")
    assert shares.purchase_price == Decimal(50)
    assert state.realized == 0


def test_campaign_basis_counts_every_closed_option_and_the_tax_basis_only_the_assigned_put(book):
    book.open()
    book.fill(PUT_48, -1, "2.00", fee="0.65").fill(PUT_48, 1, "0.50", fee="0.65", order_id="roll")
    book.fill(PUT_50, -1, "1.50", fee="0.65", order_id="roll")
    assign(book, PUT_50, fee=Decimal("5.00"))
    shares = book.state.positions["XYZ"]
    assert shares.tax_basis == (Decimal(5000) + 5 - Decimal("149.35")) / 100
    first = Decimal(200) - Decimal("0.65") - 50 - Decimal("0.65")
    assert shares.campaign_basis == (Decimal(5005) - first - Decimal("149.35")) / 100
    open_call = book.fill(CALL_52, -1, "1.00", fee="0.65").state
    assert open_call.positions["XYZ"].campaign_basis == shares.campaign_basis
    expired = book.append(book_expiry(book.state, CALL_52, ts=book.now, external_id="ex1")).state
    assert expired.positions["XYZ"].campaign_basis == shares.campaign_basis - Decimal("0.9935")
    assert expired.positions["XYZ"].tax_basis == shares.tax_basis


def test_called_away_proceeds_are_strike_and_net_call_premium(book):
    book.open().fill("XYZ", 100, "51.00").fill(CALL_52, -1, "1.00", fee="0.65")
    assign(book, CALL_52)
    assert book.state.realized == Decimal(5200) + Decimal("99.35") - Decimal(5100)
    assert not book.state.positions
    (campaign,) = book.state.closed_campaigns
    assert campaign.profit == book.state.realized
    assert campaign.premium == Decimal("99.35")
    assert campaign.share_profit == Decimal("100.00")


def test_partial_assignment_leaves_the_rest_and_its_premium(book):
    book.open().fill(PUT_50, -3, "1.00", fee="1.95")
    assign(book, PUT_50, quantity=2)
    assert book.state.quantity(PUT_50) == -1
    assert book.state.quantity("XYZ") == 200
    assert book.state.positions["XYZ"].tax_basis == (10_000 - Decimal("198.70")) / 200
    assert book.state.positions[PUT_50].tax_basis == Decimal("0.9935")


def test_assignment_is_idempotent_by_its_external_id(book):
    book.open().fill(PUT_50, -2, "1.00")
    assign(book, PUT_50, name="occ-1", quantity=1)
    before = book.state
    assert book_assignment(before, PUT_50, ts=book.now, external_id="occ-1", contracts={}, quantity=1) == ()
    assign(book, PUT_50, name="occ-2", quantity=1)
    assert book.state.quantity("XYZ") == 200


@pytest.mark.parametrize("quantity", [3, 0])
def test_more_contracts_than_held_cannot_be_assigned(book, quantity):
    book.open().fill(PUT_50, -2, "1.00")
    with pytest.raises(InvalidInput, match="at most as many as are held"):
        assign(book, PUT_50, quantity=quantity)


def test_longs_are_exercised_and_shorts_assigned(book):
    book.open().fill(PUT_50, 1, "2.00").fill(CALL_52, -1, "1.00")
    with pytest.raises(InvalidInput, match="only shorts"):
        assign(book, PUT_50)
    with pytest.raises(InvalidInput, match="only longs"):
        book_exercise(book.state, CALL_52, ts=book.now, external_id="x", contracts={})


def test_exercised_long_put_sells_the_shares_less_its_premium(book):
    book.open().fill("XYZ", 100, "49.00").fill(PUT_50, 1, "2.00")
    book.append(book_exercise(book.state, PUT_50, ts=book.now, external_id="x1", contracts={}))
    assert book.state.cash == 100_000 - 4900 - 200 + 5000
    assert book.state.realized == -100
    assert not book.state.positions


def test_assigned_call_without_shares_leaves_a_short_position(book):
    book.open().fill(CALL_52, -1, "1.00")
    assign(book, CALL_52)
    short = book.state.positions["XYZ"]
    assert short.quantity == -100
    assert short.tax_basis == 53


def test_a_roll_does_not_end_the_cycle_but_a_later_order_starts_a_new_one(book):
    book.open().fill(PUT_50, -1, "1.00")
    started = book.state.campaigns["XYZ"].opened_at
    book.fill(PUT_50, 1, "0.10", fee="0.65", order_id="roll").fill(PUT_48, -1, "1.10", fee="0.65", order_id="roll")
    assert book.state.campaigns["XYZ"].opened_at == started
    assert book.state.closed_campaigns == ()
    book.fill(PUT_48, 1, "0.10", fee="0.65")
    assert [c.profit for c in book.state.closed_campaigns] == [Decimal("190.00") - 3 * Decimal("0.65")]
    book.fill(PUT_48, -1, "0.20")
    assert book.state.campaigns["XYZ"].opened_at > started


def test_dividends_are_apart_from_the_campaign_profit(book):
    book.open().fill("XYZ", 100, "50.00")
    book.append(book_dividend(book.state, "XYZ", per_share=Decimal("0.75"), ts=book.now, external_id="d1"))
    assert book.state.dividends == 75
    assert book.state.positions["XYZ"].campaign_basis == 50
    book.fill("XYZ", -100, "51.00")
    (campaign,) = book.state.closed_campaigns
    assert (campaign.profit, campaign.dividends) == (100, 75)


def test_short_shares_pay_the_dividend(book):
    book.open().fill("XYZ", -100, "50.00")
    book.append(book_dividend(book.state, "XYZ", per_share=Decimal("0.75"), ts=book.now, external_id="d1"))
    assert book.state.dividends == -75


def test_opening_positions_carry_their_basis_and_no_cash(book):
    book.open(
        "1000.00",
        Position(symbol="XYZ", quantity=100, cost_basis=Decimal(40)),
        Position(symbol=CALL_52, quantity=-1, cost_basis=Decimal("1.50")),
    )
    state = book.state
    assert [event.kind for event in book.events] == [EventKind.CASH, EventKind.ADJUSTMENT, EventKind.ADJUSTMENT]
    assert state.cash == 1000
    assert state.contributed == 4000 - 150
    assert state.positions["XYZ"].tax_basis == 40
    assert state.positions[CALL_52].tax_basis == Decimal("1.5")
    assign(book, CALL_52)
    assert book.state.realized == 5200 + 150 - 4000


def test_an_unknown_cost_stays_unknown(book):
    book.open("0.00", Position(symbol="XYZ", quantity=100))
    assert book.state.positions["XYZ"].tax_basis is None
    assert book.state.positions["XYZ"].campaign_basis is None
    book.fill("XYZ", -100, "10.00")
    assert book.state.realized == 0
    assert book.state.unknown_proceeds == 1000
    assert book.state.closed_campaigns[0].profit is None


def test_opening_cash_is_the_first_event_even_if_it_is_nothing(book):
    book.open("0.00")
    assert [(e.sequence, e.kind, e.cash) for e in book.events] == [(1, EventKind.CASH, 0)]


def test_lots_close_first_in_first_out(book):
    book.open().fill("XYZ", 10, "10.00").fill("XYZ", 10, "20.00").fill("XYZ", -15, "30.00")
    assert book.state.realized == 15 * 30 - 10 * 10 - 5 * 20
    assert book.state.positions["XYZ"].tax_basis == 20


def test_a_gap_and_a_stranger_are_refused_and_a_replay_is_not(book):
    book.open().fill("XYZ", 10, "10.00")
    assert apply(book.state, book.events[0], {}) == book.state
    with pytest.raises(Conflict, match="where 3 is next"):
        apply(book.state, replace(book.events[-1], sequence=5), {})
    with pytest.raises(InvalidInput, match="belongs to account other"):
        apply(book.state, replace(book.events[-1], account_id="other", sequence=3), {})
    with pytest.raises(InvalidInput, match="no events and no account_id"):
        fold([], {})


def test_a_reported_fee_is_known_by_its_name(book):
    book.open()
    book.append(book_cash(book.state, Decimal("-1.50"), ts=book.now, external_id="fee-1", kind=EventKind.FEE))
    assert book.state.expenses == Decimal("-1.50")
    assert "fee-1" in book.state.external_ids
