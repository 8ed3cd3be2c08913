"""Numbers, times and dates as the API writes them: undefined is null, money has cents, instants have offsets."""

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from http import HTTPStatus

from wheelhouse.service.problems import FieldError, ProblemError


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
    """The Decimal that a person reads in a JSON number: 0.1 is 0.1."""
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
    return instant.astimezone(UTC)
