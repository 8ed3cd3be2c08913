"""SSVI: a whole surface of SVI slices with one skew and a power-law curvature, free of static arbitrage by construction.

References
----------
Gatheral, J. and Jacquier, A. (2014). Arbitrage-free SVI volatility surfaces. Quantitative Finance 14(1), section 4: equations 4.1 and
4.5, theorems 4.1 (calendar) and 4.2 (butterfly).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wheelhouse.errors import InvalidInput
from wheelhouse.pricing.svi import RawSvi, SmileQuotes

Floats = NDArray[np.float64]

# At-the-money total variances of neighbouring expiries grow by at least this part: equal slices would touch everywhere.
_LEAST_GROWTH: Final = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssvi:
    """``w(k, theta) = theta / 2 (1 + rho phi k + sqrt((phi k + rho)^2 + 1 - rho^2))``, ``phi = eta / (theta^gamma (1 + theta)^(1 - gamma))``.

    theta is the at-the-money total variance of an expiry.

    Raises
    ------
    InvalidInput
        rho outside (-1, 1), eta not positive, or gamma outside (0, 1/2].
    """

    rho: float
    eta: float
    gamma: float

    def __post_init__(self) -> None:
        if not (abs(self.rho) < 1.0 and self.eta > 0.0 and 0.0 < self.gamma <= 0.5):
            values = (self.rho, self.eta, self.gamma)
            raise InvalidInput(
                f"SSVI (rho, eta, gamma) = {values}: it needs abs(rho) < 1, eta > 0 and 0 < gamma <= 1/2"
            )

    def curvature(self, theta: ArrayLike) -> Floats:
        """phi(theta)."""
        variance = np.asarray(theta, dtype=np.float64)
        phi: Floats = self.eta / (variance**self.gamma * (1.0 + variance) ** (1.0 - self.gamma))
        return phi

    def is_free_of_arbitrage(self, theta: Sequence[float] | Floats) -> bool:
        """Whether slices of these at-the-money total variances, in order of expiry, meet theorems 4.1 and 4.2.

        Sufficient conditions: theta does not fall, ``theta phi (1 + abs(rho)) < 4`` and ``theta phi^2 (1 + abs(rho)) <= 4``. The
        rest of theorem 4.1, ``0 <= d(theta phi)/d(theta) <= (1 + sqrt(1 - rho^2)) phi / rho^2``, holds for every power law: the
        middle is ``phi (1 - gamma) / (1 + theta)``.
        """
        variance = np.asarray(theta, dtype=np.float64)
        phi = self.curvature(variance)
        lean = 1.0 + abs(self.rho)
        steep = np.all(variance * phi * lean < 4.0) and np.all(variance * phi**2 * lean <= 4.0 + 1e-12)
        return bool(np.all(variance > 0.0) and np.all(np.diff(variance) >= 0.0) and steep)

    def slice(self, theta: float) -> RawSvi:
        """The slice of one at-the-money total variance as raw SVI (Gatheral and Jacquier 2014, equation 3.2)."""
        phi = float(self.curvature(theta))
        root = float(np.sqrt(1.0 - self.rho**2))
        return RawSvi(
            a=0.5 * theta * (1.0 - self.rho**2),
            b=0.5 * theta * phi,
            rho=self.rho,
            m=-self.rho / phi,
            sigma=root / phi,
        )


def fit_ssvi(smiles: Sequence[SmileQuotes]) -> tuple[Ssvi, Floats]:
    """Fit an SSVI surface to smiles in ascending order of expiry.

    Returns
    -------
    The surface and the at-the-money total variances, ``(n_smiles,)``; `Ssvi.is_free_of_arbitrage` holds for them. Where quotes ask
    for a total variance that falls with expiry, it is held.

    Raises
    ------
    InvalidInput
        No smile, a smile without quotes, or expiries not ascending.
    """
    from scipy.optimize import least_squares

    years = np.array([smile.years for smile in smiles])
    if years.size == 0 or min(smile.k.size for smile in smiles) == 0 or np.any(np.diff(years) <= 0.0):
        raise InvalidInput("SSVI fit: it needs smiles with quotes, in ascending order of expiry")
    k = np.concatenate([smile.k for smile in smiles])
    volatility = np.concatenate([smile.volatility for smile in smiles])
    error = np.concatenate([smile.error for smile in smiles])
    place = np.repeat(np.arange(years.size), [smile.k.size for smile in smiles])
    level = np.maximum.accumulate([smile.at_the_money for smile in smiles]) * (1.0 + _LEAST_GROWTH) ** np.arange(
        years.size
    )

    def unpack(parameters: Floats) -> tuple[Ssvi, Floats]:
        rho, part, gamma = (float(value) for value in parameters[:3])
        # The largest eta for which theta phi^2 (1 + abs(rho)) <= 4 whatever theta is.
        eta = part * 2.0 / float(np.sqrt(1.0 + abs(rho)))
        growth = np.concatenate([[parameters[3]], np.maximum(parameters[4:], _LEAST_GROWTH)])
        return Ssvi(rho=rho, eta=eta, gamma=gamma), np.asarray(np.exp(np.cumsum(growth)), dtype=np.float64)

    def misses(parameters: Floats) -> Floats:
        surface, theta = unpack(parameters)
        own = theta[place]
        lean = surface.curvature(own) * k
        w = 0.5 * own * (1.0 + surface.rho * lean + np.sqrt((lean + surface.rho) ** 2 + 1.0 - surface.rho**2))
        miss: Floats = (np.sqrt(w / years[place]) - volatility) / error
        return miss

    logs = np.log(level)
    start = np.concatenate([[-0.3, 0.5, 0.4, logs[0]], np.maximum(np.diff(logs), 2.0 * _LEAST_GROWTH)])
    lower = np.concatenate([[-0.98, 1e-3, 1e-3, -np.inf], np.full(years.size - 1, _LEAST_GROWTH)])
    upper = np.concatenate([[0.98, 1.0, 0.5, np.inf], np.full(years.size - 1, np.inf)])
    result = least_squares(
        misses,
        start,
        bounds=(lower, upper),
        loss="soft_l1",
        f_scale=2.0,
        x_scale="jac",
        xtol=1e-6,
        ftol=1e-6,
        max_nfev=100,
    )
    return unpack(result.x)
