"""What to do with an account: recommendations, expirations and performance, from its books and the published market."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime

from wheelhouse.advisor.accounts import AccountBooks, Book
from wheelhouse.advisor.valuation import Appraiser
from wheelhouse.clock import Clock
from wheelhouse.errors import InvalidInput, NotFound
from wheelhouse.ledger.contracts import contract_of, is_option, underlying_of
from wheelhouse.ledger.money import ZERO
from wheelhouse.market.calendar import TradingCalendar
from wheelhouse.market.instruments import normalize_symbol
from wheelhouse.reports.campaigns import CampaignReport, campaign_reports, closed_profits, flows_by_day
from wheelhouse.reports.performance import Performance, accrued, buy_and_hold, performance
from wheelhouse.snapshots import SnapshotBoard
from wheelhouse.store.protocol import Store
from wheelhouse.strategy.advice import Advice
from wheelhouse.strategy.expiration import Expiration, expirations
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.views import AccountView, HoldingView, MarketView, UnderlyingView
from wheelhouse.strategy.wheel import recommend
from wheelhouse.telemetry import Metrics

_SWITCHES = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


class AdviceDesk:
    """Advises accounts under one policy."""

    def __init__(
        self,
        *,
        store: Store,
        books: AccountBooks,
        board: SnapshotBoard,
        appraiser: Appraiser,
        clock: Clock,
        calendar: TradingCalendar,
        metrics: Metrics,
        policy: WheelPolicy,
        cash_rate: float,
    ) -> None:
        self._store = store
        self._books = books
        self._board = board
        self._appraiser = appraiser
        self._clock = clock
        self._calendar = calendar
        self._metrics = metrics
        self._cash_rate = cash_rate
        self.policy = policy

    def recommendations(self, account_id: str, symbol: str | None = None) -> Advice:
        """What the account should do now: about one underlying, or about every one that has a chain or that it holds.

        Raises
        ------
        NotFound
            There is no such account, or nothing is known of the symbol.
        """
        with self._metrics.recommending():
            book = self._books.get(account_id)
            now = self._clock.now()
            if symbol is None:
                with_chain = [name for name in self._board.symbols() if self._chain_exists(name)]
                names = sorted({*with_chain, *self._held(book)})
            else:
                names = [normalize_symbol(symbol)]
                if not self._board.is_known(names[0]) and names[0] not in self._held(book):
                    raise NotFound(
                        f"nothing is known of {names[0]!r}: no quote, bar, terms or instrument of it has arrived"
                    )
            return recommend(self.account_view(book, now), self.market_view(names, now), self.policy, now)

    def expirations(self, account_id: str) -> tuple[Expiration, ...]:
        """Every open option of the account, soonest first."""
        book = self._books.get(account_id)
        now = self._clock.now()
        return expirations(self.account_view(book, now), self.market_view(self._held(book), now), self.policy, now)

    def performance(self, account_id: str) -> tuple[Performance, Mapping[str, Performance], tuple[CampaignReport, ...]]:
        """How the account did by its daily equities, holding the same underlyings instead, and its campaigns."""
        book = self._books.get(account_id)
        records = self._store.equity(account_id)
        days = [record.day for record in records]
        flows = flows_by_day(self._store.events(account_id), self._calendar.session_of, self._appraiser.contracts)
        own = performance(
            days,
            [float(record.equity) for record in records],
            flows=[float(flows.get(day, ZERO)) for day in days],
            risk_free=accrued(self._cash_rate, days),
            closed_profits=closed_profits(book.state),
        )
        campaigns = campaign_reports(book.state)
        names = sorted({campaign.underlying for campaign in campaigns})
        benchmark = {name: held for name in names if (held := self._held_instead(name, days)) is not None}
        return own, benchmark, campaigns

    def account_view(self, book: Book, now: datetime) -> AccountView:
        """The account as the strategy sees it. Without a price of every position its equity is its cash, and it has no power."""
        value = self._appraiser.account(book, now)
        holdings = tuple(
            HoldingView(
                symbol=position.symbol,
                quantity=position.quantity,
                contract=contract_of(position.symbol, self._appraiser.contracts)
                if is_option(position.symbol)
                else None,
                tax_basis=position.tax_basis,
                campaign_basis=position.campaign_basis,
            )
            for position in value.positions
        )
        # Its short puts are off the buying power already; the strategy takes them off the cash by itself.
        return AccountView(
            id=book.id,
            kind=book.kind,
            cash=value.cash,
            equity=value.equity if value.equity is not None else value.cash,
            buying_power=value.buying_power if value.buying_power is not None else ZERO,
            positions=holdings,
            working=tuple(leg for order in book.working() for leg in order.remaining_legs),
            halted=self._books.is_halted(book),
        )

    def market_view(self, names: Iterable[str], now: datetime) -> MarketView:
        """The underlyings as the strategy sees them."""
        views = []
        for name in names:
            snapshot = self._board.snapshot(name)
            state, age = self._board.state(name, now)
            views.append(
                UnderlyingView(
                    symbol=name,
                    chain=None if snapshot is None else snapshot.chain,
                    state=state,
                    age_seconds=age,
                    terms=self._board.terms(name),
                )
            )
        return MarketView.of(*views)

    def _chain_exists(self, name: str) -> bool:
        snapshot = self._board.snapshot(name)
        return snapshot is not None and snapshot.chain is not None

    def _held(self, book: Book) -> list[str]:
        return sorted({underlying_of(symbol, self._appraiser.contracts) for symbol in book.state.positions})

    def _held_instead(self, name: str, days: list[date]) -> Performance | None:
        if not days:
            return None
        start = datetime(days[0].year, days[0].month, days[0].day, tzinfo=UTC)
        bars = self._store.bars(name, "1d", start)
        closes = {
            ts.date(): adjusted or close
            for ts, close, adjusted in bars.select("ts", "close", "adjusted_close").iter_rows()
        }
        if any(day not in closes for day in days):
            return None
        return buy_and_hold(days, [closes[day] for day in days], risk_free=accrued(self._cash_rate, days))


def policy_of(values: Mapping[str, object], *, fee_per_contract: float) -> WheelPolicy:
    """The policy of the settings; texts, as variables give them, become what the knob needs.

    A key `preset` names the policy to start from.

    Raises
    ------
    InvalidInput
        A knob is unknown or its value not allowed.
    """
    given = dict(values)
    preset = given.pop("preset", None)
    start = WheelPolicy() if preset is None else WheelPolicy.preset(str(preset))
    kinds = {knob.name: type(knob.default) for knob in WheelPolicy.knobs()}
    converted = {name: _converted(name, value, kinds.get(name, str)) for name, value in given.items()}
    return WheelPolicy.from_mapping({"fee_per_contract": fee_per_contract, **converted}, start=start)


def _converted(name: str, value: object, kind: type) -> object:
    if not isinstance(value, str) or kind is str:
        return float(value) if kind is float and isinstance(value, int) and not isinstance(value, bool) else value
    if kind is bool:
        # Any other word stays as it is, and the policy refuses it.
        return _SWITCHES.get(value.lower(), value)
    try:
        return kind(value)
    except ValueError as error:
        raise InvalidInput(f"policy: {name} = {value!r} must be a {kind.__name__}") from error
