"""Advice and screens on a terminal: what a trader reads, in the order a trader reads it.

Nothing is computed here. What is unknown shows as ``?``, what does not apply as ``-``. Probabilities are risk-neutral and say so.
The tables fit 100 columns; cells of two lines keep related figures together.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from wheelhouse.strategy.advice import Advice, Data, Figures, Recommendation

UNKNOWN = "?"
NOT_APPLICABLE = "-"

_STYLES = {
    "sell_put": "green",
    "sell_call": "green",
    "roll": "yellow",
    "close": "yellow",
    "hedge": "yellow",
    "hold": "cyan",
    "wait": "dim",
}


def advice_view(advice: "Advice", *, notice: str | None = None) -> RenderableType:
    """Show recommendations with their order, risk and reasons, then what was left out, then the state of the data.

    Parameters
    ----------
    notice
        A sentence about the source of the data, shown last, as "sample market, simulated quotes".
    """
    parts: list[RenderableType] = []
    sales = [item for item in advice.recommendations if item.legs]
    if sales:
        parts.append(_orders(sales))
    parts += [_explained(item) for item in advice.recommendations]
    if advice.rejections:
        parts.append(rejections_table(advice.rejections))
    parts.append(_footer(advice.data, notice))
    return Group(*parts)


def screen_view(
    candidates: Sequence["Figures"], rejections: Mapping[str, int], *, limit: int = 20, notice: str | None = None
) -> RenderableType:
    """Show ranked contracts of one or more names, at most `limit`, then the rejections by code."""
    parts: list[RenderableType] = (
        [figures_table(candidates[:limit])] if candidates else [Text("no contract may be sold")]
    )
    if len(candidates) > limit:
        parts.append(Text(f"{len(candidates) - limit} more", style="dim"))
    if rejections:
        parts.append(rejections_table(rejections))
    parts.append(_legend(notice))
    return Group(*parts)


def figures_table(rows: Sequence["Figures"]) -> Table:
    """Show the figures of contracts, one row of two lines each, in the order given."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("contract\ndays, expiry", no_wrap=True)
    for heading in (
        "bid x ask\nspread",
        "a year\nraw yield",
        "delta\nP(ITM) rn",
        "OTM\nbreakeven",
        "IV\nIV rank",
        "earnings\nex-date",
        "OI\nvolume",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*(f"{upper}\n{lower}" for upper, lower in _cells(row)))
    return table


def rejections_table(rejections: Mapping[str, int]) -> Table:
    """Show how many contracts each rule refused; one that broke several counts under each."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("refused by")
    table.add_column("contracts", justify="right")
    for code, count in rejections.items():
        table.add_row(code.replace("_", " "), f"{count:,}")
    return table


def percent(value: float | None, digits: int = 1) -> str:
    """Write a fraction as a percentage."""
    return UNKNOWN if value is None else f"{value:.{digits}%}"


def number(value: float | None, digits: int = 2) -> str:
    """Write a number with thousands separated."""
    return UNKNOWN if value is None else f"{value:,.{digits}f}"


def _cells(row: "Figures") -> Iterable[tuple[str, str]]:
    return (
        (f"{row.underlying} {row.strike:g} {row.right.value}", f"{row.dte} d, {row.expiry}"),
        (f"{number(row.bid)} x {number(row.ask)}", percent(row.spread_fraction)),
        (percent(row.annualized_yield), percent(row.raw_yield, 2)),
        (number(row.delta), percent(row.probability_itm)),
        (percent(row.otm_fraction), number(row.breakeven)),
        (percent(row.implied_volatility), percent(row.iv_rank, 0)),
        (_day(row.earnings), _day(row.ex_date)),
        (number(row.open_interest, 0), number(row.volume, 0)),
    )


def _day(day: "date | None") -> str:
    return UNKNOWN if day is None else day.isoformat()


def _orders(items: Sequence["Recommendation"]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("#", justify="right", style="dim")
    for heading in ("action", "order"):
        table.add_column(heading, no_wrap=True)
    for heading in ("limit\n", "a year\nP(ITM) rn", "breakeven\n", "max loss\ncollateral"):
        table.add_column(heading, justify="right", no_wrap=True)
    for item in items:
        risk = item.risk
        table.add_row(
            str(item.rank),
            Text(item.action.value.replace("_", " "), style=_STYLES[item.action.value]),
            "\n".join(f"{leg.quantity:+d} {leg.symbol.replace(' ', '')}" for leg in item.legs),
            f"{_price(item.limit_price)} {item.effect.value if item.effect else ''}".strip(),
            f"{_or_dash(percent, risk.annualized_yield)}\n{_or_dash(percent, risk.probability_itm)}",
            _or_dash(number, risk.breakeven),
            f"{_or_dash(number, risk.max_loss)}\n{_or_dash(number, risk.margin)}",
        )
    return table


def _or_dash(write: Callable[[float | None], str], value: float | None) -> str:
    return NOT_APPLICABLE if value is None else write(value)


def _price(price: "Decimal | None") -> str:
    return NOT_APPLICABLE if price is None else f"{price:,.2f}"


def _explained(item: "Recommendation") -> RenderableType:
    title = Text.assemble(
        (f"{item.rank}. ", "dim"),
        (item.action.value.replace("_", " "), f"bold {_STYLES[item.action.value]}"),
        f" {item.symbol}",
    )
    parts: list[RenderableType] = [title]
    if item.figures is not None:
        parts.append(Padding(figures_table([item.figures]), (0, 0, 0, 3)))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for why in item.reasons:
        grid.add_row(why.code.replace("_", " "), Text(why.detail))
    parts.append(Padding(grid, (0, 0, 1, 3)))
    return Group(*parts)


def _footer(data: "Data", notice: str | None) -> Text:
    age = "unknown" if data.age_seconds is None else f"{data.age_seconds:,.0f} s of session time"
    return Text(f"data {data.state}, age {age}. ", style="dim") + _legend(notice)


def _legend(notice: str | None) -> Text:
    text = Text("rn: risk-neutral. Yields are at the bid, before tax. ? is unknown.", style="dim")
    if notice:
        text.append(f"\n{notice}", style="italic")
    return text
