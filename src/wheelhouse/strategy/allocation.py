"""How much of an account its names and sectors take, and how many of a put fit beside that."""

from collections.abc import Mapping
from datetime import datetime

import numpy.typing as npt

from wheelhouse.errors import InvalidInput, NotFound
from wheelhouse.market.instruments import Right
from wheelhouse.strategy.figures import columns, figures
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.reasons import Code
from wheelhouse.strategy.screening import Sale, screen
from wheelhouse.strategy.selling import held_long, name_capital
from wheelhouse.strategy.sizing import Sizing, collateral_per_put, no_size, size_put
from wheelhouse.strategy.views import AccountView, UnderlyingView, put_obligation
from wheelhouse.strategy.wheel import data_problem


def committed(account: AccountView, spots: Mapping[str, float]) -> dict[str, float]:
    """USD that each name held takes if it is assigned: shares at market and short puts at their strikes.

    Infinite where the shares have no price: what cannot be measured leaves no room.
    """
    taken = {}
    for name in sorted({position.underlying for position in account.positions if position.quantity}):
        puts = (p for p in account.of(name) if p.is_short_option and p.contract and p.contract.right is Right.PUT)
        shares = max(0, account.shares(name))
        at_market = shares * spots.get(name, float("inf")) if shares else 0.0
        taken[name] = at_market + float(sum(put_obligation(put) for put in puts))
    return taken


def sector_room(
    symbol: str, account: AccountView, spots: Mapping[str, float], policy: WheelPolicy, sectors: Mapping[str, str]
) -> float:
    """USD that the sector of a name may still take; a name without a sector is one of its own."""
    if policy.max_sector_share >= 1.0:
        return float("inf")
    own = sectors.get(symbol, symbol)
    taken = sum(usd for name, usd in committed(account, spots).items() if sectors.get(name, name) == own)
    return policy.max_sector_share * float(account.equity) - taken


def size_name(
    account: AccountView,
    view: UnderlyingView,
    policy: WheelPolicy,
    now: datetime,
    *,
    option: str | None,
    past_returns: npt.ArrayLike,
    spots: Mapping[str, float],
    sectors: Mapping[str, str],
) -> Sizing:
    """Size the sale of a put on a name: of the one that is named, or of the one that the policy would sell first.

    Parameters
    ----------
    option
        Padded symbol of a put on the name; None chooses.
    past_returns
        As `sizing.size_put` takes them.
    spots
        USD per share of the names that the account holds, as far as they are known.
    sectors
        By name.

    Raises
    ------
    NotFound
        The option is not in the chain.
    InvalidInput
        The option is a call: shares cover calls, lot by lot.
    """
    underlying = view.symbol
    if account.halted:
        return no_size(Code.HALTED, option)
    problem = data_problem(view)
    if problem is not None or view.chain is None:
        return no_size(Code.NO_DATA if problem is None else Code(problem.code), option)
    valued = view.chain
    behind = name_capital(account, underlying, valued.chain.spot, policy)
    if option is None:
        long = held_long(account, underlying)
        found = screen(view, valued, Sale(right=Right.PUT, capital=behind, held_long=long), policy, now)
        # What the capital does not secure is sized all the same, to none, so that the answer names the cap.
        found = found if found.admissible else screen(view, valued, Sale(right=Right.PUT, held_long=long), policy, now)
        if not found.admissible:
            return no_size(Code.NOTHING_ADMISSIBLE)
        i = found.admissible[0]
    elif option in valued.chain.symbols:
        i = valued.chain.symbols.index(option)
    else:
        raise NotFound(f"{option!r} is not in the chain of {underlying}")
    if valued.chain.is_call[i]:
        raise InvalidInput(
            f"{option!r} is a call: one is covered by each round lot of shares; ask for the size of a put"
        )
    if not valued.chain.standard[i]:
        return no_size(Code.ADJUSTED_CONTRACT, option)
    row = figures(view, valued, columns(valued, now), i, now)
    by_margin = collateral_per_put(valued.chain.strike, valued.chain.spot, valued.chain.bid, by_margin=True)
    return size_put(
        row,
        behind,
        policy,
        equity=float(account.equity),
        past_returns=past_returns,
        years=float(valued.chain.years_to_expiry[i]),
        growth=valued.chain.rate - valued.chain.dividend_yield,
        sector_room=sector_room(underlying, account, spots, policy, sectors),
        by_margin_each=float(by_margin[i]) if behind.by_margin else None,
    )
