import asyncio
import json

import pytest
from aiohttp import web

from seatrial.errors import ConfigurationError, HarnessError, TargetFailure
from seatrial.target.http import HttpTarget, parse_exposition
from seatrial.target.records import Leg, OrderRequest

ABOUT = {
    "system": "someone's",
    "version": "1.2.3",
    "environment": "staging",
    "broker": "paper",
    "now": "2013-03-01T09:30:00-05:00",
    "session": "open",
    "clock": "simulated",
    "capabilities": ["market"],
}


async def test_a_record_is_parsed_and_the_key_is_sent(serve):
    seen = []

    async def answer(request):
        seen.append((request.method, request.path, request.headers.get("Authorization")))
        return web.json_response(ABOUT | {"a_key_of_a_later_version": 1})

    async with serve(answer) as url, HttpTarget(url, key="k3y") as target:
        about = await target.about()
    assert about.system == "someone's"
    assert about.capabilities == ("market",)
    assert about.now.utcoffset() is not None
    assert seen == [("GET", "/v1/about", "Bearer k3y")]


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (web.Response(status=503, text="busy"), "status", "503"),
        (web.Response(text="<html>"), "schema", "body"),
        (web.json_response({**ABOUT, "broker": "magic"}), "schema", "broker"),
        (web.json_response({k: v for k, v in ABOUT.items() if k != "version"}), "schema", "version"),
        (web.json_response({**ABOUT, "version": 3}), "schema", "version"),
    ],
    ids=["status", "not json", "unknown word", "missing key", "wrong type"],
)
async def test_whatever_the_target_answers_wrongly_is_its_failure(serve, body, kind, words):
    async def answer(request):
        return body

    async with serve(answer) as url, HttpTarget(url, key=None) as target:
        with pytest.raises(TargetFailure) as caught:
            await target.about()
    assert caught.value.kind == kind
    assert words in caught.value.detail
    assert "/v1/about" in caught.value.detail


async def test_silence_and_absence_are_failures_too(serve):
    async def answer(request):
        await asyncio.sleep(5)
        return web.Response()

    async with serve(answer) as url, HttpTarget(url, key=None, time_limit_seconds=0.2) as target:
        with pytest.raises(TargetFailure) as caught:
            await target.alive()
    assert caught.value.kind == "timeout"
    async with HttpTarget(url, key=None) as target:
        with pytest.raises(TargetFailure) as caught:
            await target.alive()
    assert caught.value.kind == "connection"


async def test_an_order_goes_out_as_the_contract_says(serve):
    seen = {}

    async def answer(request):
        seen.update(body=json.loads(await request.read()), key=request.headers["Idempotency-Key"])
        return web.json_response({"id": "o1", "status": "working", "legs": seen["body"]["legs"]}, status=201)

    put = "AAPL  130316P00400000"
    async with serve(answer) as url, HttpTarget(url, key=None) as target:
        order = await target.submit_order(
            "a1",
            OrderRequest(legs=(Leg(symbol=put, quantity=-1),), limit_price=1.2, effect="credit"),
            idempotency_key="once",
        )
    assert order.legs == (Leg(symbol=put, quantity=-1),)
    assert seen["key"] == "once"
    assert seen["body"] == {
        "legs": [{"symbol": put, "quantity": -1}],
        "type": "limit",
        "time_in_force": "day",
        "limit_price": 1.2,
        "effect": "credit",
    }


async def test_lists_are_read_to_their_last_page(serve):
    pages = {None: (["o1", "o2"], "x y"), "x y": (["o3"], None)}

    async def answer(request):
        ids, following = pages[request.query.get("cursor")]
        orders = [{"id": identifier, "status": "filled", "legs": []} for identifier in ids]
        return web.json_response({"orders": orders, "next_cursor": following})

    async with serve(answer) as url, HttpTarget(url, key=None) as target:
        assert [order.id for order in await target.orders("a1")] == ["o1", "o2", "o3"]


async def test_use_outside_of_its_context_is_our_error():
    with pytest.raises(HarnessError, match="async with"):
        await HttpTarget("http://127.0.0.1:9", key=None).about()


def test_an_address_is_http():
    with pytest.raises(ConfigurationError, match="ftp"):
        HttpTarget("ftp://x", key=None)


def test_exposition_format():
    text = '# HELP x y\nrequests_total{route="/a b",code="200"} 3.0\nup 1 1700000000\n\nbuild_info{v="1"} 1e0\n'
    assert parse_exposition(text) == {
        'requests_total{route="/a b",code="200"}': 3.0,
        "up": 1.0,
        'build_info{v="1"}': 1.0,
    }
    with pytest.raises(TargetFailure, match="not a sample"):
        parse_exposition("<html>\n")


async def test_what_is_not_a_number_is_a_broken_schema(serve):
    body = '{"symbol":"A","spot":%s,"bid":null,"ask":null,"as_of":null,"age_seconds":null,"state":"missing","evidence":null}'

    for figure in ("NaN", "Infinity", "1e999"):

        async def answer(request, figure=figure):
            return web.Response(text=body % figure)

        async with serve(answer) as url, HttpTarget(url, key=None) as target:
            with pytest.raises(TargetFailure, match="spot") as caught:
                await target.market("A")
        assert caught.value.kind == "schema"


async def test_a_list_that_goes_in_circles_is_a_failure(serve):
    async def answer(request):
        return web.json_response({"orders": [], "events": [], "next_cursor": "again", "next_after_sequence": 0})

    async with serve(answer) as url, HttpTarget(url, key=None) as target:
        with pytest.raises(TargetFailure, match="leads nowhere new"):
            await target.orders("a")
        with pytest.raises(TargetFailure, match="does not go on"):
            await target.ledger("a")
