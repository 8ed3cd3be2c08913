"""The days of a replay.

Each session goes as a live one does. At its open: assignments of the evening before post, splits and special dividends change what is
held, dividends are paid. A quarter of an hour before its close the strategy is asked, its orders go through the limits to the paper
broker, and it is asked again until it has nothing more to do. At its close: orders expire, options expire or are assigned, cash earns
interest, everything is marked, and the books are proven.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from wheelhouse.broker.paper import PaperBroker, expire_order
from wheelhouse.broker.settlement import OptionSettlement, intrinsic_value, plan_settlements
from wheelhouse.errors import InvalidInput
from wheelhouse.ledger.booking import book_cash, book_dividend, book_fills, book_order, open_account
from wheelhouse.ledger.contracts import contract_of, is_option
from wheelhouse.ledger.corporate_actions import book_special_dividend, book_split
from wheelhouse.ledger.events import EventKind
from wheelhouse.ledger.money import ZERO, cents
from wheelhouse.ledger.orders import Order, Reason
from wheelhouse.market.calendar import TradingCalendar
from wheelhouse.market.events import Dividend
from wheelhouse.market.instruments import Right
from wheelhouse.pricing.valuation import value_chain
from wheelhouse.replay.account import account_view, refusals, secured
from wheelhouse.replay.books import Books, LedgerMismatch, Valuation
from wheelhouse.replay.market import Instant, ReplaySource, daily_bars, exact, settlement_prices
from wheelhouse.replay.plan import Replay, ReplayDay, ReplayPlan
from wheelhouse.replay.slices import asks_for_new_legs, full_view, held_view, opening_sales
from wheelhouse.strategy.advice import Recommendation
from wheelhouse.strategy.expiration import early_exercise
from wheelhouse.strategy.views import AccountView, MarketView, UnderlyingView
from wheelhouse.strategy.wheel import recommend

ACCOUNT_ID: Final = "replay"

_BEFORE_THE_CLOSE: Final = timedelta(minutes=15)
_STALE_AFTER_SECONDS: Final = 300.0
# Closing and opening again is what a name can need in one session; a policy that would churn is held to it.
_ORDERS_A_SESSION: Final = 2
_DAYS_A_YEAR: Final = 365

Observer = Callable[[ReplayDay], None]


def replay(
    plan: ReplayPlan, source: ReplaySource, calendar: TradingCalendar, *, observe: Observer | None = None
) -> Replay:
    """Play a policy over a market.

    Parameters
    ----------
    observe
        Called with each day when it has ended.

    Raises
    ------
    NotFound
        If the source does not have a name.
    InvalidInput
        If there are fewer than two sessions, a session has no bar, or a held option no quote.
    LedgerMismatch
        If the books of a day do not add up.
    """
    return _Player(plan, source, calendar).play(observe)


class _Player:
    def __init__(self, plan: ReplayPlan, source: ReplaySource, calendar: TradingCalendar) -> None:
        self._plan = plan
        self._source = source
        self._calendar = calendar
        self._sessions = calendar.sessions(plan.start, plan.end)
        if len(self._sessions) < 2:
            raise InvalidInput(
                f"from {plan.start} to {plan.end} there are {len(self._sessions)} sessions; a replay needs two"
            )
        self._bars = {name: daily_bars(source, name, plan.start, plan.end) for name in plan.symbols}
        for name, bars in self._bars.items():
            # Better now than after ten years.
            for day in self._sessions:
                bars.at(name, day)
        self._prices = settlement_prices(self._bars)
        self._books = Books(ACCOUNT_ID)
        self._broker = PaperBroker(
            is_fresh=lambda ts, now: calendar.is_fresh(ts, now, _STALE_AFTER_SECONDS), fees=plan.fees
        )
        self._orders: dict[str, Order] = {}
        self._posting: list[OptionSettlement] = []
        self._payable: list[tuple[date, str, Dividend, int]] = []
        self._marks: dict[str, Decimal] = {}

    def play(self, observe: Observer | None) -> Replay:
        first = self._sessions[0]
        self._books.append(open_account(ACCOUNT_ID, ts=self._calendar.close_at(first), cash=self._plan.cash))
        before = self._books.value({})
        equity, interest, days = [before.equity], [0.0], []
        for day in self._sessions[1:]:
            begun = len(self._books.events)
            self._open(day)
            actions = self._trade(day)
            earned = self._close(day)
            after = self._value(day)
            explained = self._books.prove(day, before, after, self._books.events[begun:])
            ended = ReplayDay(
                day=day,
                equity=after.equity,
                cash=self._books.state.cash,
                at_work=self._at_work(after),
                actions=tuple(actions),
                explanation=explained,
            )
            equity.append(after.equity)
            interest.append(earned)
            days.append(ended)
            before = after
            if observe is not None:
                observe(ended)
        return Replay(
            plan=self._plan,
            dates=tuple(self._sessions),
            equity=tuple(equity),
            interest=tuple(interest),
            days=tuple(days),
            events=tuple(self._books.events),
            orders=tuple(self._orders.values()),
            state=self._books.state,
            contracts=dict(self._books.contracts),
            adjusted_closes={
                name: tuple(bars.adjusted[bars.at(name, day)] for day in self._sessions)
                for name, bars in self._bars.items()
            },
        )

    # The open

    def _open(self, day: date) -> None:
        for settlement in self._posting:
            self._books.append(settlement.events)
        self._posting = []
        ts = self._calendar.open_at(day)
        previous = self._calendar.previous_session(day)
        for name in self._plan.symbols:
            terms = self._source.terms(name, ts)
            due = [d for d in terms.dividends if previous < d.ex_date <= day]
            # Who holds the shares now, before anything is split, is entitled.
            shares = self._books.state.quantity(name)
            self._payable += [(d.pay_date or day, name, d, shares) for d in due if shares]
            for split in terms.splits:
                if previous < split.ex_date <= day:
                    action = book_split(self._books.state, name, split, ts=ts, contracts=self._books.contracts)
                    self._books.contracts.update(action.contracts)
                    self._books.append(action.events)
            for dividend in due:
                if dividend.kind == "special":
                    action = book_special_dividend(
                        self._books.state, name, dividend, ts=ts, contracts=self._books.contracts
                    )
                    self._books.contracts.update(action.contracts)
                    self._books.append(action.events)
        for item in [item for item in self._payable if item[0] <= day]:
            self._payable.remove(item)
            _, name, dividend, shares = item
            external_id = f"dividend/{name}/{dividend.ex_date}/{dividend.kind}"
            self._books.append(
                book_dividend(
                    self._books.state,
                    name,
                    per_share=dividend.amount,
                    ts=ts,
                    external_id=external_id,
                    shares=shares,
                )
            )

    # The quarter of an hour before the close

    def _trade(self, day: date) -> list[str]:
        now = self._calendar.close_at(day) - _BEFORE_THE_CLOSE
        market = Instant(self._source, self._calendar, now, contracts=self._books.contracts)
        done: list[str] = []
        left = dict.fromkeys(self._plan.symbols, _ORDERS_A_SESSION)
        refused: set[str] = set()
        views: dict[str, UnderlyingView] = {}
        while True:
            account = account_view(self._books, market)
            for name in self._plan.symbols:
                if left[name]:
                    views[name] = self._see(account, name, market, now)
            advice = recommend(
                account, MarketView.of(*(views[name] for name in views if left[name])), self._plan.policy, now
            )
            item = next((i for i in advice.recommendations if i.legs and i.id not in refused), None)
            if item is None:
                return done
            left[item.symbol] -= 1
            order = self._send(item, market, now, number=len(done) + len(refused) + 1)
            if order.fills:
                done.append(f"{item.action.value} {item.symbol}")
            else:
                refused.add(item.id)

    def _see(self, account: AccountView, name: str, market: Instant, now: datetime) -> UnderlyingView:
        """See a name as far as the strategy needs it: what is held, and the rest of the chain only if it can matter."""
        fired = False
        if any(holding.contract is not None for holding in account.of(name)):
            view = held_view(account, name, market)
            fired = asks_for_new_legs(recommend(account, MarketView.of(view), self._plan.policy, now), name)
            if not fired and not opening_sales(account, name, market, self._plan.policy):
                return view
        return full_view(account, name, market, self._plan.policy, now, rolls=fired)

    def _send(self, item: Recommendation, market: Instant, now: datetime, *, number: int) -> Order:
        order = Order(
            id=f"{now.date()}-{number}",
            account_id=ACCOUNT_ID,
            created_at=now,
            legs=item.legs,
            limit_price=item.limit_price,
            effect=item.effect,
        )
        found = refusals(self._books, order, self._plan.fees)
        if found:
            order = order.rejected([Reason(code=r.code.value, detail=r.detail) for r in found])
            self._books.append(book_order(order, now))
        else:
            executed = self._broker.submit(order, market.views(leg.symbol for leg in order.legs), now)
            intent = executed.order if not executed.order.status.is_open and not executed.fills else order
            self._books.append((*book_order(intent, now), *book_fills(order, executed.fills, self._books.contracts)))
            order = executed.order
        self._orders[order.id] = order
        return order

    # The close

    def _close(self, day: date) -> float:
        closed = self._calendar.close_at(day)
        for order in [order for order in self._orders.values() if order.status.is_open]:
            ended = expire_order(order, last_close=closed, session=day, contracts=self._books.contracts)
            if ended is not order:
                self._orders[order.id] = ended
                self._books.append(book_order(ended, closed))
        evening = self._evening(day)
        plan = plan_settlements(
            self._books.state,
            session=day,
            sessions=self._calendar,
            prices=self._prices,
            contracts=self._books.contracts,
            early=self._assigned_early(day, evening),
            assignment_fee=self._plan.fees.assignment,
        )
        for settlement in plan:
            if settlement.posts_at <= closed:
                self._books.append(settlement.events)
            else:
                self._posting.append(settlement)
        self._mark(day, evening)
        return self._interest(day, closed)

    def _evening(self, day: date) -> Instant:
        def official(name: str) -> float:
            bars = self._bars[name]
            return bars.closes[bars.at(name, day)]

        at = self._calendar.close_at(day)
        return Instant(self._source, self._calendar, at, contracts=self._books.contracts, spot=official)

    def _assigned_early(self, day: date, evening: Instant) -> dict[str, str]:
        """Short contracts that their holders exercise tonight, each with the reason."""
        following = self._calendar.next_session(day)
        found = {}
        for symbol, position in self._books.state.positions.items():
            if not is_option(symbol) or position.quantity > 0:
                continue
            contract = contract_of(symbol, self._books.contracts)
            if contract.last_trading_day <= day:
                continue
            name = contract.underlying
            terms = evening.terms(name)
            if contract.right is Right.CALL:
                # A call is exercised early on the eve of an ex-date only, a put in the money only: no need to value others.
                possible = any(day < d.ex_date <= following for d in terms.dividends)
            else:
                possible = exact(evening.spot(name)) < contract.strike
            if not possible:
                continue
            valued = value_chain(evening.chain(name, [symbol]), priced_at=evening.at)
            view = UnderlyingView(symbol=name, chain=valued, state="fresh", age_seconds=0.0, terms=terms)
            row = valued.chain.symbols.index(symbol)
            judged = early_exercise(view, valued, row, evening.at)
            if judged.level == "alarm" and (judged.ex_date is None or judged.ex_date <= following):
                found[symbol] = judged.detail
        return found

    def _interest(self, day: date, closed: datetime) -> float:
        days = (day - self._calendar.previous_session(day)).days
        rate = self._plan.cash_rate
        if rate is None:
            rate = self._source.terms(self._plan.symbols[0], closed).rate
        earned = exact(rate) * days / _DAYS_A_YEAR
        amount = cents(self._books.state.cash * earned)
        if amount > 0:
            self._books.append(
                book_cash(self._books.state, amount, ts=closed, external_id=f"interest/{day}", kind=EventKind.INTEREST)
            )
        return float(earned)

    def _mark(self, day: date, evening: Instant) -> None:
        """Mark all that is held: shares at the official close, options at their quotes, ended ones at what settles them."""
        marks = {}
        options = [symbol for symbol in self._books.state.positions if is_option(symbol)]
        evening.sample(s for s in options if contract_of(s, self._books.contracts).last_trading_day > day)
        for symbol in self._books.state.positions:
            if not is_option(symbol):
                marks[symbol] = exact(evening.spot(symbol))
                continue
            contract = contract_of(symbol, self._books.contracts)
            if contract.last_trading_day <= day:
                worth = intrinsic_value(contract, day, self._prices)
                if worth is not None:
                    marks[symbol] = max(worth, ZERO)
                    continue
            mark = evening.mark(symbol)
            if mark is None:
                raise InvalidInput(f"{symbol} is held on {day} and has no two-sided quote; the source must quote it")
            marks[symbol] = mark
        self._marks = marks

    def _value(self, day: date) -> Valuation:
        missing = sorted(set(self._books.state.positions) - set(self._marks))
        if missing:
            raise LedgerMismatch(f"the books of {day} hold {', '.join(missing)} without a mark")
        return self._books.value(self._marks)

    def _at_work(self, value: Valuation) -> float:
        shares = sum(
            (quantity * value.marks[symbol] for symbol, quantity in value.quantities.items() if not is_option(symbol)),
            ZERO,
        )
        tied = shares + secured(self._books)
        return float(tied / value.equity) if value.equity > 0 else 0.0
