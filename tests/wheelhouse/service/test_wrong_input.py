import io
from datetime import UTC, datetime

import polars as pl
import pytest

TS = "2013-03-01T14:44:00Z"
ARROW = "application/vnd.apache.arrow.stream"


@pytest.mark.parametrize("path", ["/v1/market/quotes", "/v1/accounts", "/v1/end-of-day", "/v1/keys"])
async def test_an_empty_body_is_said_to_be_empty(ask, path):
    answer = await ask("POST", path, b"")
    assert (answer.status, answer.json["detail"]) == (400, "the body is empty; send a JSON object")


@pytest.mark.parametrize(
    ("method", "path", "body", "choices"),
    [
        ("POST", "/v1/accounts", {"name": "x", "kind": "casino", "cash": 1}, "cash, ira, margin"),
        ("POST", "/v1/market/bars", {"interval": "1h", "bars": []}, "1d, 1m"),
        ("PUT", "/v1/market/ZWI/terms", {"exercise": "bermudan", "rate": 0, "dividend_yield": 0}, "american, european"),
        (
            "PUT",
            "/v1/market/ZWI/terms",
            {"rate": 0, "dividend_yield": 0, "earnings": [{"date": "2013-04-01", "session": "noon"}]},
            "amc, bmo, unknown",
        ),
        ("GET", "/v1/market/AAPL/bars?interval=5m", None, "1d, 1m"),
    ],
)
async def test_a_refused_choice_names_those_that_there_are(ask, method, path, body, choices):
    answer = await ask(method, path, body) if body is not None else await ask(method, path)
    assert answer.status in (400, 422)
    assert answer.json["errors"][0]["detail"].endswith(f"; give one of {choices}")
    assert choices in answer.json["detail"]


async def test_a_refused_query_says_which_part_is_wrong(ask):
    answer = await ask("GET", "/v1/accounts?limit=0")
    assert (answer.status, answer.json["detail"]) == (400, "limit: Expected `int` >= 1")


@pytest.mark.parametrize("ts", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_stamps_at_the_ends_of_the_calendar_cost_their_record_only(ask, ts):
    good = {"symbol": "ZWA", "ts": TS, "bid": 10.0, "ask": 10.1}
    strange = {"symbol": "ZWB", "ts": ts, "bid": 10.0, "ask": 10.1}
    got = (await ask("POST", "/v1/market/quotes", {"quotes": [strange, good]})).json
    assert [(it["index"], it["rule"]) for it in got["rejections"]] == [(0, "missing_field")]
    assert "years 1 to 9999" in got["rejections"][0]["detail"]
    fact = {"external_id": "x", "ts": ts, "kind": "cash", "amount": 1}
    account = await ask.account()
    assert (await ask("POST", f"/v1/accounts/{account}/events", {"events": [fact]})).status == 400
    assert (await ask("GET", f"/v1/market/AAPL/bars?start={ts.replace('+', '%2B')}")).status == 400


async def test_arrow_stamps_beyond_any_calendar_cost_their_record_only(ask):
    frame = pl.DataFrame(
        {"symbol": ["ZWC", "ZWC"], "ts": [2**62, 0], "bid": [10.0, 10.0], "ask": [10.1, 10.1]}
    ).with_columns(ts=pl.col("ts").cast(pl.Datetime("us", "UTC")))
    stream = io.BytesIO()
    frame.with_columns(
        ts=pl.when(pl.col("ts") == datetime(1970, 1, 1, tzinfo=UTC))
        .then(datetime(2013, 3, 1, 14, 44, tzinfo=UTC))
        .otherwise("ts")
    ).write_ipc_stream(stream)
    got = (await ask("POST", "/v1/market/quotes", stream.getvalue(), Content_Type=ARROW)).json
    assert (got["accepted"], [it["index"] for it in got["rejections"]]) == (1, [0])


async def test_amounts_beyond_any_account_are_unprocessable(ask):
    assert (await ask("POST", "/v1/accounts", {"name": "x", "kind": "cash", "cash": 1e300})).status == 422
    account = await ask.account()
    fact = {"external_id": "x", "ts": TS, "kind": "cash", "amount": 1e300}
    assert (await ask("POST", f"/v1/accounts/{account}/events", {"events": [fact]})).status == 422
    for leg, price in ((1, 1e300), (10**20, 0), (-(10**20), 1)):
        order = {"legs": [{"symbol": "AAPL", "quantity": leg}], "type": "limit", "limit_price": price}
        answer = await ask("POST", f"/v1/accounts/{account}/orders", order, Idempotency_Key=f"k{leg}")
        assert answer.status == 422, answer.json
    assert (await ask("GET", f"/v1/accounts/{account}/orders")).json["orders"] == []
