"""Accounts, their ledger, orders, answers to repeated requests, equity, switches and keys."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from wheelhouse.errors import Conflict, InvalidInput, NotFound
from wheelhouse.ledger.events import LedgerEvent
from wheelhouse.ledger.orders import Order, OrderStatus
from wheelhouse.market.instruments import AccountKind
from wheelhouse.store.engine import Engine, Transaction, insert
from wheelhouse.store.records import AccountRecord, EquityRecord, IdempotencyRecord, KeyRecord
from wheelhouse.store.rows import (
    ANSWERS,
    CASH_PLACES,
    EVENTS,
    ORDERS,
    event_of,
    event_row,
    exact,
    order_of,
    order_row,
    utc,
    utc_or_none,
)

IDEMPOTENCY_LIFETIME: Final = timedelta(hours=24)

_HALT: Final = "halt"


class BookTables:
    """The books' part of a store, see `wheelhouse.store.protocol.BookStore`."""

    _engine: Engine

    def create_account(
        self, account: AccountRecord, events: Sequence[LedgerEvent], idempotency: IdempotencyRecord | None = None
    ) -> None:
        """Store an account with its first events."""
        _check_sequence(account.id, events, 0)
        cash = exact(sum((event.cash for event in events), Decimal(0)), CASH_PLACES, f"cash of account {account.id}")
        with self._engine.transaction("create_account") as transaction:
            insert(
                transaction,
                "accounts",
                ("id", "name", "kind", "created_at", "halted", "last_sequence", "cash"),
                [
                    (
                        account.id,
                        account.name,
                        account.kind.value,
                        account.created_at.astimezone(UTC),
                        account.halted,
                        len(events),
                        cash,
                    )
                ],
            )
            insert(transaction, "ledger_events", EVENTS, [event_row(event) for event in events])
            _remember(transaction, idempotency)

    def accounts(self) -> list[AccountRecord]:
        """Give all accounts, oldest first."""
        frame = self._engine.read(
            "accounts", "SELECT id, name, kind, created_at, halted FROM accounts ORDER BY created_at, id"
        )
        return [
            AccountRecord(id=id_, name=name, kind=AccountKind(kind), created_at=utc(created_at), halted=halted)
            for id_, name, kind, created_at, halted in frame.iter_rows()
        ]

    def events(self, account_id: str, after_sequence: int = 0, limit: int | None = None) -> list[LedgerEvent]:
        """Give the events of an account in order."""
        frame = self._engine.read(
            "events",
            f"SELECT {', '.join(EVENTS)} FROM ledger_events "  # noqa: S608
            "WHERE account_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
            (account_id, after_sequence, limit),
        )
        return [event_of(row) for row in frame.iter_rows(named=True)]

    def all_events(self) -> list[LedgerEvent]:
        """Give the events of all accounts, each account's together and in order."""
        frame = self._engine.read(
            "all_events",
            f"SELECT {', '.join(EVENTS)} FROM ledger_events ORDER BY account_id, sequence",  # noqa: S608
        )
        return [event_of(row) for row in frame.iter_rows(named=True)]

    def commit(
        self,
        account_id: str,
        events: Sequence[LedgerEvent] = (),
        orders: Sequence[Order] = (),
        idempotency: IdempotencyRecord | None = None,
        *,
        expected_last_sequence: int,
    ) -> None:
        """Append events, store orders and remember the answer, all or nothing."""
        _check_sequence(account_id, events, expected_last_sequence)
        for order in orders:
            if order.account_id != account_id:
                raise InvalidInput(f"order {order.id} is of account {order.account_id}, not of {account_id}")
        cash = sum((event.cash for event in events), Decimal(0))
        with self._engine.transaction("commit") as transaction:
            _advance(transaction, account_id, len(events), cash, expected_last_sequence)
            insert(transaction, "ledger_events", EVENTS, [event_row(event) for event in events])
            changes = ", ".join(f"{name} = excluded.{name}" for name in ("status", "fills", "reasons"))
            stored = insert(
                transaction,
                "orders",
                ORDERS,
                [order_row(order) for order in {order.id: order for order in orders}.values()],
                f"ON CONFLICT (id) DO UPDATE SET {changes} WHERE orders.account_id = excluded.account_id RETURNING id",
            )
            if stored.height != len({order.id for order in orders}):
                raise Conflict(f"an order of account {account_id} has the id of another account's order")
            _remember(transaction, idempotency)

    def orders(self, account_id: str | None = None, status: OrderStatus | None = None) -> list[Order]:
        """Give the orders of an account, or of all, oldest first."""
        frame = self._engine.read(
            "orders",
            f"SELECT {', '.join(ORDERS)} FROM orders "  # noqa: S608
            "WHERE account_id = coalesce($1, account_id) AND status = coalesce($2, status) ORDER BY created_at, id",
            (account_id, None if status is None else status.value),
        )
        return [order_of(row) for row in frame.iter_rows(named=True)]

    def order(self, order_id: str) -> Order:
        """Give one order."""
        frame = self._engine.read("order", f"SELECT {', '.join(ORDERS)} FROM orders WHERE id = $1", (order_id,))  # noqa: S608
        if frame.is_empty():
            raise NotFound(f"there is no order {order_id!r}")
        return order_of(frame.row(0, named=True))

    def idempotency(self, account_id: str, key: str) -> IdempotencyRecord | None:
        """Give the answer that a key stands for, None if there is none."""
        frame = self._engine.read(
            "idempotency",
            f"SELECT {', '.join(ANSWERS)} FROM idempotency WHERE account_id = $1 AND key = $2",  # noqa: S608
            (account_id, key),
        )
        if frame.is_empty():
            return None
        row = frame.row(0, named=True)
        return IdempotencyRecord(**{**row, "created_at": utc(row["created_at"])})

    def forget_idempotency(self, created_before: datetime) -> int:
        """Delete the answers from before an instant; say how many."""
        with self._engine.transaction("forget_idempotency") as transaction:
            return transaction.execute(
                "DELETE FROM idempotency WHERE created_at < $1 RETURNING key", (created_before.astimezone(UTC),)
            ).height

    def set_halted(self, account_id: str | None, halted: bool) -> None:
        """Set the kill switch of an account, or with None the one of all."""
        with self._engine.transaction("set_halted") as transaction:
            if account_id is None:
                transaction.execute(
                    "INSERT INTO switches (name, engaged) VALUES ($1, $2) "
                    "ON CONFLICT (name) DO UPDATE SET engaged = excluded.engaged",
                    (_HALT, halted),
                )
            elif transaction.execute(
                "UPDATE accounts SET halted = $1 WHERE id = $2 RETURNING id", (halted, account_id)
            ).is_empty():
                raise NotFound(f"there is no account {account_id!r}")

    def halted_globally(self) -> bool:
        """Tell whether the kill switch of all accounts is set."""
        frame = self._engine.read("halted", "SELECT engaged FROM switches WHERE name = $1", (_HALT,))
        return bool(frame.item()) if frame.height else False

    def write_equity(self, records: Sequence[EquityRecord]) -> None:
        """Store values of accounts at the end of days, in place of what was there."""
        with self._engine.transaction("write_equity") as transaction:
            insert(
                transaction,
                "equity",
                ("account_id", "day", "equity", "flow"),
                [
                    (
                        it.account_id,
                        it.day,
                        exact(it.equity, CASH_PLACES, f"equity of {it.account_id} on {it.day}"),
                        exact(it.flow, CASH_PLACES, f"flow of {it.account_id} on {it.day}"),
                    )
                    for it in {(it.account_id, it.day): it for it in records}.values()
                ],
                "ON CONFLICT (account_id, day) DO UPDATE SET equity = excluded.equity, flow = excluded.flow",
            )

    def equity(self, account_id: str) -> list[EquityRecord]:
        """Give the values of an account by day."""
        frame = self._engine.read(
            "equity",
            "SELECT account_id, day, equity, flow FROM equity WHERE account_id = $1 ORDER BY day",
            (account_id,),
        )
        return [EquityRecord(**row) for row in frame.iter_rows(named=True)]

    def put_key(self, key: KeyRecord) -> None:
        """Store a new key."""
        with self._engine.transaction("put_key") as transaction:
            insert(
                transaction,
                "api_keys",
                ("id", "name", "role", "hash", "created_at", "revoked_at"),
                [(key.id, key.name, key.role, key.hash, key.created_at.astimezone(UTC), utc_or_none(key.revoked_at))],
            )

    def keys(self) -> list[KeyRecord]:
        """Give all keys, revoked ones too, oldest first."""
        frame = self._engine.read(
            "keys", "SELECT id, name, role, hash, created_at, revoked_at FROM api_keys ORDER BY created_at, id"
        )
        return [
            KeyRecord(**{**row, "created_at": utc(row["created_at"]), "revoked_at": utc_or_none(row["revoked_at"])})
            for row in frame.iter_rows(named=True)
        ]

    def revoke_key(self, key_id: str, revoked_at: datetime) -> None:
        """Revoke a key; one that is revoked already keeps its time."""
        with self._engine.transaction("revoke_key") as transaction:
            changed = transaction.execute(
                "UPDATE api_keys SET revoked_at = coalesce(revoked_at, $1) WHERE id = $2 RETURNING id",
                (revoked_at.astimezone(UTC), key_id),
            )
            if changed.is_empty():
                raise NotFound(f"there is no key {key_id!r}")


def _check_sequence(account_id: str, events: Sequence[LedgerEvent], last: int) -> None:
    for place, event in enumerate(events, start=last + 1):
        if event.account_id != account_id:
            raise InvalidInput(f"event {event.id} is of account {event.account_id}, not of {account_id}")
        if event.sequence != place:
            raise InvalidInput(
                f"event {event.id} of account {account_id} has sequence {event.sequence}, {place} comes next; "
                "number events with wheelhouse.ledger.events.sequenced"
            )


def _advance(transaction: Transaction, account_id: str, appended: int, cash: Decimal, expected: int) -> None:
    """Move the account's last sequence on, if it is where the caller believes it to be."""
    if appended:
        moved = transaction.execute(
            "UPDATE accounts SET last_sequence = last_sequence + $1, cash = cash + $2 "
            "WHERE id = $3 AND last_sequence = $4 RETURNING id",
            (appended, exact(cash, CASH_PLACES, f"cash of account {account_id}"), account_id, expected),
        )
        if moved.height:
            return
    found = transaction.execute("SELECT last_sequence FROM accounts WHERE id = $1", (account_id,))
    if found.is_empty():
        raise NotFound(f"there is no account {account_id!r}")
    if found.item() != expected:
        raise Conflict(
            f"account {account_id} is at sequence {found.item()}, not at {expected}; fold the events since then and try again"
        )


def _remember(transaction: Transaction, answer: IdempotencyRecord | None) -> None:
    if answer is None:
        return
    created_at = answer.created_at.astimezone(UTC)
    places = ", ".join(f"${place}" for place in range(1, 7))
    changes = ", ".join(f"{name} = excluded.{name}" for name in ANSWERS[2:])
    stored = transaction.execute(
        f"INSERT INTO idempotency ({', '.join(ANSWERS)}) VALUES ({places}) "  # noqa: S608
        f"ON CONFLICT (account_id, key) DO UPDATE SET {changes} WHERE idempotency.created_at <= $7 RETURNING key",
        (
            answer.account_id,
            answer.key,
            answer.body_hash,
            answer.status,
            answer.response,
            created_at,
            created_at - IDEMPOTENCY_LIFETIME,
        ),
    )
    if stored.is_empty():
        raise Conflict(
            f"the idempotency key {answer.key!r} of account {answer.account_id!r} stands for an answer already"
        )
