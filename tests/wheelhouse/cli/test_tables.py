from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from typing import Any

from rich.console import Console, RenderableType

from wheelhouse.cli.tables import advice_view, figures_table, number, percent, screen_view
from wheelhouse.ledger.orders import Effect, Leg
from wheelhouse.market.instruments import Right
from wheelhouse.strategy.advice import Action, Advice, Data, Figures, Recommendation, Risk, ranked, reason, wait
from wheelhouse.strategy.reasons import Code

SYMBOL = "AAPL  130420P00400000"


def figures(**changes: Any) -> Figures:
    given: dict[str, Any] = {
        "symbol": SYMBOL,
        "underlying": "AAPL",
        "right": Right.PUT,
        "strike": 400.0,
        "expiry": date(2013, 4, 20),
        "last_trading_day": date(2013, 4, 19),
        "dte": 50,
        "spot": 430.47,
        "bid": 8.15,
        "ask": 8.30,
        "delta": -0.2234,
        "probability_itm": 0.2561,
        "otm_fraction": 0.0708,
        "breakeven": 391.85,
        "raw_yield": 0.020799,
        "annualized_yield": 0.15183,
        "if_called_return": None,
        "implied_volatility": 0.3012,
        "iv_rank": 0.42,
        "earnings": date(2013, 4, 23),
        "ex_date": date(2013, 5, 9),
        "dividend": 3.05,
        "open_interest": 12_345.0,
        "volume": 678.0,
        "spread_fraction": 0.01824,
    }
    return Figures(**(given | changes))


SALE = Recommendation(
    id="1",
    action=Action.SELL_PUT,
    symbol="AAPL",
    legs=(Leg(symbol=SYMBOL, quantity=-2),),
    limit_price=Decimal("8.15"),
    effect=Effect.CREDIT,
    reasons=(reason(Code.BEST_YIELD, "15.2% a year [bold]at the bid[/bold]"),),
    risk=Risk(max_loss=78_370.0, probability_itm=0.2561, breakeven=391.85, margin=80_000.0, annualized_yield=0.15183),
    figures=figures(),
)


def advice(*items: Recommendation, state: Any = "fresh", age: float | None = 12.0, **rejections: int) -> Advice:
    return Advice(
        as_of=datetime(2013, 3, 1, 20, 45, tzinfo=UTC),
        recommendations=ranked(list(items)),
        rejections=rejections,
        data=Data(state=state, age_seconds=age),
    )


def text(view: RenderableType, width: int = 100) -> str:
    out = StringIO()
    Console(file=out, width=width, color_system=None).print(view)
    return out.getvalue()


def test_a_sale_shows_what_a_trader_reads() -> None:
    shown = text(advice_view(advice(SALE, spread_too_wide=1204), notice="sample market, simulated quotes"))
    for part in (
        "sell put", "-2 AAPL130420P00400000", "8.15 credit", "15.2%", "25.6%", "391.85", "78,370.00", "80,000.00",
        "50 d, 2013-04-20", "8.15 x 8.30", "1.8%", "-0.22", "7.1%", "30.1%", "42%", "2013-04-23", "2013-05-09", "12,345", "678",
        "best yield", "spread too wide", "1,204", "data fresh, age 12 s", "risk-neutral", "sample market, simulated quotes",
    ):  # fmt: skip
        assert part in shown, part


def test_details_are_text_and_no_markup() -> None:
    assert "[bold]at the bid[/bold]" in text(advice_view(advice(SALE)))


def test_nothing_is_cut_off_at_a_hundred_columns() -> None:
    shown = text(advice_view(advice(SALE)))
    assert "…" not in shown
    assert max(len(line) for line in shown.splitlines()) <= 100


def test_a_wait_shows_its_reasons_and_no_order() -> None:
    item = wait("AAPL", reason(Code.STALE_DATA, "the quote of AAPL is 900 s of session time old"))
    shown = text(advice_view(advice(item, state="stale", age=None)))
    assert "wait AAPL" in shown
    assert "stale data" in shown
    assert "data stale, age unknown" in shown
    assert "limit" not in shown


def test_a_roll_shows_both_legs_and_a_close_no_yield() -> None:
    new = Leg(symbol="AAPL  130518P00390000", quantity=-1)
    roll = Recommendation(
        id="2", action=Action.ROLL, symbol="AAPL", legs=(Leg(symbol=SYMBOL, quantity=1), new),
        limit_price=Decimal("1.05"), effect=Effect.CREDIT, reasons=(),
    )  # fmt: skip
    close = Recommendation(
        id="3", action=Action.CLOSE, symbol="AAPL", legs=(Leg(symbol=SYMBOL, quantity=1),),
        limit_price=Decimal("0.40"), effect=Effect.DEBIT, reasons=(), risk=Risk(max_loss=0.0, margin=0.0),
    )  # fmt: skip
    shown = text(advice_view(advice(roll, close)))
    assert "+1 AAPL130420P00400000" in shown
    assert "-1 AAPL130518P00390000" in shown
    assert "0.40 debit" in shown
    assert " - " in shown


def test_unknown_is_a_question_mark_and_zero_a_zero() -> None:
    row = figures(bid=0.0, delta=None, iv_rank=None, earnings=None, open_interest=None)
    shown = text(figures_table([row]))
    assert "0.00 x 8.30" in shown
    assert shown.count("?") == 4
    assert (percent(None), number(None), percent(0.0), number(0.0)) == ("?", "?", "0.0%", "0.00")


def test_a_screen_keeps_the_order_and_says_what_it_leaves_out() -> None:
    rows = [figures(strike=400.0 - i, underlying=name) for i, name in enumerate(["AAPL", "IBM", "MSFT"])]
    shown = text(screen_view(rows, {"no_bid": 3}, limit=2, notice="sample market, simulated quotes"))
    assert shown.index("AAPL 400 put") < shown.index("IBM 399 put")
    assert "MSFT" not in shown
    assert "1 more" in shown
    assert "no bid" in shown
    assert "sample market" in shown
    assert "no contract may be sold" in text(screen_view([], {}))
