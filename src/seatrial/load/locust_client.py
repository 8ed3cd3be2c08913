"""One HTTP request from a greenlet. Runs in Locust's processes only."""

from __future__ import annotations

from functools import cache
from ssl import SSLContext, create_default_context

import gevent  # type: ignore[import-untyped]
from geventhttpclient.client import HTTPClient
from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError
from geventhttpclient.url import URL

from seatrial.errors import TargetFailure
from seatrial.load.locust_job import LocustRequest
from seatrial.load.request import Outcome

__all__ = ["RequestSender"]

_EXCERPT = 300


class _SingleAttempt(HTTPClient):
    """Sends each request once: a resent one hides a failure, doubles a load, and may be applied twice."""

    def __init__(self, url: URL, seconds: float) -> None:
        secure = url.scheme == "https"
        super().__init__(
            url.host,
            port=url.port,
            ssl=secure,
            ssl_context_factory=_shared_context if secure else None,
            connection_timeout=seconds,
            network_timeout=seconds,
            concurrency=1,
        )
        # The client resends as often as the pool has places, and once more.
        self._connection_pool.size = -1


class RequestSender:
    """Sends one request after the other over a connection that is kept while it is good.

    Parameters
    ----------
    base_url
        Scheme, host and port of the target.
    time_limit
        Seconds from sending to the end of the answer.
    key
        Sent as bearer token unless a request brings its own ``Authorization``.
    """

    def __init__(self, base_url: str, time_limit: float, key: str | None) -> None:
        self._url = URL(base_url)
        self._time_limit = time_limit
        self._key = key
        self._client: _SingleAttempt | None = None

    def send(self, request: LocustRequest, number: int) -> Outcome:
        """Send a request and sort what comes back; whatever else is raised is our error."""
        numbered = request.numbered(number)
        headers = dict(numbered.headers)
        present = {name.lower() for name in headers}
        if self._key is not None and "authorization" not in present:
            headers["Authorization"] = f"Bearer {self._key}"
        if numbered.body is not None and "content-type" not in present:
            headers["Content-Type"] = "application/json"
        # As written, without the number: failures of one kind are counted together.
        asked = f"{request.method} {request.path}"
        too_late = Outcome(timeout_detail=f"timeout: no answer within {self._time_limit:g} s")
        limit = gevent.Timeout(self._time_limit)
        limit.start()
        try:
            client = self._connection()
            answer = client.request(numbered.method, numbered.path, body=numbered.body, headers=headers)
            body = bytes(answer.read())
            status = answer.status_code
        except gevent.Timeout as timeout:
            self._disconnect()
            if timeout is not limit:
                raise
            return too_late
        except TimeoutError:
            self._disconnect()
            return too_late
        except (OSError, HTTPConnectionClosed, HTTPParseError) as error:
            self._disconnect()
            return Outcome(
                failure=TargetFailure(f"{asked}: {type(error).__name__}: {error}", kind="connection"),
            )
        finally:
            limit.close()
        if status in request.expected:
            return Outcome()
        expected = " or ".join(str(code) for code in request.expected)
        excerpt = body[:_EXCERPT].decode(errors="replace")
        return Outcome(
            failure=TargetFailure(
                f"{asked}: status {status}, expected {expected}: {excerpt}", kind="status", status=status
            )
        )

    def _connection(self) -> _SingleAttempt:
        if self._client is None:
            # The limit over all of a request is the caller's; this one only frees what that one cannot reach.
            self._client = _SingleAttempt(self._url, self._time_limit + 1)
        return self._client

    def _disconnect(self) -> None:
        # The rest of an answer that was given up would be read as the next one's.
        if self._client is not None:
            self._client.close()
            self._client = None


@cache
def _shared_context(cafile: str | None = None) -> SSLContext:
    """One context for all users of a process: making one reads the whole store of certificates."""
    return create_default_context(cafile=cafile)
