"""A volatility surface as JSON."""

import math
from datetime import UTC

from wheelhouse.pricing.surface import VolatilitySurface
from wheelhouse.service.market_shapes import (
    ButterflyOut,
    CalendarOut,
    LeftOutOut,
    SurfaceArbitrageOut,
    SurfaceOut,
    SurfaceSliceOut,
)


def surface_out(surface: VolatilitySurface | None) -> SurfaceOut:
    """The shape of the contract, with the expiries that were left out beside it; an interval without end has null there."""
    if surface is None:
        nothing = SurfaceArbitrageOut(butterfly=[], calendar=[])
        return SurfaceOut(as_of=None, model=None, slices=[], arbitrage=nothing, left_out=[])
    return SurfaceOut(
        as_of=surface.as_of.astimezone(UTC),
        model=surface.model,
        slices=[
            SurfaceSliceOut(
                expiry=each.expiry,
                forward=each.forward,
                atm_volatility=each.atm_volatility,
                parameters=each.parameters,
                quotes_used=each.quotes_used,
                rmse_vol_points=each.rmse_vol_points,
            )
            for each in surface.slices
        ],
        arbitrage=SurfaceArbitrageOut(
            butterfly=[
                ButterflyOut(
                    expiry=found.expiry,
                    low=_finite(found.where.low),
                    high=_finite(found.where.high),
                    worst_at=_finite(found.where.worst_at),
                    worst=_finite(found.where.worst),
                )
                for found in surface.butterfly
            ],
            calendar=[
                CalendarOut(
                    earlier=found.earlier,
                    later=found.later,
                    low=_finite(found.where.low),
                    high=_finite(found.where.high),
                    worst_at=_finite(found.where.worst_at),
                    worst=_finite(found.where.worst),
                )
                for found in surface.calendar
            ],
        ),
        left_out=[LeftOutOut(expiry=each.expiry, reason=str(each.reason)) for each in surface.left_out],
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
