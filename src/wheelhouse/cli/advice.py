"""``wheelhouse advise`` and ``wheelhouse screen``: what could be sold now, on a terminal."""

import os
import sys
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter, Token, validators

from wheelhouse.cli.options import Database, asking_the_server, settings_for

if TYPE_CHECKING:
    from rich.console import Console

    from wheelhouse.advisor.looking import Look

DATABASE_VARIABLE = "WHEELHOUSE_DATABASE_URL"
_WIDTH = 100

_MOST_CASH = 10**12


def _usd(_: object, tokens: Sequence[Token]) -> Decimal:
    """An amount of cash from the command line; the parser reports a ValueError with the option's name."""
    try:
        amount = Decimal(tokens[0].value)
    except InvalidOperation:
        raise ValueError(f"{tokens[0].value!r} is no number; write USD as 100000 or 2500.50") from None
    if not amount.is_finite() or not 0 <= amount <= _MOST_CASH:
        raise ValueError(f"{tokens[0].value!r} must be between 0 and {_MOST_CASH:,} USD")
    return amount


Cash = Annotated[Decimal, Parameter(help="USD that the account holds.", converter=_usd)]
Limit = Annotated[int, Parameter(help="Contracts to show.", validator=validators.Number(gte=1))]


def register(app: App) -> None:
    """Add the commands."""
    app.command(advise)
    app.command(screen)


def advise(
    symbol: Annotated[str, Parameter(help="The underlying.")],
    /,
    *,
    cash: Cash,
    database: Database = None,
    kind: Annotated[Literal["cash", "margin", "ira"], Parameter(help="How the account is funded.")] = "cash",
) -> int:
    """Say what an account with this cash should do about one name.

    Without --database it looks at the packaged sample market.
    """
    from wheelhouse.cli.tables import advice_view
    from wheelhouse.market.instruments import AccountKind
    from wheelhouse.strategy.wheel import recommend

    look = _look([symbol], database)
    advice = recommend(look.account(cash, AccountKind(kind)), look.market, look.policy, look.now)
    _console().print(advice_view(advice, notice=look.notice))
    return 0


def screen(
    *symbols: Annotated[str, Parameter(help="The underlyings.")],
    right: Annotated[Literal["put", "call"], Parameter(help="What is to be sold.")] = "put",
    cash: Annotated[
        Decimal | None, Parameter(help="Leave out puts that this much USD does not secure.", converter=_usd)
    ] = None,
    limit: Limit = 20,
    database: Database = None,
) -> int:
    """Rank what may be sold over a list of names.

    Without --database it looks at the packaged sample market.
    """
    from wheelhouse.cli.tables import screen_view
    from wheelhouse.errors import InvalidInput
    from wheelhouse.market.instruments import Right
    from wheelhouse.strategy.sizing import capital
    from wheelhouse.strategy.watchlist import watchlist

    if not symbols:
        raise InvalidInput("name at least one symbol to screen")
    look = _look(list(dict.fromkeys(symbols)), database)
    behind = None if cash is None else capital(look.account(cash), look.policy)
    found = watchlist(look.market, look.policy, look.now, right=Right(right), capital=behind)
    console = _console()
    console.print(screen_view(found.candidates, found.rejections, limit=limit, notice=look.notice))
    for name, reason in found.unanswered.items():
        console.print(f"{name}: {reason.detail}", highlight=False)
    return 1 if found.unanswered and not found.candidates else 0


def _console() -> "Console":
    from rich.console import Console

    # Into a file or pipe the tables take the width that they are made for.
    return Console(width=None if sys.stdout.isatty() else _WIDTH)


def _look(symbols: list[str], database: str | None) -> "Look":
    from wheelhouse.advisor.looking import look_at_sample, look_at_store

    settings = settings_for(database)
    if database is None and not os.environ.get(DATABASE_VARIABLE):
        return look_at_sample(settings, symbols)
    with asking_the_server():
        return look_at_store(settings, symbols)
