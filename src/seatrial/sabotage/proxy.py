"""A lying proxy: an HTTP server on loopback that stands before a target and may change what passes."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from seatrial.errors import HarnessError

#: Headers of one hop; the proxy's own hop sets its own.
_HOP_HEADERS = frozenset(
    {"connection", "content-length", "host", "keep-alive", "transfer-encoding", "content-encoding"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request on its way to the target."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    def is_(self, method: str, *parts: str) -> bool:
        """Whether the method fits and the path's parts do; ``*`` fits any one part.

        >>> Request(method="GET", path="/v1/market/AAPL", query="", headers={}, body=b"").is_("GET", "v1", "market", "*")
        True
        """
        mine = self.path.strip("/").split("/")
        return (
            self.method == method
            and len(mine) == len(parts)
            and all(wanted in ("*", part) for wanted, part in zip(parts, mine, strict=True))
        )

    def with_header(self, name: str, value: str) -> "Request":
        """The same request with one header set."""
        kept = {key: held for key, held in self.headers.items() if key.lower() != name.lower()}
        return replace(self, headers=kept | {name: value})

    def header(self, name: str) -> str | None:
        """A header's value, whatever its case."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer on its way back."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    def with_json(self, value: object, *, status: int | None = None) -> "Answer":
        """The same answer with another body."""
        return replace(self, status=status or self.status, body=json.dumps(value).encode())


def json_answer(status: int, value: object) -> Answer:
    """An answer that the target never gave."""
    return Answer(status=status, headers={"Content-Type": "application/json"}, body=json.dumps(value).encode())


Forward = Callable[[Request], Awaitable[Answer]]
Meddler = Callable[[Request, Forward], Awaitable[Answer]]


@asynccontextmanager
async def lying_proxy(upstream: str, meddler: Meddler) -> AsyncIterator[str]:
    """Serve on loopback before `upstream` and yield the proxy's address.

    An upstream that cannot be reached shows as a reset connection, as it would without the proxy.

    Raises
    ------
    HarnessError
        On leaving: the meddler itself broke, so that what was seen through it says nothing about anybody.
    """
    broken: list[Exception] = []
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=True) as session:

        async def forward(request: Request) -> Answer:
            url = upstream + request.path + (f"?{request.query}" if request.query else "")
            async with session.request(
                request.method,
                URL(url, encoded=True),
                headers=dict(request.headers),
                data=request.body or None,
                allow_redirects=False,
            ) as answer:
                headers = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP_HEADERS}
                return Answer(status=answer.status, headers=headers, body=await answer.read())

        async def handle(incoming: web.BaseRequest) -> web.StreamResponse:
            # As it was sent: a proxy that decodes and encodes again asks for something else.
            path, _, query = incoming.raw_path.partition("?")
            request = Request(
                method=incoming.method,
                path=path,
                query=query,
                headers={k: v for k, v in incoming.headers.items() if k.lower() not in _HOP_HEADERS},
                body=await incoming.read(),
            )
            try:
                answer = await meddler(request, forward)
            except (aiohttp.ClientError, OSError):
                return _reset(incoming)
            except Exception as error:  # noqa: BLE001 - told on leaving, where it can be
                broken.append(error)
                return _reset(incoming)
            return web.Response(status=answer.status, headers=dict(answer.headers), body=answer.body)

        runner = web.ServerRunner(web.Server(handle), access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            yield f"http://{host}:{port}"
        finally:
            await runner.cleanup()
    if broken:
        first = broken[0]
        raise HarnessError(
            f"the proxy itself broke {len(broken)} times, first: {type(first).__name__}: {first}"
        ) from first


def _reset(incoming: web.BaseRequest) -> web.Response:
    if incoming.transport is not None:
        incoming.transport.abort()
    return web.Response(status=502)
