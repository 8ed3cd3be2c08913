"""Which bars and quotes are let in, and by which rule the others are kept out.

A record is judged by the first rule that it breaks, in the order of `RULES`. Whether an accepted record repeats or contradicts a stored
one (`duplicate`, `conflict`) only the store can tell.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from wheelhouse.feeds.quality_prices import Reference, price_faults
from wheelhouse.market.calendar import TradingCalendar, new_york_date
from wheelhouse.market.events import Split
from wheelhouse.market.frames import BAR_REQUIRED, BAR_SCHEMA, QUOTE_SCHEMA, TIMESTAMP, Interval, conform
from wheelhouse.market.instruments import MalformedSymbol, is_option_symbol, normalize_symbol, parse_osi

RULES: Final = (
    "malformed_symbol",
    "unknown_symbol",
    "missing_field",
    "not_finite",
    "negative_price",
    "zero_price",
    "crossed_quote",
    "ohlc_inconsistent",
    "future_timestamp",
    "out_of_session",
    "unit_error",
    "outlier",
)

_CLOCK_TOLERANCE: Final = timedelta(seconds=5)
_SESSION_MARGIN: Final = timedelta(minutes=15)
_OHLC_TOLERANCE: Final = 1e-6
# The price of a call cannot exceed its share's; the share's price may be a little older than the option's.
_CALL_TOLERANCE: Final = 1.25
_QUOTE_NUMBERS: Final = ("bid", "ask", "bid_size", "ask_size", "last", "volume", "open_interest")
_BAR_NUMBERS: Final = ("open", "high", "low", "close", "volume", "adjusted_close")

_Row = Mapping[str, object]
_Rule = tuple[str, pl.Expr, Callable[[_Row], str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A record that was kept out.

    Attributes
    ----------
    index
        Row of the frame that was checked, from 0.
    rule
        One of `RULES`.
    detail
        What is wrong with which value.
    """

    index: int
    rule: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checked:
    """Good rows and failed rows of one frame.

    Attributes
    ----------
    good
        The rows let in, in their order, symbols as `normalize_symbol` writes them.
    good_rows
        (n_good,), the row of the checked frame that each good row was.
    rejections
        The rows kept out, by index.
    locked
        Rows of the checked frame that were let in with bid equal to ask.
    """

    good: pl.DataFrame
    good_rows: npt.NDArray[np.int64]
    rejections: tuple[Rejection, ...]
    locked: tuple[int, ...] = ()


def check_quotes(
    frame: pl.DataFrame,
    *,
    known: Collection[str],
    now: datetime,
    calendar: TradingCalendar,
    latest: Mapping[str, Reference] | None = None,
    splits: Mapping[str, Sequence[Split]] | None = None,
    absent: Mapping[int, str] | None = None,
) -> Checked:
    """Check quotes.

    Parameters
    ----------
    frame
        Columns of `frames.QUOTE_SCHEMA`; null is unknown.
    known
        Underlyings that the market knows by a quote, bar, terms or instrument. The equities of the batch count as known.
    now
        Nothing may be stamped later.
    latest
        The last price of each underlying, what a sudden change is measured against.
    splits
        Known splits by symbol; a change that they explain is none.
    absent
        For a row whose record lacked a required key altogether, the key. A null price is unknown and accepted.
    """
    frame = conform(frame, QUOTE_SCHEMA)
    rows, equities = _prepare(frame, calendar, known, absent)
    bid, ask = pl.col("bid"), pl.col("ask")
    rules: list[_Rule] = [
        *_symbol_and_number_rules(_QUOTE_NUMBERS, ("symbol", "ts"), equities),
        (
            "missing_field",
            pl.all_horizontal(pl.col(name).is_null() for name in _QUOTE_NUMBERS),
            lambda _: "the quote carries no price, size, volume or open interest",
        ),
        (
            "zero_price",
            (ask == 0) | (~pl.col("is_option") & (bid == 0)),
            lambda row: f"ask {row['ask']}, bid {row['bid']}: only the bid of an option may be zero",
        ),
        ("crossed_quote", bid > ask, lambda row: f"bid {row['bid']} is above ask {row['ask']}"),
        _future_rule(now),
        (
            "out_of_session",
            pl.col("opens").is_null()
            | (pl.col("ts") < pl.col("opens") - _SESSION_MARGIN)
            | (pl.col("ts") > pl.col("closes") + _SESSION_MARGIN),
            _session_detail,
        ),
        (
            "out_of_session",
            pl.col("day") > pl.col("expiry"),
            lambda row: f"stamped {row['ts']}, after the contract expired on {row['expiry']}",
        ),
    ]
    rows = _apply(rows, rules)
    middle = pl.when((bid > 0) & (ask > 0)).then((bid + ask) / 2)
    rows = _judge_prices(rows, middle, latest or {}, splits or {})
    rows = _judge_option_bounds(rows, latest or {})
    locked = rows.filter(pl.col("rule").is_null() & (bid == ask)).get_column("row").to_list()
    return _result(rows, QUOTE_SCHEMA, rules, tuple(locked))


def check_bars(
    frame: pl.DataFrame,
    interval: Interval,
    *,
    known: Collection[str],
    now: datetime,
    calendar: TradingCalendar,
    latest: Mapping[str, Reference] | None = None,
    splits: Mapping[str, Sequence[Split]] | None = None,
    absent: Mapping[int, str] | None = None,
) -> Checked:
    """Check bars; parameters as `check_quotes`. The good daily bars are stamped midnight UTC of their session's date."""
    frame = conform(frame, BAR_SCHEMA)
    if interval == "1d":
        frame = frame.with_columns(pl.col("ts").dt.date().cast(TIMESTAMP))
    rows, equities = _prepare(frame, calendar, known, absent, daily=interval == "1d")
    low, high = pl.col("low"), pl.col("high")
    body = [pl.col("open"), pl.col("close")]
    inside = pl.lit(True) if interval == "1d" else pl.col("ts").is_between(
        pl.col("opens") - _SESSION_MARGIN, pl.col("closes") + _SESSION_MARGIN
    )  # fmt: skip
    rules: list[_Rule] = [
        *_symbol_and_number_rules(_BAR_NUMBERS, BAR_REQUIRED, equities),
        (
            "zero_price",
            pl.any_horizontal(pl.col(name) == 0 for name in ("open", "high", "low", "close")),
            lambda row: (
                f"open {row['open']}, high {row['high']}, low {row['low']}, close {row['close']}: none may be zero"
            ),
        ),
        (
            "ohlc_inconsistent",
            (high * (1 + _OHLC_TOLERANCE) < pl.max_horizontal(*body, low))
            | (low * (1 - _OHLC_TOLERANCE) > pl.min_horizontal(*body, high)),
            lambda row: (
                f"high {row['high']} and low {row['low']} do not enclose open {row['open']} and close {row['close']}"
            ),
        ),
        _future_rule(now, pl.col("day") > new_york_date(now) if interval == "1d" else None),
        ("out_of_session", pl.col("opens").is_null() | ~inside, _session_detail),
    ]
    rows = _apply(rows, rules)
    rows = _judge_prices(rows, pl.col("close"), latest or {}, splits or {})
    return _result(rows, BAR_SCHEMA, rules)


def _prepare(
    frame: pl.DataFrame,
    calendar: TradingCalendar,
    known: Collection[str],
    absent: Mapping[int, str] | None,
    *,
    daily: bool = False,
) -> tuple[pl.DataFrame, list[str]]:
    """Add what the rules look at: row, normal symbol, underlying, expiry, session; and list the underlyings that count as known."""
    symbols = frame.get_column("symbol").unique().drop_nulls().to_list()
    facts = pl.DataFrame(
        [_symbol_facts(symbol) for symbol in symbols],
        schema={
            "symbol": pl.String,
            "normal": pl.String,
            "is_option": pl.Boolean,
            "underlying": pl.String,
            "expiry": pl.Date,
            "strike": pl.Float64,
            "is_call": pl.Boolean,
            "adjusted": pl.Boolean,
        },
        orient="row",
    )
    day = pl.col("ts").dt.date() if daily else pl.col("ts").dt.convert_time_zone("America/New_York").dt.date()
    rows = frame.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64), day=day)
    days = rows.get_column("day").unique().drop_nulls().to_list()
    sessions = pl.DataFrame(
        [
            (d, calendar.open_at(d), calendar.close_at(d))
            for d in days
            if calendar.first <= d <= calendar.last and calendar.is_session(d)
        ],
        schema={"day": pl.Date, "opens": TIMESTAMP, "closes": TIMESTAMP},
        orient="row",
    )
    rows = rows.join(facts, on="symbol", how="left", maintain_order="left")
    rows = rows.join(sessions, on="day", how="left", maintain_order="left")
    lacking = absent or {}
    rows = rows.with_columns(
        absent=pl.col("row").replace_strict(lacking, default=None, return_dtype=pl.String)
        if lacking
        else pl.lit(None, pl.String)
    )
    equities = facts.filter(~pl.col("is_option")).get_column("normal").drop_nulls().to_list()
    return rows, [*known, *equities]


def _symbol_facts(symbol: str) -> tuple[object, ...]:
    try:
        normal = normalize_symbol(symbol)
    except MalformedSymbol:
        return (symbol, None, False, None, None, None, None, None)
    if not is_option_symbol(normal):
        return (symbol, normal, False, normal, None, None, None, None)
    osi = parse_osi(normal)
    strike = float(osi.strike)
    return (symbol, normal, True, osi.underlying, osi.expiry, strike, osi.right == "call", osi.adjusted)


def _symbol_and_number_rules(
    numbers: tuple[str, ...], required: tuple[str, ...], underlyings: Sequence[str]
) -> list[_Rule]:
    """Make the rules on a record's symbol and on each of its numbers."""
    return [
        (
            "malformed_symbol",
            pl.col("symbol").is_not_null() & pl.col("normal").is_null(),
            lambda row: f"{row['symbol']!r} is neither an equity symbol nor an OSI option symbol",
        ),
        (
            "unknown_symbol",
            pl.col("is_option") & ~pl.col("underlying").is_in(list(set(underlyings))),
            lambda row: f"nothing is known of {row['underlying']}: send its quote, bars, terms or instruments first",
        ),
        (
            "missing_field",
            pl.col("absent").is_not_null() | pl.any_horizontal(pl.col(name).is_null() for name in required),
            lambda row: f"{row['absent'] or next(name for name in required if row[name] is None)} is missing",
        ),
        (
            "not_finite",
            pl.any_horizontal(~pl.col(name).is_finite() for name in numbers),
            lambda row: _name_number(row, numbers, lambda x: not np.isfinite(x), "is not a finite number"),
        ),
        (
            "negative_price",
            pl.any_horizontal(pl.col(name) < 0 for name in numbers),
            lambda row: _name_number(row, numbers, lambda x: x < 0, "is negative"),
        ),
    ]


def _future_rule(now: datetime, condition: pl.Expr | None = None) -> _Rule:
    later = pl.col("ts") > now.astimezone(UTC) + _CLOCK_TOLERANCE if condition is None else condition
    return "future_timestamp", later, lambda row: f"stamped {row['ts']}, later than now, {now.isoformat()}"


def _name_number(row: _Row, names: tuple[str, ...], wrong: Callable[[float], bool], what: str) -> str:
    name, value = next((n, v) for n in names if isinstance(v := row[n], float) and wrong(v))
    return f"{name} {value} {what}"


def _session_detail(row: _Row) -> str:
    if row["opens"] is None:
        return f"{row['day']} is not a session of the exchange"
    return f"stamped {row['ts']}, more than 15 minutes outside the session from {row['opens']} to {row['closes']}"


def _apply(rows: pl.DataFrame, rules: Sequence[_Rule]) -> pl.DataFrame:
    """Note in each row the first of the rules that it breaks, as `rule` and as number of the rule."""
    broken = [pl.when(condition.fill_null(value=False)).then(number) for number, (_, condition, _) in enumerate(rules)]
    names = [name for name, _, _ in rules]
    return rows.with_columns(number=pl.coalesce(broken).cast(pl.Int32)).with_columns(
        rule=pl.col("number").replace_strict(list(range(len(names))), names, default=None, return_dtype=pl.String),
        detail=pl.lit(None, pl.String),
    )


def _judge_prices(
    rows: pl.DataFrame, price: pl.Expr, latest: Mapping[str, Reference], splits: Mapping[str, Sequence[Split]]
) -> pl.DataFrame:
    """Find unit errors and outliers among the equities that passed so far."""
    passed = rows.filter(pl.col("rule").is_null() & ~pl.col("is_option"))
    prices = passed.select("row", "ts", symbol="normal", price=price).drop_nulls()
    return _add_faults(rows, price_faults(prices, latest, splits))


def _judge_option_bounds(rows: pl.DataFrame, latest: Mapping[str, Reference]) -> pl.DataFrame:
    """Reject bids above what an option can ever be worth: the strike of a put, the share of a call."""
    if not rows.get_column("is_option").any():
        return rows
    spots = pl.DataFrame(
        [(symbol, latest[symbol].price) for symbol in latest.keys() & set(rows.get_column("underlying").unique())],
        schema={"underlying": pl.String, "spot": pl.Float64},
        orient="row",
    )
    shares = rows.filter(pl.col("rule").is_null() & ~pl.col("is_option") & (pl.col("bid") > 0))
    own = shares.group_by("underlying").agg(spot=pl.col("bid").max())
    spots = pl.concat([own, spots.join(own, on="underlying", how="anti")])
    options = rows.filter(pl.col("rule").is_null() & pl.col("is_option") & ~pl.col("adjusted"))
    bounded = options.join(spots, on="underlying", how="left").with_columns(
        bound=pl.when(pl.col("is_call")).then(pl.col("spot") * _CALL_TOLERANCE).otherwise(pl.col("strike"))
    )
    faults = bounded.filter(pl.col("bid") > pl.col("bound")).select(
        "row",
        rule=pl.lit("outlier"),
        detail=pl.format("bid {} is above what the option can be worth, {}", "bid", "bound"),
    )
    return _add_faults(rows, faults)


def _add_faults(rows: pl.DataFrame, faults: pl.DataFrame) -> pl.DataFrame:
    if faults.is_empty():
        return rows
    return (
        rows.join(faults, on="row", how="left", maintain_order="left", suffix="_new")
        .with_columns(rule=pl.coalesce("rule", "rule_new"), detail=pl.coalesce("detail", "detail_new"))
        .drop("rule_new", "detail_new")
    )


def _result(rows: pl.DataFrame, schema: pl.Schema, rules: Sequence[_Rule], locked: tuple[int, ...] = ()) -> Checked:
    good = rows.filter(pl.col("rule").is_null())
    rejections = []
    for row in rows.filter(pl.col("rule").is_not_null()).iter_rows(named=True):
        detail = row["detail"] if row["number"] is None else rules[row["number"]][2](row)
        rejections.append(Rejection(index=row["row"], rule=row["rule"], detail=detail))
    return Checked(
        good=good.with_columns(symbol=pl.col("normal")).select(schema.names()),
        good_rows=good.get_column("row").to_numpy().astype(np.int64),
        rejections=tuple(rejections),
        locked=locked,
    )
