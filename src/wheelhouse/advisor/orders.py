"""Orders: checked, matched on the spot, committed before they are acknowledged, and matched again on new quotes.

A business refusal is an order too, with status `rejected` and its reasons. The answer to a request is stored in the transaction that
stores the order, so the same request under the same key gets the same answer, also after a crash.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from wheelhouse.advisor.accounts import AccountBooks, Book
from wheelhouse.advisor.requests import Answer, InFlight, KeyReused, OrderRequest, Preview
from wheelhouse.advisor.valuation import Appraiser, Requirement, applied
from wheelhouse.broker.paper import PaperBroker, expire_order
from wheelhouse.clock import Clock
from wheelhouse.errors import Conflict, InvalidInput, NotFound
from wheelhouse.ledger.booking import book_fills, book_order
from wheelhouse.ledger.contracts import contract_of, is_option, underlying_of
from wheelhouse.ledger.events import LedgerEvent
from wheelhouse.ledger.orders import (
    Leg,
    Order,
    OrderStatus,
    Reason,
)
from wheelhouse.market.calendar import TradingCalendar
from wheelhouse.market.instruments import normalize_symbol
from wheelhouse.risk import limits
from wheelhouse.store.protocol import Store
from wheelhouse.store.records import IdempotencyRecord
from wheelhouse.telemetry import Metrics

IDEMPOTENCY_LIFETIME = timedelta(hours=24)
MAX_KEY_CHARACTERS = 255
CREATED, REPEATED = 201, 200


class OrderDesk:
    """Takes orders for accounts."""

    def __init__(
        self,
        *,
        store: Store,
        books: AccountBooks,
        appraiser: Appraiser,
        broker: PaperBroker,
        clock: Clock,
        calendar: TradingCalendar,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._books = books
        self._appraiser = appraiser
        self._broker = broker
        self._clock = clock
        self._calendar = calendar
        self._metrics = metrics
        self._lock = threading.Lock()
        self._in_flight: set[tuple[str, str]] = set()
        self._open: defaultdict[str, dict[str, str]] = defaultdict(dict)

    def load(self) -> None:
        """Note which orders work, after the books were loaded."""
        self._open.clear()
        for book in self._books.all():
            self._note(book.working())

    def submit(self, account_id: str, request: OrderRequest, *, key: str, render: Callable[[Order], bytes]) -> Answer:
        """Take an order, or give the stored answer to the same request.

        Parameters
        ----------
        key
            The client's idempotency key, kept for 24 hours of real time.
        render
            Makes the body of the answer, which is stored with the order.

        Raises
        ------
        NotFound
            There is no such account.
        KeyReused
            The key came with another body before.
        InFlight
            The first request of this key has not been answered yet.
        InvalidInput
            The order makes no sense: no legs, a malformed symbol, a limit without price.
        """
        if not key or len(key) > MAX_KEY_CHARACTERS:
            raise InvalidInput(f"an idempotency key has 1 to {MAX_KEY_CHARACTERS} characters, this one has {len(key)}")
        self._books.get(account_id)
        with self._lock:
            if (account_id, key) in self._in_flight:
                raise InFlight(f"the first request with idempotency key {key!r} is still being answered; ask again")
            self._in_flight.add((account_id, key))
        try:
            known = self._known_answer(account_id, key, request.fingerprint)
            if known is not None:
                return known
            return self._place(account_id, request, key, render)
        finally:
            with self._lock:
                self._in_flight.discard((account_id, key))

    def preview(self, account_id: str, request: OrderRequest) -> Preview:
        """What the order would do; writes nothing."""
        book = self._books.get(account_id)
        now = self._clock.now()
        order = self._make(account_id, request, now, key=None)
        refusals = self._refusals(book, order, now)
        tried = self._broker.submit(
            order, self._appraiser.views(leg.symbol for leg in order.legs), now, is_open=self._is_open(now)
        )
        reasons = tuple(refusals) or tried.order.reasons
        net = self._appraiser.estimate(order)
        change = self._appraiser.cash_change(order, net)
        held = _held(book)
        after = applied(held, order.legs)
        before_needs = self._appraiser.requirement(book.kind, held)
        after_needs = self._appraiser.requirement(book.kind, after)
        margin_change = (
            None
            if before_needs is None or after_needs is None
            else Requirement(
                initial=after_needs.initial - before_needs.initial,
                maintenance=after_needs.maintenance - before_needs.maintenance,
                method=after_needs.method,
            )
        )
        power = (
            None
            if change is None
            else self._appraiser.buying_power(
                book, cash=book.state.cash + change, quantities=after, reserved=self._appraiser.reserved(book)
            )
        )
        return Preview(
            accepted=not reasons,
            reasons=reasons,
            estimated_fill=net,
            fees=self._appraiser.fees(order),
            cash_change=change,
            margin_change=margin_change,
            buying_power_after=power,
        )

    def order(self, account_id: str, order_id: str) -> Order:
        """One order of an account.

        Raises
        ------
        NotFound
            There is no such account, or no such order of it.
        """
        order = self._books.get(account_id).orders.get(order_id)
        if order is None:
            raise NotFound(f"account {account_id} has no order {order_id!r}")
        return order

    def orders(self, account_id: str, status: OrderStatus | None = None) -> list[Order]:
        """The orders of an account, oldest first."""
        orders = list(self._books.get(account_id).orders.values())
        return [order for order in orders if status is None or order.status is status]

    def cancel(self, account_id: str, order_id: str) -> Order:
        """Withdraw what remains of a working order; one that is final stays as it is.

        Raises
        ------
        NotFound
            There is no such account or order.
        Conflict
            The order is final already, and not by being cancelled.
        """
        with self._books.writing(account_id) as book:
            order = self.order(account_id, order_id)
            if order.status is OrderStatus.CANCELLED:
                return order
            if not order.status.is_open:
                raise Conflict(f"order {order_id} is {order.status.value}; nothing is left to cancel")
            cancelled = order.cancelled()
            self._append(book, book_order(cancelled, self._clock.now()), [cancelled])
            return cancelled

    def match(self, underlyings: Sequence[str]) -> None:
        """Let the working orders of these underlyings meet the present quotes; called when quotes have arrived."""
        with self._lock:
            waiting = {order: account for name in underlyings for order, account in self._open.get(name, {}).items()}
        for order_id, account_id in waiting.items():
            with self._books.writing(account_id) as book:
                order = book.orders[order_id]
                if order.status.is_open and not self._books.is_halted(book):
                    self._match(book, order)

    def expire(self, book: Book, session: date) -> list[Order]:
        """End an account's orders whose time is over with the close of a session; the account's lock must be held."""
        last_close = self._calendar.close_at(session)
        ended = []
        for order in book.working():
            after = expire_order(order, last_close=last_close, session=session, contracts=self._appraiser.contracts)
            if after is not order:
                ended.append(after)
        if ended:
            events = [event for order in ended for event in book_order(order, max(last_close, order.created_at))]
            self._append(book, events, ended)
        return ended

    def expire_all(self, now: datetime) -> None:
        """End all orders that the last close has ended; for the regular work."""
        session = self._calendar.session_of(now)
        if now < self._calendar.close_at(session):
            session = self._calendar.previous_session(session)
        with self._lock:
            accounts = {account for orders in self._open.values() for account in orders.values()}
        for account_id in sorted(accounts):
            with self._books.writing(account_id) as book:
                self.expire(book, session)

    def forget_answers(self) -> None:
        """Delete stored answers whose keys have expired; for the regular work."""
        self._store.forget_idempotency(datetime.now(UTC) - IDEMPOTENCY_LIFETIME)

    # Inside

    def _known_answer(self, account_id: str, key: str, fingerprint: str) -> Answer | None:
        record = self._store.idempotency(account_id, key)
        if record is None or datetime.now(UTC) - record.created_at >= IDEMPOTENCY_LIFETIME:
            return None
        if record.body_hash != fingerprint:
            raise KeyReused(f"idempotency key {key!r} came with another body before; use a new key for another order")
        return Answer(status=REPEATED, body=record.response)

    def _place(self, account_id: str, request: OrderRequest, key: str, render: Callable[[Order], bytes]) -> Answer:
        with self._books.writing(account_id) as book:
            now = self._clock.now()
            order = self._make(account_id, request, now, key=key)
            refusals = self._refusals(book, order, now)
            if refusals:
                order = order.rejected(refusals)
                events: list[LedgerEvent] = list(book_order(order, now))
            else:
                views = self._appraiser.views(leg.symbol for leg in order.legs)
                executed = self._broker.submit(order, views, now, is_open=self._is_open(now))
                # The intent comes before what became of it.
                intent = executed.order if executed.order.status is OrderStatus.REJECTED else order
                events = [*book_order(intent, now), *book_fills(order, executed.fills, self._appraiser.contracts)]
                order = executed.order
            body = render(order)
            record = IdempotencyRecord(
                account_id=account_id,
                key=key,
                body_hash=request.fingerprint,
                status=CREATED,
                response=body,
                created_at=datetime.now(UTC),
            )
            self._append(book, events, [order], record)
        self._metrics.order(side=order.side, status=order.status.value)
        return Answer(status=CREATED, body=body)

    def _match(self, book: Book, order: Order) -> None:
        now = self._clock.now()
        views = self._appraiser.views(leg.symbol for leg in order.legs)
        executed = self._broker.match(order, views, now, is_open=self._is_open(now))
        if executed.fills:
            events = book_fills(order, executed.fills, self._appraiser.contracts)
            self._append(book, events, [executed.order])

    def _append(
        self,
        book: Book,
        events: Sequence[LedgerEvent],
        orders: Sequence[Order],
        record: IdempotencyRecord | None = None,
    ) -> None:
        before = {order.id: book.orders.get(order.id) for order in orders}
        self._books.append(book, events, orders=orders, idempotency=record)
        self._note(orders)
        for order in orders:
            known = before[order.id]
            if known is not None and known.status is not order.status:
                self._metrics.order(side=order.side, status=order.status.value)

    def _note(self, orders: Iterable[Order]) -> None:
        with self._lock:
            for order in orders:
                for leg in order.legs:
                    underlying = underlying_of(leg.symbol, self._appraiser.contracts)
                    if order.status.is_open:
                        self._open[underlying][order.id] = order.account_id
                    else:
                        self._open[underlying].pop(order.id, None)

    def _make(self, account_id: str, request: OrderRequest, now: datetime, *, key: str | None) -> Order:
        return Order(
            id=uuid4().hex,
            account_id=account_id,
            created_at=now,
            legs=tuple(Leg(symbol=normalize_symbol(symbol), quantity=quantity) for symbol, quantity in request.legs),
            type=request.type,
            limit_price=request.limit_price,
            effect=request.effect,
            time_in_force=request.time_in_force,
            idempotency_key=key,
        )

    def _is_open(self, now: datetime) -> bool:
        return self._calendar.session_state(now) != "closed"

    def _refusals(self, book: Book, order: Order, now: datetime) -> list[Reason]:
        """Why the account may not send this order; none if it may."""
        if self._books.is_halted(book):
            scope = "all accounts are" if self._books.halted_globally else "the account is"
            return [Reason(code="halted", detail=f"{scope} halted; resume first")]
        standing = self._standing(book)
        unreconciled = limits.halted(standing)
        if unreconciled:
            return [Reason(code=refusal.code.value, detail=refusal.detail) for refusal in unreconciled]
        legs = tuple(self._leg(leg) for leg in order.legs)
        found = [*limits.expired(legs, self._closes(order), now), *limits.crossing(standing, legs)]
        if not found:
            found = limits.uncovered(standing, legs)
            net = self._appraiser.limit_net(order)
            # Without a market there is nothing to weigh; the broker refuses such an order by itself.
            if net is not None:
                found += limits.unaffordable(standing, self._proposed(book, order, legs, net))
        return [Reason(code=refusal.code.value, detail=refusal.detail) for refusal in found]

    def _standing(self, book: Book) -> limits.AccountStanding:
        value = self._appraiser.account(book, self._clock.now())
        contracts = self._appraiser.contracts
        return limits.AccountStanding(
            kind=book.kind,
            cash=book.state.cash,
            reserved=self._appraiser.reserved(book),
            positions=_held(book),
            working=tuple(self._leg(leg) for order in book.working() for leg in order.remaining_legs),
            contracts={symbol: contract_of(symbol, contracts) for symbol in book.state.positions if is_option(symbol)},
            equity=value.equity,
            initial_margin=None if value.margin is None else value.margin.initial,
            unreconciled=book.state.unreconciled,
        )

    def _proposed(
        self, book: Book, order: Order, legs: tuple[limits.OrderLeg, ...], net: Decimal
    ) -> limits.ProposedOrder:
        held = _held(book)
        before = self._appraiser.requirement(book.kind, held)
        after = self._appraiser.requirement(book.kind, applied(held, order.legs))
        return limits.ProposedOrder(
            legs=legs,
            cash_change=self._appraiser.cash_change(order, net),
            equity_change=self._appraiser.equity_change(order, net),
            margin_change=None if before is None or after is None else after.initial - before.initial,
        )

    def _leg(self, leg: Leg) -> limits.OrderLeg:
        contract = contract_of(leg.symbol, self._appraiser.contracts) if leg.is_option else None
        return limits.OrderLeg(symbol=leg.symbol, quantity=leg.quantity, contract=contract)

    def _closes(self, order: Order) -> dict[str, datetime]:
        """When the options of an order last trade."""
        closes = {}
        for leg in order.legs:
            if leg.is_option:
                last = contract_of(leg.symbol, self._appraiser.contracts).last_trading_day
                closes[leg.symbol] = self._calendar.close_at(self._calendar.last_trading_day(last))
        return closes


def _held(book: Book) -> dict[str, int]:
    return {symbol: position.quantity for symbol, position in book.state.positions.items()}
