"""The prices that options may be quoted at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["TickTable"]

_EDGE = 3.0
_ROUNDING = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class TickTable:
    """Smallest price steps in USD under 3.00 and from there on: 0.01 and 0.05 in penny classes, 0.05 and 0.10 else."""

    low: float = 0.01
    high: float = 0.05

    @classmethod
    def of(cls, prices: NDArray[np.float64]) -> Self:
        """The widest usual ticks that all these prices are on; 0.01 where they are on none."""
        cheap, dear = prices[(prices > 0) & (prices < _EDGE)], prices[prices >= _EDGE]
        return cls(low=_widest(cheap, (0.05, 0.01), cls().low), high=_widest(dear, (0.10, 0.05, 0.01), cls().high))

    def down(self, prices: NDArray[np.float64]) -> NDArray[np.float64]:
        """The next tick at or under each price, not under 0."""
        tick = np.where(prices < _EDGE, self.low, self.high)
        return np.asarray(np.round(np.maximum(np.floor(prices / tick + _ROUNDING) * tick, 0.0), 2), dtype=np.float64)

    def up(self, prices: NDArray[np.float64]) -> NDArray[np.float64]:
        """The next tick at or over each price, not under the smallest one."""
        tick = np.where(prices < _EDGE, self.low, self.high)
        return np.asarray(np.round(np.maximum(np.ceil(prices / tick - _ROUNDING) * tick, tick), 2), dtype=np.float64)

    def below(self, prices: NDArray[np.float64]) -> NDArray[np.float64]:
        """One tick under each price."""
        return np.asarray(prices - np.where(prices <= _EDGE, self.low, self.high), dtype=np.float64)


def _widest(prices: NDArray[np.float64], ticks: tuple[float, ...], default: float) -> float:
    if not prices.size:
        return default
    on_tick = (tick for tick in ticks if np.all(np.abs(prices / tick - np.round(prices / tick)) < 1e-6))
    return next(on_tick, 0.01)
