"""``wheelhouse backtest``: the policy over the years of the sample market."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from wheelhouse.cli.options import settings_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from wheelhouse.replay.plan import ReplayDay, ReplayPlan

_WIDTH = 100
_CASH_A_NAME = Decimal(100_000)
_CALENDAR_END = 2023


def register(app: App) -> None:
    """Add the command."""
    app.command(backtest)


def backtest(
    *symbols: Annotated[str, Parameter(help="The underlyings, all in one account.")],
    start: Annotated[date, Parameter(help="The account is opened at the close of this day.")] = date(2000, 3, 1),
    end: Annotated[date, Parameter(help="Day after the last session.")] = date(2013, 3, 2),
    cash: Annotated[Decimal | None, Parameter(help="USD at first; 100,000 for each name unless given.")] = None,
    preset: Annotated[
        Literal["standard", "conservative", "aggressive", "early_exit"] | None, Parameter(help="Policy to start from.")
    ] = None,
    cash_rate: Annotated[
        str | None, Parameter(help="What idle cash earns a year, as 0.02, or 'bills'; the setting unless given.")
    ] = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON document.")] = False,
) -> int:
    """Play the wheel over the sample market, day by day, and print its tear sheet.

    Real prices, simulated option quotes: it shows that the program works, not that a strategy earns. Several names share the cash;
    unless the policy limits a name, each may take an equal part of the equity.
    """
    # Frames of a few rows gain nothing from threads and lose by them.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    from wheelhouse.advisor.advice import policy_of
    from wheelhouse.broker.paper import Fees
    from wheelhouse.errors import InvalidInput
    from wheelhouse.feeds.sample import SAMPLE_LABEL, SampleMarket
    from wheelhouse.market.calendar import nyse
    from wheelhouse.market.instruments import normalize_symbol
    from wheelhouse.replay.engine import replay
    from wheelhouse.replay.plan import ReplayPlan
    from wheelhouse.reports.tear_sheet import tear_sheet, tear_sheet_view

    if not symbols:
        raise InvalidInput("name at least one symbol to play")
    settings = settings_for(None)
    names = tuple(dict.fromkeys(normalize_symbol(symbol) for symbol in symbols))
    knobs = {**settings.policy, **({} if preset is None else {"preset": preset})}
    policy = policy_of(knobs, fee_per_contract=float(settings.fees.option_contract))
    if len(names) > 1 and policy.max_name_share >= 1:
        policy = replace(policy, max_name_share=max(0.01, 1 / len(names)))
    plan = ReplayPlan(
        symbols=names,
        start=start,
        end=end,
        cash=_CASH_A_NAME * len(names) if cash is None else cash,
        policy=policy,
        fees=Fees(
            option_contract=settings.fees.option_contract,
            share=settings.fees.stock_share,
            assignment=settings.fees.assignment,
        ),
        cash_rate=_rate(cash_rate, settings.cash_rate),
    )
    calendar = nyse(_CALENDAR_END)
    with _progress(plan, len(calendar.sessions(start, end))) as observe:
        played = replay(plan, SampleMarket(calendar), calendar, observe=observe)
    sheet = tear_sheet(
        title=f"The wheel on {', '.join(names)}",
        label=SAMPLE_LABEL,
        dates=played.dates,
        equity=played.equity,
        state=played.state,
        events=played.events,
        contracts=played.contracts,
        adjusted_closes=played.adjusted_closes,
        risk_free=played.interest,
        at_work=sum(day.at_work for day in played.days) / len(played.days),
    )
    proven = {"days": len(played.days), "events": len(played.events), "digest": played.digest}
    if as_json:
        sys.stdout.write(json.dumps({**sheet.document(), "ledger": proven}, indent=2, allow_nan=False) + "\n")
        return 0
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
    console.print(tear_sheet_view(sheet))
    console.print(
        f"Ledger: {len(played.events):,} events, explained to the cent on each of {len(played.days):,} days; "
        f"digest {played.digest[:12]}.",
        style="dim",
    )
    return 0


def _rate(given: str | None, setting: float) -> float | None:
    """What idle cash earns; None stands for the market's own short rate."""
    from wheelhouse.errors import InvalidInput

    if given is None:
        return setting
    if given == "bills":
        return None
    try:
        rate = float(given)
    except ValueError:
        rate = float("nan")
    if not 0 <= rate < 1:
        raise InvalidInput(f"--cash-rate {given!r}: give a decimal a year from 0 to below 1, as 0.02, or 'bills'")
    return rate


@contextmanager
def _progress(plan: "ReplayPlan", sessions: int) -> "Iterator[Callable[[ReplayDay], None] | None]":
    """Show the days going by, on a terminal only."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[equity]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(str(plan.start), total=max(1, sessions - 1), equity="")

        def observe(day: "ReplayDay") -> None:
            bar.update(task, advance=1, description=str(day.day), equity=f"{day.equity:,.2f}")

        yield observe
