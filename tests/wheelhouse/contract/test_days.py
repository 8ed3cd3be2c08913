"""Days that pass: expiries, assignments, splits, dividends, reconciliation and performance, over restarts with a later clock."""

import math
import statistics
from datetime import date
from itertools import pairwise

import pytest

from .conftest import KEY, codes, instant

FRIDAY, MONDAY = "2013-03-15", "2013-03-18"
PUT, OTM, CALL = "XYZ   130316P00050000", "XYZ   130316P00040000", "XYZ   130316C00050000"
DEEP = "XYZ   130316C00045000"
ADJUSTED, CASHY = "RVS1  130316P00005000", "IDX   130316P00105000"
CLOSES = {"2013-03-15": 49.5, "2013-03-18": 51.0, "2013-03-19": 50.2}


@pytest.fixture(scope="module")
def story(begin):
    """Everything that happens, told once; the tests look at what was noted."""
    notes = {}
    ask = begin(WHEELHOUSE_CLOCK=f"{FRIDAY}T15:50:00-04:00")
    notes["before"] = ask.get("/v1/about")
    deliverable = {"shares": {"RVS": 10}, "cash": 0}
    ask("PUT", "/v1/market/instruments", {"instruments": [{"symbol": ADJUSTED, "deliverable": deliverable}]})
    ask("PUT", "/v1/market/IDX/terms", {"rate": 0, "dividend_yield": 0, "exercise": "european", "settlement": "cash"})
    ask("PUT", "/v1/market/TWO/terms", {"rate": 0, "dividend_yield": 0, "splits": [{"ex_date": MONDAY, "ratio": 2}]})
    dividend = {"ex_date": MONDAY, "pay_date": "2013-03-19", "amount": 0.25, "kind": "ordinary"}
    ask("PUT", "/v1/market/DIV/terms", {"rate": 0, "dividend_yield": 0, "dividends": [dividend]})
    sent = ask.quotes(
        ("XYZ", 49.4, 49.6), (PUT, 0.6, 0.7), (OTM, 0.0, 0.05), (CALL, 0.1, 0.2), ("RVS", 4.0, 4.2), (ADJUSTED, 0.9, 1.1),
        ("IDX", 99.9, 100.1), ("TWO", 59.9, 60.1), ("DIV", 29.9, 30.1), ("TWO   130420P00060000", 2.0, 2.2),
    )  # fmt: skip
    assert sent["rejected"] == 0, sent
    ids = notes["ids"] = {
        "put": ask.account(10_000, **{PUT: (-2, 1.2), OTM: (-1, 0.5)}),
        "called": ask.account(0, XYZ=(100, 45.0), **{CALL: (-1, 1.5)}),
        "away": ask.account(0, XYZ=(100, 44.0), **{DEEP: (-1, 5.0)}),
        "adjusted": ask.account(1_000, **{ADJUSTED: (-1, 1.0)}),
        "cash": ask.account(20_000, **{CASHY: (-1, 2.0)}),
        "split": ask.account(20_000, TWO=(100, 55.0), **{"TWO   130420P00060000": (-1, 2.5)}),
        "dividend": ask.account(0, DIV=(100, 30.0)),
        "growth": ask.account(0, XYZ=(100, 49.5)),
        "orders": ask.account(),
    }
    notes["day order"] = ask.order(ids["orders"], {"XYZ": 1}, limit_price=10, time_in_force="day")
    notes["gtc order"] = ask.order(ids["orders"], {"XYZ": 1}, limit_price=10, time_in_force="gtc")
    notes["expirations"] = ask.get(f"/v1/accounts/{ids['put']}/expirations")["expirations"]
    # A halt stops orders, never settlements.
    ask("POST", f"/v1/accounts/{ids['put']}/halt")
    ask = begin(WHEELHOUSE_CLOCK=f"{FRIDAY}T17:00:00-04:00")
    notes["evening state"] = ask.get("/v1/market/XYZ")
    notes["evening session"] = ask.get("/v1/about")["session"]
    notes["halted"] = ask.get(f"/v1/accounts/{ids['put']}")["halted"]
    bars = {"XYZ": 49.5, "RVS": 4.1, "IDX": 100.0, "TWO": 60.0, "DIV": 30.0}
    for symbol, close in bars.items():
        ask.bars(symbol, {FRIDAY: close})
    notes["friday"] = {name: ask.end(FRIDAY, it) for name, it in ids.items()}
    notes["ledgers"] = {name: ask.ledger(it) for name, it in ids.items()}
    notes["friday again"] = {name: ask.end(FRIDAY, it) for name, it in ids.items()}
    notes["ledgers again"] = {name: ask.ledger(it) for name, it in ids.items()}
    notes["accounts"] = {name: ask.explained(it) for name, it in ids.items()}
    notes["orders"] = {it["id"]: it["status"] for it in ask.get(f"/v1/accounts/{ids['orders']}/orders")["orders"]}
    for day, close in list(CLOSES.items())[1:]:
        ask = begin(WHEELHOUSE_CLOCK=f"{day}T16:10:00-04:00")
        ask.bars("XYZ", {day: close})
        ask.bars("DIV", {day: 30.0})
        if day == MONDAY:
            ask.bars("TWO", {day: 30.0})
            ask.end(MONDAY, ids["split"])
        ask.end(day, ids["growth"])
        ask.end(day, ids["dividend"])
    notes["late"] = ask.end(FRIDAY, ids["growth"])
    return ask, notes


def held(notes, name):
    return {it["symbol"]: it for it in notes["accounts"][name]["positions"]}


def test_outside_the_session_the_final_quarter_of_an_hour_is_fresh(story):
    _, notes = story
    assert (notes["before"]["session"], notes["evening session"]) == ("open", "closed")
    assert (notes["before"]["clock"], notes["evening state"]["state"]) == ("simulated", "fresh")


def test_the_end_of_a_day_is_idempotent(story):
    _, notes = story
    assert notes["ledgers again"] == notes["ledgers"]
    for first, again in zip(notes["friday"].values(), notes["friday again"].values(), strict=True):
        assert first.keys() == {"accounts", "reports"}
        assert first["accounts"] == again["accounts"]
        assert (first["accounts"][0]["reconciled"], first["accounts"][0]["differences"]) == (True, [])
        assert first["reports"][0]["equity"] == again["reports"][0]["equity"]


def test_an_assigned_put_pays_strike_and_keeps_both_bases(story):
    _, notes = story
    account, stock = notes["accounts"]["put"], held(notes, "put")["XYZ"]
    assert (account["cash"], list(held(notes, "put"))) == (0.0, ["XYZ"])
    assert (stock["quantity"], stock["tax_basis"]) == (200, pytest.approx(48.8))
    # The put that expired belongs to the cycle, not to the tax cost of these shares.
    assert stock["campaign_basis"] == pytest.approx((10_000 - 240 - 50) / 200)
    kinds = [event["kind"] for event in notes["ledgers"]["put"]]
    assert (kinds.count("assignment"), kinds.count("expiry")) == (2, 1)
    # Assignment posts the next session.
    posted = [instant(event["ts"]) for event in notes["ledgers"]["put"] if event["kind"] == "assignment"]
    assert {it.date() for it in posted} == {date(2013, 3, 18)}


def test_a_call_out_of_the_money_expires_and_keeps_the_shares(story):
    _, notes = story
    assert notes["accounts"]["called"]["cash"] == 0.0
    stock = held(notes, "called")["XYZ"]
    assert (stock["quantity"], stock["tax_basis"], stock["campaign_basis"]) == (100, 45.0, pytest.approx(43.5))


def test_called_away_shares_are_sold_at_strike_and_premium(story):
    ask, notes = story
    assert (notes["accounts"]["away"]["cash"], held(notes, "away")) == (4_500.0, {})
    found = ask.get(f"/v1/accounts/{notes['ids']['away']}/performance")
    (campaign,) = found["campaigns"]
    # 45.00 at strike and 5.00 of premium for shares that cost 44.00.
    assert (campaign["symbol"], campaign["profit"], found["win_rate"], found["profit_factor"]) == (
        "XYZ",
        600.0,
        1.0,
        None,
    )


def test_after_a_reverse_split_the_deliverable_moves(story):
    _, notes = story
    stock = held(notes, "adjusted")["RVS"]
    # One contract pays 5.00 x 100 for ten shares: 50.00 each less a tenth of its premium of 100.
    assert notes["accounts"]["adjusted"]["cash"] == 500.0
    assert (stock["quantity"], stock["tax_basis"]) == (10, pytest.approx(40.0))


def test_cash_settled_options_move_cash_alone(story):
    _, notes = story
    assert held(notes, "cash") == {}
    assert notes["accounts"]["cash"]["cash"] == 20_000 - 500


def test_a_split_doubles_and_leaves_the_equity_of_the_evening(story):
    _, notes = story
    assert {s: it["quantity"] for s, it in held(notes, "split").items()} == {"TWO": 200, "TWO   130420P00030000": -2}
    assert held(notes, "split")["TWO"]["tax_basis"] == 27.5
    assert notes["friday"]["split"]["reports"][0]["equity"] == pytest.approx(20_000 + 6_000 - 210, abs=11)


def test_orders_end_with_their_day_unless_they_last(story):
    _, notes = story
    assert notes["orders"] == {notes["day order"]["id"]: "expired", notes["gtc order"]["id"]: "working"}


def test_a_halt_survives_and_never_stops_a_settlement(story):
    ask, notes = story
    assert notes["halted"] is True
    account = notes["ids"]["put"]
    assert codes(ask.order(account, {"XYZ": -1})) == ("rejected", ["halted"])
    assert ask("POST", f"/v1/accounts/{account}/resume").status == 200
    ask("POST", "/v1/halt")
    assert codes(ask.order(notes["ids"]["orders"], {"XYZ": 1})) == ("rejected", ["halted"])
    ask("POST", "/v1/resume")
    assert ask.get(f"/v1/accounts/{account}")["halted"] is False


def test_expirations_plan_the_assignment(story):
    _, notes = story
    found = {it["symbol"]: it for it in notes["expirations"]}
    assert found[PUT].keys() >= {
        "symbol", "last_trading_day", "quantity", "moneyness", "state", "cash_if_assigned", "shares_if_assigned",
        "early_exercise", "action",
    }  # fmt: skip
    assert (found[PUT]["last_trading_day"], found[PUT]["cash_if_assigned"]) == (FRIDAY, -10_000.0)
    assert (found[PUT]["shares_if_assigned"], found[OTM]["state"]) == (200, "otm")


def test_dividends_are_paid_on_the_pay_date(story):
    ask, notes = story
    paid = [it for it in ask.ledger(notes["ids"]["dividend"]) if it["kind"] == "dividend"]
    assert [(it["cash"], instant(it["ts"]).date()) for it in paid] == [(25.0, date(2013, 3, 19))]
    assert ask.explained(notes["ids"]["dividend"])["cash"] == 25.0


def test_performance_follows_the_formulas(story):
    ask, notes = story
    found = ask.get(f"/v1/accounts/{notes['ids']['growth']}/performance")
    assert found.keys() == {
        "start", "end", "cagr", "volatility", "sharpe", "sortino", "max_drawdown", "calmar", "win_rate", "profit_factor",
        "benchmark", "campaigns",
    }  # fmt: skip
    values = list(CLOSES.values())
    returns = [b / a - 1 for a, b in pairwise(values)]
    growth = (values[-1] / values[0]) ** (365.25 / 4) - 1
    downside = math.sqrt(sum(min(r, 0) ** 2 for r in returns) / len(returns))
    assert (found["start"], found["end"]) == (FRIDAY, "2013-03-19")
    assert found["volatility"] == pytest.approx(statistics.stdev(returns) * math.sqrt(252))
    assert found["sharpe"] == pytest.approx(statistics.mean(returns) / statistics.stdev(returns) * math.sqrt(252))
    assert found["sortino"] == pytest.approx(statistics.mean(returns) / downside * math.sqrt(252))
    assert found["max_drawdown"] == pytest.approx(50.2 / 51 - 1)
    assert found["cagr"] == pytest.approx(growth)
    assert found["calmar"] == pytest.approx(growth / (1 - 50.2 / 51))
    assert (found["win_rate"], found["profit_factor"]) == (None, None)
    assert found["benchmark"]["XYZ"]["max_drawdown"] == pytest.approx(50.2 / 51 - 1)


def test_an_earlier_day_keeps_its_equity(story):
    _, notes = story
    assert notes["late"]["reports"][0]["equity"] == notes["friday"]["growth"]["reports"][0]["equity"] == 4_950.0


def test_an_open_difference_stops_orders_until_the_statement_agrees(story):
    ask, _ = story
    account = ask.account(1_000)
    wrong = {"account_id": account, "cash": 999.0, "positions": [{"symbol": "XYZ", "quantity": 1, "average_price": 50}]}
    statement = {"open_orders": [], "realized_pnl": 0.0}
    done = ask.end("2013-03-19", account, broker_statements=[wrong | statement])["accounts"][0]
    assert done["reconciled"] is False
    assert {it["kind"] for it in done["differences"]} == {"quantity", "cash"}
    assert all(
        it.keys() == {"kind", "symbol", "ours", "theirs", "explained_by", "status"} and it["status"] == "open"
        for it in done["differences"]
    )
    assert codes(ask.order(account, {"XYZ": 1})) == ("rejected", ["unreconciled"])
    events = ask.ledger(account)
    assert ask.end("2013-03-19", account, broker_statements=[wrong | statement])["accounts"][0] == done
    assert ask.ledger(account) == events
    right = {"account_id": account, "cash": 1_000.0, "positions": []} | statement
    assert ask.end("2013-03-19", account, broker_statements=[right])["accounts"][0]["reconciled"] is True
    assert "unreconciled" not in codes(ask.order(account, {"XYZ": 1}))[1]
    ask.explained(account)


def test_a_key_is_needed_whatever_the_day(story):
    ask, _ = story
    assert ask("GET", "/v1/about", key=None).status == 401
    assert ask("GET", "/v1/about", key=KEY).status == 200
