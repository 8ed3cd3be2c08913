from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from wheelhouse.ledger.booking import book_cash, book_fill, open_account
from wheelhouse.ledger.events import EventKind
from wheelhouse.ledger.orders import Fill
from wheelhouse.replay.books import Books, LedgerMismatch

DAY = date(2010, 2, 19)
TS = datetime(2010, 2, 19, 20, tzinfo=UTC)
PUT = "XYZ   100220P00047500"


def opened() -> Books:
    books = Books("a")
    books.append(open_account("a", ts=TS, cash=Decimal(10_000)))
    return books


def sold(books: Books) -> None:
    fill = Fill(id="f", ts=TS, symbol=PUT, quantity=-2, price=Decimal("0.70"), fee=Decimal("1.30"))
    books.append(book_fill("a", "o", fill, books.contracts))


def test_a_day_is_explained_by_its_events_and_prices():
    books = opened()
    before = books.value({})
    begun = len(books.events)
    sold(books)
    after = books.value({PUT: Decimal("0.71")})
    explained = books.prove(DAY, before, after, books.events[begun:])
    # Sold a cent below the mid, and paid for it.
    assert explained.events == {"fill": Decimal("-2.00"), "fee": Decimal("-1.30")}
    assert explained.market == 0
    later = books.value({PUT: Decimal("0.50")})
    assert books.prove(DAY, after, later, ()).market == Decimal("42.00")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: replace(s, cash=s.cash + Decimal("0.01")), "cash is 10138.71, its events add up to 10138.70"),
        (lambda s: replace(s, positions={}), "position in XYZ   100220P00047500 is 0, its events add up to -2"),
        (lambda s: replace(s, realized=Decimal("0.01")), "deposited and earned by -0.01"),
    ],
)
def test_a_cent_too_much_names_day_and_difference(change, told):
    books = opened()
    sold(books)
    before = books.value({PUT: Decimal("0.71")})
    books.state = change(books.state)
    with pytest.raises(LedgerMismatch, match="the books of 2010-02-19 do not add up") as raised:
        books.prove(DAY, before, books.value({PUT: Decimal("0.71")}), ())
    assert told in str(raised.value)


def test_an_event_that_the_day_does_not_tell_of_is_found():
    books = opened()
    before = books.value({})
    books.append(book_cash(books.state, Decimal("0.01"), ts=TS, external_id="i", kind=EventKind.INTEREST))
    with pytest.raises(LedgerMismatch, match=r"0\.01 is unexplained"):
        books.prove(DAY, before, books.value({}), ())
