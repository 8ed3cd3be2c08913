"""What the routes for advice, risk, the end of the day and ingestions take and give."""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from wheelhouse.service.account_shapes import LegOut, ReasonOut


class RecommendationRiskOut(msgspec.Struct):
    """What a recommendation puts at stake, USD."""

    max_loss: float | None
    probability_itm: float | None
    breakeven: float | None
    margin: float | None
    annualized_yield: float | None


class RecommendationOut(msgspec.Struct):
    """One thing to do or to leave, and why; legs, limit_price and effect can be sent as an order unchanged."""

    id: str
    action: Literal["sell_put", "sell_call", "roll", "close", "hedge", "hold", "wait"]
    symbol: str
    legs: list[LegOut]
    limit_price: float | None
    effect: Literal["credit", "debit"] | None
    reasons: list[ReasonOut]
    risk: RecommendationRiskOut
    rank: int


class DataOut(msgspec.Struct):
    """The state of the data that the advice rests on."""

    state: Literal["fresh", "stale", "missing"]
    age_seconds: float | None


class RecommendationsOut(msgspec.Struct):
    """All advice at one moment, ranked."""

    as_of: datetime
    recommendations: list[RecommendationOut]
    rejections: dict[str, int]
    data: DataOut


class ExpirationOut(msgspec.Struct):
    """One open option and its expiry."""

    symbol: str
    last_trading_day: date
    quantity: int
    moneyness: float | None
    state: Literal["itm", "otm", "pin"] | None
    cash_if_assigned: float
    shares_if_assigned: int
    early_exercise: Literal["none", "warning", "alarm"]
    action: str
    detail: str


class ExpirationsOut(msgspec.Struct):
    """Open options, soonest first."""

    expirations: list[ExpirationOut]


class StatisticsOut(msgspec.Struct):
    """Statistics of a series of daily values; null where too little happened to say."""

    start: date | None
    end: date | None
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    max_drawdown: float | None
    calmar: float | None
    win_rate: float | None
    profit_factor: float | None


class CampaignOut(msgspec.Struct):
    """One cycle of the wheel on one underlying, USD."""

    symbol: str
    opened_at: datetime
    closed_at: datetime | None
    profit: float | None
    premium: float
    share_profit: float
    dividends: float


class PerformanceOut(StatisticsOut):
    """How the account did, holding the same underlyings instead, and its cycles."""

    benchmark: dict[str, StatisticsOut]
    campaigns: list[CampaignOut]


class StatementPositionIn(msgspec.Struct, forbid_unknown_fields=True):
    """A position as the broker states it."""

    symbol: str
    quantity: int
    average_price: float | None = None


class StatementIn(msgspec.Struct, forbid_unknown_fields=True):
    """What the broker says of an account; null where it did not answer."""

    account_id: str
    cash: float | None = None
    positions: list[StatementPositionIn] | None = None
    open_orders: list[str] | None = None
    realized_pnl: float | None = None


class EndOfDayIn(msgspec.Struct, forbid_unknown_fields=True):
    """A day to end, for some or all accounts."""

    date: date
    accounts: list[str] | None = None
    broker_statements: list[StatementIn] = []


class DifferenceOut(msgspec.Struct):
    """One thing on which the ledger and the statement disagree."""

    kind: str
    symbol: str | None
    ours: float | None
    theirs: float | None
    explained_by: str | None
    status: Literal["explained", "open"]


class ReconciledOut(msgspec.Struct):
    """An account after reconciliation."""

    id: str
    reconciled: bool
    differences: list[DifferenceOut]


class SettlementOut(msgspec.Struct):
    """What became of a position in an option."""

    symbol: str
    quantity: int
    outcome: Literal["expired", "assigned", "exercised", "unknown"]
    detail: str


class DayReportOut(msgspec.Struct):
    """The end of one account's day."""

    account_id: str
    date: date
    cash: float
    equity: float | None
    settlements: list[SettlementOut]
    booked: int
    expired_orders: list[str]


class EndOfDayOut(msgspec.Struct):
    """The end of a day."""

    accounts: list[ReconciledOut]
    reports: list[DayReportOut]


class IngestionIn(msgspec.Struct, forbid_unknown_fields=True):
    """Data to bring in."""

    source: Literal["databento", "files", "sample"]
    symbols: list[str] = []
    start: date | None = None
    end: date | None = None
    schemas: list[str] | None = None
    budget_usd: Annotated[float, Meta(ge=0)] | None = None


class BegunOut(msgspec.Struct):
    """An ingestion that was queued."""

    id: str


class IngestionOut(msgspec.Struct):
    """An ingestion and how far it is."""

    id: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: float
    accepted: int
    quarantined: int
    completeness: float | None
    lineage: list[str]
    error: str | None


class ExposureOut(msgspec.Struct):
    """Sums over positions of signed quantity x multiplier x greek; dollar figures in USD."""

    delta_shares: float | None
    dollar_delta: float | None
    beta_weighted_delta: float | None
    gamma: float | None
    theta_per_day: float | None
    vega_per_vol_point: float | None


class MarginOut(msgspec.Struct):
    """Requirements of the whole account, USD, and how they were computed."""

    initial: float | None
    maintenance: float | None
    method: str


class ScenarioOut(msgspec.Struct):
    """Profit or loss, USD, under one shock of everything at once."""

    spot: float
    volatility: float
    days: int
    pnl: float | None


class AssignedOut(msgspec.Struct):
    """What it takes if every short put is assigned at once."""

    cash_needed: float
    shares: dict[str, int]


class RiskOut(msgspec.Struct):
    """What an account risks; VaR and ES are losses, not negative, by method and confidence."""

    as_of: datetime
    exposure: ExposureOut
    margin: MarginOut
    horizon_days: int
    var: dict[str, dict[str, float | None]]
    es: dict[str, dict[str, float | None]]
    scenarios: list[ScenarioOut]
    assigned: AssignedOut


class HedgeProposalOut(msgspec.Struct):
    """A hedge: its cost at bid and ask with fees (negative is received), and the delta, vega and 95 % shortfall that it leaves."""

    kind: Literal["buy_back", "protective_put", "protective_call", "collar", "index_put"]
    legs: list[LegOut]
    cost: float
    delta_after: float
    vega_after: float
    es_after: float | None


class HedgeOut(msgspec.Struct):
    """Hedges, the best first."""

    proposals: list[HedgeProposalOut]


class SizingOut(msgspec.Struct):
    """Contracts of a put to sell, Kelly's fraction of the equity, contracts by cap (null is no limit), and what binds."""

    symbol: str | None
    contracts: int
    kelly: float | None
    caps: dict[str, int | None]
    binding: str


class RebalanceTradeOut(msgspec.Struct):
    """One order and why."""

    legs: list[LegOut]
    reason: str


class RebalanceOut(msgspec.Struct):
    """Trades, weights by name as fractions of the equity, and what is traded over the equity."""

    trades: list[RebalanceTradeOut]
    weights_before: dict[str, float | None]
    weights_after: dict[str, float | None]
    turnover: float | None
