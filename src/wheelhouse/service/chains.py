"""A valued chain as JSON: rendered once for each snapshot, however often it is read."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, date
from typing import Final

import msgspec
import numpy as np

from wheelhouse.pricing.valuation import ValuedChain
from wheelhouse.service.market_shapes import ChainOut, ContractOut
from wheelhouse.snapshots import Snapshot

_KEPT: Final = 64

_encoder = msgspec.json.Encoder()


class _Renderings:
    """The JSON of the last chains that were asked for, each with the snapshot that it was made of."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._made: OrderedDict[tuple[str, date | None], tuple[Snapshot, bytes]] = OrderedDict()

    def get(self, snapshot: Snapshot, expiry: date | None, make: Callable[[], bytes]) -> bytes:
        key = (snapshot.symbol, expiry)
        with self._lock:
            known = self._made.get(key)
            if known is not None and known[0] is snapshot:
                self._made.move_to_end(key)
                return known[1]
        body = make()
        with self._lock:
            self._made[key] = (snapshot, body)
            while len(self._made) > self._kept:
                self._made.popitem(last=False)
        return body


_renderings = _Renderings(_KEPT)


def render_chain(snapshot: Snapshot, expiry: date | None) -> bytes:
    """The JSON of a snapshot's chain, or of one expiry of it."""
    return _renderings.get(snapshot, expiry, lambda: _encoder.encode(_chain(snapshot, expiry)))


def _chain(snapshot: Snapshot, expiry: date | None) -> ChainOut:
    valued = snapshot.chain
    return ChainOut(
        symbol=snapshot.symbol,
        spot=snapshot.spot,
        as_of=snapshot.as_of if valued is None else valued.chain.as_of.astimezone(UTC),
        rate=snapshot.terms.rate,
        dividend_yield=snapshot.terms.dividend_yield,
        model=snapshot.terms.exercise.value,
        priced_at=None if valued is None else valued.priced_at.astimezone(UTC),
        contracts=[] if valued is None else _contracts(valued, expiry),
    )


def _contracts(valued: ValuedChain, expiry: date | None) -> list[ContractOut]:
    chain = valued.chain
    rows = range(len(chain)) if expiry is None else np.flatnonzero(chain.expiry == np.datetime64(expiry, "D")).tolist()
    # Whole columns at once: taking single elements of arrays is a hundred times slower. msgspec writes NaN as null.
    expiries, last_days, stamps = chain.expiry.tolist(), chain.last_trading_day.tolist(), chain.quote_ts.tolist()
    years, strikes, calls = chain.years_to_expiry.tolist(), chain.strike.tolist(), chain.is_call.tolist()
    bids, asks, marks = chain.bid.tolist(), chain.ask.tolist(), valued.mark.tolist()
    volatilities, deltas, gammas = valued.implied_volatility.tolist(), valued.delta.tolist(), valued.gamma.tolist()
    thetas, vegas, rhos = (
        valued.theta_per_day.tolist(),
        valued.vega_per_vol_point.tolist(),
        valued.rho_per_rate_point.tolist(),
    )
    volumes, interests = chain.volume.tolist(), chain.open_interest.tolist()
    return [
        ContractOut(
            symbol=chain.symbols[i],
            expiry=expiries[i],
            last_trading_day=last_days[i],
            years_to_expiry=years[i],
            strike=strikes[i],
            right="call" if calls[i] else "put",
            bid=bids[i],
            ask=asks[i],
            mark=marks[i],
            quote_ts=stamps[i].replace(tzinfo=UTC),
            implied_volatility=volatilities[i],
            delta=deltas[i],
            gamma=gammas[i],
            theta_per_day=thetas[i],
            vega_per_vol_point=vegas[i],
            rho_per_rate_point=rhos[i],
            volume=volumes[i],
            open_interest=interests[i],
            flags=valued.flags[i],
        )
        for i in rows
    ]
