"""How many contracts: what stands behind a put, and the caps that bind. Zero is a valid answer."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wheelhouse.market.instruments import AccountKind
from wheelhouse.strategy.advice import Figures
from wheelhouse.strategy.kelly import kelly_fraction, short_put_returns, terminal_prices
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.reasons import Code
from wheelhouse.strategy.views import ROUND_LOT, AccountView

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# Sums of cents in floating point must not cost a contract.
_HALF_A_CENT = 0.005
# A quarter of a year of sessions: fewer say nothing about the tail of a put.
SESSIONS_NEEDED = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Capital:
    """What an account can put behind new puts on one name.

    Attributes
    ----------
    available
        USD.
    by_margin
        Whether a put needs the margin of an uncovered one instead of its strike in cash.
    shortage
        Code of a put that `available` does not secure.
    name_room
        USD that the name may still take if assigned; infinite without a limit.
    """

    available: float
    by_margin: bool
    shortage: Code
    name_room: float = float("inf")


def capital(account: AccountView, policy: WheelPolicy, *, in_name: float = 0.0) -> Capital:
    """Tell what an account can put behind new puts on one name.

    By cash it is the lesser of the buying power and the cash that no short put has a claim on; by margin, which only a margin account
    can choose, the buying power. The policy's reserve comes off either.

    Parameters
    ----------
    in_name
        USD that the name takes already: shares at market and short puts at their strikes.
    """
    by_margin = account.kind is AccountKind.MARGIN and policy.secured_by == "margin"
    free_cash = account.cash - account.secured_by_cash()
    short_of_power = by_margin or (account.kind is AccountKind.MARGIN and account.buying_power < free_cash)
    base = account.buying_power if by_margin else min(account.buying_power, free_cash)
    equity = float(account.equity)
    unlimited = policy.max_name_share >= 1.0
    return Capital(
        available=float(base) - policy.cash_reserve * equity,
        by_margin=by_margin,
        shortage=Code.INSUFFICIENT_BUYING_POWER if short_of_power else Code.INSUFFICIENT_CASH,
        name_room=float("inf") if unlimited else policy.max_name_share * equity - in_name,
    )


def collateral_per_put(strike: FloatArray, spot: float, premium: FloatArray, *, by_margin: bool) -> FloatArray:
    """USD that one short put of 100 shares ties up, of the shape of `strike`.

    By cash strike x 100; by margin the Regulation T requirement of an uncovered put before proceeds, 100 x the greater of
    premium + 20 % of spot - out of the money amount, and premium + 10 % of strike.

    References
    ----------
    FINRA Rule 4210(f)(2)(E).

    Examples
    --------
    >>> collateral_per_put(np.array([200.0]), 209.0, np.array([1.20]), by_margin=True).round(2)
    array([3400.])
    """
    if not by_margin:
        return strike * ROUND_LOT
    out_of_the_money = np.maximum(spot - strike, 0.0)
    per_share = premium + np.maximum(0.20 * spot - out_of_the_money, 0.10 * strike)
    return np.asarray(per_share * ROUND_LOT)


def affordable(budget: float, each: FloatArray) -> IntArray:
    """Whole contracts that a budget pays for at USD `each`, not negative; 0 where `each` is NaN."""
    if budget == float("inf"):
        return np.full(each.shape, np.iinfo(np.int64).max, dtype=np.int64)
    count = np.divide(budget + _HALF_A_CENT, each, out=np.zeros_like(each), where=each > 0)
    return np.asarray(np.floor(np.maximum(count, 0.0)), dtype=np.int64)


def put_contracts(
    account_capital: Capital, policy: WheelPolicy, *, strike: float, collateral: float
) -> tuple[int, str]:
    """Number of puts to sell, and in words which cap binds.

    Returns
    -------
    tuple of int and str
        0 if a single contract breaks a cap.
    """
    caps = {
        "the buying power" if account_capital.by_margin else "the free cash": int(
            affordable(account_capital.available, np.array([collateral]))[0]
        ),
        "the limit per name": int(affordable(account_capital.name_room, np.array([strike * ROUND_LOT]))[0]),
        "max_contracts": policy.max_contracts,
    }
    binding = min(caps, key=lambda name: caps[name])
    return caps[binding], binding


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """How many contracts to sell, and why not more.

    Attributes
    ----------
    symbol
        The option; None if none may be sold.
    contracts
        Not negative.
    kelly
        Fraction of the equity, as strikes, at which its expected logarithm grows most; None if it cannot be told.
    caps
        Contracts that each limit allows, by name; None is no limit.
    binding
        The name of the least cap, or the code of what stands in the way of any sale.
    """

    symbol: str | None
    contracts: int
    kelly: float | None
    caps: Mapping[str, int | None]
    binding: str


def no_size(binding: Code, symbol: str | None = None) -> Sizing:
    """Nothing to sell, for this reason."""
    return Sizing(symbol=symbol, contracts=0, kelly=None, caps={}, binding=binding.value)


def size_put(
    row: Figures,
    behind: Capital,
    policy: WheelPolicy,
    *,
    equity: float,
    past_returns: npt.ArrayLike,
    years: float,
    growth: float,
    sector_room: float = float("inf"),
    by_margin_each: float | None = None,
) -> Sizing:
    """Size the sale of a put at its bid: a share of Kelly's bet, then the caps, in whole contracts.

    Parameters
    ----------
    row
        The put; without a bid nothing is sold.
    equity
        USD that Kelly's fraction is of.
    past_returns, years, growth
        As `kelly.terminal_prices` takes them.
    sector_room
        USD that the sector may still take if assigned.
    by_margin_each
        USD of margin for one contract, for capital by margin; otherwise its strike in cash.

    Notes
    -----
    The payoff is that of expiry. Early exercise, the interest on the collateral and an early end of the trade are left out.
    """
    if row.bid is None or row.bid <= 0:
        return no_size(Code.NO_BID, row.symbol)
    past = np.asarray(past_returns, dtype=np.float64)
    if past.size < SESSIONS_NEEDED:
        return no_size(Code.NO_HISTORY, row.symbol)
    credit = row.bid - policy.fee_per_contract / ROUND_LOT
    terminal = terminal_prices(row.spot, past, years=years, growth=growth)
    outcomes = short_put_returns(terminal, strike=row.strike, credit=credit)
    kelly = kelly_fraction(outcomes, worst=min(credit / row.strike - 1.0, float(outcomes.min()))) if credit > 0 else 0.0
    obligation = row.strike * ROUND_LOT
    each = obligation if by_margin_each is None else by_margin_each
    caps = {
        "kelly": _whole(policy.kelly_share * kelly * equity, obligation),
        "buying_power" if behind.shortage is Code.INSUFFICIENT_BUYING_POWER else "cash": _whole(behind.available, each),
        "name": _whole(behind.name_room, obligation),
        "sector": _whole(sector_room, obligation),
        "contracts": policy.max_contracts,
    }
    limits = {name: count for name, count in caps.items() if count is not None}
    binding = min(limits, key=lambda name: limits[name])
    return Sizing(symbol=row.symbol, contracts=limits[binding], kelly=kelly, caps=caps, binding=binding)


def _whole(budget: float, each: float) -> int | None:
    return None if budget == float("inf") else int(affordable(budget, np.array([each]))[0])
