"""One ranking of what may be sold over many names, without an account: the answer to ``wheelhouse screen``."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from wheelhouse.ledger.orders import Reason
from wheelhouse.market.instruments import Right
from wheelhouse.strategy.advice import Figures
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.screening import Sale, screen
from wheelhouse.strategy.sizing import Capital
from wheelhouse.strategy.views import MarketView
from wheelhouse.strategy.wheel import data_problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchlist:
    """What may be sold, and what stood in the way.

    Attributes
    ----------
    candidates
        By annualised yield at the bid, then smaller |delta|, earlier expiry, symbol.
    rejections
        Contracts by the code of each rule that they broke, the most frequent first.
    unanswered
        Names whose data cannot be trusted, and why.
    """

    candidates: tuple[Figures, ...]
    rejections: dict[str, int]
    unanswered: dict[str, Reason]


def watchlist(
    market: MarketView, policy: WheelPolicy, now: datetime, *, right: Right = Right.PUT, capital: Capital | None = None
) -> Watchlist:
    """Screen every name of the market view.

    Parameters
    ----------
    capital
        Leaves out puts that it does not secure; None asks for no capital.
    """
    rows: list[Figures] = []
    rejections: Counter[str] = Counter()
    unanswered: dict[str, Reason] = {}
    for symbol, view in sorted(market.underlyings.items()):
        problem = data_problem(view)
        if problem is not None:
            unanswered[symbol] = problem
        elif view.chain is not None:
            found = screen(view, view.chain, Sale(right=right, capital=capital), policy, now)
            rows += found.candidates
            rejections.update(found.rejections)
    rows.sort(key=lambda row: (-(row.annualized_yield or 0.0), abs(row.delta or 0.0), row.expiry, row.symbol))
    return Watchlist(
        candidates=tuple(rows),
        rejections=dict(sorted(rejections.items(), key=lambda item: (-item[1], item[0]))),
        unanswered=unanswered,
    )
