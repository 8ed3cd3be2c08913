"""What the market routes take and give."""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Aware = Annotated[datetime, Meta(tz=True)]


class QuoteIn(msgspec.Struct):
    """One quote; null is unknown, a bid of 0 is a bid of 0. A record without one of the first four is refused."""

    symbol: str | UnsetType | None = UNSET
    ts: Aware | UnsetType | None = UNSET
    bid: float | UnsetType | None = UNSET
    ask: float | UnsetType | None = UNSET
    bid_size: float | None = None
    ask_size: float | None = None
    last: float | None = None
    volume: float | None = None
    open_interest: float | None = None


class QuotesIn(msgspec.Struct):
    """A batch of quotes. As Arrow IPC stream: the same columns."""

    quotes: list[QuoteIn] | UnsetType = UNSET


class BarIn(msgspec.Struct):
    """One bar; `ts` of a daily one is its session's date."""

    symbol: str | UnsetType | None = UNSET
    ts: str | UnsetType | None = UNSET
    open: float | UnsetType | None = UNSET
    high: float | UnsetType | None = UNSET
    low: float | UnsetType | None = UNSET
    close: float | UnsetType | None = UNSET
    volume: float | UnsetType | None = UNSET
    adjusted_close: float | None = None


class BarsIn(msgspec.Struct):
    """A batch of bars of one interval. As Arrow IPC stream: the same columns, the interval as a query parameter."""

    bars: list[BarIn] | UnsetType = UNSET
    interval: Literal["1d", "1m"] = "1d"


class RejectionOut(msgspec.Struct):
    """A record that was not let in, and the rule that refused it."""

    index: int
    rule: str
    detail: str


class IngestedOut(msgspec.Struct):
    """What became of a batch."""

    accepted: int
    duplicates: int
    rejected: int
    rejections: list[RejectionOut]


class DividendIn(msgspec.Struct, forbid_unknown_fields=True):
    """A cash dividend, USD per share."""

    ex_date: date
    amount: Annotated[float, Meta(gt=0)]
    pay_date: date | None = None
    kind: Literal["ordinary", "special"] = "ordinary"


class SplitIn(msgspec.Struct, forbid_unknown_fields=True):
    """A split: new shares for each old one."""

    ex_date: date
    ratio: Annotated[float, Meta(gt=0)] | str


class EarningsIn(msgspec.Struct, forbid_unknown_fields=True):
    """A report of earnings."""

    date: date
    session: Literal["bmo", "amc", "unknown"] = "unknown"


class TermsIn(msgspec.Struct, forbid_unknown_fields=True):
    """What prices an underlying's options beside its quote; lists replace those that were there."""

    rate: float
    dividend_yield: float
    exercise: Literal["american", "european"] = "american"
    settlement: Literal["physical", "cash"] = "physical"
    settlement_time: Literal["pm", "am"] = "pm"
    dividends: list[DividendIn] = []
    splits: list[SplitIn] = []
    earnings: list[EarningsIn] = []


class TermsOut(msgspec.Struct):
    """The terms as they are now."""

    symbol: str
    rate: float
    dividend_yield: float
    exercise: Literal["american", "european"]
    settlement: Literal["physical", "cash"]
    settlement_time: Literal["pm", "am"]
    dividends: list[DividendIn]
    splits: list[SplitIn]
    earnings: list[EarningsIn]


class DeliverableIn(msgspec.Struct, forbid_unknown_fields=True):
    """What one exercised contract moves: shares by symbol, and cash."""

    shares: dict[str, int] = {}
    cash: float = 0.0


class InstrumentIn(msgspec.Struct, forbid_unknown_fields=True):
    """A contract that differs from what its symbol says; what is not given follows from the symbol."""

    symbol: str
    underlying: str | None = None
    expiry: date | None = None
    strike: Annotated[float, Meta(gt=0)] | None = None
    right: Literal["call", "put"] | None = None
    last_trading_day: date | None = None
    exercise: Literal["american", "european"] = "american"
    premium_multiplier: Annotated[int, Meta(gt=0, le=10_000)] = 100
    exercise_multiplier: Annotated[int, Meta(gt=0, le=10_000)] = 100
    deliverable: DeliverableIn | None = None


class InstrumentsIn(msgspec.Struct, forbid_unknown_fields=True):
    """Contracts to put."""

    instruments: list[InstrumentIn]


class InstrumentsOut(msgspec.Struct):
    """The symbols that were put."""

    instruments: list[str]


class MarketOut(msgspec.Struct):
    """An underlying as the service sees it; `age_seconds` counts session time."""

    symbol: str
    spot: float | None
    bid: float | None
    ask: float | None
    as_of: datetime | None
    age_seconds: float | None
    state: Literal["fresh", "stale", "missing"]
    evidence: Literal["live", "recorded", "simulated"] | None


class ContractOut(msgspec.Struct):
    """One contract of a chain."""

    symbol: str
    expiry: date
    last_trading_day: date
    years_to_expiry: float
    strike: float
    right: Literal["call", "put"]
    bid: float | None
    ask: float | None
    mark: float | None
    quote_ts: datetime
    implied_volatility: float | None
    delta: float | None
    gamma: float | None
    theta_per_day: float | None
    vega_per_vol_point: float | None
    rho_per_rate_point: float | None
    volume: float | None
    open_interest: float | None
    flags: tuple[str, ...]


class ChainOut(msgspec.Struct):
    """A valued chain."""

    symbol: str
    spot: float | None
    as_of: datetime | None
    rate: float
    dividend_yield: float
    model: Literal["american", "european"]
    priced_at: datetime | None
    contracts: list[ContractOut]


class BarOut(msgspec.Struct):
    """One bar; `ts` of a daily one is its session's date, of others an instant."""

    ts: str
    open: float
    high: float
    low: float
    close: float
    volume: float
    adjusted_close: float | None


class BarsOut(msgspec.Struct):
    """Bars, oldest first."""

    symbol: str
    bars: list[BarOut]
    next_cursor: str | None


class SurfaceSliceOut(msgspec.Struct):
    """The smile of one expiry: raw SVI parameters by name."""

    expiry: date
    forward: float
    atm_volatility: float
    parameters: dict[str, float]
    quotes_used: int
    rmse_vol_points: float


class ButterflyOut(msgspec.Struct):
    """A negative density: where in log-moneyness (null where it never ends), and the worst g(k)."""

    expiry: date
    low: float | None
    high: float | None
    worst_at: float | None
    worst: float | None


class CalendarOut(msgspec.Struct):
    """Total variance that falls from one expiry to a later one: where, and by how much at worst."""

    earlier: date
    later: date
    low: float | None
    high: float | None
    worst_at: float | None
    worst: float | None


class SurfaceArbitrageOut(msgspec.Struct):
    """Violations found in the fitted surface; empty lists are none."""

    butterfly: list[ButterflyOut]
    calendar: list[CalendarOut]


class LeftOutOut(msgspec.Struct):
    """An expiry without a slice, and why."""

    expiry: date
    reason: str


class SurfaceOut(msgspec.Struct):
    """A volatility surface; no slices where there is no chain to fit."""

    as_of: datetime | None
    model: Literal["svi", "ssvi"] | None
    slices: list[SurfaceSliceOut]
    arbitrage: SurfaceArbitrageOut
    left_out: list[LeftOutOut]


class RegimeOut(msgspec.Struct):
    """The volatility regime at the last close, and realised volatilities in decimals a year by estimator."""

    as_of: datetime | None
    regime: Literal["low", "normal", "high", "unknown"]
    probabilities: dict[str, float]
    realized_volatility: dict[str, float | None]
    iv_rank: float | None
    iv_percentile: float | None
