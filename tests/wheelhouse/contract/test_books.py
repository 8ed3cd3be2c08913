"""Section "accounts" of the contract: orders, previews, ledgers, reported facts, risk, asked of a real server in session."""

import threading
from datetime import datetime, timedelta

import pytest

from wheelhouse.pricing.black_scholes import price

from .conftest import ACCOUNT_KEYS, codes, instant

PUT, LOWER = "XYZ   130420P00100000", "XYZ   130420P00095000"
CALL = "XYZ   130420C00105000"
ORDER_KEYS = {"id", "status", "legs", "fills", "reasons"}


@pytest.fixture(scope="module", autouse=True)
def market(ask):
    """Quotes of XYZ; put again by whoever moves them, at a later time."""
    answer = ask.quotes(("XYZ", 100.0, 100.1), (PUT, 2.0, 2.2), (LOWER, 0.8, 0.9), (CALL, 1.5, 1.6))
    assert answer["rejected"] == 0


def limit(price, **more):
    return {"limit_price": price, "time_in_force": "day"} | more


def test_positions_carry_every_key_and_marks_by_the_rule(ask):
    zero, none = "XYZ   130420P00050000", "XYZ   130420P00055000"
    assert ask.quotes((zero, 0.0, 0.1), (none, 0.2, 0.3))["accepted"] == 2
    now = (ask.now() + timedelta(microseconds=1)).isoformat()
    assert ask.quotes((none, None, 0.4), ts=now)["accepted"] == 1
    account = ask.account(10_000, XYZ=(100, 90.0), **{zero: (1, 0.2), none: (1, 0.2), PUT: (-1, 2.5)})
    shown = ask.explained(account)
    assert shown.keys() == ACCOUNT_KEYS
    assert instant(shown["as_of"])
    held = {it["symbol"]: it for it in shown["positions"]}
    assert all(
        it.keys() >= {
            "symbol", "quantity", "mark", "market_value", "tax_basis", "campaign_basis", "deliverable", "delta", "unrealized",
        }
        for it in held.values()
    )  # fmt: skip
    assert (held[zero]["mark"], held[none]["mark"], held[none]["flags"]) == (0.05, 0.25, ["stale_mark"])
    short = held[PUT]
    assert (short["mark"], short["market_value"], short["tax_basis"], short["unrealized"]) == (2.1, -210.0, 2.5, 40.0)
    assert (short["deliverable"], held["XYZ"]["deliverable"]) == ({"shares": {"XYZ": 100}, "cash": 0.0}, None)
    assert shown["equity"] == pytest.approx(10_000 + 10_005 - 210 + 5 + 25)
    # Longs at their bid, shorts at their ask; a bid that nobody shows cannot be had.
    assert shown["liquidation_equity"] is None
    sellable = ask.get(f"/v1/accounts/{ask.account(0, XYZ=(100, 90.0), **{PUT: (-1, 2.5)})}")
    assert sellable["liquidation_equity"] == pytest.approx(10_000 - 220)


def test_a_key_makes_one_order(ask):
    account = ask.account()
    path = f"/v1/accounts/{account}/orders"
    body = {"legs": [{"symbol": PUT.replace(" ", ""), "quantity": -1}], "type": "limit", **limit(2.0)}
    assert ask("POST", path, body).status == 400
    first = ask("POST", path, body, Idempotency_Key="one")
    assert (first.status, first["status"]) == (201, "filled")
    assert first.json.keys() >= ORDER_KEYS
    assert first["legs"] == [{"symbol": PUT, "quantity": -1}]
    (fill,) = first["fills"]
    assert fill.keys() == {"id", "ts", "symbol", "quantity", "price", "fee"}
    assert (fill["price"], fill["fee"]) == (2.0, 0.65)
    again = ask("POST", path, body, Idempotency_Key="one")
    assert (again.status, again.body) == (200, first.body)
    assert ask("POST", path, body | {"limit_price": 2.1}, Idempotency_Key="one").status == 422
    assert ask("POST", path, body, Idempotency_Key="two")["id"] != first["id"]
    kinds = [event["kind"] for event in ask.ledger(account)]
    assert kinds == ["cash", "order", "fill", "fee", "order", "fill", "fee"]
    assert ask.explained(account)["cash"] == pytest.approx(100_000 + 2 * 199.35)


def test_one_key_sent_at_once_by_many_is_one_order(ask):
    account, replies = ask.account(), []

    def send():
        replies.append(ask.order(account, {"XYZ": 1}, key="same"))

    threads = [threading.Thread(target=send) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = [reply.status for reply in replies]
    assert statuses.count(201) == 1
    assert set(statuses) <= {200, 201, 409}
    assert ask.position(account, "XYZ")["quantity"] == 1


def test_a_preview_says_what_the_order_then_does_and_writes_nothing(ask):
    account = ask.account()
    body = {"legs": [{"symbol": PUT, "quantity": -2}], "type": "limit", **limit(2.0)}
    preview = ask("POST", f"/v1/accounts/{account}/orders/preview", body)
    assert preview.status == 200
    assert preview.json.keys() == {
        "accepted", "reasons", "estimated_fill", "fees", "cash_change", "margin_change", "buying_power_after",
    }  # fmt: skip
    assert (preview["accepted"], preview["estimated_fill"], preview["fees"]) == (True, 2.0, 1.3)
    assert preview["margin_change"] == {"initial": 20_000.0, "maintenance": 20_000.0}
    assert len(ask.ledger(account)) == 1
    assert ask.get(f"/v1/accounts/{account}/orders") == {"orders": [], "next_cursor": None}
    ask.order(account, {PUT: -2}, **limit(2.0))
    shown = ask.explained(account)
    assert shown["cash"] == pytest.approx(100_000 + preview["cash_change"])
    assert shown["buying_power"] == preview["buying_power_after"] == pytest.approx(shown["cash"] - shown["reserved"])


def test_business_refusals_are_rejected_orders(ask):
    poor = ask.account(1_000)
    assert codes(ask.order(poor, {PUT: -1})) == ("rejected", ["insufficient_cash"])
    assert codes(ask.order(poor, {CALL: -1})) == ("rejected", ["uncovered_call"])
    short = ask.account(**{PUT: (-1, 2.0)})
    assert codes(ask.order(short, {PUT: 2})) == ("rejected", ["crosses_zero"])
    assert codes(ask.order(short, {PUT: 1})) == ("filled", [])
    holder = ask.account(XYZ=(100, 90.0))
    assert codes(ask.order(holder, {"XYZ": -101})) == ("rejected", ["crosses_zero"])
    assert codes(ask.order(holder, {CALL: -1})) == ("filled", [])
    assert codes(ask.order(holder, {"XYZ": -100})) == ("rejected", ["uncovered_call"])
    assert codes(ask.order(holder, {"NEVER": 1})) == ("rejected", ["no_quote"])
    rejected = ask.get(f"/v1/accounts/{holder}/orders?status=rejected")["orders"]
    assert len(rejected) == 3
    assert all(it["reasons"][0].keys() == {"code", "detail"} for it in rejected)


@pytest.mark.parametrize(
    "body",
    [
        {"legs": []}, {"legs": [{"symbol": "XYZ", "quantity": 0}], "type": "market"},
        {"legs": [{"symbol": "XYZ", "quantity": 1}], "type": "limit"},
        {"legs": [{"symbol": "XYZ", "quantity": 1}], "type": "limit", "limit_price": -1},
        {"legs": [{"symbol": "XYZ", "quantity": 1}], "type": "stop"},
        {"legs": [{"symbol": "A B", "quantity": 1}], "type": "market"},
        {"legs": [{"symbol": PUT, "quantity": 1}, {"symbol": LOWER, "quantity": -1}], "type": "limit", "limit_price": 1},
    ],
)  # fmt: skip
def test_orders_without_sense_are_unprocessable(ask, body):
    account = ask.account()
    assert ask("POST", f"/v1/accounts/{account}/orders", body, Idempotency_Key="k").status == 422
    assert ask("POST", f"/v1/accounts/{account}/orders/preview", body).status == 422
    assert len(ask.ledger(account)) == 1


def test_a_combo_fills_in_ratio_at_its_net_or_not_at_all(ask):
    account = ask.account(**{PUT: (-2, 2.0)})
    roll = {PUT: 2, LOWER: -2}
    assert ask.order(account, roll, effect="debit", **limit(1.39))["status"] == "working"
    (waiting,) = ask.get(f"/v1/accounts/{account}/orders?status=working")["orders"]
    assert ask("DELETE", f"/v1/accounts/{account}/orders/{waiting['id']}")["status"] == "cancelled"
    done = ask.order(account, roll, effect="debit", **limit(1.4))
    assert done["status"] == "filled"
    assert {fill["symbol"]: (fill["quantity"], fill["price"]) for fill in done["fills"]} == {
        PUT: (2, 2.2), LOWER: (-2, 0.8),
    }  # fmt: skip
    assert ask.explained(account)["cash"] == pytest.approx(100_000 - 2 * 140 - 4 * 0.65)
    holder = ask.account(0, XYZ=(300, 90.0))
    # Three units of one call against 100 shares each: the net is 100.00 - 1.60 a share.
    unwound = ask.order(holder, {"XYZ": -300, CALL: 3}, effect="credit", **limit(98.4))
    assert unwound["status"] == "filled"
    assert ask.explained(holder)["cash"] == pytest.approx(300 * 98.4 - 3 * 0.65)


def test_working_orders_reserve_meet_new_quotes_and_can_be_cancelled(ask):
    symbol = "XYZ   130518P00090000"
    ask.quotes((symbol, 1.0, 1.2))
    account = ask.account()
    made = ask.order(account, {symbol: -1}, key="w", **limit(1.1))
    assert made["status"] == "working"
    assert ask.get(f"/v1/accounts/{account}")["buying_power"] == pytest.approx(100_000 - 9_000 + 110 - 0.65)
    cancelled = ask.order(account, {symbol: -1}, **limit(1.5))
    path = f"/v1/accounts/{account}/orders/{cancelled['id']}"
    assert ask("DELETE", path)["status"] == "cancelled"
    ask.quotes((symbol, 1.15, 1.3), ts=(ask.now() + timedelta(microseconds=5)).isoformat())
    found = ask.get(f"/v1/accounts/{account}/orders/{made['id']}")
    assert (found["status"], found["fills"][0]["price"]) == ("filled", 1.15)
    assert ask("DELETE", f"/v1/accounts/{account}/orders/{made['id']}").status == 409
    assert ask.get(path)["status"] == "cancelled"
    assert ask("GET", f"/v1/accounts/{account}/orders/none").status == 404
    again = ask.order(account, {symbol: -1}, key="w", **limit(1.1))
    assert (again.status, again.body) == (200, made.body)
    ask.explained(account)


def test_lists_go_on_where_their_cursor_says(ask):
    account = ask.account()
    made = [ask.order(account, {"XYZ": 1})["id"] for _ in range(5)]
    for path, name in ((f"/v1/accounts/{account}/orders", "orders"), ("/v1/accounts", "accounts")):
        seen, cursor = [], ""
        while cursor is not None:
            page = ask.get(f"{path}?limit=2{cursor and '&cursor=' + cursor}")
            assert page.keys() == {name, "next_cursor"}
            assert len(page[name]) <= 2
            seen, cursor = seen + [it["id"] for it in page[name]], page["next_cursor"]
        assert len(seen) == len(set(seen))
        assert name == "accounts" or seen == made
        assert ask("GET", f"{path}?cursor=nonsense").status == 400
        assert ask("GET", f"{path}?limit=0").status == 400


def test_reported_facts_are_booked_once_under_their_names(ask):
    account = ask.account(20_000, **{PUT: (-2, 2.0)})
    path, ts = f"/v1/accounts/{account}/events", ask.now().isoformat()
    facts = [
        {"external_id": "d", "ts": ts, "kind": "cash", "amount": 10.005}, {"external_id": "f", "ts": ts, "kind": "fee", "amount": 1},
        {"external_id": "v", "ts": ts, "kind": "dividend", "symbol": "XYZ", "amount": 2},
        {"external_id": "a", "ts": ts, "kind": "assignment", "symbol": PUT, "quantity": 1},
    ]  # fmt: skip
    done = ask("POST", path, {"events": [*facts, facts[0]]}).json
    assert (done["applied"], done["duplicates"], done["rejections"]) == (4, 1, [])
    assert ask("POST", path, {"events": facts}).json["duplicates"] == 4
    before = ask.ledger(account)
    other = {"events": [{"external_id": "new", "ts": ts, "kind": "cash", "amount": 1}, facts[1] | {"amount": 2}]}
    assert ask("POST", path, other).status == 409
    assert ask.ledger(account) == before
    assert {event["external_id"] for event in before} >= {"d", "f", "v", "a"}
    shown = ask.explained(account)
    assert shown["cash"] == pytest.approx(20_000 + 10 - 1 + 2 - 10_000, abs=0.011)
    held = {it["symbol"]: it for it in shown["positions"]}
    assert (held["XYZ"]["quantity"], held["XYZ"]["tax_basis"], held[PUT]["quantity"]) == (100, 98.0, -1)
    assert ask("POST", path, {"events": [facts[0] | {"ts": "2013-03-01T09:45:00"}]}).status == 422


def test_recommendations_can_be_sent_unchanged(ask):
    account = ask.account(50_000, XYZ=(100, 90.0))
    found = ask.get(f"/v1/accounts/{account}/recommendations")
    assert found.keys() == {"as_of", "recommendations", "rejections", "data"}
    assert found["data"].keys() == {"state", "age_seconds"}
    for item in found["recommendations"]:
        assert item.keys() == {
            "id", "action", "symbol", "legs", "limit_price", "effect", "reasons", "risk", "rank",
        }  # fmt: skip
        assert item["risk"].keys() == {"max_loss", "probability_itm", "breakeven", "margin", "annualized_yield"}
        assert item["reasons"]
        if item["legs"]:
            body = {name: item[name] for name in ("legs", "limit_price", "effect")} | {"type": "limit"}
            assert ask("POST", f"/v1/accounts/{account}/orders/preview", body).status == 200
    one = ask.get(f"/v1/accounts/{account}/recommendations?symbol=XYZ")["recommendations"]
    assert {item["symbol"] for item in one} == {"XYZ"}
    assert ask("GET", f"/v1/accounts/{account}/recommendations?symbol=NEVER").status == 404


def test_regulation_t_by_the_published_examples(ask):
    put, far = "REG   130420P00200000", "REG   130420P00150000"
    call, upper = "REG   130420C00280000", "REG   130420C00220000"
    ask.quotes(("REG", 208.99, 209.01), (put, 1.19, 1.21), (far, 0.29, 0.31), (call, 0.09, 0.11), (upper, 1.99, 2.01))
    for held, margin in (
        ({put: (-1, 1.2)}, 3_400), ({far: (-1, 0.3)}, 1_530), ({call: (-1, 0.1)}, 2_100),
        ({put: (-1, 1.2), upper: (-1, 2.0)}, 3_600),
    ):  # fmt: skip
        account = ask.account(100_000, "margin", **held)
        risk = ask.get(f"/v1/accounts/{account}/risk")
        assert risk["margin"]["initial"] == margin
        shown = ask.get(f"/v1/accounts/{account}")
        assert shown["buying_power"] == pytest.approx(shown["equity"] - margin)
    empty = ask.account(100_000, "margin")
    body = {"legs": [{"symbol": put, "quantity": -1}], "type": "market"}
    preview = ask("POST", f"/v1/accounts/{empty}/orders/preview", body)
    assert preview["margin_change"]["initial"] == 3_400
    # Covered: nothing on the call, half of the shares.
    covered = ask.account(0, "margin", REG=(100, 200.0), **{call: (-1, 0.1)})
    assert ask.get(f"/v1/accounts/{covered}/risk")["margin"] == {
        "initial": 10_450.0, "maintenance": 5_225.0, "method": "regulation_t",
    }  # fmt: skip
    secured = ask.account(100_000, "ira", **{put: (-2, 1.2)})
    assert ask.get(f"/v1/accounts/{secured}/risk")["margin"]["initial"] == 40_000


def test_risk_says_every_number_or_null(ask):
    start = datetime.fromisoformat("2012-06-01")
    days = [(start + timedelta(days=n)) for n in range(250)]
    closed = {
        "2012-07-04",
        "2012-09-03",
        "2012-10-29",
        "2012-10-30",
        "2012-11-22",
        "2012-12-25",
        "2013-01-01",
        "2013-01-21",
    }
    sessions = [d for d in days if d.weekday() < 5 and d.date().isoformat() not in closed]
    ask.bars("RSK", {d.date().isoformat(): 100 + (n * 37 % 11) / 3 for n, d in enumerate(sessions)})
    ask.quotes(("RSK", 100.0, 100.2))
    account = ask.account(0, RSK=(100, 90.0))
    risk = ask.get(f"/v1/accounts/{account}/risk")
    assert risk.keys() == {"as_of", "exposure", "margin", "horizon_days", "var", "es", "scenarios", "assigned"}
    assert risk["exposure"].keys() == {
        "delta_shares", "dollar_delta", "beta_weighted_delta", "gamma", "theta_per_day", "vega_per_vol_point",
    }  # fmt: skip
    assert (risk["horizon_days"], risk["exposure"]["delta_shares"]) == (1, 100.0)
    assert risk["exposure"]["dollar_delta"] == pytest.approx(10_010)
    for method in ("historical", "normal", "monte_carlo"):
        var, es = risk["var"][method], risk["es"][method]
        assert 0 < var["0.95"] <= var["0.99"]
        assert es["0.95"] >= var["0.95"], (method, var, es)
        assert es["0.99"] >= var["0.99"]
    assert all(it.keys() == {"spot", "volatility", "days", "pnl"} for it in risk["scenarios"])
    assert risk["assigned"] == {"cash_needed": 0.0, "shares": {}}
    unknown = ask.get(f"/v1/accounts/{ask.account(0, DARK=(1, 1.0))}/risk")
    assert unknown["var"]["historical"] == {"0.95": None, "0.99": None}
    nothing = ask.get(f"/v1/accounts/{ask.account()}/risk")
    assert nothing["var"]["normal"] == {"0.95": 0.0, "0.99": 0.0}


@pytest.mark.parametrize(
    ("change", "status"),
    [({"kind": "fund"}, 422), ({"cash": "1"}, 422), ({"cash": None}, 422), ({"positions": [{"symbol": "A B", "quantity": 1}]}, 422)],
)  # fmt: skip
def test_accounts_that_cannot_be_opened(ask, change, status):
    assert ask("POST", "/v1/accounts", {"name": "x", "kind": "cash", "cash": 1} | change).status == status


def test_what_is_unknown_is_not_found(ask):
    for path in ("", "/orders", "/ledger", "/risk", "/performance", "/expirations", "/recommendations", "/orders/x"):
        assert ask("GET", f"/v1/accounts/none{path}").status == 404
    body = {"legs": [{"symbol": "XYZ", "quantity": 1}], "type": "market"}
    assert ask("POST", "/v1/accounts/none/orders", body, Idempotency_Key="k").status == 404
    assert ask("POST", "/v1/end-of-day", {"date": "2013-03-01", "accounts": ["none"]}).status == 404
    assert ask("POST", "/v1/end-of-day", {"date": "2013-03-02"}).status == 422
    assert ask("DELETE", "/v1/keys/none").status == 404


def test_early_exercise_by_the_published_example(ask):
    """Strike 100, a dividend of 1.00 on the next session, 21 days more, 25 %, 4 %: alarm at 106 and only a warning below."""
    years = 24 / 365
    for spot, level in ((103, "warning"), (105, "warning"), (106, "alarm")):
        name = f"EX{spot}".translate(str.maketrans("0123456789", "ABCDEFGHIJ"))
        call, put = f"{name:6}130325C00100000", f"{name:6}130325P00100000"
        dividend = {"ex_date": "2013-03-04", "amount": 1.0, "kind": "ordinary"}
        ask("PUT", f"/v1/market/{name}/terms", {"rate": 0.04, "dividend_yield": 0, "dividends": [dividend]})
        worth = {osi: float(price(spot - 1, 100, years, 0.25, 0.04, 0, is_call=osi == call)) for osi in (call, put)}
        worth[call] = max(worth[call], spot - 100 + 0.05)
        quoted = [(osi, round(it - 0.01, 2), round(it + 0.01, 2)) for osi, it in worth.items()]
        assert ask.quotes((name, spot - 0.01, spot + 0.01), *quoted)["rejected"] == 0
        account = ask.account(0, **{name: (100, 90.0), call: (-1, 2.0)})
        (found,) = ask.get(f"/v1/accounts/{account}/expirations")["expirations"]
        assert (found["state"], found["early_exercise"]) == ("itm", level), (spot, found)
