"""The tear sheet of a small account whose figures are known by hand."""

import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from rich.console import Console

from wheelhouse.ledger.account import AccountState, apply_all
from wheelhouse.ledger.booking import book_assignment, book_dividend, book_expiry, book_fill, open_account
from wheelhouse.ledger.events import LedgerEvent, sequenced
from wheelhouse.ledger.orders import Fill
from wheelhouse.reports.performance import buy_and_hold
from wheelhouse.reports.tear_sheet import TearSheet, tear_sheet, tear_sheet_view

START = datetime(2013, 3, 1, 21, tzinfo=UTC)
PUT, CALL, LATER = "XYZ   130316P00050000", "XYZ   130420C00050000", "XYZ   130518P00045000"
DATES = [date(2013, 3, 1), date(2013, 3, 4), date(2013, 3, 5)]


def books() -> tuple[AccountState, list[LedgerEvent]]:
    state, events = AccountState(account_id="a"), []

    def add(new):
        nonlocal state
        numbered = sequenced(new, state.sequence)
        events.extend(numbered)
        state = apply_all(state, numbered, {})

    def fill(name, symbol, quantity, price, day):
        ts = START + timedelta(days=day)
        add(
            book_fill(
                "a",
                name,
                Fill(id=name, ts=ts, symbol=symbol, quantity=quantity, price=Decimal(price), fee=Decimal("1.30")),
                {},
            )
        )

    add(open_account("a", ts=START, cash=Decimal(20_000)))
    fill("o1", PUT, -2, "1.00", 1)
    add(book_assignment(state, PUT, ts=START + timedelta(days=15), external_id="as1", contracts={}))
    add(book_dividend(state, "XYZ", per_share=Decimal("0.25"), ts=START + timedelta(days=16), external_id="d1"))
    fill("o2", CALL, -2, "1.50", 20)
    add(book_assignment(state, CALL, ts=START + timedelta(days=50), external_id="as2", contracts={}))
    fill("o3", LATER, -1, "0.40", 51)
    fill("o4", LATER, 1, "0.10", 52)
    fill("o5", LATER, -1, "0.20", 53)
    add(book_expiry(state, LATER, ts=START + timedelta(days=78), external_id="ex1"))
    return state, events


def sheet(**closes: list[float]) -> TearSheet:
    state, events = books()
    return tear_sheet(
        title="The wheel on XYZ",
        label="sample market, simulated quotes",
        dates=DATES,
        equity=[Decimal(20_000), Decimal(19_800), Decimal(20_400)],
        state=state,
        events=events,
        contracts={},
        adjusted_closes=closes or {"XYZ": [50.0, 49.0, 52.0]},
        at_work=0.5,
    )


def test_activity_is_what_the_ledger_says():
    did = sheet().activity
    assert (did.premium_received, did.premium_paid, did.fees) == (Decimal("560.00"), Decimal("10.00"), Decimal("6.50"))
    assert did.premium == Decimal("543.50")
    assert did.dividends == Decimal("50.00")
    assert (did.puts_assigned, did.calls_assigned, did.expired) == (2, 2, 1)
    assert (did.orders_filled, did.campaigns, did.campaigns_running) == (5, 3, 0)


def test_the_wheel_stands_beside_holding_the_same():
    made = sheet(XYZ=[50.0, 49.0, 52.0], ABC=[10.0, 11.0, 12.0])
    assert made.wheel.total_return == pytest.approx(0.02)
    assert made.wheel.max_drawdown == pytest.approx(-0.01)
    assert made.wheel.win_rate == 1.0
    assert made.wheel.profit_factor is None
    assert made.holding["XYZ"] == buy_and_hold(DATES, [50.0, 49.0, 52.0])
    assert made.together is not None
    assert made.together.total_return == pytest.approx((0.04 + 0.2) / 2)


def test_the_document_is_json_with_undefined_as_null():
    document = json.loads(json.dumps(sheet().document(), allow_nan=False))
    assert document["wheel"]["profit_factor"] is None
    assert document["activity"]["premium"] == 543.5
    assert document["buy_and_hold"]["XYZ"]["start"] == "2013-03-01"
    assert document["buy_and_hold_together"] is None
    assert (document["initial"], document["final"]) == (20_000, 20_400)


def test_the_page_says_what_it_rests_on():
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(tear_sheet_view(sheet()))
    text = console.export_text()
    for part in ("The wheel on XYZ  2013-03-01 to 2013-03-05", "hold XYZ", "560.00", "simulated quotes", "50.0%"):
        assert part in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 100
    profit = next(line for line in text.splitlines() if "profit factor" in line)
    assert profit.split()[-2:] == ["-", "-"]
