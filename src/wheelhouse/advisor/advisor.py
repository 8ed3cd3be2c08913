"""The facade: one store, one clock, one market, and what is done with them."""

import threading
from dataclasses import dataclass
from time import monotonic
from typing import Self

from wheelhouse.advisor.accounts import AccountBooks
from wheelhouse.advisor.advice import AdviceDesk, policy_of
from wheelhouse.advisor.end_of_day import EndOfDay
from wheelhouse.advisor.ingestion import IngestionDesk
from wheelhouse.advisor.market import MarketDesk
from wheelhouse.advisor.orders import OrderDesk
from wheelhouse.advisor.planning import PlanningDesk
from wheelhouse.advisor.risk import RiskDesk
from wheelhouse.advisor.surfaces import SurfaceDesk
from wheelhouse.advisor.valuation import Appraiser
from wheelhouse.advisor.volatility import VolatilityDesk
from wheelhouse.broker.paper import Fees, PaperBroker
from wheelhouse.clock import Clock
from wheelhouse.errors import WheelhouseError
from wheelhouse.market.calendar import TradingCalendar, nyse
from wheelhouse.market.events import Terms
from wheelhouse.risk.margin import HouseRules
from wheelhouse.settings import Settings
from wheelhouse.snapshots import SnapshotBoard
from wheelhouse.store.opening import open_store
from wheelhouse.store.protocol import Store
from wheelhouse.telemetry import Metrics, logger

_CALENDAR_YEARS_AHEAD = 10
_FORGET_SECONDS = 3600.0
_log = logger("wheelhouse.advisor")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessCheck:
    """One thing that has to be in order before the service can serve."""

    name: str
    ok: bool
    detail: str


class Advisor:
    """Everything that wheelhouse does, over one store.

    Safe to use from several threads; calls block. Make one with :meth:`open`.
    """

    def __init__(
        self, settings: Settings, *, store: Store, clock: Clock, calendar: TradingCalendar, metrics: Metrics
    ) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        self.calendar = calendar
        self.metrics = metrics
        self.board = SnapshotBoard(
            calendar,
            stale_after=settings.market.stale_after,
            default_terms=Terms(rate=settings.market.default_rate),
        )
        self.market = MarketDesk(store, self.board, clock, calendar)
        self.surfaces = SurfaceDesk(self.market)
        self.volatility = VolatilityDesk(self.market, clock, calendar)
        fees = Fees(
            option_contract=settings.fees.option_contract,
            share=settings.fees.stock_share,
            assignment=settings.fees.assignment,
        )
        broker = PaperBroker(is_fresh=self.board.is_fresh, fees=fees)
        self.accounts = AccountBooks(store, clock, self.board.contracts, assignment_fee=settings.fees.assignment)
        house = HouseRules(minimum_per_share=settings.house.minimum_per_share, multiplier=settings.house.multiplier)
        self.appraiser = Appraiser(self.board, broker, house)
        self.orders = OrderDesk(
            store=store,
            books=self.accounts,
            appraiser=self.appraiser,
            broker=broker,
            clock=clock,
            calendar=calendar,
            metrics=metrics,
        )
        self.advice = AdviceDesk(
            store=store,
            books=self.accounts,
            board=self.board,
            appraiser=self.appraiser,
            clock=clock,
            calendar=calendar,
            metrics=metrics,
            policy=policy_of(settings.policy, fee_per_contract=float(settings.fees.option_contract)),
            cash_rate=settings.cash_rate,
        )
        self.risk = RiskDesk(
            store=store,
            books=self.accounts,
            board=self.board,
            market=self.market,
            appraiser=self.appraiser,
            clock=clock,
        )
        self.planning = PlanningDesk(
            books=self.accounts,
            board=self.board,
            appraiser=self.appraiser,
            advice=self.advice,
            risk=self.risk,
            volatility=self.volatility,
            clock=clock,
            sectors={name.upper(): sector for name, sector in settings.sectors.items()},
            targets={name.upper(): weight for name, weight in settings.targets.items()},
        )
        self.end_of_day = EndOfDay(
            store=store,
            books=self.accounts,
            orders=self.orders,
            advice=self.advice,
            market=self.market,
            appraiser=self.appraiser,
            clock=clock,
            calendar=calendar,
            assignment_fee=settings.fees.assignment,
            cash_rate=settings.cash_rate,
        )
        self.ingestions = IngestionDesk(self.market, clock, calendar)
        self.market.watchers.append(self.orders.match)
        self._stopping = threading.Event()
        self._closing = threading.Lock()
        self._closed = False
        self._ticker: threading.Thread | None = None

    @classmethod
    def open(cls, settings: Settings, *, clock: Clock, metrics: Metrics) -> Self:
        """Open the store, migrate it, and rebuild from it what is held in memory.

        Raises
        ------
        ConfigurationError
            The database's address is wrong or its folder is missing.
        StoreError
            The database cannot be opened: another process holds it, it is damaged, or it is of a later version.
        """
        store = open_store(settings.database_url, observe=metrics.observe_query)
        try:
            calendar = nyse(clock.now().year + _CALENDAR_YEARS_AHEAD)
            advisor = cls(settings, store=store, clock=clock, calendar=calendar, metrics=metrics)
            advisor.rebuild()
        except BaseException:
            store.close()
            raise
        return advisor

    def rebuild(self) -> None:
        """Make what is held in memory anew from the store."""
        self.market.load()
        self.accounts.load()
        self.orders.load()

    def start(self) -> None:
        """Begin the regular work: chains that went stale, sessions that closed."""
        if self._ticker is None:
            self._ticker = threading.Thread(target=self._tick, name="wheelhouse-ticker", daemon=True)
            self._ticker.start()

    def close(self) -> None:
        """End the regular work and close the store; closing twice is harmless."""
        self._stopping.set()
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self.ingestions.close()
            if self._ticker is not None:
                self._ticker.join()
            self.store.close()

    def readiness(self) -> list[ReadinessCheck]:
        """Check the store, its schema, the ledger, and the data if a feed is required."""
        folded = len(self.accounts.all())
        ledger = ReadinessCheck(name="ledger", ok=True, detail=f"{folded} accounts folded")
        return [self._check_store(), ledger, self._check_feed()]

    def refresh_gauges(self) -> None:
        """Bring the gauges up to date; for whoever is about to read the metrics."""
        now = self.clock.now()
        ages = [age for symbol in self.board.symbols() if (age := self.board.state(symbol, now)[1]) is not None]
        self.metrics.market_data_age.set(max(ages, default=0.0))
        for state, number in self.store.connections().items():
            self.metrics.store_connections.labels(state=state).set(number)

    def _check_store(self) -> ReadinessCheck:
        try:
            self.store.ping()
            version = self.store.schema_version()
        except WheelhouseError as error:
            return ReadinessCheck(name="store", ok=False, detail=str(error))
        return ReadinessCheck(name="store", ok=True, detail=f"reachable, schema {version}")

    def _check_feed(self) -> ReadinessCheck:
        now = self.clock.now()
        states = {symbol: self.board.state(symbol, now)[0] for symbol in self.board.symbols()}
        stale = sorted(symbol for symbol, state in states.items() if state == "stale")
        in_session = self.calendar.session_state(now) != "closed"
        required = self.settings.feed.required
        detail = f"{len(states)} symbols, {len(stale)} stale" + (f": {', '.join(stale[:10])}" if stale else "")
        return ReadinessCheck(
            name="feed",
            ok=not (required and in_session and stale),
            detail=detail if required else f"{detail}; no feed is required",
        )

    def _tick(self) -> None:
        forgotten = monotonic()
        while not self._stopping.wait(self.settings.market.refresh_seconds):
            try:
                self.market.refresh()
                self.orders.expire_all(self.clock.now())
                if monotonic() - forgotten >= _FORGET_SECONDS:
                    forgotten = monotonic()
                    self.orders.forget_answers()
            except Exception:  # noqa: BLE001 - the next tick tries again; a thread that died would go unnoticed
                _log.exception("the regular work failed")
