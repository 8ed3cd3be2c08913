"""The parameters that every pricing function takes, broadcast together and checked once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OptionInputs:
    """Parameters of options, one shape for all of them.

    Attributes
    ----------
    spot, strike
        In one currency. Options with a value that is not positive and finite are not valid.
    years
        To expiry. Negative is not valid.
    volatility
        A year. Negative is not valid.
    rate, dividend_yield
        Continuous, a year.
    sign
        +1 for calls, -1 for puts.
    valid
        Where a price exists: all parameters finite and in their domain. Elsewhere every result is NaN.
    """

    spot: Floats
    strike: Floats
    years: Floats
    volatility: Floats
    rate: Floats
    dividend_yield: Floats
    sign: Floats
    valid: Booleans

    @property
    def shape(self) -> tuple[int, ...]:
        """The common shape."""
        return self.spot.shape


def option_inputs(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
    is_call: ArrayLike,
) -> OptionInputs:
    """Broadcast the parameters to one shape; where one is not valid all become harmless and `valid` is False.

    Raises
    ------
    ValueError
        The shapes cannot be broadcast together.
    """
    numbers = [np.asarray(value, dtype=np.float64) for value in (spot, strike, years, volatility, rate, dividend_yield)]
    arrays = np.broadcast_arrays(*numbers, np.where(np.asarray(is_call, dtype=np.bool_), 1.0, -1.0))
    s, k, t, v, r, q, sign = arrays
    finite = np.isfinite(s) & np.isfinite(k) & np.isfinite(t) & np.isfinite(v) & np.isfinite(r) & np.isfinite(q)
    valid = finite & (s > 0.0) & (k > 0.0) & (t >= 0.0) & (v >= 0.0)
    return OptionInputs(
        spot=np.where(valid, s, 1.0),
        strike=np.where(valid, k, 1.0),
        years=np.where(valid, t, 1.0),
        volatility=np.where(valid, v, 1.0),
        rate=np.where(valid, r, 0.0),
        dividend_yield=np.where(valid, q, 0.0),
        sign=sign,
        valid=valid,
    )
