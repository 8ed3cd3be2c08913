"""What goes into the simulated exchange and what comes out of it.

A chain is read by its attributes, so the target's own records fit as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

__all__ = ["QuoteBatch", "QuoteUpdate", "QuotedChain", "QuotedContract"]


class QuotedContract(Protocol):
    """A listed contract with its quote. Prices per share; None is unknown, a bid of 0 is a zero bid."""

    @property
    def symbol(self) -> str:
        """OSI symbol, handed through as it is."""

    @property
    def strike(self) -> float:
        """USD per share."""

    @property
    def years_to_expiry(self) -> float:
        """Act/365."""

    @property
    def right(self) -> Literal["call", "put"]:
        """Call or put."""

    @property
    def bid(self) -> float | None:
        """Best bid."""

    @property
    def ask(self) -> float | None:
        """Best ask."""

    @property
    def implied_volatility(self) -> float | None:
        """A year, as a decimal; None where the quote has none."""


class QuotedChain(Protocol):
    """An option chain as the target sees it."""

    @property
    def symbol(self) -> str:
        """The underlying's symbol."""

    @property
    def spot(self) -> float:
        """Mid of the underlying."""

    @property
    def rate(self) -> float:
        """Continuously compounded, a year."""

    @property
    def dividend_yield(self) -> float:
        """Continuously compounded, a year."""

    @property
    def model(self) -> Literal["american", "european"]:
        """How the contracts are exercised."""

    @property
    def contracts(self) -> Sequence[QuotedContract]:
        """The contracts, in any order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteUpdate:
    """One new quote. Sizes in contracts or shares; ``last`` is the latest trade, None before the first."""

    symbol: str
    ts: datetime
    bid: float
    ask: float
    bid_size: int
    ask_size: int
    last: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteBatch:
    """The quotes of one instant: the underlying first, then every contract; none of them while trading is halted."""

    seconds: float
    spot: float
    halted: bool
    updates: tuple[QuoteUpdate, ...]
