"""Equities and listed options: symbols, contracts, what they deliver, and positions in them.

An option's premium multiplier, exercise multiplier and deliverable are three fields, because corporate actions change them apart
from each other: after a 1-for-10 reverse split a premium is still quoted per 1/100 of the contract, while exercise delivers 10 shares.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final

from wheelhouse.errors import InvalidInput

_OSI: Final = re.compile(r"([A-Z][A-Z0-9]{0,5}) *(\d{6})([CP])(\d{8})", re.ASCII)
_EQUITY: Final = re.compile(r"\^?[A-Z][A-Z0-9]{0,11}(?:[./-][A-Z0-9]{1,4})?", re.ASCII)
_OSI_LENGTH: Final = 21
_ROOT_LENGTH: Final = 6
_STRIKE_LIMIT: Final = 10**8
_CENTURY: Final = 2000
_SATURDAY: Final = 5

# Index options are listed under several roots; what is priced is the index.
_INDEX_ROOTS: Final = {"SPXW": "SPX", "NDXP": "NDX", "RUTW": "RUT", "VIXW": "VIX", "XSPW": "XSP"}


class MalformedSymbol(InvalidInput):
    """A text that is neither an equity symbol nor an OSI option symbol."""


class Right(StrEnum):
    """What the holder of an option may do: buy (call) or sell (put)."""

    CALL = "call"
    PUT = "put"


class Exercise(StrEnum):
    """When an option may be exercised."""

    AMERICAN = "american"
    EUROPEAN = "european"


class Settlement(StrEnum):
    """What exercise moves: shares or cash."""

    PHYSICAL = "physical"
    CASH = "cash"


class SettlementTime(StrEnum):
    """Which price settles: the close of the last trading day (PM) or the open of the expiry (AM)."""

    PM = "pm"
    AM = "am"


class AccountKind(StrEnum):
    """How an account is funded, hence how its short options are secured."""

    CASH = "cash"
    MARGIN = "margin"
    IRA = "ira"


class Evidence(StrEnum):
    """What kind of datum a quote is."""

    LIVE = "live"
    RECORDED = "recorded"
    SIMULATED = "simulated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliverable:
    """What one exercised contract moves.

    Attributes
    ----------
    shares
        Pairs of equity symbol and number of shares for one contract.
    cash
        USD for one contract, beside the shares.
    """

    shares: tuple[tuple[str, int], ...]
    cash: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OsiSymbol:
    """The parts of an option symbol of the Options Symbology Initiative.

    Attributes
    ----------
    root
        One to six letters and digits; a digit at the end marks an adjusted series.
    expiry
        The date in the symbol. Monthlies carried a Saturday until January 2015.
    strike
        USD per share, a multiple of 0.001.
    """

    root: str
    expiry: date
    right: Right
    strike: Decimal

    def __post_init__(self) -> None:
        thousandths = self.strike * 1000
        if thousandths != int(thousandths) or not 0 < thousandths < _STRIKE_LIMIT:
            raise MalformedSymbol(
                f"strike {self.strike} does not fit an OSI symbol: give a multiple of 0.001 above 0 and below 100000"
            )
        if not _CENTURY <= self.expiry.year < _CENTURY + 100:
            raise MalformedSymbol(
                f"expiry {self.expiry} does not fit an OSI symbol: its year has two digits, 2000 to 2099"
            )
        if len(self.root) > _ROOT_LENGTH or not _EQUITY.fullmatch(self.root):
            raise MalformedSymbol(f"root {self.root!r} is not one to six capital letters and digits")

    @property
    def text(self) -> str:
        """The padded symbol, 21 characters."""
        return f"{self.root:<6}{self._tail}"

    @property
    def compact(self) -> str:
        """The symbol without padding."""
        return f"{self.root}{self._tail}"

    @property
    def underlying(self) -> str:
        """The symbol of the underlying, see `underlying_of_root`."""
        return underlying_of_root(self.root)

    @property
    def adjusted(self) -> bool:
        """Whether the root names a series that a corporate action adjusted."""
        return self.root[-1].isdigit()

    @property
    def _tail(self) -> str:
        letter = "C" if self.right is Right.CALL else "P"
        return f"{self.expiry:%y%m%d}{letter}{int(self.strike * 1000):08d}"


@lru_cache(maxsize=65_536)
def parse_osi(text: str) -> OsiSymbol:
    """Take an OSI symbol apart, padded or not.

    Raises
    ------
    MalformedSymbol
        If the text is not root, six digits of a real date, C or P, and eight digits of a strike above zero.

    Examples
    --------
    >>> parse_osi("AAPL  050319P00090000").strike
    Decimal('90.000')
    >>> parse_osi("AAPL050319P00090000").text
    'AAPL  050319P00090000'
    """
    match = _OSI.fullmatch(text.strip().upper())
    if match is None:
        raise MalformedSymbol(
            f"{text!r} is not an OSI option symbol: expected root, YYMMDD, C or P, strike x 1000 in 8 digits, "
            "as in 'AAPL  050319P00090000'"
        )
    root, day, letter, thousandths = match.groups()
    try:
        expiry = date(_CENTURY + int(day[:2]), int(day[2:4]), int(day[4:]))
    except ValueError as error:
        raise MalformedSymbol(f"{text!r} carries {day}, which is not a date YYMMDD") from error
    right = Right.CALL if letter == "C" else Right.PUT
    if int(thousandths) == 0:
        raise MalformedSymbol(f"{text!r} carries strike 0; a strike is above zero")
    return OsiSymbol(root=root, expiry=expiry, right=right, strike=Decimal(int(thousandths)).scaleb(-3))


def format_osi(root: str, expiry: date, right: Right, strike: Decimal) -> str:
    """Compose the padded OSI symbol.

    Examples
    --------
    >>> format_osi("MSFT", date(2005, 1, 22), Right.CALL, Decimal("27.5"))
    'MSFT  050122C00027500'
    """
    return OsiSymbol(root=root, expiry=expiry, right=right, strike=strike).text


def is_option_symbol(text: str) -> bool:
    """Tell whether the text is a well-formed OSI symbol, padded or not."""
    try:
        parse_osi(text)
    except MalformedSymbol:
        return False
    return True


@lru_cache(maxsize=65_536)
def normalize_symbol(text: str) -> str:
    """Write a symbol as wheelhouse stores it: options as padded OSI, equities in capitals.

    Raises
    ------
    MalformedSymbol
        If the text is neither.

    Examples
    --------
    >>> normalize_symbol("brk.b")
    'BRK.B'
    """
    trimmed = text.strip().upper()
    if _EQUITY.fullmatch(trimmed):
        return trimmed
    if _OSI.fullmatch(trimmed):
        return parse_osi(trimmed).text
    raise MalformedSymbol(
        f"{text!r} is neither an equity symbol (as 'AAPL', 'BRK.B') nor an OSI option symbol (as 'AAPL  050319P00090000')"
    )


@lru_cache(maxsize=4096)
def underlying_of_root(root: str) -> str:
    """Name the underlying of an option root: without the digits of an adjusted series, and the index for its weekly roots.

    Examples
    --------
    >>> underlying_of_root("AAPL1"), underlying_of_root("SPXW")
    ('AAPL', 'SPX')
    """
    stem = root.rstrip("0123456789") or root
    return _INDEX_ROOTS.get(stem, stem)


def underlying_of(symbol: str) -> str:
    """Name the underlying of any symbol; an equity is its own.

    Raises
    ------
    MalformedSymbol
        If the symbol is neither an equity nor an option.
    """
    normal = normalize_symbol(symbol)
    return parse_osi(normal).underlying if len(normal) == _OSI_LENGTH else normal


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionContract:
    """A listed option.

    Attributes
    ----------
    symbol
        Padded OSI symbol.
    expiry, last_trading_day
        The symbol's date, and the session after which the contract no longer trades.
    strike
        USD per share.
    premium_multiplier
        USD of cash for one contract and one USD of premium.
    exercise_multiplier
        USD of cash for one contract and one USD of strike.
    deliverable
        What one exercised contract moves.
    """

    symbol: str
    underlying: str
    expiry: date
    last_trading_day: date
    strike: Decimal
    right: Right
    deliverable: Deliverable
    exercise: Exercise = Exercise.AMERICAN
    settlement: Settlement = Settlement.PHYSICAL
    settlement_time: SettlementTime = SettlementTime.PM
    premium_multiplier: int = 100
    exercise_multiplier: int = 100

    def __post_init__(self) -> None:
        if self.premium_multiplier <= 0 or self.exercise_multiplier <= 0:
            raise InvalidInput(
                f"{self.symbol}: multipliers must be above zero, got premium {self.premium_multiplier}, "
                f"exercise {self.exercise_multiplier}"
            )
        if self.last_trading_day > self.expiry:
            raise InvalidInput(
                f"{self.symbol}: last trading day {self.last_trading_day} lies after expiry {self.expiry}"
            )

    @property
    def is_standard(self) -> bool:
        """Whether this is an unadjusted series that delivers 100 shares of its underlying; only such are opened."""
        return (
            not parse_osi(self.symbol).adjusted
            and self.premium_multiplier == self.exercise_multiplier == 100
            and self.deliverable == Deliverable(shares=((self.underlying, 100),))
        )


def contract_from_osi(
    text: str,
    *,
    exercise: Exercise = Exercise.AMERICAN,
    settlement: Settlement = Settlement.PHYSICAL,
    settlement_time: SettlementTime = SettlementTime.PM,
    last_trading_day: Callable[[date], date] | None = None,
) -> OptionContract:
    """Derive a contract from its symbol alone: multipliers 100 and 100 shares of the underlying.

    Parameters
    ----------
    text
        OSI symbol, padded or not.
    last_trading_day
        Maps an expiry to its last session, as `TradingCalendar.last_trading_day` does; without it `usual_last_trading_day`.

    Raises
    ------
    MalformedSymbol
        If the text is no OSI symbol.
    """
    osi = parse_osi(text)
    return OptionContract(
        symbol=osi.text,
        underlying=osi.underlying,
        expiry=osi.expiry,
        last_trading_day=(last_trading_day or usual_last_trading_day)(osi.expiry),
        strike=osi.strike,
        right=osi.right,
        deliverable=Deliverable(shares=((osi.underlying, 100),)),
        exercise=exercise,
        settlement=settlement,
        settlement_time=settlement_time,
    )


def usual_last_trading_day(expiry: date) -> date:
    """Give the last session of a contract without a calendar of holidays.

    A weekend expiry last traded the Friday before, or the Thursday if that was Good Friday, the only holiday that ever fell on the
    Friday before a Saturday monthly. Any other expiry is taken for a session, as exchanges list it on one.

    Examples
    --------
    >>> usual_last_trading_day(date(2014, 4, 19))
    datetime.date(2014, 4, 17)
    """
    day = expiry - timedelta(days=max(0, expiry.weekday() - _SATURDAY + 1))
    return day - timedelta(days=1) if day == _good_friday(day.year) else day


def _good_friday(year: int) -> date:
    # The anonymous Gregorian computus (Meeus, Astronomical Algorithms, 1991, chapter 8), less two days.
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    lunar = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * lunar) // 451
    month, day = divmod(h + lunar - 7 * m + 114, 31)
    return date(year, month, day + 1) - timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A holding of one symbol.

    Attributes
    ----------
    quantity
        Signed contracts or shares, positive is long.
    cost_basis
        USD per share; of a short option the premium received, positive. None if unknown.
    """

    symbol: str
    quantity: int
    cost_basis: Decimal | None = None
