import asyncio
from collections import defaultdict
from decimal import Decimal

import pytest

TS = "2013-03-01T14:44:00Z"


async def ledger(ask, account):
    return (await ask("GET", f"/v1/accounts/{account}/ledger")).json["events"]


async def assert_explained(ask, account):
    """Cash and positions are the sums of the ledger's events, and its sequence has no gap."""
    shown = (await ask("GET", f"/v1/accounts/{account}")).json
    events = await ledger(ask, account)
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert sum(Decimal(str(event["cash"])) for event in events) == Decimal(str(shown["cash"]))
    held = defaultdict(int)
    for event in events:
        held[event["symbol"]] += event["quantity"]
    held.pop(None, None)
    assert {s: q for s, q in held.items() if q} == {p["symbol"]: p["quantity"] for p in shown["positions"]}
    return shown


async def put_of(ask, symbol="AAPL"):
    chain = (await ask("GET", f"/v1/market/{symbol}/chain")).json
    return next(
        c
        for c in chain["contracts"]
        if c["right"] == "put" and c["delta"] is not None and -0.3 < c["delta"] < -0.2 and c["bid"] > 1
    )


async def test_an_account_opens_with_its_cash_as_first_event(ask):
    account = await ask.account(cash=1234.56, positions=[{"symbol": "AAPL", "quantity": 100, "cost_basis": 400.0}])
    shown = await assert_explained(ask, account)
    assert set(shown) == {
        "id", "name", "kind", "as_of", "cash", "equity", "liquidation_equity", "buying_power", "reserved", "halted", "positions",
    }  # fmt: skip
    position = shown["positions"][0]
    assert set(position) >= {
        "symbol", "quantity", "mark", "market_value", "tax_basis", "campaign_basis", "deliverable", "delta", "unrealized",
    }  # fmt: skip
    assert position["tax_basis"] == 400.0
    assert position["market_value"] == pytest.approx(100 * position["mark"], abs=0.01)
    assert shown["equity"] == pytest.approx(1234.56 + position["market_value"], abs=0.005)
    assert shown["liquidation_equity"] < shown["equity"]
    first = (await ledger(ask, account))[0]
    assert (first["sequence"], first["kind"], first["cash"]) == (1, "cash", 1234.56)


async def test_accounts_are_listed_page_by_page(ask):
    made = [await ask.account(name=f"page {number}") for number in range(3)]
    listed, cursor = [], None
    while True:
        part = (await ask("GET", "/v1/accounts?limit=2" + (f"&cursor={cursor}" if cursor else ""))).json
        listed += [account["id"] for account in part["accounts"]]
        cursor = part["next_cursor"]
        if cursor is None:
            break
    assert [account for account in listed if account in made] == made
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize(
    "change",
    [{"kind": "hedge fund"}, {"cash": "1"}, {"cash": -1.0}, {"name": ""}, {"name": None}, {"surprise": 1},
     {"positions": [{"symbol": "AAPL", "quantity": 0, "cost_basis": 1}]}, {"positions": [{"symbol": "a b", "quantity": 1}]},
     {"positions": [{"symbol": "AAPL", "quantity": 1.5}]}],
)  # fmt: skip
async def test_accounts_that_cannot_be(ask, change):
    body = {"name": "x", "kind": "cash", "cash": 1.0, "positions": []} | change
    assert (await ask("POST", "/v1/accounts", body)).status == 422


async def test_a_put_is_sold_at_the_bid_and_secured_in_full(ask):
    account = await ask.account(cash=100_000)
    put = await put_of(ask)
    order = {
        "legs": [{"symbol": put["symbol"], "quantity": -1}],
        "type": "limit",
        "limit_price": put["bid"],
        "effect": "credit",
        "time_in_force": "day",
    }
    preview = (await ask("POST", f"/v1/accounts/{account}/orders/preview", order)).json
    assert preview["accepted"] is True
    assert (await ledger(ask, account))[-1]["sequence"] == 1
    sent = await ask("POST", f"/v1/accounts/{account}/orders", order, Idempotency_Key="a")
    assert sent.status == 201
    assert sent.json["status"] == "filled"
    fill = sent.json["fills"][0]
    assert (fill["price"], fill["quantity"], fill["fee"]) == (put["bid"], -1, 0.65)
    shown = await assert_explained(ask, account)
    assert shown["cash"] == pytest.approx(100_000 + 100 * put["bid"] - 0.65)
    assert shown["cash"] - 100_000 == pytest.approx(preview["cash_change"])
    assert shown["buying_power"] == pytest.approx(preview["buying_power_after"])
    assert shown["reserved"] == pytest.approx(100 * put["strike"])
    kinds = [event["kind"] for event in await ledger(ask, account)]
    assert kinds == ["cash", "order", "fill", "fee"]


async def test_the_same_key_answers_the_same_and_another_body_is_refused(ask):
    account = await ask.account()
    path = f"/v1/accounts/{account}/orders"
    order = {"legs": [{"symbol": "AAPL", "quantity": 10}], "type": "market", "time_in_force": "day"}
    assert (await ask("POST", path, order)).status == 400
    first = await ask("POST", path, order, Idempotency_Key="k")
    again = await ask(
        "POST", path, b'{ "type":"market", "legs":[{"quantity":10,"symbol":"AAPL"}] }', Idempotency_Key="k"
    )
    assert (first.status, again.status) == (201, 200)
    assert again.body == first.body
    assert (await ask("POST", path, order | {"time_in_force": "gtc"}, Idempotency_Key="k")).status == 422
    other = await ask("POST", path, order, Idempotency_Key="k2")
    assert other.json["id"] != first.json["id"]
    elsewhere = await ask("POST", f"/v1/accounts/{await ask.account()}/orders", order, Idempotency_Key="k")
    assert elsewhere.status == 201
    assert len((await ask("GET", path)).json["orders"]) == 2


async def test_many_at_once_leave_no_gap_and_no_double(ask):
    account = await ask.account(cash=1_000_000)
    path = f"/v1/accounts/{account}/orders"
    order = {"legs": [{"symbol": "MSFT", "quantity": 1}], "type": "market"}
    keys = [f"k{number % 20}" for number in range(60)]
    answers = await asyncio.gather(*(ask("POST", path, order, Idempotency_Key=key) for key in keys))
    statuses = [answer.status for answer in answers]
    assert set(statuses) <= {200, 201, 409}
    assert statuses.count(201) == 20
    shown = await assert_explained(ask, account)
    assert shown["positions"][0]["quantity"] == 20
    bodies = defaultdict(set)
    for key, answer in zip(keys, answers, strict=True):
        if answer.status != 409:
            bodies[key].add(answer.body)
    assert all(len(found) == 1 for found in bodies.values())


async def codes(ask, account, legs, key="1", **more):
    body = {"legs": [{"symbol": s, "quantity": q} for s, q in legs], "type": "market"} | more
    preview = await ask("POST", f"/v1/accounts/{account}/orders/preview", body)
    answer = await ask("POST", f"/v1/accounts/{account}/orders", body, Idempotency_Key=key)
    assert answer.status == 201, answer.json
    assert preview.json["accepted"] is (answer.json["status"] != "rejected")
    assert [r["code"] for r in preview.json["reasons"]] == [r["code"] for r in answer.json["reasons"]]
    assert all(r["detail"] for r in answer.json["reasons"])
    return answer.json["status"], [r["code"] for r in answer.json["reasons"]]


async def test_refusals_of_business_are_orders_with_reasons(ask):
    put = await put_of(ask)
    chain = (await ask("GET", "/v1/market/AAPL/chain")).json["contracts"]
    call = next(
        c
        for c in chain
        if c["right"] == "call" and c["expiry"] == put["expiry"] and c["delta"] and 0.2 < c["delta"] < 0.4
    )
    poor = await ask.account(cash=1_000)
    assert await codes(ask, poor, [(put["symbol"], -1)]) == ("rejected", ["insufficient_cash"])
    assert await codes(ask, poor, [(call["symbol"], -1)], "2") == ("rejected", ["uncovered_call"])
    assert await codes(ask, poor, [("AAPL", 100)], "3") == ("rejected", ["insufficient_cash"])
    assert await codes(ask, poor, [("AAPL", -1)], "4") == ("rejected", ["short_shares"])
    assert await codes(ask, poor, [("ZZNEVER", 1)], "5") == ("rejected", ["no_quote"])
    assert await codes(ask, poor, [("AAPL  130216P00400000", -1)], "6") == ("rejected", ["contract_expired"])
    holder = await ask.account(cash=0, positions=[{"symbol": "AAPL", "quantity": 100, "cost_basis": 400}])
    assert await codes(ask, holder, [("AAPL", -150)]) == ("rejected", ["crosses_zero"])
    assert await codes(ask, holder, [(call["symbol"], -1)], "2") == ("filled", [])
    assert await codes(ask, holder, [(call["symbol"], -1)], "3") == ("rejected", ["uncovered_call"])
    assert await codes(ask, holder, [("AAPL", -100)], "4") == ("rejected", ["uncovered_call"])
    assert await codes(ask, holder, [("AAPL", -100), (call["symbol"], 1)], "5") == ("filled", [])
    for account in (poor, holder):
        await assert_explained(ask, account)


@pytest.mark.parametrize(
    "body",
    [
        {"legs": []},
        {"legs": [{"symbol": "AAPL", "quantity": 0}], "type": "market"},
        {"legs": [{"symbol": "AAPL", "quantity": 1}, {"symbol": "AAPL", "quantity": 1}], "type": "market"},
        {"legs": [{"symbol": "AAPL", "quantity": 1}], "type": "limit"},
        {"legs": [{"symbol": "AAPL", "quantity": 1}], "type": "limit", "limit_price": -1},
        {"legs": [{"symbol": "AAPL", "quantity": 1}], "type": "limit", "limit_price": 1, "effect": "credit"},
        {"legs": [{"symbol": "a b", "quantity": 1}], "type": "market"},
        {"legs": [{"symbol": "AAPL", "quantity": 1.5}], "type": "market"},
        {"legs": [{"symbol": "AAPL", "quantity": 1}], "type": "stop"},
        {"legs": [{"symbol": "AAPL", "quantity": 1}], "type": "market", "time_in_force": "ioc"},
        {"legs": [{"symbol": "AAPL", "quantity": 1}], "type": "market", "surprise": 1},
    ],
)
async def test_orders_that_make_no_sense_are_unprocessable(ask, body):
    account = await ask.account()
    answer = await ask("POST", f"/v1/accounts/{account}/orders", body, Idempotency_Key="1")
    assert answer.status == 422
    assert (await ask("GET", f"/v1/accounts/{account}/orders")).json["orders"] == []


async def test_a_working_order_reserves_is_cancelled_once_and_stays_cancelled(ask):
    account = await ask.account(cash=10_000)
    order = {
        "legs": [{"symbol": "AAPL", "quantity": 10}],
        "type": "limit",
        "limit_price": 100.0,
        "time_in_force": "gtc",
    }
    sent = (await ask("POST", f"/v1/accounts/{account}/orders", order, Idempotency_Key="1")).json
    assert sent["status"] == "working"
    shown = (await ask("GET", f"/v1/accounts/{account}")).json
    assert (shown["reserved"], shown["buying_power"]) == (1000.0, 9000.0)
    path = f"/v1/accounts/{account}/orders/{sent['id']}"
    assert [o["id"] for o in (await ask("GET", f"/v1/accounts/{account}/orders?status=working")).json["orders"]] == [
        sent["id"]
    ]
    cancelled = await ask("DELETE", path)
    assert (cancelled.status, cancelled.json["status"]) == (200, "cancelled")
    assert (await ask("DELETE", path)).json["status"] == "cancelled"
    assert (await ask("GET", path)).json["status"] == "cancelled"
    assert (await ask("GET", f"/v1/accounts/{account}")).json["buying_power"] == 10_000.0
    assert (await ask("GET", f"/v1/accounts/{account}/orders?status=working")).json["orders"] == []
    assert (await ask("GET", f"/v1/accounts/{account}/orders?status=lost")).status == 400
    assert (await ask("GET", f"/v1/accounts/{account}/orders/none")).status == 404
    filled = (
        await ask(
            "POST",
            f"/v1/accounts/{account}/orders",
            {"legs": [{"symbol": "MSFT", "quantity": 1}], "type": "market"},
            Idempotency_Key="2",
        )
    ).json
    assert (await ask("DELETE", f"/v1/accounts/{account}/orders/{filled['id']}")).status == 409


async def test_a_working_order_fills_when_the_market_comes_to_it(ask):
    async def quote(bid, at):
        body = {"quotes": [{"symbol": "ZSW", "ts": f"2013-03-01T14:44:{at:02d}Z", "bid": bid, "ask": bid + 0.1}]}
        assert (await ask("POST", "/v1/market/quotes", body)).json["accepted"] == 1

    await quote(10.0, 0)
    account = await ask.account(cash=10_000)
    order = {"legs": [{"symbol": "ZSW", "quantity": 100}], "type": "limit", "limit_price": 9.5}
    sent = (await ask("POST", f"/v1/accounts/{account}/orders", order, Idempotency_Key="1")).json
    assert sent["status"] == "working"
    await quote(9.6, 1)
    path = f"/v1/accounts/{account}/orders/{sent['id']}"
    assert (await ask("GET", path)).json["status"] == "working"
    await quote(9.3, 2)
    done = (await ask("GET", path)).json
    assert (done["status"], done["fills"][0]["price"]) == ("filled", 9.4)
    shown = await assert_explained(ask, account)
    assert shown["cash"] == 10_000 - 940
    repeated = await ask("POST", f"/v1/accounts/{account}/orders", order, Idempotency_Key="1")
    assert (repeated.status, repeated.json["status"]) == (200, "working")


async def test_a_combo_fills_in_ratio_at_its_net(ask):
    put = await put_of(ask)
    chain = (await ask("GET", "/v1/market/AAPL/chain")).json["contracts"]
    lower = next(
        c
        for c in chain
        if c["right"] == "put" and c["expiry"] == put["expiry"] and c["strike"] < put["strike"] and c["ask"]
    )
    account = await ask.account(cash=200_000)
    legs = [{"symbol": put["symbol"], "quantity": -2}, {"symbol": lower["symbol"], "quantity": 2}]
    net = round(put["bid"] - lower["ask"], 2)
    assert (
        await ask("POST", f"/v1/accounts/{account}/orders", {"legs": legs, "limit_price": net}, Idempotency_Key="0")
    ).status == 422
    sent = (
        await ask(
            "POST",
            f"/v1/accounts/{account}/orders",
            {"legs": legs, "limit_price": net, "effect": "credit"},
            Idempotency_Key="1",
        )
    ).json
    assert sent["status"] == "filled"
    assert {f["symbol"]: f["quantity"] for f in sent["fills"]} == {put["symbol"]: -2, lower["symbol"]: 2}
    shown = await assert_explained(ask, account)
    assert shown["cash"] == pytest.approx(200_000 + 200 * net - 4 * 0.65)


async def test_recommendations_can_be_sent_unchanged(ask):
    account = await ask.account(cash=100_000)
    advice = (await ask("GET", f"/v1/accounts/{account}/recommendations?symbol=AAPL")).json
    assert set(advice) == {"as_of", "recommendations", "rejections", "data"}
    assert advice["data"]["state"] == "fresh"
    best = advice["recommendations"][0]
    assert set(best) == {"id", "action", "symbol", "legs", "limit_price", "effect", "reasons", "risk", "rank"}
    assert set(best["risk"]) == {"max_loss", "probability_itm", "breakeven", "margin", "annualized_yield"}
    assert (best["action"], best["rank"]) == ("sell_put", 1)
    order = {name: best[name] for name in ("legs", "limit_price", "effect")} | {"type": "limit", "time_in_force": "day"}
    sent = (await ask("POST", f"/v1/accounts/{account}/orders", order, Idempotency_Key=best["id"])).json
    assert sent["status"] == "filled"
    found = (await ask("GET", f"/v1/accounts/{account}/expirations")).json["expirations"]
    assert [item["symbol"] for item in found] == [leg["symbol"] for leg in best["legs"]]
    assert set(found[0]) >= {
        "symbol", "last_trading_day", "quantity", "moneyness", "state", "cash_if_assigned", "shares_if_assigned", "early_exercise", "action",
    }  # fmt: skip
    assert found[0]["cash_if_assigned"] < 0 < found[0]["shares_if_assigned"]
    everything = (await ask("GET", f"/v1/accounts/{account}/recommendations")).json
    assert [item["rank"] for item in everything["recommendations"]] == list(
        range(1, len(everything["recommendations"]) + 1)
    )
    assert (await ask("GET", f"/v1/accounts/{account}/recommendations?symbol=ZZNEVER")).status == 404


async def test_halted_accounts_take_no_orders_until_they_are_resumed(ask):
    account = await ask.account()
    buy = {"legs": [{"symbol": "MSFT", "quantity": 1}], "type": "market"}
    assert (await ask("POST", f"/v1/accounts/{account}/halt")).json == {"halted": True}
    assert (await ask("GET", f"/v1/accounts/{account}")).json["halted"] is True
    refused = (await ask("POST", f"/v1/accounts/{account}/orders", buy, Idempotency_Key="1")).json
    assert (refused["status"], [r["code"] for r in refused["reasons"]]) == ("rejected", ["halted"])
    advice = (await ask("GET", f"/v1/accounts/{account}/recommendations?symbol=AAPL")).json["recommendations"]
    assert [item["action"] for item in advice] == ["wait"]
    assert (await ask("POST", f"/v1/accounts/{account}/resume")).json == {"halted": False}
    assert (await ask("POST", f"/v1/accounts/{account}/orders", buy, Idempotency_Key="2")).json["status"] == "filled"
    assert (await ask("POST", "/v1/accounts/none/halt")).status == 404


async def test_reported_facts_are_booked_once(ask):
    symbol = "AAPL  130316P00400000"
    account = await ask.account(cash=100_000, positions=[{"symbol": symbol, "quantity": -2, "cost_basis": 5.0}])
    path = f"/v1/accounts/{account}/events"
    assigned = {"external_id": "occ-1", "ts": TS, "kind": "assignment", "symbol": "AAPL130316P00400000", "quantity": 1}
    deposit = {"external_id": "wire-1", "ts": TS, "kind": "cash", "amount": 12.34}
    wrong = {"external_id": "occ-2", "ts": TS, "kind": "expiry", "symbol": "MSFT130316P00020000"}
    first = (await ask("POST", path, {"events": [assigned, deposit, wrong]})).json
    assert (first["applied"], first["duplicates"], [r["index"] for r in first["rejections"]]) == (2, 0, [2])
    again = (await ask("POST", path, {"events": [assigned, deposit]})).json
    assert (again["applied"], again["duplicates"]) == (0, 2)
    assert (await ask("POST", path, {"events": [deposit | {"amount": 1.0}]})).status == 409
    shown = await assert_explained(ask, account)
    assert shown["cash"] == pytest.approx(100_000 - 40_000 + 12.34)
    held = {p["symbol"]: p for p in shown["positions"]}
    assert (held["AAPL"]["quantity"], held[symbol]["quantity"]) == (100, -1)
    assert held["AAPL"]["tax_basis"] == pytest.approx(395.0)
    assert (await ask("POST", path, {"events": [{"external_id": "x", "ts": TS, "kind": "split"}]})).status == 422


async def test_the_ledger_pages(ask):
    account = await ask.account(
        positions=[{"symbol": s, "quantity": 1, "cost_basis": 1.0} for s in ("AAPL", "MSFT", "ZSX")]
    )
    collected, after = [], 0
    while after is not None:
        part = (await ask("GET", f"/v1/accounts/{account}/ledger?after_sequence={after}&limit=3")).json
        collected += part["events"]
        after = part["next_after_sequence"]
    assert [event["sequence"] for event in collected] == [1, 2, 3, 4]
    assert (await ask("GET", f"/v1/accounts/{account}/ledger?after_sequence=-1")).status == 400
    assert (await ask("GET", "/v1/accounts/none/ledger")).status == 404


async def test_positions_without_a_price_have_no_value(ask):
    account = await ask.account(cash=10.0, positions=[{"symbol": "ZZDARK", "quantity": 5, "cost_basis": 2.0}])
    shown = (await ask("GET", f"/v1/accounts/{account}")).json
    assert (shown["cash"], shown["equity"], shown["liquidation_equity"]) == (10.0, None, None)
    assert shown["positions"][0]["mark"] is None
    waiting = (await ask("GET", f"/v1/accounts/{account}/recommendations")).json["recommendations"]
    assert any(item["symbol"] == "ZZDARK" for item in waiting)


async def test_risk_is_linear_not_negative_and_ordered(ask):
    put = await put_of(ask)
    held = [
        {"symbol": "MSFT", "quantity": 300, "cost_basis": 27.0},
        {"symbol": put["symbol"], "quantity": -2, "cost_basis": 5.0},
    ]
    account = await ask.account(cash=200_000, positions=held)
    risk = (await ask("GET", f"/v1/accounts/{account}/risk")).json
    assert set(risk) == {"as_of", "exposure", "margin", "horizon_days", "var", "es", "scenarios", "assigned"}
    assert risk["exposure"]["delta_shares"] == pytest.approx(300 - 200 * put["delta"], rel=1e-2)
    assert risk["exposure"]["beta_weighted_delta"] is None
    assert risk["margin"] == {
        "initial": 200 * put["strike"],
        "maintenance": 200 * put["strike"],
        "method": "cash_secured",
    }
    for method in ("historical", "normal", "monte_carlo"):
        var, es = risk["var"][method], risk["es"][method]
        assert 0 < var["0.95"] <= var["0.99"]
        assert var["0.95"] <= es["0.95"]
        assert var["0.99"] <= es["0.99"]
    still = next(s for s in risk["scenarios"] if s["spot"] == 0 and s["volatility"] == 0 and s["days"] == 0)
    crash = next(s for s in risk["scenarios"] if s["spot"] == -0.2 and s["volatility"] == 0 and s["days"] == 0)
    assert still["pnl"] == pytest.approx(0, abs=1e-6)
    assert crash["pnl"] < 0
    assert risk["assigned"] == {"cash_needed": 200 * put["strike"], "shares": {"AAPL": 200}}
    empty = (await ask("GET", f"/v1/accounts/{await ask.account()}/risk")).json
    assert empty["var"]["historical"] == {"0.95": 0.0, "0.99": 0.0}
    assert empty["exposure"]["delta_shares"] == 0


async def test_risk_of_what_has_no_price_is_undefined(ask):
    account = await ask.account(positions=[{"symbol": "ZZDARK", "quantity": 5, "cost_basis": 2.0}])
    risk = (await ask("GET", f"/v1/accounts/{account}/risk")).json
    assert risk["exposure"]["dollar_delta"] is None
    assert risk["var"]["historical"] == {"0.95": None, "0.99": None}


async def test_a_margin_account_pays_regulation_t(ask):
    body = {
        "quotes": [
            {"symbol": "ZSR", "ts": TS, "bid": 208.99, "ask": 209.01},
            {"symbol": "ZSR   130420P00200000", "ts": TS, "bid": 1.19, "ask": 1.21},
        ]
    }
    await ask("POST", "/v1/market/quotes", body)
    account = await ask.account(
        cash=10_000, kind="margin", positions=[{"symbol": "ZSR   130420P00200000", "quantity": -1, "cost_basis": 1.2}]
    )
    shown = (await ask("GET", f"/v1/accounts/{account}")).json
    risk = (await ask("GET", f"/v1/accounts/{account}/risk")).json
    assert (risk["margin"]["initial"], risk["margin"]["method"]) == (3400.0, "regulation_t")
    assert shown["equity"] == 10_000 - 120
    assert shown["buying_power"] == 10_000 - 120 - 3400
    more = {"legs": [{"symbol": "ZSR   130420P00200000", "quantity": -2}], "type": "market"}
    refused = (await ask("POST", f"/v1/accounts/{account}/orders", more, Idempotency_Key="1")).json
    assert [reason["code"] for reason in refused["reasons"]] == ["insufficient_buying_power"]
    one = {"legs": [{"symbol": "ZSR   130420P00200000", "quantity": -1}], "type": "market"}
    assert (await ask("POST", f"/v1/accounts/{account}/orders", one, Idempotency_Key="2")).json["status"] == "filled"
    assert (await ask("GET", f"/v1/accounts/{account}")).json["buying_power"] >= 0
