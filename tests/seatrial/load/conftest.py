"""A real HTTP server on loopback, in a thread of its own, that misbehaves on request."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import aiohttp
import pytest
from aiohttp import web

from seatrial.errors import TargetFailure


class Server:
    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.url = ""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def freeze(self, after: float, seconds: float) -> None:
        """Stop the whole server for a while, as a garbage collection or a lock would."""
        self.loop.call_soon_threadsafe(lambda: self.loop.call_later(after, time.sleep, seconds))

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.1)
        self.loop.run_until_complete(self._serve(runner))
        self._ready.set()
        self.loop.run_forever()
        self.loop.run_until_complete(runner.cleanup())
        # Handlers whose caller gave up may still sleep.
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self.loop.close()

    def _application(self) -> web.Application:
        async def ok(request: web.Request) -> web.Response:
            return web.Response(text="ok")

        async def slow(request: web.Request) -> web.Response:
            await asyncio.sleep(float(request.query["seconds"]))
            return web.Response(text="ok")

        async def broken(request: web.Request) -> web.Response:
            return web.Response(status=500, text="broken")

        application = web.Application()
        application.add_routes([web.get("/ok", ok), web.get("/slow", slow), web.get("/broken", broken)])
        return application

    async def _serve(self, runner: web.AppRunner) -> None:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    running.start()
    yield running
    running.stop()


Get = Callable[[str], Awaitable[None]]


@pytest.fixture
async def get() -> AsyncIterator[Get]:
    """Ask for a URL as an adapter would: wrong answers and broken connections are the target's."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(url: str) -> None:
            try:
                async with session.get(url) as answer:
                    body = await answer.read()
            except aiohttp.ClientError as error:
                raise TargetFailure(f"GET {url}: {error}", kind="connection") from error
            if answer.status != 200:
                raise TargetFailure(f"GET {url}: {body!r}", kind="status", status=answer.status)

        yield ask
