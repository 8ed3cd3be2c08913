"""What the rest of wheelhouse asks of a store.

Every method may be called from several threads at once. A write that returned survives SIGKILL; one that raised has changed nothing.
All raise `StoreError` if the database fails or a call's turn does not come in time; writes to a store that was opened for reading
only raise it too.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

import polars as pl

from wheelhouse.ledger.events import LedgerEvent
from wheelhouse.ledger.orders import Order, OrderStatus
from wheelhouse.market.events import Terms
from wheelhouse.market.frames import Interval
from wheelhouse.market.instruments import Evidence, OptionContract
from wheelhouse.store.records import (
    AccountRecord,
    BackupReport,
    EquityRecord,
    IdempotencyRecord,
    KeyRecord,
    QuarantinedRecord,
    RefusedRecord,
    WriteResult,
)


class MarketStore(Protocol):
    """Quotes, bars, terms, instruments and the quarantine. Frames have the schemas of `wheelhouse.market.frames`."""

    def write_quotes(self, frame: pl.DataFrame, *, evidence: Evidence, replace: bool = False) -> WriteResult:
        """Add quotes, all of one kind of evidence.

        A row whose symbol and ts are stored, or stand earlier in the frame, is a duplicate if its values are the same (null equals
        null), else a conflict, or with `replace` takes the other's place. NaN is stored as null.

        Raises
        ------
        InvalidInput
            If a column is missing or of another type, or a row has no symbol or ts.
        MalformedSymbol
            If a symbol is none.
        """

    def latest_quotes(self, underlying: str | None = None) -> pl.DataFrame:
        """Give the newest quote of each symbol, or only of an underlying and its options; column `evidence` is added.

        An option belongs to the underlying that its instrument names, else to the one that follows from its symbol. Rows are in the
        order of symbols.
        """

    def quotes(
        self, symbol: str, start: datetime | None = None, end: datetime | None = None, limit: int | None = None
    ) -> pl.DataFrame:
        """Give the history of a symbol's quotes, oldest first, `start` inclusive, `end` exclusive; column `evidence` is added."""

    def write_bars(self, interval: Interval, frame: pl.DataFrame, *, replace: bool = False) -> WriteResult:
        """Add bars of one interval, with the rules of `write_quotes`."""

    def bars(
        self,
        symbol: str,
        interval: Interval = "1d",
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> pl.DataFrame:
        """Give the bars of a symbol, oldest first, `start` inclusive, `end` exclusive, at most `limit`."""

    def latest_bars(self, interval: Interval = "1d") -> pl.DataFrame:
        """Give the newest bar of each symbol."""

    def underlyings(self) -> frozenset[str]:
        """Name every underlying that a quote, bar, terms or instrument speaks of."""

    def put_terms(self, symbol: str, terms: Terms) -> None:
        """Store the terms of an underlying in place of those it had."""

    def terms(self) -> Mapping[str, Terms]:
        """Give the terms of every underlying that has some, by symbol."""

    def put_instruments(self, contracts: Iterable[OptionContract]) -> None:
        """Store contracts, each in place of the one of its symbol; of several with one symbol the last counts."""

    def instruments(self) -> Mapping[str, OptionContract]:
        """Give every contract that was put, by symbol."""

    def quarantine(
        self, kind: str, frame: pl.DataFrame, refused: Sequence[RefusedRecord], *, received_at: datetime
    ) -> None:
        """Keep the refused rows of a batch as they came, each with the rule that refused it; `kind` says what they were to be."""

    def quarantined(self, kind: str | None = None, limit: int | None = None) -> list[QuarantinedRecord]:
        """Give the refused records, newest first."""


class BookStore(Protocol):
    """Accounts, their ledger, orders, answers to repeated requests, equity, switches and keys."""

    def create_account(
        self, account: AccountRecord, events: Sequence[LedgerEvent], idempotency: IdempotencyRecord | None = None
    ) -> None:
        """Store an account with its first events, sequences from 1.

        Raises
        ------
        Conflict
            If the account exists, or the idempotency key stands for an answer that is younger than 24 hours.
        InvalidInput
            If the events are of another account or not numbered without a gap, or an amount does not fit.
        """

    def accounts(self) -> list[AccountRecord]:
        """Give all accounts, oldest first."""

    def events(self, account_id: str, after_sequence: int = 0, limit: int | None = None) -> list[LedgerEvent]:
        """Give the events of an account in order; an account that does not exist has none."""

    def all_events(self) -> list[LedgerEvent]:
        """Give the events of all accounts, each account's together and in order."""

    def commit(
        self,
        account_id: str,
        events: Sequence[LedgerEvent] = (),
        orders: Sequence[Order] = (),
        idempotency: IdempotencyRecord | None = None,
        *,
        expected_last_sequence: int,
    ) -> None:
        """Append events, store orders (new ones, or the status, fills and reasons of known ones) and the answer, all or nothing.

        Parameters
        ----------
        expected_last_sequence
            Sequence of the last event that the caller has seen; the first of `events` is the next.

        Raises
        ------
        NotFound
            If there is no such account.
        Conflict
            If the account's last sequence is another, an event's id is taken, or the idempotency key stands for an answer that is
            younger than 24 hours.
        InvalidInput
            If events or orders are of another account, events are not numbered without a gap, or an amount does not fit.
        """

    def orders(self, account_id: str | None = None, status: OrderStatus | None = None) -> list[Order]:
        """Give the orders of an account, or of all accounts, oldest first."""

    def order(self, order_id: str) -> Order:
        """Give one order.

        Raises
        ------
        NotFound
            If there is none.
        """

    def idempotency(self, account_id: str, key: str) -> IdempotencyRecord | None:
        """Give the answer that a key stands for, however old, None if there is none."""

    def forget_idempotency(self, created_before: datetime) -> int:
        """Delete the answers from before an instant; say how many."""

    def set_halted(self, account_id: str | None, halted: bool) -> None:
        """Set the kill switch of an account, or with None the one of all.

        Raises
        ------
        NotFound
            If there is no such account.
        """

    def halted_globally(self) -> bool:
        """Tell whether the kill switch of all accounts is set."""

    def write_equity(self, records: Sequence[EquityRecord]) -> None:
        """Store values of accounts at the end of days, in place of what was there."""

    def equity(self, account_id: str) -> list[EquityRecord]:
        """Give the values of an account by day."""

    def put_key(self, key: KeyRecord) -> None:
        """Store a new key.

        Raises
        ------
        Conflict
            If its id is taken.
        """

    def keys(self) -> list[KeyRecord]:
        """Give all keys, revoked ones too, oldest first."""

    def revoke_key(self, key_id: str, revoked_at: datetime) -> None:
        """Revoke a key; one that is revoked already keeps its time.

        Raises
        ------
        NotFound
            If there is none.
        """


class Store(MarketStore, BookStore, Protocol):
    """The truth on disk."""

    def schema_version(self) -> int:
        """Give the number of the last migration."""

    def ping(self) -> None:
        """Raise `StoreError` if the database does not answer."""

    def counts(self) -> Mapping[str, int]:
        """Count the rows of every table."""

    def connections(self) -> Mapping[str, int]:
        """Count connections by state, `idle` and `busy`."""

    def backup(self, path: Path) -> BackupReport:
        """Write a consistent copy into a new file while others read and write; `maintenance.restore` takes it back.

        Raises
        ------
        ConfigurationError
            If the folder does not exist or the file does.
        """

    def verify(self) -> list[str]:
        """Look for contradictions in what is stored; a sentence for each, none if all is well."""

    def compact(self) -> None:
        """Put the history in the order in which it is read, and shrink the log. Writers wait meanwhile."""

    def checkpoint(self) -> None:
        """Move what is in the write-ahead log into the database."""

    def close(self) -> None:
        """Wait for running calls, then let go of the database. Closing twice is harmless."""
