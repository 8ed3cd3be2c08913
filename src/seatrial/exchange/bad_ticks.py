"""Bad ticks, each with the label that says what is wrong with it.

They come beside the good quotes, not in their place: a target that refuses every bad tick ends up in the state it would have been in
without them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

import numpy as np

from seatrial.errors import ConfigurationError
from seatrial.exchange.quotes import QuoteBatch, QuoteUpdate

__all__ = ["BadTick", "LabelledUpdate", "inject_bad_ticks"]


class BadTick(StrEnum):
    """What is wrong with a quote.

    ``crossed``: bid over ask. ``negative``: a bid under 0. ``nan``: no number as ask. ``zero``: nothing bid and nothing asked.
    ``hundredfold``: dollars and cents confused, both sides 100 times too high. ``stale``: an old instant. ``duplicate``: the same once
    more.
    """

    CROSSED = "crossed"
    NEGATIVE = "negative"
    NAN = "nan"
    ZERO = "zero"
    HUNDREDFOLD = "hundredfold"
    STALE = "stale"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledUpdate:
    """A quote, and what is wrong with it; None for a good one."""

    update: QuoteUpdate
    defect: BadTick | None = None


def inject_bad_ticks(
    batches: Iterable[QuoteBatch],
    *,
    share: float,
    seed: int,
    kinds: Sequence[BadTick] = tuple(BadTick),
    stale_by: timedelta = timedelta(hours=1),
) -> Iterator[tuple[LabelledUpdate, ...]]:
    """The updates of each batch in order, some of them followed by a bad one of the same symbol.

    Parameters
    ----------
    share
        Bad ticks per good quote, 0..1.
    seed
        The same batches, arguments and seed give the same bad ticks.
    kinds
        Which; each turn takes the next, so that all of them come.
    stale_by
        How old stale quotes are.

    Yields
    ------
    tuple of LabelledUpdate
        Bad ticks have an instant of their own, a millisecond after the good one; stale ones are older and duplicates the same.

    Raises
    ------
    ConfigurationError
        A share out of its range, or no kind.
    """
    if not 0 <= share <= 1 or not kinds:
        raise ConfigurationError(
            f"bad ticks: share {share} of kinds {list(kinds)}; give a share of 0 to 1 and at least one kind"
        )
    return _injected(batches, share, seed, tuple(kinds), stale_by)


def _injected(
    batches: Iterable[QuoteBatch], share: float, seed: int, kinds: tuple[BadTick, ...], stale_by: timedelta
) -> Iterator[tuple[LabelledUpdate, ...]]:
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 2])))
    turn = 0
    for batch in batches:
        labelled: list[LabelledUpdate] = []
        chosen = (random.random(len(batch.updates)) < share).tolist()
        for update, spoil in zip(batch.updates, chosen, strict=True):
            labelled.append(LabelledUpdate(update=update))
            if spoil:
                defect = kinds[turn % len(kinds)]
                turn += 1
                labelled.append(LabelledUpdate(update=_spoilt(update, defect, stale_by), defect=defect))
        yield tuple(labelled)


def _spoilt(update: QuoteUpdate, defect: BadTick, stale_by: timedelta) -> QuoteUpdate:
    after = update.ts + timedelta(milliseconds=1)
    match defect:
        case BadTick.CROSSED:
            # A bid of 0 turned round would not be crossed.
            return replace(update, ts=after, bid=round(update.ask + 0.05, 2), ask=max(update.bid, 0.01))
        case BadTick.NEGATIVE:
            return replace(update, ts=after, bid=-max(update.bid, 0.01))
        case BadTick.NAN:
            return replace(update, ts=after, ask=math.nan)
        case BadTick.ZERO:
            return replace(update, ts=after, bid=0.0, ask=0.0)
        case BadTick.HUNDREDFOLD:
            return replace(update, ts=after, bid=round(100 * update.bid, 2), ask=round(100 * update.ask, 2))
        case BadTick.STALE:
            return replace(update, ts=update.ts - stale_by)
        case BadTick.DUPLICATE:
            return update
