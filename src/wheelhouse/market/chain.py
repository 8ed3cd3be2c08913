"""The option chain of one underlying at one moment, as columns."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from wheelhouse.errors import InvalidInput
from wheelhouse.market.calendar import TradingCalendar
from wheelhouse.market.events import Terms
from wheelhouse.market.instruments import Evidence, Exercise, OptionContract, SettlementTime, underlying_of_root

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
DateArray = npt.NDArray[np.datetime64]

_NOT_COLUMNS: Final = frozenset({"underlying", "spot", "as_of", "rate", "dividend_yield", "exercise", "evidence"})
_OSI_PATTERN: Final = r"^[A-Z][A-Z0-9]{0,5} *\d{6}[CP]\d{8}$"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChainSnapshot:
    """An option chain; every array has shape (n_contracts,), ordered by expiry, strike, put before call.

    Attributes
    ----------
    spot
        USD per share of the underlying; NaN if unknown.
    as_of
        The moment that times to expiry are counted from.
    rate, dividend_yield
        Continuously compounded, decimals a year.
    symbols
        Padded OSI symbols.
    expiry, last_trading_day
        datetime64[D].
    years_to_expiry
        Act/365 to the minute, up to the close of the last trading day (the open of the expiry for AM settlement).
    strike
        USD per share.
    bid, ask, last, volume, open_interest
        NaN is unknown, 0 is zero. Prices in USD per premium unit, the others in contracts.
    quote_ts
        datetime64[us], UTC.
    exercise_multiplier
        USD of cash at exercise for one contract and one USD of strike.
    standard
        Whether the contract is unadjusted; only such are recommended for opening.
    """

    underlying: str
    spot: float
    as_of: datetime
    rate: float
    dividend_yield: float
    exercise: Exercise
    evidence: Evidence
    symbols: tuple[str, ...]
    expiry: DateArray
    last_trading_day: DateArray
    years_to_expiry: FloatArray
    strike: FloatArray
    is_call: BoolArray
    bid: FloatArray
    ask: FloatArray
    last: FloatArray
    volume: FloatArray
    open_interest: FloatArray
    quote_ts: DateArray
    exercise_multiplier: IntArray
    standard: BoolArray

    def __post_init__(self) -> None:
        n = len(self.symbols)
        for field in fields(self):
            if field.name in _NOT_COLUMNS or field.name == "symbols":
                continue
            shape = getattr(self, field.name).shape
            if shape != (n,):
                raise InvalidInput(f"chain of {self.underlying}: {field.name} has shape {shape}, expected ({n},)")

    def __len__(self) -> int:
        return len(self.symbols)

    @property
    def expiries(self) -> tuple[date, ...]:
        """The expiries in the chain, ascending."""
        return tuple(np.unique(self.expiry).astype("datetime64[D]").tolist())

    def select(self, which: BoolArray | date) -> "ChainSnapshot":
        """Take the contracts where a mask of shape (n_contracts,) is true, or those of one expiry."""
        mask = self.expiry == np.datetime64(which, "D") if isinstance(which, date) else np.asarray(which, dtype=bool)
        if mask.shape != (len(self),):
            raise InvalidInput(f"chain of {self.underlying}: the mask has shape {mask.shape}, expected ({len(self)},)")
        columns = {
            f.name: getattr(self, f.name)[mask] for f in fields(self) if f.name not in _NOT_COLUMNS | {"symbols"}
        }
        symbols = tuple(self.symbols[i] for i in np.flatnonzero(mask))
        return replace(self, symbols=symbols, **columns)


def build_chain(
    underlying: str,
    quotes: pl.DataFrame,
    *,
    spot: float,
    as_of: datetime,
    terms: Terms,
    calendar: TradingCalendar,
    evidence: Evidence,
    instruments: Mapping[str, OptionContract] | None = None,
) -> ChainSnapshot:
    """Make the chain of one underlying from its latest quotes.

    Parameters
    ----------
    quotes
        `frames.QUOTE_SCHEMA`, one row per symbol, symbols as `normalize_symbol` writes them. Equities and options of other
        underlyings are left out, and so are contracts that have expired by `as_of`.
    spot
        USD per share, NaN if unknown.
    instruments
        Contracts that differ from what their symbol says (adjusted series), by padded symbol.

    Raises
    ------
    InvalidInput
        If `as_of` has no time zone.
    """
    if as_of.tzinfo is None:
        raise InvalidInput(f"chain of {underlying}: as_of {as_of.isoformat()} has no time zone")
    known = instruments or {}
    frame = _with_contract_columns(quotes, underlying, known)
    ordered = frame.sort("expiry", "strike", "is_call")
    symbols = tuple(ordered.get_column("symbol").to_list())
    expiry = ordered.get_column("expiry").to_numpy().astype("datetime64[D]")
    last_day, years = _expiry_columns(expiry, as_of, terms, calendar)
    multiplier = np.full(len(symbols), 100, dtype=np.int64)
    standard = ~ordered.get_column("adjusted").to_numpy().astype(bool)
    if known:
        for i, symbol in enumerate(symbols):
            contract = known.get(symbol)
            if contract is None:
                continue
            multiplier[i] = contract.exercise_multiplier
            standard[i] = contract.is_standard
            last_day[i] = np.datetime64(contract.last_trading_day, "D")
            am = contract.settlement_time is SettlementTime.AM
            settles = contract.expiry if am else contract.last_trading_day
            years[i] = calendar.years_to_expiry(settles, as_of, contract.settlement_time)

    def floats(name: str) -> FloatArray:
        # Nulls become NaN on the way; an expression for it would cost more than all the rest of a small chain.
        return ordered.get_column(name).cast(pl.Float64).to_numpy().astype(np.float64)

    chain = ChainSnapshot(
        underlying=underlying,
        spot=spot,
        as_of=as_of,
        rate=terms.rate,
        dividend_yield=terms.dividend_yield,
        exercise=terms.exercise,
        evidence=evidence,
        symbols=symbols,
        expiry=expiry,
        last_trading_day=last_day,
        years_to_expiry=years,
        strike=floats("strike"),
        is_call=ordered.get_column("is_call").to_numpy().astype(bool),
        bid=floats("bid"),
        ask=floats("ask"),
        last=floats("last"),
        volume=floats("volume"),
        open_interest=floats("open_interest"),
        quote_ts=ordered.get_column("ts").dt.replace_time_zone(None).to_numpy().astype("datetime64[us]"),
        exercise_multiplier=multiplier,
        standard=standard,
    )
    return chain.select(chain.years_to_expiry > 0)


def _with_contract_columns(
    quotes: pl.DataFrame, underlying: str, instruments: Mapping[str, OptionContract]
) -> pl.DataFrame:
    """Keep the options of the underlying and take their symbols apart, column-wise."""
    options = quotes.filter(pl.col("symbol").str.contains(_OSI_PATTERN) & (pl.col("symbol").str.len_bytes() == 21))
    options = options.with_columns(root=pl.col("symbol").str.slice(0, 6).str.strip_chars_end())
    roots = [root for root in options.get_column("root").unique().to_list() if underlying_of_root(root) == underlying]
    # An instrument may say that a root belongs to another underlying (a merger's adjusted series).
    moved = {symbol: contract.underlying == underlying for symbol, contract in instruments.items()}
    belongs = pl.col("root").is_in(roots)
    if moved:
        told = pl.col("symbol").replace_strict(list(moved), list(moved.values()), default=None, return_dtype=pl.Boolean)
        belongs = pl.coalesce(told, belongs)
    return options.filter(belongs).with_columns(
        expiry=pl.concat_str(pl.lit("20"), pl.col("symbol").str.slice(6, 6)).str.to_date("%Y%m%d"),
        is_call=pl.col("symbol").str.slice(12, 1) == "C",
        strike=pl.col("symbol").str.slice(13, 8).cast(pl.Float64) / 1000,
        adjusted=pl.col("root").str.contains(r"\d$"),
    )


def _expiry_columns(
    expiry: DateArray, as_of: datetime, terms: Terms, calendar: TradingCalendar
) -> tuple[DateArray, FloatArray]:
    """Last trading day and years to expiry, computed once per expiry."""
    unique, inverse = np.unique(expiry, return_inverse=True)
    pairs = [_expiry_pair(calendar, day, as_of.astimezone(UTC), terms) for day in unique.tolist()]
    last = np.array([pair[0] for pair in pairs], dtype="datetime64[D]")
    years = np.array([pair[1] for pair in pairs], dtype=np.float64)
    return last[inverse], years[inverse]


def _expiry_pair(calendar: TradingCalendar, day: date, now: datetime, terms: Terms) -> tuple[date, float]:
    return calendar.last_trading_day(day, terms.settlement_time), calendar.years_to_expiry(
        day, now, terms.settlement_time
    )
