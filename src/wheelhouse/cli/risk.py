"""``wheelhouse risk``: what an account risks, and what would hedge it, on a terminal."""

import sys
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from wheelhouse.cli.options import Database, Server, asking_the_server, settings_for

if TYPE_CHECKING:
    from wheelhouse.advisor.advisor import Advisor

_WIDTH = 100
_YEARS_OF_BARS = 3


def register(app: App) -> None:
    """Add the command."""
    app.command(risk)


def risk(
    account: Annotated[
        str | None, Parameter(help="The account's id; without one, an account that --hold describes.")
    ] = None,
    /,
    *,
    hold: Annotated[
        list[str] | None,
        Parameter(help="Positions on the sample market: AAPL=200 AAPL130420P00400000=-1.", consume_multiple=True),
    ] = None,
    cash: Annotated[Decimal, Parameter(help="USD beside the positions of --hold.")] = Decimal(100_000),
    database: Database = None,
    server: Server = None,
) -> int:
    """Show exposure, margin, value at risk, scenarios and hedges of an account.

    Without an account it measures the positions of --hold on the packaged sample market.
    """
    from wheelhouse.cli.risk_tables import risk_view
    from wheelhouse.errors import InvalidInput

    if (account is None) == (not hold):
        raise InvalidInput("name an account, or describe one with --hold SYMBOL=QUANTITY")
    notice = None
    if account is None:
        from wheelhouse.feeds.sample import SAMPLE_LABEL

        notice = SAMPLE_LABEL
        measured, hedges = _on_sample(_positions(hold or []), cash)
    elif server is not None:
        from wheelhouse.cli.remote import call

        measured = call(server, "GET", f"/v1/accounts/{account}/risk")
        hedges = call(server, "GET", f"/v1/accounts/{account}/hedge")
    else:
        measured, hedges = _stored(account, database)
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    console.print(risk_view(measured, hedges["proposals"], notice=notice))
    return 0


def _positions(held: list[str]) -> dict[str, int]:
    from wheelhouse.errors import InvalidInput
    from wheelhouse.market.instruments import normalize_symbol

    positions: dict[str, int] = {}
    for text in held:
        symbol, _, count = text.partition("=")
        try:
            quantity = Decimal(count)
        except InvalidOperation as error:
            raise InvalidInput(f"--hold {text!r} is no SYMBOL=QUANTITY such as AAPL=200") from error
        if quantity != quantity.to_integral_value() or quantity == 0:
            raise InvalidInput(f"--hold {text!r}: the quantity must be whole and not 0")
        positions[normalize_symbol(symbol)] = int(quantity)
    return positions


def _on_sample(positions: dict[str, int], cash: Decimal) -> tuple[dict[str, Any], dict[str, Any]]:
    from wheelhouse import __version__
    from wheelhouse.advisor.advisor import Advisor
    from wheelhouse.clock import SimulatedClock
    from wheelhouse.errors import WheelhouseError
    from wheelhouse.feeds.sample import SAMPLE_NOW
    from wheelhouse.market.instruments import AccountKind, Position, underlying_of
    from wheelhouse.telemetry import Metrics

    day = SAMPLE_NOW.date()
    advisor = Advisor.open(
        settings_for("duckdb:///:memory:"),
        clock=SimulatedClock(start=SAMPLE_NOW, pace=0.0),
        metrics=Metrics(version=__version__),
    )
    try:
        names = sorted({underlying_of(symbol) for symbol in positions})
        done = advisor.ingestions.run("sample", names, day.replace(year=day.year - _YEARS_OF_BARS), day)
        if done.error is not None:
            raise WheelhouseError(f"the sample market: {done.error}")
        book = advisor.accounts.create(
            name="described",
            kind=AccountKind.MARGIN,
            cash=cash,
            positions=[Position(symbol=symbol, quantity=count, cost_basis=None) for symbol, count in positions.items()],
        )
        return _answers(advisor, book.id)
    finally:
        advisor.close()


def _stored(account: str, database: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    from wheelhouse import __version__
    from wheelhouse.advisor.advisor import Advisor
    from wheelhouse.clock import parse_clock
    from wheelhouse.market.calendar import nyse
    from wheelhouse.store.opening import open_store
    from wheelhouse.telemetry import Metrics

    settings = settings_for(database)
    clock = parse_clock(settings.clock, environment=settings.environment)
    with asking_the_server():
        store = open_store(settings.database_url, read_only=True)
    try:
        advisor = Advisor(
            settings,
            store=store,
            clock=clock,
            calendar=nyse(clock.now().year + 10),
            metrics=Metrics(version=__version__),
        )
        advisor.market.load()
        advisor.accounts.load()
        return _answers(advisor, account)
    finally:
        store.close()


def _answers(advisor: "Advisor", account: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the service would answer."""
    import msgspec

    from wheelhouse.service.advice import hedge_out, risk_out

    measured = msgspec.to_builtins(risk_out(advisor.risk.report(account)))
    return measured, msgspec.to_builtins(hedge_out(advisor.planning.hedge(account)))
