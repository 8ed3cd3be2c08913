"""The records that cross the seam between the trial and a trading system.

Conventions are those of the HTTP contract: money and prices in USD as floats, volatilities, rates and yields as decimals a year,
quantities signed (+ long or bought, - short or sold) in contracts or shares, instants timezone-aware, ``None`` where a value is
undefined. Option symbols are OSI symbols of 21 characters.

The classes are plain frozen dataclasses, so an adapter may build them by hand; over HTTP they are parsed and checked in one place,
and a body that does not fit is the target's failure. Keys that a record does not name are ignored: contracts grow by addition.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

Side = Literal["credit", "debit"]
Right = Literal["call", "put"]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a system says of itself before anything is written to it."""

    system: str
    version: str
    environment: Literal["development", "staging", "production"]
    broker: Literal["paper", "live"]
    now: datetime
    session: Literal["open", "closed", "half_day"]
    clock: Literal["system", "simulated"]
    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """One line of a readiness answer."""

    name: str
    ok: bool
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A readiness answer: ``status`` in the system's words, one entry a check."""

    status: str
    checks: tuple[HealthCheck, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One quote to push. Prices per share; ``None`` is unknown, a bid of 0 is a zero bid."""

    symbol: str
    ts: datetime
    bid: float | None
    ask: float | None
    bid_size: float | None = None
    ask_size: float | None = None
    last: float | None = None
    volume: float | None = None
    open_interest: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """One record that was not let in: its index in the batch, the rule, and what was wrong."""

    index: int
    rule: str
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestResult:
    """What became of a pushed batch; the three counts add to its length."""

    accepted: int
    duplicates: int
    rejected: int
    rejections: tuple[Rejection, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketState:
    """The underlying as the system sees it. ``age_seconds`` counts session time."""

    symbol: str
    spot: float | None
    bid: float | None
    ask: float | None
    as_of: datetime | None
    age_seconds: float | None
    state: Literal["fresh", "stale", "missing"]
    evidence: Literal["live", "recorded", "simulated"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainContract:
    """One listed contract with its quote, its implied volatility and its greeks."""

    symbol: str
    expiry: date
    last_trading_day: date
    years_to_expiry: float
    strike: float
    right: Right
    bid: float | None
    ask: float | None
    mark: float | None
    quote_ts: datetime | None
    implied_volatility: float | None
    delta: float | None
    gamma: float | None
    theta_per_day: float | None
    vega_per_vol_point: float | None
    rho_per_rate_point: float | None
    volume: float | None
    open_interest: float | None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A priced option chain. ``model`` says how volatilities were solved."""

    symbol: str
    spot: float
    as_of: datetime
    rate: float
    dividend_yield: float
    model: Literal["american", "european"]
    priced_at: datetime
    contracts: tuple[ChainContract, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar. ``ts`` of a daily bar is its session's date."""

    ts: date | datetime
    open: float
    high: float
    low: float
    close: float
    volume: float
    adjusted_close: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningPosition:
    """A position that an account opens with; cost basis per share, positive for a short option's premium."""

    symbol: str
    quantity: int
    cost_basis: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPosition:
    """A position as the books hold it."""

    symbol: str
    quantity: int
    mark: float | None
    market_value: float | None
    tax_basis: float | None
    campaign_basis: float | None
    delta: float | None = None
    unrealized: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedAccount:
    """An account by its id and name, as a list of all of them shows it."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as the books hold it."""

    id: str
    name: str
    kind: Literal["cash", "margin", "ira"]
    as_of: datetime
    cash: float
    equity: float | None
    liquidation_equity: float | None
    buying_power: float | None
    reserved: float
    halted: bool
    positions: tuple[AccountPosition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why: a stable code and a sentence."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One leg of an order; the sign of the quantity says bought or sold."""

    symbol: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendationRisk:
    """What a recommendation risks and what it may yield."""

    max_loss: float | None
    probability_itm: float | None
    breakeven: float | None
    margin: float | None
    annualized_yield: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """One piece of advice with its reasons."""

    id: str
    action: Literal["sell_put", "sell_call", "roll", "close", "hedge", "hold", "wait"]
    symbol: str
    legs: tuple[Leg, ...]
    limit_price: float | None
    effect: Side | None
    reasons: tuple[Reason, ...]
    risk: RecommendationRisk | None
    rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataState:
    """The state of the data that an answer rests on."""

    state: Literal["fresh", "stale", "missing"]
    age_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendations:
    """All advice for an account at one moment, ranked."""

    as_of: datetime
    recommendations: tuple[Recommendation, ...]
    rejections: Mapping[str, int]
    data: DataState


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """An order to submit. ``limit_price`` is the net premium per share of one unit of the combination, never negative."""

    legs: tuple[Leg, ...]
    type: Literal["limit", "market"] = "limit"
    limit_price: float | None = None
    effect: Side | None = None
    time_in_force: Literal["day", "gtc"] = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One fill of one leg; fee in USD, positive."""

    id: str
    ts: datetime
    symbol: str
    quantity: int
    price: float
    fee: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as the system keeps it."""

    id: str
    status: Literal["working", "partially_filled", "filled", "cancelled", "expired", "rejected"]
    legs: tuple[Leg, ...]
    fills: tuple[Fill, ...] = ()
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEvent:
    """One event of an account's ledger; cash to the cent."""

    sequence: int
    id: str
    ts: datetime
    kind: str
    symbol: str | None
    quantity: int | None
    price: float | None
    cash: float | None
    order_id: str | None = None
    external_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Portfolio greeks, linear in signed quantity times multiplier."""

    delta_shares: float
    dollar_delta: float
    beta_weighted_delta: float | None
    gamma: float
    theta_per_day: float
    vega_per_vol_point: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """Margin requirement in USD."""

    initial: float
    maintenance: float
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """Risk of an account. ``var`` and ``es`` are losses, positive, by method and confidence."""

    as_of: datetime
    exposure: Exposure
    margin: Margin
    horizon_days: float
    var: Mapping[str, Mapping[str, float | None]]
    es: Mapping[str, Mapping[str, float | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Performance of an account; ``None`` where too little happened to say."""

    start: date | datetime | None
    end: date | datetime | None
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    max_drawdown: float | None
    calmar: float | None
    win_rate: float | None
    profit_factor: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an order would do; nothing was written."""

    accepted: bool
    reasons: tuple[Reason, ...]
    estimated_fill: float | None
    fees: float | None
    cash_change: float | None
    buying_power_after: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """An HTTP answer as it came, for checks that look at the wire itself."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
