"""The outermost layer: a request id, one log line and the metrics of every request, also of those that match no route."""

import re
from time import perf_counter
from uuid import uuid4

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from wheelhouse.telemetry import Metrics, logger

REQUEST_ID_HEADER = b"x-request-id"
_ACCEPTABLE_ID = re.compile(rb"^[A-Za-z0-9._:-]{1,64}$")
_UNMATCHED = "unmatched"


class Observed:
    """An application whose requests are counted, timed and logged.

    Parameters
    ----------
    app
        The application to observe.
    metrics
        Where requests are counted.
    log_requests
        Whether each request gets a log line.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, log_requests: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._log_requests = log_requests
        self._log = logger("wheelhouse.requests")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == ScopeType.HTTP:
            await self._serve(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _serve(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        start = perf_counter()
        request_id = _request_id(scope)
        status = 500

        async def observed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (REQUEST_ID_HEADER, request_id)]
            await send(message)

        method = scope["method"]
        with structlog.contextvars.bound_contextvars(request_id=request_id.decode()):
            try:
                await self._app(scope, receive, observed_send)
            finally:
                seconds = perf_counter() - start
                route = scope.get("path_template") or _UNMATCHED
                self._metrics.request(method=method, route=route, code=status, seconds=seconds)
                if self._log_requests:
                    self._log.info(
                        "request",
                        method=method,
                        path=scope["path"],
                        route=route,
                        code=status,
                        milliseconds=round(seconds * 1e3, 3),
                    )


def _request_id(scope: HTTPScope) -> bytes:
    for name, value in scope["headers"]:
        if name == REQUEST_ID_HEADER and _ACCEPTABLE_ID.match(value):
            return value
    return uuid4().hex.encode()
