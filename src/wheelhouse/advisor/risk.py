"""Risk of an account: exposure, margin, value at risk three ways, scenarios, and what assignment would take.

Computed when first asked for and again only after the account or the market under it changed: repricing a book thousands of times
is work, and the answer is the same until something moves.
"""

import math
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from wheelhouse.advisor.accounts import AccountBooks, Book
from wheelhouse.advisor.market import MarketDesk
from wheelhouse.advisor.valuation import Appraiser, Requirement
from wheelhouse.clock import Clock
from wheelhouse.ledger.contracts import contract_of, is_option, underlying_of
from wheelhouse.market.instruments import Exercise
from wheelhouse.risk.book import Book as RiskBook
from wheelhouse.risk.book import Line
from wheelhouse.risk.exposure import Exposure, Holding, exposure
from wheelhouse.risk.scenarios import Assigned, ScenarioPnl, all_short_puts_assigned, scenario_grid
from wheelhouse.risk.value_at_risk import CONFIDENCES, RiskNumbers, delta_normal, historical, monte_carlo
from wheelhouse.snapshots import Snapshot, SnapshotBoard
from wheelhouse.store.protocol import Store

HORIZON_DAYS = 1
_LOOK_BACK = timedelta(days=3 * 365)
LEAST_SESSIONS = 60
_SIMULATIONS = 2000
_BENCHMARK = "SPY"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskReport:
    """What an account risks; USD.

    Attributes
    ----------
    beta_known
        Whether betas to the benchmark could be estimated; without them the beta-weighted delta is undefined.
    margin
        None if a price that it rests on is unknown.
    numbers
        By method. A method is absent where a position cannot be valued or the past is shorter than 60 common sessions.
    """

    as_of: datetime
    exposure: Exposure
    beta_known: bool
    margin: Requirement | None
    numbers: dict[str, RiskNumbers]
    scenarios: list[ScenarioPnl]
    assigned: Assigned


class RiskDesk:
    """Measures accounts."""

    def __init__(
        self,
        *,
        store: Store,
        books: AccountBooks,
        board: SnapshotBoard,
        market: MarketDesk,
        appraiser: Appraiser,
        clock: Clock,
    ) -> None:
        self._store = store
        self._market = market
        self._books = books
        self._board = board
        self._appraiser = appraiser
        self._clock = clock
        self._lock = threading.Lock()
        self._made: dict[str, tuple[tuple[object, ...], RiskReport]] = {}

    def report(self, account_id: str) -> RiskReport:
        """Measure an account.

        Raises
        ------
        NotFound
            There is no such account.
        """
        book = self._books.get(account_id)
        state = book.state
        snapshots = self.snapshots_of(book)
        key = (
            state.sequence,
            self._market.bar_batches,
            *((name, it.generation if it else 0, id(it)) for name, it in snapshots.items()),
        )
        with self._lock:
            known = self._made.get(account_id)
        if known is not None and known[0] == key:
            return known[1]
        made = self._measure(book, snapshots)
        with self._lock:
            self._made[account_id] = (key, made)
        return made

    def snapshots_of(self, book: Book) -> dict[str, Snapshot | None]:
        """The latest snapshots of the names that an account holds."""
        contracts = self._appraiser.contracts
        names = sorted({underlying_of(symbol, contracts) for symbol in book.state.positions})
        return {name: self._board.snapshot(name) for name in names}

    def lines(self, quantities: Mapping[str, int], snapshots: Mapping[str, Snapshot | None]) -> RiskBook:
        """Positions as they are revalued; a missing price makes them unknown."""
        return RiskBook.of(self._line(symbol, quantity, snapshots) for symbol, quantity in quantities.items())

    def holdings(self, quantities: Mapping[str, int], snapshots: Mapping[str, Snapshot | None]) -> list[Holding]:
        """Positions with their greeks, each its own benchmark."""
        return [self._holding(symbol, quantity, snapshots, None) for symbol, quantity in quantities.items()]

    def returns(self, names: Iterable[str]) -> dict[str, dict[datetime, float]]:
        """Simple returns of each name by session, of the past that risk is measured on."""
        return self._returns(tuple(names))

    def _measure(self, book: Book, snapshots: dict[str, Snapshot | None]) -> RiskReport:
        contracts = self._appraiser.contracts
        quantities = {symbol: position.quantity for symbol, position in sorted(book.state.positions.items())}
        lines = self.lines(quantities, snapshots)
        returns = self._returns((*lines.underlyings, _BENCHMARK))
        betas = betas_to(_BENCHMARK, returns, lines.underlyings)
        holdings = [self._holding(symbol, quantity, snapshots, betas) for symbol, quantity in quantities.items()]
        return RiskReport(
            as_of=self._clock.now(),
            exposure=exposure(holdings),
            beta_known=not quantities or betas is not None,
            margin=self._appraiser.requirement(book.kind, quantities),
            numbers=_numbers(lines, holdings, returns),
            scenarios=scenario_grid(lines),
            assigned=all_short_puts_assigned(
                (contract_of(symbol, contracts), quantity)
                for symbol, quantity in quantities.items()
                if is_option(symbol)
            ),
        )

    def _line(self, symbol: str, quantity: int, snapshots: Mapping[str, Snapshot | None]) -> Line:
        underlying = underlying_of(symbol, self._appraiser.contracts)
        snapshot = snapshots[underlying]
        worth = self._appraiser.worth(symbol)
        spot = math.nan if worth is None else float(worth)
        if not is_option(symbol):
            return Line(underlying=underlying, quantity=quantity, spot=spot)
        contract = contract_of(symbol, self._appraiser.contracts)
        row = None if snapshot is None else snapshot.contract_row(symbol)
        if snapshot is None or snapshot.chain is None or row is None:
            return Line(
                underlying=underlying,
                quantity=quantity,
                spot=spot,
                multiplier=contract.premium_multiplier,
                is_option=True,
            )
        chain = snapshot.chain.chain
        return Line(
            underlying=underlying,
            quantity=quantity,
            spot=spot,
            multiplier=contract.premium_multiplier,
            is_option=True,
            strike=float(chain.strike[row]),
            years=float(chain.years_to_expiry[row]),
            volatility=_volatility(snapshot, row),
            rate=chain.rate,
            dividend_yield=chain.dividend_yield,
            is_call=bool(chain.is_call[row]),
            american=chain.exercise is Exercise.AMERICAN,
        )

    def _holding(
        self, symbol: str, quantity: int, snapshots: Mapping[str, Snapshot | None], betas: dict[str, float] | None
    ) -> Holding:
        underlying = underlying_of(symbol, self._appraiser.contracts)
        snapshot = snapshots[underlying]
        spot = math.nan if snapshot is None or snapshot.spot is None else snapshot.spot
        row = None if snapshot is None else snapshot.contract_row(symbol)
        valued = None if snapshot is None or row is None else snapshot.chain
        option = is_option(symbol)

        def greek(name: str) -> float:
            return math.nan if valued is None or row is None else float(getattr(valued, name)[row])

        return Holding(
            symbol=symbol,
            underlying=underlying,
            quantity=quantity,
            multiplier=contract_of(symbol, self._appraiser.contracts).premium_multiplier if option else 1,
            is_option=option,
            spot=spot,
            delta=greek("delta"),
            gamma=greek("gamma"),
            theta_per_day=greek("theta_per_day"),
            vega_per_vol_point=greek("vega_per_vol_point"),
            beta=1.0 if betas is None else betas[underlying],
        )

    def _returns(self, names: tuple[str, ...]) -> dict[str, dict[datetime, float]]:
        """Simple returns of each name by session, from adjusted closes where a name has them throughout."""
        start = self._clock.now().astimezone(UTC) - _LOOK_BACK
        found = {}
        for name in dict.fromkeys(names):
            bars = self._store.bars(name, "1d", start)
            adjusted = bars.get_column("adjusted_close")
            closes = bars.get_column("close") if adjusted.null_count() else adjusted
            changes = closes / closes.shift(1) - 1
            frame = pl.DataFrame({"ts": bars.get_column("ts"), "change": changes}).drop_nulls()
            found[name] = dict(frame.iter_rows())
        return found


def _numbers(
    lines: RiskBook, holdings: list[Holding], returns: dict[str, dict[datetime, float]]
) -> dict[str, RiskNumbers]:
    if not len(lines):
        nothing = dict.fromkeys(CONFIDENCES, 0.0)
        return {
            method: RiskNumbers(method=method, var=nothing, es=nothing, horizon_days=HORIZON_DAYS, scenarios=0)
            for method in ("historical", "normal", "monte_carlo")
        }
    if not lines.is_known.all():
        return {}
    sessions = sorted(set.intersection(*(set(returns[name]) for name in lines.underlyings)))
    if len(sessions) < LEAST_SESSIONS:
        return {}
    moves = np.array([[returns[name][session] for name in lines.underlyings] for session in sessions], dtype=np.float64)
    logarithms = np.log1p(moves)
    numbers = {
        "historical": historical(lines.revalue, moves, horizon_days=HORIZON_DAYS),
        "monte_carlo": monte_carlo(
            lines.revalue,
            logarithms.mean(axis=0),
            np.atleast_2d(np.cov(logarithms, rowvar=False)),
            scenarios=_SIMULATIONS,
            horizon_days=HORIZON_DAYS,
        ),
    }
    deltas = [
        sum(
            h.quantity * h.multiplier * (h.delta if h.is_option else 1.0) * h.spot
            for h in holdings
            if h.underlying == name
        )
        for name in lines.underlyings
    ]
    if np.isfinite(deltas).all():
        numbers["normal"] = delta_normal(deltas, moves, horizon_days=HORIZON_DAYS)
    return numbers


def betas_to(
    benchmark: str, returns: Mapping[str, Mapping[datetime, float]], names: Iterable[str]
) -> dict[str, float] | None:
    """Betas to a benchmark over common sessions; None if one cannot be estimated."""
    market = returns[benchmark]
    betas = {}
    for name in names:
        common = sorted(set(market) & set(returns[name]))
        if len(common) < LEAST_SESSIONS:
            return None
        pairs = np.array([(market[session], returns[name][session]) for session in common], dtype=np.float64)
        covariance = np.cov(pairs, rowvar=False)
        betas[name] = float(covariance[0, 1] / covariance[0, 0])
    return betas


def _volatility(snapshot: Snapshot, row: int) -> float:
    """The contract's own implied volatility, else that of the nearest strike of its expiry; NaN if none has one."""
    if snapshot.chain is None:
        return math.nan
    volatility: Floats = snapshot.chain.implied_volatility
    if np.isfinite(volatility[row]):
        return float(volatility[row])
    chain = snapshot.chain.chain
    usable = np.flatnonzero((chain.expiry == chain.expiry[row]) & np.isfinite(volatility))
    if not usable.size:
        return math.nan
    nearest = usable[np.argmin(np.abs(chain.strike[usable] - chain.strike[row]))]
    return float(volatility[nearest])
