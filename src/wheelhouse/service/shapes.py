"""Numbers, times and dates as the API writes them: undefined is null, money has cents, instants have offsets."""

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated

from msgspec import Meta

from wheelhouse.service.problems import FieldError, ProblemError

LARGEST_AMOUNT = 10**12
LARGEST_QUANTITY = 10**9
#: Contracts or shares, signed.
Quantity = Annotated[int, Meta(ge=-LARGEST_QUANTITY, le=LARGEST_QUANTITY)]


def number(value: Decimal | float | None) -> float | None:
    """A finite float, or None."""
    if value is None:
        return None
    plain = float(value)
    return plain if math.isfinite(plain) else None


def required(value: Decimal | float) -> float:
    """A float that is known to be finite."""
    return float(value)


def decimal_of(value: float) -> Decimal:
    """The Decimal that a person reads in a JSON number: 0.1 is 0.1; 422 if it is beyond any price or sum of money.

    The bound keeps every product of price, quantity and multiplier exact to the cent.
    """
    if abs(value) > LARGEST_AMOUNT:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"{value!r} is more than {LARGEST_AMOUNT:,} USD, the most that is booked"
        )
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def parse_instant(text: str, *, pointer: str) -> datetime:
    """An RFC 3339 timestamp, or a date for its midnight UTC; 400 if it is neither."""
    try:
        if len(text) == len("2013-03-01"):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        detail = f"{text!r} is neither a date nor a timestamp with an offset, such as 2013-03-01T15:45:00-05:00"
        raise ProblemError(HTTPStatus.BAD_REQUEST, detail, errors=[FieldError(pointer=pointer, detail=detail)])
    return utc(instant, pointer=pointer)


def utc(instant: datetime, *, pointer: str) -> datetime:
    """An instant in UTC; 400 if its offset carries it out of the years 1 to 9999."""
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        detail = f"{instant.isoformat()!r} lies outside the years 1 to 9999 in UTC"
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, detail, errors=[FieldError(pointer=pointer, detail=detail)]
        ) from None
