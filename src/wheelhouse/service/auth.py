"""Who may call a route, and how often: a guard in front of every route of /v1.

A key comes as ``Authorization: Bearer <key>`` or ``X-API-Key: <key>``. A route's role is in its options; without one, reading
takes a reader and everything else a trader. The rate limit is a token bucket per key in real time.
"""

import math
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard, HTTPScope

from wheelhouse.service.keys import KeyRing, Principal, Role
from wheelhouse.service.problems import ProblemError

ROLE_OPTION = "role"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class RateLimiter:
    """One token bucket for each key.

    Parameters
    ----------
    rate
        Requests a second; None for no limit.
    burst
        Requests at once; two seconds' worth unless given.
    monotonic
        Real seconds; injected by tests.
    """

    def __init__(
        self, rate: float | None, burst: int | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = float(burst) if burst is not None else max(1.0, 2 * (rate or 0.0))
        self._monotonic = monotonic
        self._buckets: dict[str, tuple[float, float]] = {}

    def admit(self, key_id: str) -> float:
        """Take a token; the seconds to wait if there is none, else 0."""
        if self._rate is None:
            return 0.0
        now = self._monotonic()
        tokens, then = self._buckets.get(key_id, (self._burst, now))
        tokens = min(self._burst, tokens + (now - then) * self._rate)
        admitted = tokens >= 1
        self._buckets[key_id] = (tokens - 1 if admitted else tokens, now)
        return 0.0 if admitted else (1 - tokens) / self._rate


def gatekeeper(keys: KeyRing, limiter: RateLimiter) -> Guard:
    """The guard: recognises the key, counts the request against its limit, and checks its role.

    A closure, because the framework copies guards deeply, and keys must not be.
    """

    def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        principal = _recognise(connection, keys)
        wait = limiter.admit(principal.key_id)
        if wait > 0:
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"key {principal.key_id} sends more requests than it may; try again in {wait:.2f} s",
                headers={"Retry-After": str(math.ceil(wait))},
            )
        needed = _needed_role(connection, handler)
        if principal.role < needed:
            raise ProblemError(
                HTTPStatus.FORBIDDEN,
                f"this takes a key of role {needed.label!r}; key {principal.key_id} is {principal.role.label!r}",
            )
        connection.scope["user"] = principal

    return guard


def _recognise(connection: ASGIConnection[Any, Any, Any, Any], keys: KeyRing) -> Principal:
    key = _presented(connection)
    if not key:
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "no key; send 'Authorization: Bearer <key>'")
    principal = keys.recognise(key)
    if principal is None:
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "the key is unknown or revoked")
    return principal


def require_admin(connection: ASGIConnection[Any, Any, Any, Any], what: str) -> None:
    """Raise 403 unless an admin asks; for what only some values of a parameter need."""
    principal = connection.scope.get("user")
    if not isinstance(principal, Principal) or principal.role < Role.ADMIN:
        raise ProblemError(HTTPStatus.FORBIDDEN, f"{what} takes a key of role 'admin'")


def _presented(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    return connection.headers.get("x-api-key", "").strip()


def _needed_role(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> Role:
    role = handler.opt.get(ROLE_OPTION)
    if isinstance(role, Role):
        return role
    return Role.READER if cast("HTTPScope", connection.scope)["method"] in _READING else Role.TRADER
