"""Sections "conventions over HTTP" and "market" of the contract, asked of a real server a quarter of an hour after the open."""

import io
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from wheelhouse.pricing.black_scholes import price

from .conftest import CONTRACT_KEYS, escaped, instant

TS = "2013-03-01T09:44:00-05:00"
ARROW = "application/vnd.apache.arrow.stream"
PUT = "XYZ   130420P00100000"


def rules(answer):
    return {rejection["index"]: rejection["rule"] for rejection in answer["rejections"]}


def post(ask, *records, path="/v1/market/quotes", **body):
    name = path.split("/")[3].partition("?")[0]
    return ask("POST", path, {name: list(records)} | body)


def quoted(symbol, bid=10.0, ask=10.1, ts=TS, **more):
    return {"symbol": symbol, "ts": ts, "bid": bid, "ask": ask} | more


def bar(symbol, ts, close=10.0, **more):
    return {"symbol": symbol, "ts": ts, "open": close, "high": close, "low": close, "close": close, "volume": 1} | more


def arrow(records) -> bytes:
    frame = pl.DataFrame(
        [record | {"ts": datetime.fromisoformat(record["ts"]).astimezone(UTC)} for record in records],
        infer_schema_length=None,
    )
    stream = io.BytesIO()
    frame.write_ipc_stream(stream)
    return stream.getvalue()


def test_every_rule_names_its_record_and_the_others_are_taken(ask):
    records = [
        quoted("QA"), quoted("A B"), quoted("NEVER130420P00100000"), {"symbol": "QB", "bid": 1, "ask": 2},
        quoted("QB", bid=-1), quoted("QB", bid=0), quoted("QB", bid=11), quoted("QB", ts="2013-03-01T11:00:00-05:00"),
        quoted("QB", ts="2013-03-02T11:00:00-05:00"), quoted("QB", ts="2013-02-23T11:00:00-05:00"), quoted("QA"),
        quoted("QA", bid=9.9),
    ]  # fmt: skip
    answer = post(ask, *records).json
    assert answer.keys() == {"accepted", "duplicates", "rejected", "rejections"}
    assert rules(answer) == {
        1: "malformed_symbol", 2: "unknown_symbol", 3: "missing_field", 4: "negative_price", 5: "zero_price",
        6: "crossed_quote", 7: "future_timestamp", 8: "future_timestamp", 9: "out_of_session", 11: "conflict",
    }  # fmt: skip
    assert (answer["accepted"], answer["duplicates"], answer["rejected"]) == (1, 1, 10)
    assert all(rejection["detail"] for rejection in answer["rejections"])


def test_a_jump_is_an_outlier_and_a_hundredfold_a_wrong_unit(ask):
    post(ask, quoted("QC", 100, 100.1))
    later = "2013-03-01T09:44:10-05:00"
    assert rules(post(ask, quoted("QC", 10_000, 10_010, ts=later)).json) == {0: "unit_error"}
    assert rules(post(ask, quoted("QC", 600, 600.1, ts=later)).json) == {0: "outlier"}
    assert ask.get("/v1/market/QC")["bid"] == 100


def test_other_values_conflict_until_an_admin_replaces_them(ask):
    trader = ask("POST", "/v1/keys", {"role": "trader"})["key"]
    post(ask, quoted("QD"))
    assert post(ask, quoted("QD")).json["duplicates"] == 1
    assert rules(post(ask, quoted("QD", bid=9.8)).json) == {0: "conflict"}
    path, body = "/v1/market/quotes?replace=true", {"quotes": [quoted("QD", bid=9.8)]}
    assert ask("POST", path, body, key=trader).status == 403
    assert ask("POST", path, body)["accepted"] == 1
    assert ask.get("/v1/market/QD")["bid"] == 9.8


def test_daily_bars_are_judged_and_read_by_half_open_ranges_page_by_page(ask):
    days = ["2013-02-25", "2013-02-26", "2013-02-27", "2013-02-28"]
    bad = [
        bar("BA", "2013-02-24"), bar("BA", "2013-03-04"), bar("BA", "2013-02-22", high=1), bar("BA", "2013-02-21", low=0),
        {"symbol": "BA", "ts": "2013-02-20", "open": 1},
    ]  # fmt: skip
    records = [bar("BA", day, 10 + n) for n, day in enumerate(days)] + bad
    answer = post(ask, *records, path="/v1/market/bars", interval="1d").json
    assert rules(answer) == {
        4: "out_of_session", 5: "future_timestamp", 6: "ohlc_inconsistent", 7: "zero_price", 8: "missing_field",
    }  # fmt: skip
    found = ask.get("/v1/market/BA/bars?start=2013-02-26&end=2013-02-28&interval=1d")
    assert found.keys() == {"symbol", "bars", "next_cursor"}
    assert [it["ts"] for it in found["bars"]] == days[1:3]
    assert found["bars"][0].keys() == {"ts", "open", "high", "low", "close", "volume", "adjusted_close"}
    assert (found["bars"][0]["adjusted_close"], found["next_cursor"]) == (None, None)
    seen, cursor = [], ""
    while cursor is not None:
        page = ask.get(f"/v1/market/BA/bars?interval=1d&limit=3{cursor and '&cursor=' + cursor}")
        seen, cursor = seen + [it["ts"] for it in page["bars"]], page["next_cursor"]
    assert seen == days
    assert ask.get("/v1/market/BA")["spot"] == 13.0


def test_minute_bars_carry_offsets(ask):
    stamps = [f"2013-02-28T10:0{n}:00-05:00" for n in range(3)]
    assert post(ask, *(bar("BM", ts) for ts in stamps), path="/v1/market/bars", interval="1m")["accepted"] == 3
    start, end = escaped(stamps[0]), escaped(stamps[2])
    found = ask.get(f"/v1/market/BM/bars?interval=1m&start={start}&end={end}")["bars"]
    assert [instant(it["ts"]) for it in found] == [datetime.fromisoformat(ts) for ts in stamps[:2]]
    assert ask.get("/v1/market/BM/bars")["bars"] == []


def test_arrow_streams_are_judged_record_by_record(ask):
    nan = float("nan")
    body = arrow([quoted("QE"), quoted("QF", bid=nan), quoted("QG", bid=None), quoted("QG", ask=float("inf"))])
    answer = ask("POST", "/v1/market/quotes", body, Content_Type=ARROW).json
    assert (answer["accepted"], rules(answer)) == (2, {1: "not_finite", 3: "not_finite"})
    assert ask.get("/v1/market/QG")["bid"] is None
    again = ask("POST", "/v1/market/quotes", arrow([quoted("QE")]), Content_Type=ARROW)
    assert again["duplicates"] == 1
    rows = [bar("BE", "2013-02-28T00:00:00+00:00")]
    assert ask("POST", "/v1/market/bars", arrow(rows), Content_Type=ARROW)["accepted"] == 1
    assert ask("POST", "/v1/market/quotes", b"no arrow", Content_Type=ARROW).status == 400
    assert ask("POST", "/v1/accounts", body, Content_Type=ARROW).status == 415


def test_a_symbol_has_a_spot_an_age_a_state_and_an_evidence(ask):
    post(ask, quoted("QH", 10, 10.2))
    found = ask.get("/v1/market/qh")
    assert found.keys() == {"symbol", "spot", "bid", "ask", "as_of", "age_seconds", "state", "evidence"}
    assert (found["symbol"], found["spot"], found["state"], found["evidence"]) == ("QH", 10.1, "fresh", "simulated")
    assert instant(found["as_of"]) == datetime.fromisoformat(TS)
    assert 60 <= found["age_seconds"] < 200
    post(ask, quoted("QI", ts="2013-03-01T09:39:00-05:00"))
    assert ask.get("/v1/market/QI")["state"] == "stale"
    ask("PUT", "/v1/market/QJ/terms", {"rate": 0.01, "dividend_yield": 0})
    bare = ask.get("/v1/market/QJ")
    assert (bare["state"], bare["spot"], bare["bid"], bare["age_seconds"]) == ("missing", None, None, None)
    assert ask("GET", "/v1/market/NEVER").status == 404


def test_options_are_addressed_padded_or_not(ask):
    post(ask, quoted("XYZ", 100, 100.1), quoted(PUT.replace(" ", ""), 2.0, 2.2))
    for path in (escaped(PUT), PUT.replace(" ", ""), PUT.replace(" ", "").lower()):
        found = ask.get(f"/v1/market/{path}")
        assert (found["symbol"], found["bid"], found["spot"]) == (PUT, 2.0, 2.1)
    post(ask, bar(PUT.replace(" ", ""), "2013-02-28"), path="/v1/market/bars")
    assert ask.get(f"/v1/market/{escaped(PUT)}/bars")["symbol"] == PUT
    assert ask("GET", f"/v1/market/{escaped('XYZ   130420P00101000')}").status == 404
    assert ask("GET", "/v1/market/A%20B").status == 400


def test_the_chain_prices_by_its_model_and_flags_what_it_cannot(ask):
    terms = {"rate": 0.02, "dividend_yield": 0.01, "exercise": "european"}
    put = ask("PUT", "/v1/market/EUR/terms", terms).json
    assert (put["settlement"], put["settlement_time"], put["dividends"]) == ("physical", "pm", [])
    names = {it: f"EUR   130420{it}" for it in ("P00100000", "C00100000", "C00105000", "C00110000", "C00050000")}
    post(
        ask, quoted("EUR", 99.9, 100.1), quoted(names["P00100000"], 3.0, 3.2), quoted(names["C00100000"], 0, 2.2),
        quoted(names["C00105000"], None, 2.2), quoted(names["C00110000"], 1.0, 1.0), quoted(names["C00050000"], 10, 11),
    )  # fmt: skip
    chain = ask.get("/v1/market/EUR/chain?expiry=2013-04-20")
    assert chain.keys() == {
        "symbol", "spot", "as_of", "rate", "dividend_yield", "model", "priced_at", "contracts",
    }  # fmt: skip
    assert (chain["model"], chain["rate"], chain["spot"]) == ("european", 0.02, 100.0)
    assert instant(chain["priced_at"]) >= instant(chain["as_of"])
    found = {it["symbol"]: it for it in chain["contracts"]}
    assert all(it.keys() == CONTRACT_KEYS for it in found.values())
    good = found[names["P00100000"]]
    # The symbol names a Saturday; trading ends with the Friday before at 16:00, which time to expiry runs to.
    assert (good["expiry"], good["last_trading_day"], good["flags"]) == ("2013-04-20", "2013-04-19", [])
    years = (datetime.fromisoformat("2013-04-19T16:00:00-04:00") - instant(good["quote_ts"])) / timedelta(days=365)
    assert good["years_to_expiry"] == pytest.approx(years, abs=1 / 365 / 24 / 60)
    value = price(100.0, 100.0, good["years_to_expiry"], good["implied_volatility"], 0.02, 0.01, is_call=False)
    assert float(value) == pytest.approx(good["mark"], abs=1e-6)
    for name, flag, mark in (
        ("C00100000", "no_bid", 1.1), ("C00105000", "one_sided", None), ("C00050000", "below_intrinsic", 10.5),
    ):  # fmt: skip
        it = found[names[name]]
        assert (flag in it["flags"], it["mark"], it["implied_volatility"], it["delta"]) == (True, mark, None, None)
    locked = found[names["C00110000"]]
    assert (locked["flags"], locked["implied_volatility"] is None) == (["locked"], False)
    assert ask.get("/v1/market/EUR/chain?expiry=2013-05-18")["contracts"] == []


def test_contracts_that_are_put_need_only_their_symbol(ask):
    bare = {"symbol": "XYZ1  130420P00005000"}
    assert ask("PUT", "/v1/market/instruments", {"instruments": [bare]}).status == 200
    full = bare | {
        "underlying": "XYZ", "expiry": "2013-04-20", "strike": 5, "right": "put", "exercise": "american",
        "premium_multiplier": 100, "exercise_multiplier": 100, "deliverable": {"shares": {"XYZ": 10}, "cash": 0},
    }  # fmt: skip
    assert ask("PUT", "/v1/market/instruments", {"instruments": [full]}).status == 200
    assert ask("PUT", "/v1/market/instruments", {"instruments": [full | {"right": "call"}]}).status == 422


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/market/quotes", b'{"quotes": [{"symbol": "Q", "ts": "2013-03-01T14:44:00Z", "bid": NaN, "ask": 1}]}', 400),
        ("POST", "/v1/market/quotes", b'{"quotes": [{"symbol": "Q", "ts": "2013-03-01T14:44:00Z", "bid": Infinity}]}', 400),
        ("POST", "/v1/market/quotes", b"{", 400), ("POST", "/v1/market/quotes", b"", 400),
        ("POST", "/v1/market/quotes", {}, 422), ("POST", "/v1/market/bars", {"interval": "1h", "bars": []}, 422),
        ("GET", "/v1/market/QA/bars?limit=0", None, 400), ("GET", "/v1/market/QA/bars?cursor=x", None, 400),
        ("GET", "/v1/market/QA/bars?start=soon", None, 400), ("GET", "/v1/market/QA/chain?expiry=soon", None, 400),
        ("GET", "/v1/market/NEVER/bars", None, 404), ("GET", "/v1/market/NEVER/chain", None, 404),
        ("GET", "/v1/market/NEVER/surface", None, 404), ("GET", "/v1/market/NEVER/regime", None, 404),
        ("DELETE", "/v1/market/quotes", None, 405), ("GET", "/v1/nothing", None, 404),
        ("PUT", "/v1/market/QA/terms", {"rate": "low", "dividend_yield": 0}, 422),
        ("POST", "/v1/ingestions", {"source": "rumours"}, 422), ("GET", "/v1/ingestions/none", None, 404),
    ],
)  # fmt: skip
def test_wrong_questions_get_the_status_that_fits(ask, method, path, body, status):
    assert ask(method, path, body).status == status


def test_an_ingestion_of_the_sample_ends(ask):
    body = {"source": "sample", "symbols": ["IBM"], "start": "2013-02-20", "end": "2013-03-01"}
    begun = ask("POST", "/v1/ingestions", body)
    assert (begun.status, begun.json.keys()) == (202, {"id"})
    state = {"state": "queued"}
    while state["state"] in ("queued", "running"):
        state = ask.get(f"/v1/ingestions/{begun['id']}")
    assert state.keys() >= {"id", "state", "progress", "accepted", "quarantined", "completeness", "lineage"}
    assert (state["state"], state["progress"]) == ("done", 1.0)
    assert state["accepted"] > 0
    bars = ask.get("/v1/market/IBM/bars?start=2013-02-20&end=2013-03-01")["bars"]
    assert (bars[0]["ts"], bars[-1]["ts"]) == ("2013-02-20", "2013-02-28")
