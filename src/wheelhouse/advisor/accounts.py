"""The books: every account folded from its ledger, and the one way to append to it.

An account has one lock. Whoever writes holds it from reading the last sequence until the store has committed, so sequence numbers
have no gap and what is in memory is what is on disk. The store refuses an append whose expected sequence has moved, so
even a second writer could not tear the ledger.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from uuid import uuid4

from wheelhouse.clock import Clock
from wheelhouse.errors import InvalidInput, NotFound
from wheelhouse.ledger.account import AccountState, apply_all, fold
from wheelhouse.ledger.booking import open_account
from wheelhouse.ledger.events import LedgerEvent, sequenced
from wheelhouse.ledger.external import ExternalEvent, book_external, is_duplicate
from wheelhouse.ledger.orders import Order
from wheelhouse.market.instruments import AccountKind, OptionContract, Position
from wheelhouse.store.protocol import Store
from wheelhouse.store.records import AccountRecord, IdempotencyRecord

MAX_NAME_CHARACTERS = 200


@dataclass(slots=True, kw_only=True, eq=False)
class Book:
    """One account in memory; change it only under its lock, through :meth:`AccountBooks.append`."""

    record: AccountRecord
    state: AccountState
    orders: dict[str, Order] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def id(self) -> str:
        """The account's id."""
        return self.record.id

    @property
    def kind(self) -> AccountKind:
        """How the account is funded."""
        return self.record.kind

    def working(self) -> list[Order]:
        """Orders that can still fill, oldest first."""
        return [order for order in self.orders.values() if order.status.is_open]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What became of reported facts; rejections are pairs of index and sentence."""

    applied: int
    duplicates: int
    rejections: tuple[tuple[int, str], ...]


class AccountBooks:
    """All accounts.

    Parameters
    ----------
    contracts
        Gives the contracts that differ from what their symbols say.
    assignment_fee
        USD for each contract assigned or exercised.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        contracts: Callable[[], Mapping[str, OptionContract]],
        *,
        assignment_fee: Decimal,
    ) -> None:
        self._assignment_fee = assignment_fee
        self._store = store
        self._clock = clock
        self._contracts = contracts
        self._books: dict[str, Book] = {}
        self._adding = threading.Lock()
        self._halted = False

    def load(self) -> None:
        """Fold every account from the store."""
        books: dict[str, Book] = {}
        for record in self._store.accounts():
            events = self._store.events(record.id)
            orders = {order.id: order for order in self._store.orders(record.id)}
            state = fold(events, self._contracts(), account_id=record.id)
            books[record.id] = Book(record=record, state=state, orders=orders)
        self._books = books
        self._halted = self._store.halted_globally()

    def create(self, *, name: str, kind: AccountKind, cash: Decimal, positions: Sequence[Position]) -> Book:
        """Open an account and commit it.

        Raises
        ------
        InvalidInput
            The name is empty or too long, the cash of a cash account negative, or a position malformed.
        """
        if not name.strip() or len(name) > MAX_NAME_CHARACTERS:
            raise InvalidInput(f"name {name[:50]!r} must have 1 to {MAX_NAME_CHARACTERS} characters")
        if not cash.is_finite() or (cash < 0 and kind is not AccountKind.MARGIN):
            raise InvalidInput(f"cash {cash} of a {kind.value} account must not be negative")
        now = self._clock.now()
        record = AccountRecord(id=uuid4().hex, name=name, kind=kind, created_at=now)
        events = sequenced(open_account(record.id, ts=now, cash=cash, positions=positions), after=0)
        book = Book(record=record, state=fold(events, self._contracts()))
        self._store.create_account(record, events)
        with self._adding:
            self._books[record.id] = book
        return book

    def get(self, account_id: str) -> Book:
        """An account.

        Raises
        ------
        NotFound
            There is none of this id.
        """
        book = self._books.get(account_id)
        if book is None:
            raise NotFound(f"there is no account {account_id!r}")
        return book

    def all(self) -> list[Book]:
        """All accounts, in the order in which they were opened."""
        return sorted(self._books.values(), key=lambda book: (book.record.created_at, book.id))

    @contextmanager
    def writing(self, account_id: str) -> Iterator[Book]:
        """Hold an account's lock, to read, decide and append as one."""
        book = self.get(account_id)
        with book.lock:
            yield book

    def append(
        self,
        book: Book,
        events: Sequence[LedgerEvent],
        *,
        orders: Sequence[Order] = (),
        idempotency: IdempotencyRecord | None = None,
    ) -> tuple[LedgerEvent, ...]:
        """Commit events and orders of an account as one transaction, then let them show; the lock must be held.

        Returns
        -------
        tuple of LedgerEvent
            The events with their sequences.
        """
        numbered = sequenced(events, after=book.state.sequence)
        state = apply_all(book.state, numbered, self._contracts())
        self._store.commit(
            book.id, numbered, orders=orders, idempotency=idempotency, expected_last_sequence=book.state.sequence
        )
        book.state = state
        for order in orders:
            book.orders[order.id] = order
        return numbered

    def report(self, account_id: str, facts: Sequence[ExternalEvent]) -> Reported:
        """Book facts that somebody else reports, each once under its own name; all that are good commit together.

        Raises
        ------
        NotFound
            There is no such account.
        Conflict
            A name is known with another body; nothing is booked then.
        """
        with self.writing(account_id) as book:
            state = book.state
            events: list[LedgerEvent] = []
            duplicates = 0
            rejections: list[tuple[int, str]] = []
            for index, fact in enumerate(facts):
                if is_duplicate(state, fact):
                    duplicates += 1
                    continue
                try:
                    booked = book_external(state, fact, self._contracts(), assignment_fee=self._assignment_fee)
                except InvalidInput as error:
                    rejections.append((index, str(error)))
                    continue
                numbered = sequenced(booked, after=state.sequence)
                state = apply_all(state, numbered, self._contracts())
                events += booked
            if events:
                self.append(book, events)
            return Reported(
                applied=len(facts) - duplicates - len(rejections), duplicates=duplicates, rejections=tuple(rejections)
            )

    @property
    def halted_globally(self) -> bool:
        """Whether the kill switch of all accounts is thrown."""
        return self._halted

    def is_halted(self, book: Book) -> bool:
        """Whether the account may not send orders."""
        return self._halted or book.record.halted

    def set_halted(self, account_id: str | None, *, halted: bool) -> None:
        """Throw or release the kill switch of one account, or of all; it is on disk before this returns."""
        if account_id is None:
            with self._adding:
                self._store.set_halted(None, halted)
                self._halted = halted
            return
        with self.writing(account_id) as book:
            self._store.set_halted(account_id, halted)
            book.record = replace(book.record, halted=halted)
