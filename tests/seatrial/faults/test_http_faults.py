import asyncio
import time

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from seatrial.errors import ConfigurationError
from seatrial.faults.errors import FaultNotVerified
from seatrial.faults.http_answers import Drip, EmptyBody, Hang, Refusal, Truncated
from seatrial.faults.http_faults import HttpFault
from seatrial.faults.http_proxy import HttpProxy

BODY = b'{"records": "' + b"x" * 987 + b'"}'


@pytest.fixture
async def asked():
    return []


@pytest.fixture
async def proxy(serve, asked):
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        asked.append((request.method, request.raw_path, await request.read(), dict(request.headers)))
        if request.path.endswith("/missing"):
            return web.Response(status=404)
        return web.Response(body=BODY, headers={"X-Theirs": "kept", "Content-Type": "application/json"})

    async with serve(answer) as url, HttpProxy(f"{url}/v0") as proxy:
        yield proxy


@pytest.fixture
async def client():
    async with aiohttp.ClientSession() as client:
        yield client


async def test_the_truth_goes_through(proxy, client, asked):
    async with client.post(
        URL(f"{proxy.url}/time%2Fseries?a=1%2C2", encoded=True), data=b"question", headers={"X-Ours": "kept"}
    ) as answer:
        assert answer.status == 200
        assert answer.headers["X-Theirs"] == "kept"
        assert await answer.read() == BODY
    method, path, body, headers = asked[0]
    assert (method, path, body) == ("POST", "/v0/time%2Fseries?a=1%2C2", b"question")
    assert headers["X-Ours"] == "kept"
    async with client.get(f"{proxy.url}/missing") as answer:
        assert answer.status == 404


@pytest.mark.parametrize("status", [401, 403, 422, 429, 500, 502, 503, 504])
async def test_refusals(journal, told, well, proxy, client, asked, status):
    seconds = 7 if status in {429, 503} else None
    async with HttpFault(journal, proxy, Refusal(status=status, retry_after_seconds=seconds)):
        async with client.get(proxy.url) as answer:
            assert answer.status == status
            assert answer.headers.get("Retry-After") == (None if seconds is None else "7")
            assert (await answer.json())["status"] == status
        assert asked == []
    async with client.get(proxy.url) as answer:
        assert await answer.read() == BODY
    assert told.phases(f"dependency_{status}") == well


async def test_a_body_cut_short_of_its_promised_length(journal, told, well, proxy, client):
    async with HttpFault(journal, proxy, Truncated(keep=0.5)), client.get(proxy.url) as answer:
        assert answer.content_length == len(BODY)
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
    assert told.phases() == well


async def test_a_body_cut_short_that_looks_whole(journal, told, well, proxy, client):
    async with HttpFault(journal, proxy, Truncated(keep=0.5, honest_length=True)), client.get(proxy.url) as answer:
        assert await answer.read() == BODY[: len(BODY) // 2]
        assert answer.content_length == len(BODY) // 2
    assert told.phases() == well


async def test_an_empty_body(journal, told, well, proxy, client):
    async with HttpFault(journal, proxy, EmptyBody()), client.get(proxy.url) as answer:
        assert answer.status == 200
        assert answer.headers["X-Theirs"] == "kept"
        assert await answer.read() == b""
    assert told.phases() == well


async def test_a_dependency_that_hangs_answers_when_it_is_released(journal, told, well, proxy, client, asked):
    async def ask() -> bytes:
        async with client.get(proxy.url) as answer:
            return await answer.read()

    async with HttpFault(journal, proxy, Hang()):
        waiting = asyncio.ensure_future(ask())
        await asyncio.wait({waiting}, timeout=0.3)
        assert not waiting.done()
        assert asked == []
    assert await asyncio.wait_for(waiting, 5) == BODY
    assert told.phases() == well


async def test_a_slow_drip(journal, told, well, proxy, client):
    async with HttpFault(journal, proxy, Drip(bytes_per_second=2000)):
        start = time.monotonic()
        async with client.get(proxy.url) as answer:
            assert await answer.read() == BODY
        assert 0.4 < time.monotonic() - start < 5
    assert told.phases() == well


async def test_only_some_requests_are_concerned(journal, proxy, client):
    def series(_method: str, path: str) -> bool:
        return path.startswith("/timeseries")

    async with HttpFault(journal, proxy, Refusal(status=503), only=series):
        async with client.get(f"{proxy.url}/timeseries.get_range") as answer:
            assert answer.status == 503
        async with client.get(f"{proxy.url}/metadata") as answer:
            assert answer.status == 200


async def test_the_answer_before_is_back_after_a_fault_within(journal, proxy, client):
    async with HttpFault(journal, proxy, Refusal(status=500)):
        async with HttpFault(journal, proxy, Refusal(status=401)), client.get(proxy.url) as answer:
            assert answer.status == 401
        async with client.get(proxy.url) as answer:
            assert answer.status == 500
    assert proxy.answer == (None, None)


async def test_an_answer_that_is_not_given_is_not_verified(journal, proxy):
    class Ineffective(HttpFault):
        async def inject(self):
            await super().inject()
            proxy.switch(None)

    for answer in (Refusal(status=503), Truncated(), Hang(), EmptyBody(), Drip(bytes_per_second=1000)):
        with pytest.raises(FaultNotVerified, match="what came was"):
            async with Ineffective(journal, proxy, answer):
                pytest.fail("not in force")


async def test_a_dependency_that_breaks_off_does_so_through_the_proxy(serve, client):
    async def broken(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with serve(broken) as url, HttpProxy(url) as proxy:
        with pytest.raises(aiohttp.ClientError):
            await client.get(proxy.url)


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:80", "127.0.0.1:80", "http://", "http://127.0.0.1?a=1"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ConfigurationError, match="no address of an HTTP dependency"):
        HttpProxy(url)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Refusal(status=200),
        lambda: Refusal(status=429, retry_after_seconds=-1),
        lambda: Truncated(keep=1.0),
        lambda: Drip(bytes_per_second=0),
    ],
)
def test_figures_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ConfigurationError):
        wrong()
