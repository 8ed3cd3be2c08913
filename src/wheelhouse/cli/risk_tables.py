"""The risk of an account on a terminal: the answers of the service as tables, nothing computed."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from wheelhouse.cli.tables import NOT_APPLICABLE, number

_METHODS = ("historical", "normal", "monte_carlo")
_HEDGES_SHOWN = 8


def risk_view(
    risk: Mapping[str, Any], hedges: Sequence[Mapping[str, Any]], *, notice: str | None = None
) -> RenderableType:
    """Show the answers of the risk and hedge routes.

    Parameters
    ----------
    notice
        A sentence about the source of the data, shown last.
    """
    parts: list[RenderableType] = [
        _exposure(risk),
        _tail(risk),
        _scenarios(risk["scenarios"]),
        _assigned(risk["assigned"]),
    ]
    parts.append(_hedges(hedges) if hedges else Text("no hedge within the budget"))
    legend = Text(f"as of {risk['as_of']}. Losses are positive. ? is unknown.", style="dim")
    if notice:
        legend.append(f"\n{notice}", style="italic")
    return Group(*parts, legend)


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="right" if i else "left", no_wrap=True)
    return table


def _exposure(risk: Mapping[str, Any]) -> Table:
    table = _table("Exposure", "", "")
    table.show_header = False
    for name, value in risk["exposure"].items():
        table.add_row(name.replace("_", " "), number(value))
    for name in ("initial", "maintenance"):
        table.add_row(f"margin, {name}", number(risk["margin"][name]))
    table.add_row("margin, method", str(risk["margin"]["method"]).replace("_", " "))
    return table


def _tail(risk: Mapping[str, Any]) -> Table:
    table = _table(f"Loss over {risk['horizon_days']} session, USD", "", "VaR 95 %", "VaR 99 %", "ES 95 %", "ES 99 %")
    for method in _METHODS:
        cells = [number(risk[name][method][level], 0) for name in ("var", "es") for level in ("0.95", "0.99")]
        table.add_row(method.replace("_", " "), *cells)
    return table


def _scenarios(cells: Sequence[Mapping[str, Any]]) -> Table:
    spots = sorted({cell["spot"] for cell in cells})
    table = _table("Profit under shocks, USD", "spot", *(f"{spot:+.0%}" for spot in spots))
    found = {(cell["days"], cell["volatility"], cell["spot"]): cell["pnl"] for cell in cells}
    for days, volatility in dict.fromkeys((cell["days"], cell["volatility"]) for cell in cells):
        row = (number(found[days, volatility, spot], 0) for spot in spots)
        table.add_row(f"{days} d, volatility {volatility * 100:+.0f} points", *row)
    return table


def _assigned(assigned: Mapping[str, Any]) -> Text:
    shares = ", ".join(f"{count} {name}" for name, count in assigned["shares"].items()) or NOT_APPLICABLE
    return Text(f"all short puts assigned: {number(assigned['cash_needed'])} USD for {shares}")


def _hedges(hedges: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("Hedges, the least residual shortfall first", "", "order", "cost", "delta", "vega", "ES 95 %")
    for item in hedges[:_HEDGES_SHOWN]:
        table.add_row(
            str(item["kind"]).replace("_", " "),
            "\n".join(f"{leg['quantity']:+d} {leg['symbol'].replace(' ', '')}" for leg in item["legs"]),
            number(item["cost"]),
            number(item["delta_after"], 0),
            number(item["vega_after"], 0),
            number(item["es_after"], 0),
        )
    if len(hedges) > _HEDGES_SHOWN:
        table.caption = f"{len(hedges) - _HEDGES_SHOWN} more"
    return table
