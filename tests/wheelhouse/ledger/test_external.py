"""Reported facts: duplicates, conflicts, and what they book."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from wheelhouse.errors import Conflict, InvalidInput
from wheelhouse.ledger.events import EventKind
from wheelhouse.ledger.external import ExternalEvent, book_external, is_duplicate

START = datetime(2013, 3, 1, 15, 0, tzinfo=UTC)
PUT_50 = "XYZ   130316P00050000"
FEE = Decimal("0.00")


def report(kind=EventKind.ASSIGNMENT, **changes) -> ExternalEvent:
    return ExternalEvent(**({"external_id": "occ-1", "ts": START, "kind": kind} | changes))


def test_a_partial_assignment_is_booked_once(book):
    book.open().fill(PUT_50, -2, "1.00")
    fact = report(symbol=PUT_50, quantity=1)
    book.append(book_external(book.state, fact, {}, assignment_fee=Decimal("5.00")))
    assert book.state.quantity("XYZ") == 100
    assert book.state.fees == Decimal("-5.00")
    assert is_duplicate(book.state, fact)
    assert book_external(book.state, fact, {}, assignment_fee=FEE) == ()


def test_the_same_name_with_another_body_is_a_conflict(book):
    book.open().fill(PUT_50, -2, "1.00")
    book.append(book_external(book.state, report(symbol=PUT_50, quantity=1), {}, assignment_fee=FEE))
    with pytest.raises(Conflict, match="another body"):
        book_external(book.state, report(symbol=PUT_50, quantity=2), {}, assignment_fee=FEE)


@pytest.mark.parametrize(
    ("kind", "amount", "cash"),
    [
        (EventKind.CASH, "-250.00", "-250.00"),
        (EventKind.FEE, "1.50", "-1.50"),
        (EventKind.FEE, "-1.50", "-1.50"),
        (EventKind.DIVIDEND, "75", "75.00"),
        (EventKind.INTEREST, "0.125", "0.13"),
    ],
)
def test_reported_cash(book, kind, amount, cash):
    book.open("1000.00")
    fact = report(kind, amount=Decimal(amount))
    book.append(book_external(book.state, fact, {}, assignment_fee=FEE))
    assert book.state.cash == 1000 + Decimal(cash)
    assert is_duplicate(book.state, fact)


def test_expiry_and_exercise(book):
    book.open().fill(PUT_50, 3, "1.00")
    book.append(
        book_external(book.state, report(EventKind.EXERCISE, symbol=PUT_50, quantity=-1), {}, assignment_fee=FEE)
    )
    book.append(
        book_external(book.state, report(EventKind.EXPIRY, symbol=PUT_50, external_id="e2"), {}, assignment_fee=FEE)
    )
    assert {s: p.quantity for s, p in book.state.positions.items()} == {"XYZ": -100}
    assert book.state.realized == -200


def test_the_fingerprint_sees_the_instant_and_the_amount_not_how_they_are_written():
    plain = report(EventKind.CASH, amount=Decimal("1.50"))
    same = replace(plain, ts=START.astimezone(timezone(timedelta(hours=-5))), amount=Decimal("1.5000"))
    assert same.fingerprint == plain.fingerprint
    assert replace(plain, amount=Decimal("1.51")).fingerprint != plain.fingerprint


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"external_id": ""}, "external_id is empty"),
        ({"kind": EventKind.SPLIT}, "cannot be reported"),
        ({}, "needs the symbol"),
        ({"kind": EventKind.CASH}, "needs an amount"),
        ({"ts": START.replace(tzinfo=None)}, "time zone"),
    ],
)
def test_incomplete_reports_are_refused(changes, says):
    with pytest.raises(InvalidInput, match=says):
        report(**changes)


def test_what_is_not_held_cannot_be_assigned(book):
    with pytest.raises(InvalidInput, match="only shorts are assigned"):
        book_external(book.open().state, report(symbol=PUT_50), {}, assignment_fee=FEE)
