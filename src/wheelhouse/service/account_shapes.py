"""What the account routes take and give."""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Kind = Literal["cash", "margin", "ira"]
OrderStatusName = Literal["working", "partially_filled", "filled", "cancelled", "expired", "rejected"]
Aware = Annotated[datetime, Meta(tz=True)]


class PositionIn(msgspec.Struct, forbid_unknown_fields=True):
    """A position to open with; the cost basis is per share, of a short option the premium received."""

    symbol: str
    quantity: int
    cost_basis: Annotated[float, Meta(ge=0)] | None = None


class AccountIn(msgspec.Struct, forbid_unknown_fields=True):
    """An account to open."""

    name: str
    kind: Kind
    cash: float
    positions: list[PositionIn] = []


class DeliverableOut(msgspec.Struct):
    """What one exercised contract moves."""

    shares: dict[str, int]
    cash: float


class PositionOut(msgspec.Struct):
    """A position at market."""

    symbol: str
    quantity: int
    mark: float | None
    market_value: float | None
    tax_basis: float | None
    campaign_basis: float | None
    deliverable: DeliverableOut | None
    delta: float | None
    unrealized: float | None
    flags: tuple[str, ...]


class AccountOut(msgspec.Struct):
    """An account at market."""

    id: str
    name: str
    kind: Kind
    as_of: datetime
    cash: float
    equity: float | None
    liquidation_equity: float | None
    buying_power: float | None
    reserved: float
    halted: bool
    positions: list[PositionOut]


class AccountsOut(msgspec.Struct):
    """Accounts, oldest first."""

    accounts: list[AccountOut]
    next_cursor: str | None


class LegIn(msgspec.Struct, forbid_unknown_fields=True):
    """One leg: signed contracts or shares."""

    symbol: str
    quantity: int


class OrderIn(msgspec.Struct, forbid_unknown_fields=True):
    """An order to send."""

    legs: Annotated[list[LegIn], Meta(min_length=1, max_length=8)]
    type: Literal["limit", "market"] = "limit"
    limit_price: Annotated[float, Meta(ge=0)] | None = None
    effect: Literal["credit", "debit"] | None = None
    time_in_force: Literal["day", "gtc"] = "day"


class LegOut(msgspec.Struct):
    """One leg: signed contracts or shares."""

    symbol: str
    quantity: int


class FillOut(msgspec.Struct):
    """One execution of one leg; the fee in USD, positive."""

    id: str
    ts: datetime
    symbol: str
    quantity: int
    price: float
    fee: float


class ReasonOut(msgspec.Struct):
    """A code for programs and a sentence for people."""

    code: str
    detail: str


class OrderOut(msgspec.Struct):
    """An order and what became of it."""

    id: str
    status: OrderStatusName
    created_at: datetime
    legs: list[LegOut]
    type: Literal["limit", "market"]
    limit_price: float | None
    effect: Literal["credit", "debit"] | None
    time_in_force: Literal["day", "gtc"]
    fills: list[FillOut]
    reasons: list[ReasonOut]


class OrdersOut(msgspec.Struct):
    """Orders, oldest first."""

    orders: list[OrderOut]
    next_cursor: str | None


class MarginChangeOut(msgspec.Struct):
    """How the margin would change, USD."""

    initial: float | None
    maintenance: float | None


class PreviewOut(msgspec.Struct):
    """What an order would do; nothing was written."""

    accepted: bool
    reasons: list[ReasonOut]
    estimated_fill: float | None
    fees: float
    cash_change: float | None
    margin_change: MarginChangeOut
    buying_power_after: float | None


class EventOut(msgspec.Struct):
    """One event of a ledger; cash to the cent."""

    sequence: int
    id: str
    ts: datetime
    kind: str
    symbol: str | None
    quantity: int
    price: float | None
    cash: float
    order_id: str | None
    external_id: str | None


class LedgerOut(msgspec.Struct):
    """Events in order; `next_after_sequence` is null at the end."""

    events: list[EventOut]
    next_after_sequence: int | None


class ReportedIn(msgspec.Struct, forbid_unknown_fields=True):
    """A fact that somebody else reports, under its own name."""

    external_id: str
    ts: Aware
    kind: Literal["cash", "assignment", "exercise", "expiry", "dividend", "fee"]
    symbol: str | None = None
    quantity: int | None = None
    amount: float | None = None


class EventsIn(msgspec.Struct, forbid_unknown_fields=True):
    """Facts to book."""

    events: list[ReportedIn]


class EventRejectionOut(msgspec.Struct):
    """A fact that was not booked."""

    index: int
    external_id: str
    detail: str


class EventsOut(msgspec.Struct):
    """What became of reported facts."""

    applied: int
    duplicates: int
    rejections: list[EventRejectionOut]


class HaltOut(msgspec.Struct):
    """The kill switch after the request."""

    halted: bool


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
