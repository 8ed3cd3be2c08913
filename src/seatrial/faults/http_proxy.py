"""A proxy on loopback before an HTTP dependency, which answers truthfully or, when told to, otherwise."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeAlias
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from seatrial.errors import ConfigurationError
from seatrial.faults.http_answers import Drip, EmptyBody, Hang, HttpAnswer, Refusal, Truncated
from seatrial.faults.safety import permitted_address

#: Headers of one connection, not of the message; they are ours to set.
_HOP_HEADERS = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host", "content-length"}
)
_PORTIONS_PER_SECOND = 20
#: Bears the proxy's own word and a number of bytes; such a request never reaches the dependency.
ECHO_HEADER = "X-Seatrial-Echo"

Only = Callable[[str, str], bool]
Headers: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Upstream:
    status: int
    headers: Headers
    body: bytes


class HttpProxy:
    """Stands before an HTTP dependency.

    Parameters
    ----------
    url
        The dependency, ``http://`` or ``https://``; a path is put before those that are asked for.
    allow
        Addresses other than loopback that may be reached.

    Raises
    ------
    AddressRefused
        On entering: the dependency is neither on loopback nor allowed.
    ConfigurationError
        The URL is none.
    """

    def __init__(self, url: str, *, allow: Sequence[str] = ()) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ConfigurationError(
                f"{url!r} is no address of an HTTP dependency; write it as 'http://127.0.0.1:8080'"
            )
        self.url = ""
        self.echo_word = secrets.token_urlsafe(16)
        self._upstream = url.rstrip("/")
        self._place = (parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
        self._allow = tuple(allow)
        self._answer: HttpAnswer | None = None
        self._only: Only | None = None
        self._changed = asyncio.Event()
        self._stack = contextlib.AsyncExitStack()
        self._session: aiohttp.ClientSession | None = None

    @property
    def answer(self) -> tuple[HttpAnswer | None, Only | None]:
        """What it answers now instead of the truth, and to which requests."""
        return self._answer, self._only

    def switch(self, answer: HttpAnswer | None, *, only: Only | None = None) -> None:
        """Answer like this from now on; None: truthfully. Requests that hang are answered by the new rule.

        Parameters
        ----------
        only
            Takes method and path with its query, and says whether a request is concerned; without it all are.
        """
        self._answer, self._only = answer, only
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def __aenter__(self) -> Self:
        """Listen on a free port of loopback."""
        address = await permitted_address(*self._place, self._allow)
        try:
            # auto_decompress off: a body goes through as it came, and is cut as it came.
            self._session = await self._stack.enter_async_context(
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0, resolver=_Pinned(*address)),
                    auto_decompress=False,
                    timeout=aiohttp.ClientTimeout(total=None),
                    skip_auto_headers={"User-Agent", "Content-Type", "Accept-Encoding", "Accept"},
                )
            )
            runner = web.ServerRunner(web.Server(self._handle), access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            self._stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
        except BaseException:
            await self._stack.aclose()
            raise
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let hanging requests go and stop listening."""
        self.switch(None)
        await self._stack.aclose()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        word, _, length = request.headers.get(ECHO_HEADER, "").partition(":")
        echo = int(length) if word == self.echo_word else None
        body = await request.read()
        while isinstance(self._present(request, echo), Hang):
            await self._changed.wait()
        answer = self._present(request, echo)
        if isinstance(answer, Refusal):
            return _refused(answer)
        try:
            upstream = await self._ask(request, body) if echo is None else _echoed(echo)
        except (aiohttp.ClientError, OSError):
            # The dependency's own failure is passed on as one, not dressed as an answer of the proxy.
            _cut_off(request)
            return web.Response(status=502)
        return await _pass_on(request, upstream, answer)

    def _present(self, request: web.BaseRequest, echo: int | None) -> HttpAnswer | None:
        if echo is None and self._only is not None and not self._only(request.method, request.raw_path):
            return None
        return self._answer

    async def _ask(self, request: web.BaseRequest, body: bytes) -> _Upstream:
        assert self._session is not None
        async with self._session.request(
            request.method,
            URL(self._upstream + request.raw_path, encoded=True),
            headers=_end_to_end(request.headers.items()),
            data=body or None,
            allow_redirects=False,
        ) as answer:
            return _Upstream(
                status=answer.status, headers=_end_to_end(answer.headers.items()), body=await answer.read()
            )


async def _pass_on(request: web.BaseRequest, upstream: _Upstream, answer: HttpAnswer | None) -> web.StreamResponse:
    body = upstream.body
    if isinstance(answer, EmptyBody):
        body = b""
    elif isinstance(answer, Truncated):
        body = body[: int(len(body) * answer.keep)]
    lying = isinstance(answer, Truncated) and not answer.honest_length and len(body) < len(upstream.body)
    if not lying and not isinstance(answer, Drip):
        return web.Response(status=upstream.status, headers=upstream.headers, body=body)
    response = web.StreamResponse(status=upstream.status, headers=upstream.headers)
    response.content_length = len(upstream.body)
    await response.prepare(request)
    if isinstance(answer, Drip):
        portion = max(1, int(answer.bytes_per_second / _PORTIONS_PER_SECOND))
        for start in range(0, len(body), portion):
            await response.write(body[start : start + portion])
            await asyncio.sleep(len(body[start : start + portion]) / answer.bytes_per_second)
        await response.write_eof()
        return response
    await response.write(body)
    # Closing flushes what was written and sends FIN before the promised length is reached.
    if request.transport is not None:
        request.transport.close()
    return response


def _refused(answer: Refusal) -> web.Response:
    headers = {} if answer.retry_after_seconds is None else {"Retry-After": str(answer.retry_after_seconds)}
    problem = {"type": "about:blank", "title": "fault injected", "status": answer.status}
    return web.json_response(problem, status=answer.status, headers=headers, content_type="application/problem+json")


def _echoed(length: int) -> _Upstream:
    return _Upstream(status=200, headers=(("Content-Type", "application/octet-stream"),), body=bytes(length))


def _cut_off(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


def _end_to_end(headers: Iterable[tuple[str, str]]) -> Headers:
    return tuple((name, value) for name, value in headers if name.lower() not in _HOP_HEADERS)


class _Pinned(AbstractResolver):
    """Resolves every name to the one address that was found permitted."""

    def __init__(self, address: str, port: int) -> None:
        self._address = address
        self._port = port

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - the interface's
    ) -> list[ResolveResult]:
        """The address, whatever was asked for."""
        return [
            ResolveResult(
                hostname=host,
                host=self._address,
                port=port or self._port,
                family=socket.AF_INET6 if ":" in self._address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """There is nothing to close."""
