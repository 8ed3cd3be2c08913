"""The end of a day for every account, in order: expiries and assignments, splits and dividends, interest, marks, equity snapshot,
reconciliation, report.

Idempotent per date and account: every fact has a name that the ledger knows once it is booked, and the equity of a date replaces the one
that was there. Before the session's close nothing is settled; marks and reconciliation are those of the moment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from wheelhouse.advisor.accounts import AccountBooks, Book
from wheelhouse.advisor.advice import AdviceDesk
from wheelhouse.advisor.market import MarketDesk
from wheelhouse.advisor.orders import OrderDesk
from wheelhouse.advisor.valuation import Appraiser
from wheelhouse.broker.settlement import OptionSettlement, plan_settlements
from wheelhouse.clock import Clock
from wheelhouse.errors import InvalidInput
from wheelhouse.ledger.account import fold
from wheelhouse.ledger.booking import book_cash, book_dividend
from wheelhouse.ledger.contracts import is_option, multiplier_of, underlying_of
from wheelhouse.ledger.corporate_actions import CorporateAction, book_special_dividend, book_split
from wheelhouse.ledger.events import AGREES, DISAGREES, STATEMENT, EventKind, LedgerEvent
from wheelhouse.ledger.money import ZERO, cents
from wheelhouse.ledger.reconciliation import BrokerStatement, Difference, compare
from wheelhouse.market.calendar import TradingCalendar
from wheelhouse.market.events import Dividend
from wheelhouse.market.instruments import SettlementTime
from wheelhouse.reports.campaigns import flows_by_day
from wheelhouse.store.protocol import Store
from wheelhouse.store.records import EquityRecord
from wheelhouse.strategy.expiration import early_exercise

_DAYS_A_YEAR = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDay:
    """The end of one account's day.

    Attributes
    ----------
    differences
        From the broker's statement; empty without one, because the paper broker's book is the ledger itself.
    equity
        USD at the moment; None if a position has no price, and then no equity was recorded.
    settlements
        What became of options at this day's end.
    booked
        Events that this run appended.
    """

    account_id: str
    reconciled: bool
    differences: tuple[Difference, ...]
    equity: Decimal | None
    cash: Decimal
    settlements: tuple[OptionSettlement, ...]
    booked: tuple[LedgerEvent, ...]
    expired_orders: tuple[str, ...]


def _held_when(event: LedgerEvent, began: datetime) -> bool:
    """Whether an event of shares counts for who holds them as an ex-date begins.

    An assignment or exercise of the eve is booked at that very instant and counts; a trade or a split of it does not.
    """
    settled = event.kind in (EventKind.ASSIGNMENT, EventKind.EXERCISE)
    return event.ts < began or (settled and event.ts == began)


class EndOfDay:
    """Ends days."""

    def __init__(
        self,
        *,
        store: Store,
        books: AccountBooks,
        orders: OrderDesk,
        advice: AdviceDesk,
        market: MarketDesk,
        appraiser: Appraiser,
        clock: Clock,
        calendar: TradingCalendar,
        assignment_fee: Decimal,
        cash_rate: float,
    ) -> None:
        self._store = store
        self._books = books
        self._orders = orders
        self._advice = advice
        self._market = market
        self._appraiser = appraiser
        self._clock = clock
        self._calendar = calendar
        self._assignment_fee = assignment_fee
        self._cash_rate = cash_rate

    def run(
        self, day: date, accounts: Sequence[str] | None = None, statements: Sequence[BrokerStatement] = ()
    ) -> list[AccountDay]:
        """End a day for some or all accounts.

        Raises
        ------
        InvalidInput
            The date is no session, has not opened yet, or a statement is of an account that is not asked for.
        NotFound
            There is no such account.
        """
        if not self._calendar.first <= day <= self._calendar.last or not self._calendar.is_session(day):
            raise InvalidInput(f"{day} is not a session of the exchange")
        if self._clock.now() < self._calendar.open_at(day):
            raise InvalidInput(f"the session of {day} has not opened yet; it is {self._clock.now().isoformat()}")
        ids = [book.id for book in self._books.all()] if accounts is None else list(dict.fromkeys(accounts))
        for account_id in ids:
            self._books.get(account_id)
        stated = {statement.account_id: statement for statement in statements}
        foreign = sorted(stated.keys() - set(ids))
        if foreign:
            raise InvalidInput(f"statements of {', '.join(foreign)}, which this end of day is not for")
        self._market.refresh()
        return [self._end(account_id, day, stated.get(account_id)) for account_id in ids]

    def _end(self, account_id: str, day: date, statement: BrokerStatement | None) -> AccountDay:
        with self._books.writing(account_id) as book:
            booked: list[LedgerEvent] = []
            settlements: tuple[OptionSettlement, ...] = ()
            expired: list[str] = []
            if self._clock.now() >= self._calendar.close_at(day):
                expired = [order.id for order in self._orders.expire(book, day)]
                settlements = self._settle(book, day, booked)
                self._corporate_actions(book, day, booked, until=day)
                self._interest(book, day, booked)
            equity = self._record(book, day)
            if self._clock.now() >= self._calendar.close_at(day):
                # After the marks: tonight's prices are those of shares that have not split yet.
                self._corporate_actions(book, day, booked, until=self._calendar.next_session(day))
            differences, agrees = self._reconcile(book, day, statement, booked)
            return AccountDay(
                account_id=book.id,
                reconciled=agrees,
                differences=differences,
                equity=equity,
                cash=book.state.cash,
                settlements=settlements,
                booked=tuple(booked),
                expired_orders=tuple(expired),
            )

    def _record(self, book: Book, day: date) -> Decimal | None:
        """Record the equity of a day: at the present marks while it is the latest session, else at the prices of that day.

        What was recorded of an earlier session stays as it is, and so does an evening's after a split of the coming session was booked.
        """
        # On a day before its opening the account had no equity; one recorded there would be part of its performance.
        if day < self._calendar.session_of(book.record.created_at):
            return None
        now = self._clock.now()
        events = self._store.events(book.id)
        is_latest = self._calendar.session_of(now) == day
        if not is_latest or any(event.kind is EventKind.SPLIT and event.ts > now for event in events):
            known = next((it.equity for it in self._store.equity(book.id) if it.day == day), None)
            if known is not None:
                return known
        equity = self._appraiser.account(book, now).equity if is_latest else self._equity_of(events, day)
        if equity is not None:
            flows = flows_by_day(events, self._calendar.session_of, self._appraiser.contracts)
            record = EquityRecord(account_id=book.id, day=day, equity=equity, flow=flows.get(day, ZERO))
            self._store.write_equity([record])
        return equity

    def _equity_of(self, events: Sequence[LedgerEvent], day: date) -> Decimal | None:
        """The equity at an earlier day's end, by its closes and last quotes; None if a position had no price on it."""
        # What the evening settled is posted at the next open.
        posted = self._calendar.open_at(self._calendar.next_session(day))
        equity = ZERO
        held: dict[str, int] = {}
        for event in events:
            if event.ts <= posted and not (event.kind is EventKind.SPLIT and event.ts == posted):
                equity += event.cash
                if event.symbol is not None:
                    held[event.symbol] = held.get(event.symbol, 0) + event.quantity
        for symbol, quantity in held.items():
            if not quantity:
                continue
            price = self._price_on(symbol, day)
            if price is None:
                return None
            equity += cents(quantity * price * multiplier_of(symbol, self._appraiser.contracts))
        return equity

    def _price_on(self, symbol: str, day: date) -> Decimal | None:
        """USD per share at a day's end: its close, else the mark of its last quote."""
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        bars = self._store.bars(symbol, "1d", start, limit=1)
        if bars.height and bars.item(0, "ts").date() == day:
            return Decimal(repr(bars.item(0, "close")))
        quotes = self._store.quotes(symbol, start, start + timedelta(days=1)).drop_nulls(["ask"])
        if not quotes.height:
            return None
        bid, ask = quotes.item(-1, "bid"), quotes.item(-1, "ask")
        return None if bid is None or ask < bid else (Decimal(repr(bid)) + Decimal(repr(ask))) / 2

    def _settle(self, book: Book, day: date, booked: list[LedgerEvent]) -> tuple[OptionSettlement, ...]:
        plan = plan_settlements(
            book.state,
            session=day,
            sessions=self._calendar,
            prices=self._settlement_price,
            contracts=self._appraiser.contracts,
            early=self._assigned_early(book, day),
            assignment_fee=self._assignment_fee,
        )
        # One contract after another: a later one may rest on the shares that an earlier one delivered.
        for settlement in plan:
            self._book(book, settlement.events, booked)
        return plan

    def _assigned_early(self, book: Book, day: date) -> Mapping[str, str]:
        """Short contracts that their holders exercise tonight, each with the reason."""
        now = self._clock.now()
        if self._calendar.session_of(now) != day:
            # The evening is over, and with it the prices that decided; what was not assigned then was not.
            return {}
        following = self._calendar.next_session(day)
        view = self._advice.market_view(
            {underlying_of(s, self._appraiser.contracts) for s in book.state.positions}, now
        )
        found = {}
        for symbol, position in book.state.positions.items():
            underlying = view.underlyings[underlying_of(symbol, self._appraiser.contracts)]
            if not is_option(symbol) or position.quantity >= 0 or underlying.chain is None:
                continue
            if symbol not in underlying.chain.chain.symbols:
                continue
            row = underlying.chain.chain.symbols.index(symbol)
            judged = early_exercise(underlying, underlying.chain, row, now)
            if judged.level == "alarm" and judged.ex_date in (None, following):
                found[symbol] = judged.detail
        return found

    def _corporate_actions(self, book: Book, day: date, booked: list[LedgerEvent], *, until: date) -> None:
        """Splits and special dividends up to a session, and dividends that are paid by now."""
        opened = book.record.created_at
        names = {underlying_of(s, self._appraiser.contracts) for s in book.state.positions} | {
            campaign.underlying for campaign in book.state.closed_campaigns
        }
        for name in sorted(names):
            terms = self._advice.market_view([name], self._clock.now()).underlyings[name].terms
            for split in terms.splits:
                if self._calendar.session_of(opened) < split.ex_date <= until:
                    ts = self._calendar.open_at(split.ex_date)
                    action = book_split(book.state, name, split, ts=ts, contracts=self._appraiser.contracts)
                    self._adjust(book, action, booked)
            for dividend in terms.dividends:
                if self._calendar.session_of(opened) < dividend.ex_date <= until and dividend.kind == "special":
                    ts = self._calendar.open_at(dividend.ex_date)
                    action = book_special_dividend(
                        book.state, name, dividend, ts=ts, contracts=self._appraiser.contracts
                    )
                    self._adjust(book, action, booked)
                if self._calendar.session_of(opened) < dividend.ex_date <= day and (dividend.pay_date or day) <= day:
                    self._pay(book, name, dividend, booked)

    def _pay(self, book: Book, name: str, dividend: Dividend, booked: list[LedgerEvent]) -> None:
        began = self._calendar.open_at(dividend.ex_date)
        shares = sum(
            event.quantity for event in self._store.events(book.id) if event.symbol == name and _held_when(event, began)
        )
        events = book_dividend(
            book.state,
            name,
            per_share=dividend.amount,
            ts=self._calendar.close_at(self._calendar.last_trading_day(dividend.pay_date or dividend.ex_date)),
            external_id=f"dividend/{name}/{dividend.ex_date}/{dividend.kind}",
            shares=shares,
        )
        self._book(book, events, booked)

    def _interest(self, book: Book, day: date, booked: list[LedgerEvent]) -> None:
        """What idle cash earned since the session before."""
        days = (day - self._calendar.previous_session(day)).days
        amount = cents(book.state.cash * Decimal(repr(self._cash_rate)) * days / _DAYS_A_YEAR)
        if amount > 0:
            ts = self._calendar.close_at(day)
            events = book_cash(book.state, amount, ts=ts, external_id=f"interest/{day}", kind=EventKind.INTEREST)
            self._book(book, events, booked)

    def _reconcile(
        self, book: Book, day: date, statement: BrokerStatement | None, booked: list[LedgerEvent]
    ) -> tuple[tuple[Difference, ...], bool]:
        if statement is None:
            # The paper broker's book is this ledger; what is left to compare is what is on disk.
            stored = fold(self._store.events(book.id), self._appraiser.contracts, account_id=book.id)
            return (), stored == book.state and not book.state.unreconciled
        result = compare(book.state, statement, open_orders=[order.id for order in book.working()])
        self._book(book, result.events, booked)
        if book.state.unreconciled == result.reconciled:
            self._book(book, [self._comparison(book, day, agrees=result.reconciled)], booked)
        return result.differences, result.reconciled

    def _comparison(self, book: Book, day: date, *, agrees: bool) -> LedgerEvent:
        """The fact that comparisons with the broker began or ceased to leave differences open: until then no new orders."""
        return LedgerEvent(
            id=f"{book.id}/reconciliation/{day}/{book.state.sequence + 1}",
            account_id=book.id,
            ts=self._clock.now(),
            kind=EventKind.RECONCILIATION,
            detail={STATEMENT: AGREES if agrees else DISAGREES},
        )

    def _adjust(self, book: Book, action: CorporateAction, booked: list[LedgerEvent]) -> None:
        if action.contracts:
            self._market.put_instruments(list(action.contracts.values()))
        self._book(book, action.events, booked)

    def _book(self, book: Book, events: Sequence[LedgerEvent], booked: list[LedgerEvent]) -> None:
        if events:
            booked += self._books.append(book, events)

    def _settlement_price(self, symbol: str, day: date, at: SettlementTime) -> Decimal | None:
        """The official price: the daily bar's close or open; without a bar the last quote of that session's final 15 minutes."""
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        bars = self._store.bars(symbol, "1d", start, limit=1)
        if bars.height and bars.item(0, "ts").date() == day:
            return Decimal(repr(bars.item(0, "close" if at is SettlementTime.PM else "open")))
        if at is SettlementTime.AM:
            return None
        return self._closing_quote(symbol, day)

    def _closing_quote(self, symbol: str, day: date) -> Decimal | None:
        row = self._market.quote(symbol)
        closed = self._calendar.close_at(day)
        if row is None or row.mid is None or not self._market.is_closing(row.ts, closed):
            return None
        return Decimal(repr(row.mid))
