"""A ledger to write into: what the builders make is appended and folded one by one."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from wheelhouse.ledger.account import AccountState, apply_all
from wheelhouse.ledger.booking import book_fill, open_account
from wheelhouse.ledger.events import LedgerEvent, sequenced
from wheelhouse.ledger.orders import Fill
from wheelhouse.market.instruments import OptionContract, Position

START = datetime(2013, 3, 1, 15, 0, tzinfo=UTC)


class Book:
    """One account under test."""

    def __init__(self) -> None:
        self.contracts: dict[str, OptionContract] = {}
        self.events: list[LedgerEvent] = []
        self.state = AccountState(account_id="a1")
        self._fills = 0
        self.now = START

    def open(self, cash: str = "100000.00", *positions: Position) -> "Book":
        return self.append(open_account("a1", ts=self.now, cash=Decimal(cash), positions=positions))

    def append(self, events) -> "Book":
        numbered = sequenced(events, self.state.sequence)
        self.events += numbered
        self.state = apply_all(self.state, numbered, self.contracts)
        self.now += timedelta(minutes=1)
        return self

    def fill(self, symbol: str, quantity: int, price: str, fee: str = "0.00", order_id: str | None = None) -> "Book":
        self._fills += 1
        made = Fill(
            id=f"f{self._fills}",
            ts=self.now,
            symbol=symbol,
            quantity=quantity,
            price=Decimal(price),
            fee=Decimal(fee),
        )
        return self.append(book_fill("a1", order_id or f"o{self._fills}", made, self.contracts))


@pytest.fixture
def book() -> Book:
    return Book()
