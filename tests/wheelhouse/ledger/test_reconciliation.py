"""Differences with a broker's statement: which are explained, and that nothing unexplained passes."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.errors import InvalidInput
from wheelhouse.ledger.account import AccountState, apply_all
from wheelhouse.ledger.booking import book_assignment, book_cash, book_dividend, open_account
from wheelhouse.ledger.events import EventKind, sequenced
from wheelhouse.ledger.reconciliation import (
    BrokerStatement,
    DifferenceKind,
    DifferenceStatus,
    Explanation,
    StatementPosition,
    compare,
)
from wheelhouse.market.instruments import Position

PUT_50 = "XYZ   130316P00050000"
PUT_48 = "XYZ   130316P00048000"


def statement_of(state, **changes) -> BrokerStatement:
    lines = tuple(
        StatementPosition(symbol=s, quantity=p.quantity, average_price=p.tax_basis) for s, p in state.positions.items()
    )
    return replace(BrokerStatement(account_id=state.account_id, cash=state.cash, positions=lines), **changes)


def assigned(book, symbol, name="as-1") -> Explanation:
    events = book_assignment(book.state, symbol, ts=book.now, external_id=name, contracts={})
    return Explanation(id=name, events=events)


def test_equal_books_have_no_differences(book):
    book.open().fill(PUT_50, -1, "1.20", fee="0.65").fill("XYZ", 100, "50.00")
    same = statement_of(book.state, open_orders=frozenset({"o9"}), realized_pnl=book.state.realized)
    result = compare(book.state, same, open_orders=["o9"])
    assert result.reconciled
    assert result.differences == ()


def test_an_assignment_the_broker_posted_first_explains_quantities_and_cash(book):
    book.open().fill(PUT_50, -1, "1.20").fill(PUT_48, -2, "0.60")
    ours = book.state
    facts = [assigned(book, PUT_50, "as-1"), assigned(book, PUT_48, "as-2")]
    for fact in facts:
        book.append(fact.events)
    result = compare(ours, statement_of(book.state), explanations=facts)
    assert result.reconciled
    assert {(d.kind, d.symbol, d.explained_by) for d in result.differences} == {
        (DifferenceKind.QUANTITY, PUT_50, "as-1"),
        (DifferenceKind.QUANTITY, PUT_48, "as-2"),
        (DifferenceKind.QUANTITY, "XYZ", "as-1,as-2"),
        (DifferenceKind.CASH, None, "as-1,as-2"),
    }
    assert result.events == facts[0].events + facts[1].events
    assert compare(book.state, statement_of(book.state), explanations=facts).differences == ()


def test_half_an_explanation_leaves_the_rest_open(book):
    book.open().fill(PUT_50, -1, "1.20")
    ours, fact = book.state, assigned(book, PUT_50)
    book.append(fact.events).fill("XYZ", 1, "50.00")
    result = compare(ours, statement_of(book.state), explanations=[fact])
    assert not result.reconciled
    assert {d.symbol for d in result.differences if d.status is DifferenceStatus.OPEN} == {"XYZ", None}


def test_an_explanation_that_does_not_fit_is_not_taken(book):
    book.open().fill(PUT_50, -1, "1.20")
    result = compare(book.state, statement_of(book.state), explanations=[assigned(book, PUT_50)])
    assert result.events == ()
    assert result.reconciled


def test_a_dividend_on_its_way_explains_cash(book):
    book.open().fill("XYZ", 100, "50.00")
    ours = book.state
    events = book_dividend(ours, "XYZ", per_share=Decimal("0.5"), ts=book.now, external_id="div-1")
    theirs = statement_of(ours, cash=ours.cash + 50)
    result = compare(ours, theirs, explanations=[Explanation(id="div-1", events=events)])
    assert [(d.kind, d.explained_by) for d in result.differences] == [(DifferenceKind.CASH, "div-1")]
    more = compare(ours, replace(theirs, cash=ours.cash + 51), explanations=[Explanation(id="div-1", events=events)])
    assert not more.reconciled
    assert more.events == ()


def test_shares_that_arrived_without_their_cash_are_open(book):
    book.open().fill(PUT_50, -1, "1.20")
    ours, fact = book.state, assigned(book, PUT_50)
    theirs = statement_of(book.append(fact.events).state, cash=ours.cash)
    result = compare(ours, theirs, explanations=[fact])
    assert [(d.kind, d.status) for d in result.differences if d.symbol is None] == [
        (DifferenceKind.CASH, DifferenceStatus.OPEN)
    ]


def test_average_prices_allow_rounding_and_the_other_convention(book):
    book.open().fill(PUT_50, -1, "1.20", fee="0.65")
    book.append(assigned(book, PUT_50).events)

    def against(price):
        return compare(
            book.state,
            statement_of(
                book.state,
                positions=(StatementPosition(symbol="XYZ", quantity=100, average_price=Decimal(price)),),
            ),
        )

    assert against("48.81").differences == ()
    assert [d.explained_by for d in against("50.00").differences] == ["premium_kept_apart"]
    assert not against("49.00").reconciled


def test_a_failed_query_is_not_a_flat_position(book):
    book.open().fill("XYZ", 100, "50.00")
    for silent in (statement_of(book.state, positions=None), statement_of(book.state, cash=None)):
        result = compare(book.state, silent)
        assert [d.kind for d in result.differences] == [DifferenceKind.UNAVAILABLE]
        assert not result.reconciled
    flat = compare(book.state, statement_of(book.state, positions=()))
    assert [(d.kind, d.ours, d.theirs) for d in flat.differences] == [(DifferenceKind.QUANTITY, 100, 0)]


def test_orders_and_profit_are_compared_where_the_statement_has_them(book):
    book.open()
    theirs = statement_of(book.state, open_orders=frozenset({"stranger"}), realized_pnl=Decimal("1.00"))
    kinds = {d.kind for d in compare(book.state, theirs).differences}
    assert kinds == {DifferenceKind.OPEN_ORDERS, DifferenceKind.REALIZED_PNL}


def test_statements_of_others_and_repeated_lines_are_refused(book):
    book.open()
    with pytest.raises(InvalidInput, match="statement of account other"):
        compare(book.state, statement_of(book.state, account_id="other"))
    line = StatementPosition(symbol="XYZ", quantity=1)
    with pytest.raises(InvalidInput, match="repeats XYZ"):
        BrokerStatement(account_id="a1", cash=Decimal(0), positions=(line, line))


@settings(max_examples=60, deadline=None)
@given(
    ours=st.dictionaries(st.sampled_from(["XYZ", "ABC", PUT_50]), st.integers(-9, 9).filter(bool)),
    theirs=st.dictionaries(st.sampled_from(["XYZ", "ABC", PUT_50]), st.integers(-9, 9)),
    cash=st.integers(-3, 3),
)
def test_reconciled_means_equal_where_nothing_explains(ours, theirs, cash):
    positions = [Position(symbol=s, quantity=q, cost_basis=Decimal(1)) for s, q in ours.items()]
    opening = open_account("a1", ts=datetime(2013, 3, 1, tzinfo=UTC), cash=Decimal(0), positions=positions)
    state = apply_all(AccountState(account_id="a1"), sequenced(opening, 0), {})
    lines = tuple(StatementPosition(symbol=s, quantity=q) for s, q in theirs.items())
    result = compare(state, BrokerStatement(account_id="a1", cash=Decimal(cash), positions=lines))
    assert result.reconciled is (ours == {s: q for s, q in theirs.items() if q} and cash == 0)


def test_explanations_of_cash_name_the_kind_of_fact(book):
    book.open()
    fee = book_cash(book.state, Decimal("-1.00"), ts=book.now, external_id="fee-1", kind=EventKind.FEE)
    theirs = statement_of(book.state, cash=book.state.cash - 1)
    result = compare(book.state, theirs, explanations=[Explanation(id="fee-1", events=fee)])
    assert result.reconciled
    assert result.events == fee
