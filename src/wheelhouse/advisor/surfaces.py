"""Volatility surfaces of the latest chains: fitted when asked for, once for each snapshot."""

import threading
from collections import defaultdict

import numpy as np

from wheelhouse.advisor.market import MarketDesk
from wheelhouse.pricing.surface import VolatilitySurface
from wheelhouse.pricing.surface_fit import fit_surface
from wheelhouse.pricing.valuation import STALE
from wheelhouse.snapshots import Snapshot


class SurfaceDesk:
    """Fits surfaces. A fit takes about a second, so two callers who ask for the same one share it."""

    def __init__(self, market: MarketDesk) -> None:
        self._market = market
        self._lock = threading.Lock()
        self._fitting: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._made: dict[str, tuple[Snapshot, VolatilitySurface | None]] = {}

    def surface(self, symbol: str) -> VolatilitySurface | None:
        """The surface of an underlying's latest chain; None without a chain.

        Raises
        ------
        NotFound
            Nothing is known of the underlying.
        """
        snapshot = self._market.snapshot(symbol)
        with self._lock:
            fitting = self._fitting[snapshot.symbol]
        with fitting:
            known = self._made.get(snapshot.symbol)
            if known is not None and known[0] is snapshot:
                return known[1]
            made = _fit(snapshot)
            self._made[snapshot.symbol] = (snapshot, made)
            return made


def _fit(snapshot: Snapshot) -> VolatilitySurface | None:
    if snapshot.chain is None:
        return None
    stale = np.array([STALE in flags for flags in snapshot.chain.flags], dtype=np.bool_)
    return fit_surface(snapshot.chain.chain, stale=stale)
