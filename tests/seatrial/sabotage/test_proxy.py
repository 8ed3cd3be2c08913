import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from seatrial.sabotage.proxy import Request, json_answer, lying_proxy
from seatrial.sabotage.saboteurs import NOOP


async def echo(request):
    return web.json_response(
        {
            "method": request.method,
            "path": request.raw_path,
            "body": (await request.read()).decode(),
            "key": request.headers.get("X-Key"),
        },
        status=201,
        headers={"X-Told": "yes"},
    )


async def test_an_honest_proxy_changes_nothing(serve):
    async with serve(echo) as url, lying_proxy(url, NOOP.meddler(None)) as proxy, aiohttp.ClientSession() as client:
        answer = await client.post(
            URL(proxy + "/v1/a%20b?x=1%2C2", encoded=True), data=b"hello", headers={"X-Key": "k"}
        )
        assert answer.status == 201
        assert answer.headers["X-Told"] == "yes"
        assert await answer.json() == {"method": "POST", "path": "/v1/a%20b?x=1%2C2", "body": "hello", "key": "k"}


async def test_a_meddler_changes_what_it_wants(serve):
    async def meddle(request, forward):
        if request.is_("GET", "lie"):
            return json_answer(418, {"short": "stout"})
        answer = await forward(request.with_header("X-Key", "stolen"))
        return answer.with_json(answer.json() | {"path": "elsewhere"})

    async with serve(echo) as url, lying_proxy(url, meddle) as proxy, aiohttp.ClientSession() as client:
        assert (await client.get(proxy + "/lie")).status == 418
        body = await (await client.get(proxy + "/truth")).json()
        assert body["path"] == "elsewhere"
        assert body["key"] == "stolen"


async def test_a_dead_upstream_is_a_broken_connection(serve):
    async with serve(echo) as url:
        gone = url
    async with lying_proxy(gone, NOOP.meddler(None)) as proxy, aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.ClientError):
            await client.get(proxy + "/x")


@pytest.mark.parametrize(
    ("parts", "fits"),
    [
        (("GET", "v1", "market", "*"), True),
        (("POST", "v1", "market", "*"), False),
        (("GET", "v1", "market"), False),
        (("GET", "v1", "market", "*", "chain"), False),
    ],
)
def test_routes_are_told_apart(parts, fits):
    request = Request(method="GET", path="/v1/market/AAPL", query="", headers={}, body=b"")
    assert request.is_(*parts) is fits
