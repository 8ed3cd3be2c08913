import asyncio
import io
import math
from urllib.parse import quote

import polars as pl
import pytest

TS = "2013-03-01T14:44:00Z"
ARROW = "application/vnd.apache.arrow.stream"


def quotes(*records):
    return {"quotes": list(records)}


def one(symbol, bid, ask, ts=TS, **more):
    return {"symbol": symbol, "ts": ts, "bid": bid, "ask": ask, **more}


async def test_state_of_an_underlying(ask):
    state = (await ask("GET", "/v1/market/aapl")).json
    assert set(state) == {"symbol", "spot", "bid", "ask", "as_of", "age_seconds", "state", "evidence"}
    assert state["symbol"] == "AAPL"
    assert state["spot"] == pytest.approx((state["bid"] + state["ask"]) / 2)
    assert (state["state"], state["evidence"]) == ("fresh", "simulated")
    assert 0 <= state["age_seconds"] < 300


async def test_the_chain_is_valued_and_complete(ask):
    answer = await ask("GET", "/v1/market/AAPL/chain")
    chain = answer.json
    assert set(chain) == {"symbol", "spot", "as_of", "rate", "dividend_yield", "model", "priced_at", "contracts"}
    assert chain["model"] == "american"
    assert len(chain["contracts"]) > 200
    keys = {
        "symbol", "expiry", "last_trading_day", "years_to_expiry", "strike", "right", "bid", "ask", "mark", "quote_ts",
        "implied_volatility", "delta", "gamma", "theta_per_day", "vega_per_vol_point", "rho_per_rate_point", "volume",
        "open_interest", "flags",
    }  # fmt: skip
    assert all(set(contract) == keys for contract in chain["contracts"])
    valued = [c for c in chain["contracts"] if c["implied_volatility"] is not None]
    assert len(valued) > 0.7 * len(chain["contracts"])
    assert all(-1 <= c["delta"] <= 0 for c in valued if c["right"] == "put")
    assert all(0 <= c["delta"] <= 1 for c in valued if c["right"] == "call")
    assert all(c["flags"] for c in chain["contracts"] if c["implied_volatility"] is None)


async def test_one_expiry_of_a_chain(ask):
    chain = (await ask("GET", "/v1/market/AAPL/chain")).json
    expiry = chain["contracts"][-1]["expiry"]
    part = (await ask("GET", f"/v1/market/AAPL/chain?expiry={expiry}")).json
    assert {c["expiry"] for c in part["contracts"]} == {expiry}
    assert part["contracts"] == [c for c in chain["contracts"] if c["expiry"] == expiry]
    assert (await ask("GET", "/v1/market/AAPL/chain?expiry=soon")).status == 400


async def test_bars_page_without_gap_or_repeat(ask):
    path = "/v1/market/AAPL/bars?start=2012-02-01&end=2012-03-01"
    whole = (await ask("GET", path)).json
    assert (whole["bars"][0]["ts"], whole["bars"][-1]["ts"]) == ("2012-02-01", "2012-02-29")
    assert whole["next_cursor"] is None
    collected, cursor = [], ""
    while cursor is not None:
        part = (await ask("GET", f"{path}&limit=7" + (f"&cursor={quote(cursor)}" if cursor else ""))).json
        collected += part["bars"]
        cursor = part["next_cursor"]
    assert collected == whole["bars"]


async def test_unknown_and_malformed_names(ask):
    assert (await ask("GET", "/v1/market/NOPE")).status == 404
    assert (await ask("GET", "/v1/market/NOPE/chain")).status == 404
    assert (await ask("GET", "/v1/market/NOPE/bars")).status == 404
    assert (await ask("GET", "/v1/market/a%20b")).status == 400
    assert (await ask("GET", "/v1/market/AAPL/bars?cursor=%21")).status == 400
    assert (await ask("GET", "/v1/market/AAPL/bars?limit=0")).status == 400


async def test_a_batch_is_judged_record_by_record(ask):
    batch = quotes(
        one("ZSA", 10.0, 10.1),
        one("ZSA   130420C00010000", 0.5, 0.55),
        one("ZSA130420P00010000", 0.0, 0.05),
        one("ZSB   130420P00010000", 0.5, 0.55),
        one("no symbol!", 1.0, 1.1),
        {"symbol": "ZSA", "ts": TS, "bid": 1.0},
        one("ZSC", 2.0, 1.9),
        one("ZSC", -1.0, 1.9),
        one("ZSC", None, None, ts="2013-03-02T15:00:00Z", last=5.0),
        one("ZSC", 1.0, 1.1, ts="2013-02-23T15:00:00Z"),
        one("ZSD", 3.0, 3.0),
    )
    answer = await ask("POST", "/v1/market/quotes", batch)
    assert answer.status == 200
    got = answer.json
    assert (got["accepted"], got["duplicates"], got["rejected"]) == (4, 0, 7)
    assert [(r["index"], r["rule"]) for r in got["rejections"]] == [
        (3, "unknown_symbol"),
        (4, "malformed_symbol"),
        (5, "missing_field"),
        (6, "crossed_quote"),
        (7, "negative_price"),
        (8, "future_timestamp"),
        (9, "out_of_session"),
    ]
    assert all(r["detail"] for r in got["rejections"])
    again = (await ask("POST", "/v1/market/quotes", batch)).json
    assert (again["accepted"], again["duplicates"], again["rejected"]) == (0, 4, 7)


async def test_other_values_conflict_unless_an_admin_replaces_them(ask):
    await ask("POST", "/v1/market/quotes", quotes(one("ZSE", 10.0, 10.1)))
    conflict = (await ask("POST", "/v1/market/quotes", quotes(one("ZSE", 10.0, 10.2)))).json
    assert [r["rule"] for r in conflict["rejections"]] == ["conflict"]
    assert (await ask("GET", "/v1/market/ZSE")).json["ask"] == 10.1
    replaced = (await ask("POST", "/v1/market/quotes?replace=true", quotes(one("ZSE", 10.0, 10.2)))).json
    assert replaced["accepted"] == 1
    assert (await ask("GET", "/v1/market/ZSE")).json["ask"] == 10.2


async def test_whoever_is_answered_can_read_what_was_posted(ask):
    """The answer comes after the valuation that contains the quotes, also with many posting at once."""
    await ask("POST", "/v1/market/quotes", quotes(one("ZSF", 20.0, 20.1)))

    async def post(strike):
        symbol = f"ZSF   130420P{strike * 1000:08d}"
        done = await ask("POST", "/v1/market/quotes", quotes(one(symbol, 0.5, 0.6)))
        assert done.json["accepted"] == 1
        chain = (await ask("GET", "/v1/market/ZSF/chain")).json
        return symbol in {c["symbol"] for c in chain["contracts"]}

    assert all(await asyncio.gather(*(post(strike) for strike in range(10, 30))))


async def test_zero_bids_and_unknown_bids_are_two_things(ask):
    symbols = ("ZSG   130420P00005000", "ZSG   130420P00006000")
    await ask(
        "POST", "/v1/market/quotes", quotes(one("ZSG", 10.0, 10.1), one(symbols[0], 0, 0.1), one(symbols[1], None, 0.1))
    )
    chain = (await ask("GET", "/v1/market/ZSG/chain")).json
    zero, unknown = chain["contracts"]
    assert (zero["bid"], zero["mark"], zero["flags"]) == (0.0, 0.05, ["no_bid"])
    assert (unknown["bid"], unknown["mark"], unknown["implied_volatility"]) == (None, None, None)
    assert "one_sided" in unknown["flags"]


async def test_late_quotes_do_not_take_the_place_of_newer_ones(ask):
    await ask("POST", "/v1/market/quotes", quotes(one("ZSH", 10.0, 10.1, ts="2013-03-01T14:40:00Z")))
    late = (await ask("POST", "/v1/market/quotes", quotes(one("ZSH", 9.0, 9.1, ts="2013-03-01T14:39:00Z")))).json
    assert late["accepted"] == 1
    assert (await ask("GET", "/v1/market/ZSH")).json["bid"] == 10.0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"quotes": [{"symbol": "ZSI", "ts": "2013-03-01T14:44:00Z", "bid": NaN, "ask": 1}]}', 400),
        (b'{"quotes": [{"symbol": "ZSI", "ts": "2013-03-01T14:44:00Z", "bid": Infinity, "ask": 1}]}', 400),
        (b'{"quotes": [{"symbol": 5, "bid": NaN}]}', 400),
        (b'{"quotes": [{"symbol": "ZSI", "ts": "2013-03-01T14:44:00Z", "bid": 1e999, "ask": 1}]}', 400),
        (b'{"quotes": [{"symbol": "ZSI", "ts": "2013-03-01T14:44:00Z", "bid": "1", "ask": 1}]}', 422),
        (b'{"quotes": [{"symbol": "ZSI", "ts": "2013-03-01T14:44:00", "bid": 1, "ask": 1}]}', 422),
        (b'{"quotes": 5}', 422),
        (b"{}", 422),
        (b"[]", 422),
    ],
)
async def test_bodies_that_cannot_be_read(ask, body, status):
    assert (await ask("POST", "/v1/market/quotes", body)).status == status


async def test_other_media_types_are_refused(ask):
    answer = await ask("POST", "/v1/accounts", b"name=x", Content_Type="application/x-www-form-urlencoded")
    assert answer.status == 415


def arrow(frame):
    stream = io.BytesIO()
    frame.write_ipc_stream(stream)
    return stream.getvalue()


async def test_arrow_is_judged_per_record(ask):
    frame = pl.DataFrame(
        {
            "symbol": ["ZSJ", "ZSJ   130420C00010000", "ZSJ   130420C00011000"],
            "ts": [TS] * 3,
            "bid": [10.0, math.nan, 0.5],
            "ask": [10.1, 0.6, 0.55],
        }
    ).with_columns(pl.col("ts").str.to_datetime(time_zone="UTC", time_unit="us"))
    got = (await ask("POST", "/v1/market/quotes", arrow(frame), Content_Type=ARROW)).json
    assert (got["accepted"], got["rejected"]) == (2, 1)
    assert [(r["index"], r["rule"]) for r in got["rejections"]] == [(1, "not_finite")]
    assert (await ask("POST", "/v1/market/quotes", b"nonsense", Content_Type=ARROW)).status == 400
    lacking = await ask("POST", "/v1/market/quotes", arrow(frame.drop("ask")), Content_Type=ARROW)
    assert lacking.status == 422
    assert "ask" in lacking.json["detail"]


async def test_bars_in_both_spellings(ask):
    bar = {"symbol": "ZSK", "ts": "2013-02-28", "open": 10, "high": 11, "low": 9, "close": 10.5, "volume": 100}
    bad = bar | {"ts": "2013-02-27", "high": 8}
    got = (
        await ask("POST", "/v1/market/bars", {"interval": "1d", "bars": [bar, bad, bar | {"ts": "2013-02-24"}]})
    ).json
    assert (got["accepted"], [r["rule"] for r in got["rejections"]]) == (1, ["ohlc_inconsistent", "out_of_session"])
    state = (await ask("GET", "/v1/market/ZSK")).json
    assert (state["spot"], state["bid"], state["evidence"]) == (10.5, None, "recorded")
    assert state["as_of"] == "2013-02-28T21:00:00Z"
    listed = (await ask("GET", "/v1/market/ZSK/bars")).json["bars"]
    assert listed == [
        {
            "ts": "2013-02-28",
            "open": 10.0,
            "high": 11.0,
            "low": 9.0,
            "close": 10.5,
            "volume": 100.0,
            "adjusted_close": None,
        }
    ]


async def test_terms_change_the_chain(ask):
    await ask("POST", "/v1/market/quotes", quotes(one("ZSL", 50.0, 50.1), one("ZSL   130420C00050000", 2.0, 2.1)))
    before = (await ask("GET", "/v1/market/ZSL/chain")).json
    body = {
        "rate": 0.05,
        "dividend_yield": 0.01,
        "exercise": "european",
        "dividends": [{"ex_date": "2013-04-01", "amount": 0.5}],
    }
    put = await ask("PUT", "/v1/market/zsl/terms", body)
    assert put.status == 200
    assert put.json["dividends"] == [{"ex_date": "2013-04-01", "pay_date": None, "amount": 0.5, "kind": "ordinary"}]
    assert (put.json["settlement"], put.json["settlement_time"]) == ("physical", "pm")
    after = (await ask("GET", "/v1/market/ZSL/chain")).json
    assert (before["model"], after["model"]) == ("american", "european")
    assert (after["rate"], after["dividend_yield"]) == (0.05, 0.01)
    assert after["contracts"][0]["implied_volatility"] < before["contracts"][0]["implied_volatility"]
    assert (await ask("PUT", "/v1/market/ZSL/terms", {"rate": 50, "dividend_yield": 0})).status == 422
    assert (await ask("PUT", "/v1/market/ZSL/terms", {"dividend_yield": 0})).status == 422


async def test_instruments_say_what_a_contract_delivers(ask):
    symbol = "ZSM1  130420P00005000"
    await ask("POST", "/v1/market/quotes", quotes(one("ZSM", 50.0, 50.1)))
    body = {
        "symbol": symbol, "underlying": "ZSM", "expiry": "2013-04-20", "strike": 5, "right": "put",
        "exercise": "american", "premium_multiplier": 100, "exercise_multiplier": 100,
        "deliverable": {"shares": {"ZSM": 10}, "cash": 0},
    }  # fmt: skip
    assert (await ask("PUT", "/v1/market/instruments", {"instruments": [body]})).json == {"instruments": [symbol]}
    account = await ask.account(positions=[{"symbol": symbol, "quantity": -1, "cost_basis": 1.0}])
    position = (await ask("GET", f"/v1/accounts/{account}")).json["positions"][0]
    assert position["deliverable"] == {"shares": {"ZSM": 10}, "cash": 0.0}
    assert (
        await ask("PUT", "/v1/market/instruments", {"instruments": [body | {"expiry": "2013-05-18"}]})
    ).status == 422


async def test_ingestions_that_cannot_be(ask):
    assert (await ask("POST", "/v1/ingestions", {"source": "sample", "symbols": ["NOPE"]})).status == 422
    assert (await ask("POST", "/v1/ingestions", {"source": "databento", "symbols": ["AAPL"]})).status == 501
    assert (await ask("POST", "/v1/ingestions", {"source": "rumours"})).status == 422
    assert (await ask("GET", "/v1/ingestions/none")).status == 404
