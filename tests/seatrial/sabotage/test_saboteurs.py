"""Each saboteur that lies on the wire does what its title says, before a server that tells the truth."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from seatrial.errors import HarnessError
from seatrial.sabotage.proxy import lying_proxy
from seatrial.sabotage.saboteur import WireSaboteur
from seatrial.sabotage.saboteurs import NOOP, SABOTEURS

BY_ID = {saboteur.id: saboteur for saboteur in (NOOP, *SABOTEURS)}
ADVICE = "/v1/accounts/a1/recommendations"


class Truthful:
    """Answers every route of the contract that a saboteur meddles with, and keeps what it was asked."""

    def __init__(self):
        self.asked = []
        self.number = 0

    async def __call__(self, request):
        body = await request.read()
        self.number += 1
        self.asked.append((request.method, request.path, dict(request.headers), body))
        if request.path.startswith("/v1") and "Authorization" not in request.headers:
            return web.json_response({}, status=401)
        return self._answer(request, body)

    def _answer(self, request, body):
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["v1", "market", _, "chain"]:
                return web.json_response({"contracts": [{"delta": -0.25}, {"delta": None}, {"delta": 0.5}]})
            case "GET", ["v1", "market", _]:
                price = 100.0 + self.number
                state = {
                    "spot": price,
                    "bid": price - 1,
                    "ask": price + 1,
                    "as_of": f"t{self.number}",
                    "state": "stale",
                }
                return web.json_response(state | {"age_seconds": 700.0})
            case "POST", ["v1", "market", "quotes"]:
                return web.json_response(
                    {
                        "accepted": 1,
                        "duplicates": 0,
                        "rejected": 1,
                        "rejections": [{"index": 0, "rule": "crossed_quote"}],
                    }
                )
            case "GET", ["v1", "accounts", "unknown", "recommendations"]:
                return web.json_response({"title": "Not Found"}, status=404)
            case "GET", ["v1", "accounts", _, "recommendations"]:
                return web.json_response({"recommendations": ["advice"]})
            case "POST", ["v1", "accounts", _, "orders"]:
                return web.json_response({"id": f"o{self.number}", "status": "working"}, status=201)
            case "GET", ["v1", "accounts", _]:
                put = {"symbol": "AAPL  130316P00400000", "quantity": -2, "tax_basis": 1.5}
                return web.json_response({"cash": 1000.0, "positions": [put, {"symbol": "AAPL", "quantity": 100}]})
            case "GET", ["metrics"]:
                return web.Response(text=f"requests_total {self.number}\n")
            case "GET", ["readyz"]:
                return web.json_response({"status": "ok", "checks": [{"name": "store", "ok": True}]})
        return web.json_response({"path": request.path})


class Launch:
    def __init__(self):
        self.killed = 0

    async def kill(self):
        self.killed += 1


class Client:
    def __init__(self, session, url):
        self.session, self.url = session, url

    async def __call__(self, method, path, *, json=None, headers=None):
        headers = {"Authorization": "Bearer k"} if headers is None else headers
        async with self.session.request(method, self.url + path, json=json, headers=headers) as answer:
            return answer.status, await answer.text()


@pytest.fixture
def behind(serve):
    """A client of a truthful server behind a saboteur."""

    @asynccontextmanager
    async def placed(identifier, launch=None):
        truthful = Truthful()
        meddler = BY_ID[identifier].meddler(launch or Launch())
        async with (
            serve(truthful) as upstream,
            lying_proxy(upstream, meddler) as url,
            aiohttp.ClientSession() as session,
        ):
            yield Client(session, url), truthful

    return placed


async def test_the_no_op_changes_nothing(behind):
    async with behind("no_op") as (ask, _):
        assert await ask("GET", "/x") == (200, '{"path": "/x"}')
        assert (await ask("GET", "/v1/about", headers={}))[0] == 401


async def test_an_order_is_acknowledged_and_dropped(behind):
    async with behind("dropped_order") as (ask, truthful):
        legs = [{"symbol": "P", "quantity": -1}]
        status, text = await ask("POST", "/v1/accounts/a1/orders", json={"legs": legs, "limit_price": 1.2})
        assert (status, truthful.asked) == (201, [])
        order = json.loads(text)
        assert order["legs"] == legs
        assert order["fills"][0]["price"] == 1.2


async def test_a_repeated_request_is_a_second_order(behind):
    async with behind("doubled_order") as (ask, truthful):
        for _ in range(2):
            await ask(
                "POST", "/v1/accounts/a1/orders", json={}, headers={"Authorization": "k", "Idempotency-Key": "one"}
            )
        keys = [headers["Idempotency-Key"] for *_, headers, _ in truthful.asked]
        assert len({*keys, "one"}) == 3


async def test_deltas_have_the_wrong_sign(behind):
    async with behind("wrong_delta_sign") as (ask, _):
        _, text = await ask("GET", "/v1/market/AAPL/chain")
        assert [contract["delta"] for contract in json.loads(text)["contracts"]] == [0.25, None, -0.5]


async def test_an_old_snapshot_is_served_as_fresh(behind):
    async with behind("stale_as_fresh") as (ask, _):
        state = json.loads((await ask("GET", "/v1/market/AAPL"))[1])
        assert (state["state"], state["age_seconds"]) == ("fresh", 1.0)
        assert state["as_of"] < "2013-03-01T14:20:00Z"


async def test_the_snapshot_stands_still_under_moving_time_stamps(behind):
    async with behind("frozen_snapshot") as (ask, _):
        first, second = [json.loads((await ask("GET", "/v1/market/AAPL"))[1]) for _ in range(2)]
        assert first["as_of"] != second["as_of"]
        assert (first["bid"], first["spot"]) == (second["bid"], second["spot"])


async def test_one_in_ten_is_an_error(behind):
    async with behind("failing_tenth") as (ask, _):
        codes = [(await ask("GET", ADVICE))[0] for _ in range(20)]
        assert codes.count(500) == 2
        assert (await ask("GET", "/x"))[0] == 200


async def test_the_server_dies_on_the_way(behind):
    launch = Launch()
    async with behind("killed_half_way", launch) as (ask, _):
        for _ in range(151):
            await ask("GET", ADVICE)
    assert launch.killed == 1


async def test_an_error_becomes_hold(behind):
    async with behind("error_as_hold") as (ask, _):
        status, text = await ask("GET", "/v1/accounts/unknown/recommendations")
        assert status == 200
        assert json.loads(text)["recommendations"][0]["action"] == "hold"
        assert await ask("GET", ADVICE) == (200, '{"recommendations": ["advice"]}')


async def test_the_door_is_open_once_somebody_has_passed(behind):
    async with behind("open_door") as (ask, _):
        assert (await ask("GET", "/v1/about", headers={}))[0] == 401
        assert (await ask("GET", "/v1/about"))[0] == 200
        assert (await ask("GET", "/v1/about", headers={}))[0] == 200


async def test_bad_quotes_are_welcome(behind):
    async with behind("credulous") as (ask, _):
        told = json.loads((await ask("POST", "/v1/market/quotes", json={}))[1])
        assert told == {"accepted": 2, "duplicates": 0, "rejected": 0, "rejections": []}


async def test_the_premium_is_counted_twice(behind):
    async with behind("premium_counted_twice") as (ask, _):
        assert json.loads((await ask("GET", "/v1/accounts/a1"))[1])["cash"] == 1300.0


async def test_metrics_stand_still(behind):
    async with behind("frozen_metrics") as (ask, _):
        first = await ask("GET", "/metrics")
        await ask("GET", "/x")
        assert await ask("GET", "/metrics") == first


async def test_readiness_checks_nothing(behind):
    async with behind("mute_health") as (ask, _):
        assert json.loads((await ask("GET", "/readyz"))[1])["checks"] == []


async def test_only_two_are_served_at_once(behind):
    async with behind("one_at_a_time") as (ask, _):
        codes = [status for status, _ in await asyncio.gather(*(ask("GET", ADVICE) for _ in range(10)))]
        assert codes.count(200) < 8
        assert codes.count(503) > 2
        assert (await ask("GET", ADVICE))[0] == 200


@pytest.mark.parametrize(
    ("identifier", "method", "path", "seconds"),
    [
        ("slow_feed", "POST", "/v1/market/quotes", 1.0),
        pytest.param("everything_slow", "GET", "/x", 2.5, marks=pytest.mark.slow),
        pytest.param("late_recommendations", "GET", ADVICE, 3.0, marks=pytest.mark.slow),
    ],
)
async def test_the_slow_ones_are_slow(behind, identifier, method, path, seconds):
    async with behind(identifier) as (ask, _):
        started = time.monotonic()
        assert (await ask(method, path))[0] in (200, 201)
        assert time.monotonic() - started >= seconds


async def test_a_saboteur_that_breaks_itself_blames_nobody(serve):
    async def meddle(request, forward):
        raise KeyError("delta")

    async def truth(request):
        return web.Response()

    with pytest.raises(HarnessError, match="KeyError"):  # noqa: PT012 - it is told on leaving
        async with serve(truth) as upstream, lying_proxy(upstream, meddle) as url, aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError):
                await session.get(url)


def test_every_lie_of_the_catalogue_is_tested_here():
    lies = [saboteur.id for saboteur in SABOTEURS if isinstance(saboteur, WireSaboteur)]
    source = Path(__file__).read_text()
    assert [lie for lie in lies if f'"{lie}"' not in source] == []


def test_a_fresh_meddler_for_each_launch():
    saboteur = BY_ID["frozen_metrics"]
    assert saboteur.meddler(Launch()) is not saboteur.meddler(Launch())
