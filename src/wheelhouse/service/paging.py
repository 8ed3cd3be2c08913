"""Cursors of lists: opaque texts that say where the next page starts."""

import base64
import binascii
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, TypeVar

from litestar.params import QueryParameter

from wheelhouse.service.problems import ProblemError

T = TypeVar("T")
DEFAULT_LIMIT = 100
MAX_LIMIT = 10_000

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="items on a page")]
Cursor = Annotated[str | None, QueryParameter(description="next_cursor of the page before")]


def encode_cursor(place: str) -> str:
    """The cursor of a place."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> str | None:
    """The place that a cursor names, None without one; 400 if it is not one of ours."""
    if cursor is None:
        return None
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"cursor {cursor!r} is not one that this service gave") from error


def page(items: Sequence[T], *, limit: int, cursor: str | None) -> tuple[Sequence[T], str | None]:
    """One page of a list that only grows at its end, and the cursor of the next page."""
    place = decode_cursor(cursor)
    if place is not None and not place.isdecimal():
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"cursor {cursor!r} is not one that this list gave")
    start = int(place or 0)
    end = start + limit
    return items[start:end], encode_cursor(str(end)) if end < len(items) else None
