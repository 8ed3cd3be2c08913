"""Fit of a volatility surface to the quotes of a chain, free of butterfly and calendar arbitrage.

Quotes are tested for executable arbitrage before any fit and those to blame left out. An SSVI surface, free of arbitrage by construction, is
fitted to the rest; raw slices then start from it, and it draws their wings where no quotes are. Slices that touch a violation are
fitted anew between their neighbours under a growing penalty; if violations remain nevertheless, the SSVI slices stand for the whole
surface. Every surface is checked at last, and what is found is reported with it.

References
----------
Gatheral, J. and Jacquier, A. (2014). Arbitrage-free SVI volatility surfaces. Quantitative Finance 14(1), section 5.2.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wheelhouse.market.chain import ChainSnapshot
from wheelhouse.pricing.arbitrage import butterfly_violations, calendar_violations
from wheelhouse.pricing.black_scholes import DAYS_PER_YEAR
from wheelhouse.pricing.parity import parity_forwards
from wheelhouse.pricing.quote_arbitrage import ArbitrageKind, quote_arbitrage
from wheelhouse.pricing.smile_quotes import SelectedQuotes, eligible_quotes, select_quotes
from wheelhouse.pricing.ssvi import fit_ssvi
from wheelhouse.pricing.surface import (
    ButterflyViolation,
    CalendarViolation,
    LeftOut,
    LeftOutReason,
    Model,
    SurfaceSlice,
    VolatilitySurface,
)
from wheelhouse.pricing.svi import RawSvi, fit_svi

Booleans = NDArray[np.bool_]

# A slice has five parameters.
_LEAST_QUOTES: Final = 5
_PENALTIES: Final = (1e2, 3e2, 1e3, 3e3)
_LAST_PENALTIES: Final = (1e4, 1e5)


def fit_surface(
    chain: ChainSnapshot,
    *,
    stale: Booleans | None = None,
    widest_spread: float = 0.5,
    least_days: float = 3.0,
) -> VolatilitySurface:
    """Fit the surface of a chain.

    Parameters
    ----------
    stale
        Quotes that are too old to imply anything, ``(n_contracts,)``; none by default.
    widest_spread
        In parts of the mid; quotes with a wider one are not used.
    least_days
        Expiries nearer than this get no slice.

    Raises
    ------
    InvalidInput
        `stale` of another shape than ``(n_contracts,)``.
    """
    forwards = parity_forwards(chain, stale=stale)
    eligible = eligible_quotes(chain, forwards, stale=stale, widest_spread=widest_spread, least_days=least_days)
    selected = select_quotes(chain, forwards, eligible & ~_suspect(chain, eligible))
    fitted = [each for each in selected if each.quotes.k.size >= _LEAST_QUOTES]
    smiles, model = _fit_slices(fitted)
    days = [each.forward.expiry for each in fitted]
    butterfly = tuple(
        ButterflyViolation(expiry=day, where=where)
        for day, smile in zip(days, smiles, strict=True)
        for where in butterfly_violations(smile)
    )
    calendar = tuple(
        CalendarViolation(earlier=days[i - 1], later=days[i], where=where)
        for i in range(1, len(smiles))
        for where in calendar_violations(smiles[i - 1], smiles[i])
    )
    return VolatilitySurface(
        underlying=chain.underlying,
        as_of=chain.as_of,
        spot=chain.spot,
        model=model,
        slices=tuple(_slice(each, smile) for each, smile in zip(fitted, smiles, strict=True)),
        left_out=_left_out(chain, [each.expiry for each in forwards], days, least_days),
        butterfly=butterfly,
        calendar=calendar,
        quote_arbitrage=quote_arbitrage(chain, forwards=forwards, stale=stale),
    )


def _suspect(chain: ChainSnapshot, eligible: Booleans) -> Booleans:
    """Quotes to blame for arbitrages among the eligible options alone, ``(n_contracts,)``.

    Of an arbitrage's legs those are to blame that take part in most arbitrages: one bad quote does not discredit all that it
    can be traded against. Quotes in the money, which are often old and not used, are not asked, nor is the spot.
    """
    place = {symbol: i for i, symbol in enumerate(chain.symbols)}
    suspect = np.zeros(len(chain), dtype=np.bool_)
    while True:
        found = [each for each in quote_arbitrage(chain.select(eligible & ~suspect)) if each.shares == 0.0]
        among_options = [each for each in found if each.kind is not ArbitrageKind.BOUND]
        if not among_options:
            return suspect
        parts = Counter(symbol for each in among_options for symbol, _ in each.legs)
        for each in among_options:
            most = max(parts[symbol] for symbol, _ in each.legs)
            suspect[[place[symbol] for symbol, _ in each.legs if parts[symbol] == most]] = True


def _fit_slices(selected: Sequence[SelectedQuotes]) -> tuple[list[RawSvi], Model]:
    if not selected:
        return [], "svi"
    quotes = [each.quotes for each in selected]
    surface, theta = fit_ssvi(quotes)
    anchors = [surface.slice(float(variance)) for variance in theta]
    smiles = [fit_svi(own, anchor=anchor) for own, anchor in zip(quotes, anchors, strict=True)]
    for penalty in _PENALTIES:
        touched = _violating(smiles)
        if not touched:
            return smiles, "svi"
        for i in touched:
            above = smiles[i - 1] if i > 0 else None
            below = smiles[i + 1] if i + 1 < len(smiles) else None
            smiles[i] = fit_svi(
                quotes[i], start=smiles[i], anchor=anchors[i], above=above, below=below, penalty=penalty
            )
    # Neighbours may push each other to and fro; in order of expiry each only has to stay above the one before.
    for penalty in _LAST_PENALTIES:
        touched = _violating(smiles)
        if not touched:
            return smiles, "svi"
        for i in range(touched[0], len(smiles)):
            above = smiles[i - 1] if i > 0 else None
            smiles[i] = fit_svi(quotes[i], start=anchors[i], anchor=anchors[i], above=above, penalty=penalty)
    return (anchors, "ssvi") if _violating(smiles) else (smiles, "svi")


def _violating(smiles: Sequence[RawSvi]) -> list[int]:
    """Slices that take part in a violation, ascending."""
    touched = {i for i, smile in enumerate(smiles) if butterfly_violations(smile)}
    for i in range(1, len(smiles)):
        if calendar_violations(smiles[i - 1], smiles[i]):
            touched |= {i - 1, i}
    return sorted(touched)


def _slice(selected: SelectedQuotes, smile: RawSvi) -> SurfaceSlice:
    forward = selected.forward
    return SurfaceSlice(
        expiry=forward.expiry,
        years=forward.years,
        forward=forward.forward,
        discount=forward.discount,
        rate=forward.rate,
        dividend_yield=forward.dividend_yield,
        smile=smile,
        quotes_used=int(selected.quotes.k.size),
        rmse_vol_points=selected.quotes.rmse(smile),
    )


def _left_out(
    chain: ChainSnapshot, with_forward: Sequence[date], fitted: Sequence[date], least_days: float
) -> tuple[LeftOut, ...]:
    found = []
    for day in chain.expiries:
        if day in fitted:
            continue
        years = float(chain.years_to_expiry[chain.expiry == np.datetime64(day, "D")][0])
        reason: LeftOutReason = "too_few_quotes"
        if years * DAYS_PER_YEAR < least_days:
            reason = "too_near"
        elif day not in with_forward:
            reason = "no_forward"
        found.append(LeftOut(expiry=day, reason=reason))
    return tuple(found)
