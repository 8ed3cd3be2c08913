"""The tear sheet: how an account did, and beside it how holding the same underlyings would have done."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from wheelhouse.ledger.account import AccountState
from wheelhouse.ledger.contracts import Contracts, contract_of, is_option
from wheelhouse.ledger.events import EventKind, LedgerEvent
from wheelhouse.ledger.money import ZERO
from wheelhouse.market.instruments import Right
from wheelhouse.reports.campaigns import closed_profits
from wheelhouse.reports.performance import Performance, buy_and_hold, performance

if TYPE_CHECKING:
    from rich.console import RenderableType

UNDEFINED: Final = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What happened in an account, from its ledger. USD; counts of contracts unless said.

    Attributes
    ----------
    premium_received, premium_paid
        Of options sold and bought, before fees; paid is not negative.
    fees
        Not negative.
    puts_assigned, calls_assigned
        Contracts of which shares came and went.
    expired
        Contracts that ended without value.
    orders_filled
        Orders, a roll being one.
    campaigns, campaigns_running
        Cycles from flat to flat that have ended, and those that have not: their losses are in the equity, not in the win rate.
    """

    premium_received: Decimal
    premium_paid: Decimal
    fees: Decimal
    dividends: Decimal
    interest: Decimal
    puts_assigned: int
    calls_assigned: int
    expired: int
    orders_filled: int
    campaigns: int
    campaigns_running: int

    @property
    def premium(self) -> Decimal:
        """Net premium after fees."""
        return self.premium_received - self.premium_paid - self.fees


@dataclass(frozen=True, slots=True, kw_only=True)
class TearSheet:
    """One account over one span.

    Attributes
    ----------
    initial, final
        Equity at the first and the last close, USD.
    at_work
        Mean over the days of what was invested or secured, as a fraction of equity; None if unknown.
    wheel
        The account.
    holding
        Buy-and-hold of each underlying with dividends reinvested, and with several of all of them in equal amounts under `together`.
    label
        What kind of data it rests on.
    """

    title: str
    label: str
    start: date
    end: date
    initial: Decimal
    final: Decimal
    at_work: float | None
    wheel: Performance
    holding: Mapping[str, Performance]
    together: Performance | None
    activity: Activity

    def document(self) -> dict[str, object]:
        """Everything as JSON values: dates ISO, money as numbers of USD, undefined as None."""
        return {
            "title": self.title,
            "label": self.label,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "initial": float(self.initial),
            "final": float(self.final),
            "at_work": self.at_work,
            "wheel": _plain(asdict(self.wheel)),
            "buy_and_hold": {name: _plain(asdict(held)) for name, held in self.holding.items()},
            "buy_and_hold_together": None if self.together is None else _plain(asdict(self.together)),
            "activity": _plain({**asdict(self.activity), "premium": self.activity.premium}),
        }


def tear_sheet(
    *,
    title: str,
    label: str,
    dates: Sequence[date],
    equity: Sequence[Decimal],
    state: AccountState,
    events: Sequence[LedgerEvent],
    contracts: Contracts,
    adjusted_closes: Mapping[str, Sequence[float]],
    flows: npt.ArrayLike | None = None,
    risk_free: npt.ArrayLike = 0.0,
    at_work: float | None = None,
) -> TearSheet:
    """Make the tear sheet of an account.

    Parameters
    ----------
    dates, equity
        Sessions and USD at their closes, (n,), n at least 1.
    flows, risk_free
        As of `reports.performance.performance`; the same `risk_free` measures buy-and-hold.
    adjusted_closes
        USD by underlying, (n,) each.

    Raises
    ------
    InvalidInput
        As `performance` and `buy_and_hold`.
    """
    own = performance(
        dates,
        [float(value) for value in equity],
        flows=flows,
        risk_free=risk_free,
        closed_profits=closed_profits(state),
    )
    names = sorted(adjusted_closes)
    together = None
    if len(names) > 1:
        together = buy_and_hold(dates, np.column_stack([adjusted_closes[n] for n in names]), risk_free=risk_free)
    return TearSheet(
        title=title,
        label=label,
        start=dates[0],
        end=dates[-1],
        initial=equity[0],
        final=equity[-1],
        at_work=at_work,
        wheel=own,
        holding={name: buy_and_hold(dates, adjusted_closes[name], risk_free=risk_free) for name in names},
        together=together,
        activity=activity(state, events, contracts),
    )


def activity(state: AccountState, events: Sequence[LedgerEvent], contracts: Contracts) -> Activity:
    """Count and add up what a ledger says."""
    trades = [e.cash for e in events if e.kind is EventKind.FILL and e.symbol is not None and is_option(e.symbol)]
    return Activity(
        premium_received=sum((cash for cash in trades if cash > 0), ZERO),
        premium_paid=-sum((cash for cash in trades if cash < 0), ZERO),
        fees=-state.fees,
        dividends=state.dividends,
        interest=state.interest,
        puts_assigned=_assigned(events, contracts, Right.PUT),
        calls_assigned=_assigned(events, contracts, Right.CALL),
        expired=sum(abs(e.quantity) for e in events if e.kind is EventKind.EXPIRY),
        orders_filled=len({e.order_id for e in events if e.kind is EventKind.FILL}),
        campaigns=len(state.closed_campaigns),
        campaigns_running=len(state.campaigns),
    )


def tear_sheet_view(sheet: TearSheet) -> "RenderableType":
    """Show a tear sheet: the wheel beside holding the same, then what happened in the account."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    columns = {"wheel": sheet.wheel, **{f"hold {name}": held for name, held in sheet.holding.items()}}
    if sheet.together is not None:
        columns["hold all"] = sheet.together
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for place, heading in enumerate(columns):
        table.add_column(heading, justify="right", style="bold" if place == 0 else "", no_wrap=True)
    for name, attribute, in_percent in _ROWS:
        values = [getattr(measured, attribute) for measured in columns.values()]
        table.add_row(name, *(_written(value, in_percent=in_percent) for value in values))
    did = sheet.activity
    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for _ in range(2):
        facts.add_column(style="dim")
        facts.add_column(justify="right")
    facts.add_row("equity at first", _money(sheet.initial), "equity at last", _money(sheet.final))
    facts.add_row("premium received", _money(did.premium_received), "premium paid", _money(did.premium_paid))
    facts.add_row("fees", _money(did.fees), "premium, net", _money(did.premium))
    facts.add_row("dividends", _money(did.dividends), "interest", _money(did.interest))
    facts.add_row("puts assigned", f"{did.puts_assigned:,}", "called away", f"{did.calls_assigned:,}")
    facts.add_row("expired worthless", f"{did.expired:,}", "orders filled", f"{did.orders_filled:,}")
    facts.add_row("campaigns ended", f"{did.campaigns:,}", "still running", f"{did.campaigns_running:,}")
    facts.add_row("capital at work", _written(sheet.at_work, in_percent=True))
    return Group(
        Text.assemble((sheet.title, "bold"), f"  {sheet.start} to {sheet.end}"),
        table,
        facts,
        Text(
            "\nWin rate and profit factor by ended campaign, flat to flat, dividends apart. Holding reinvests dividends. - is undefined.",
            style="dim",
        ),
        Text(sheet.label, style="italic"),
    )


_ROWS: Final = (
    ("total return", "total_return", True),
    ("CAGR", "cagr", True),
    ("volatility", "volatility", True),
    ("Sharpe", "sharpe", False),
    ("Sortino", "sortino", False),
    ("max drawdown", "max_drawdown", True),
    ("Calmar", "calmar", False),
    ("win rate", "win_rate", True),
    ("profit factor", "profit_factor", False),
)


def _assigned(events: Sequence[LedgerEvent], contracts: Contracts, right: Right) -> int:
    closed = (e for e in events if e.kind is EventKind.ASSIGNMENT and e.symbol is not None and is_option(e.symbol))
    return sum(abs(e.quantity) for e in closed if e.symbol and contract_of(e.symbol, contracts).right is right)


def _written(value: float | None, *, in_percent: bool) -> str:
    if value is None:
        return UNDEFINED
    return f"{value:.1%}" if in_percent else f"{value:.2f}"


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value.isoformat() if isinstance(value, date) else float(value) if isinstance(value, Decimal) else value
        for name, value in values.items()
    }
