"""Returns whose volatility switches between hidden states: a Gaussian Markov chain, its filter and its fit.

A session's return is normal with one mean for all states and the standard deviation of the state that the session is in; states
follow a Markov chain. Estimates come from the EM algorithm, which smooths inside the sample that it is given; what is said about a
session is always filtered: it rests on returns up to that session alone.

References
----------
Hamilton, J. D. (1989). A new approach to the economic analysis of nonstationary time series and the business cycle. Econometrica
57(2), section 4 (filter).
Baum, L. et al. (1970). A maximization technique occurring in the statistical analysis of probabilistic functions of Markov chains.
Särkkä, S. and García-Fernández, Á. (2021). Temporal parallelization of Bayesian smoothers. IEEE TAC 66(1) (products as a scan).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wheelhouse.errors import InvalidInput

Floats = NDArray[np.float64]

# A state never collapses onto a few equal returns: its deviation stays above this fraction of the sample's.
_LEAST_DEVIATION = 0.05
_STAY = 0.97
_LEAST_LIKELIHOOD = 1e-300
_NEVER = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Switching:
    """Parameters of a chain with ``k`` states, ordered by volatility.

    Attributes
    ----------
    mean
        Of a session's return, the same in all states.
    deviations
        Of a session's return by state, ascending, ``(k,)``.
    transition
        Probability to go from the state of the row to that of the column, ``(k, k)``.
    initial
        Probabilities before the first return, ``(k,)``.
    log_likelihood
        Of the sample that the parameters were fitted on; NaN if they were not.
    """

    mean: float
    deviations: Floats
    transition: Floats
    initial: Floats
    log_likelihood: float = math.nan

    def filtered(self, returns: ArrayLike) -> Floats:
        """Probabilities of the states given the returns up to each session, ``(n_sessions, k)``."""
        forward, _ = self._forward(np.asarray(returns, dtype=np.float64))
        return forward

    def likelihood(self, returns: ArrayLike) -> float:
        """Logarithm of the likelihood of returns, ``(n_sessions,)``."""
        return self._forward(np.asarray(returns, dtype=np.float64))[1]

    def _densities(self, returns: Floats) -> Floats:
        z = (returns[:, None] - self.mean) / self.deviations
        density = np.exp(-0.5 * z * z) / (self.deviations * math.sqrt(2.0 * math.pi))
        # A return that no state explains must not turn every probability into NaN.
        return np.maximum(density, _LEAST_LIKELIHOOD)

    def _forward(self, returns: Floats) -> tuple[Floats, float]:
        if not returns.size:
            return np.empty((0, self.deviations.size)), 0.0
        density = self._densities(returns)
        joint = np.empty_like(density)
        joint[0] = self.initial * density[0]
        products, scales = _running_products(self.transition[None] * density[1:, None, :])
        joint[1:] = joint[0] @ products
        totals = joint.sum(axis=1)
        logarithm = math.log(totals[-1]) + (float(scales[-1]) if scales.size else 0.0)
        return joint / totals[:, None], logarithm


def fit(returns: ArrayLike, *, states: int = 3, iterations: int = 200, tolerance: float = 1e-6) -> Switching:
    """Estimate the chain by EM from a start that the sample alone decides; states come out ordered by volatility.

    Parameters
    ----------
    returns
        ``(n_sessions,)``, finite.
    tolerance
        The fit ends when a round raises the mean log-likelihood of a session by less.

    Raises
    ------
    InvalidInput
        Fewer than ten returns for each state, a return that is not finite, or returns that do not vary.
    """
    sample = np.asarray(returns, dtype=np.float64)
    if sample.ndim != 1 or sample.size < 10 * states:
        raise InvalidInput(
            f"switching volatility: shape {sample.shape} for {states} states, expected {10 * states} returns or more"
        )
    if not np.isfinite(sample).all():
        raise InvalidInput("switching volatility: a return is not finite; leave such sessions out")
    spread = float(np.std(sample))
    if spread <= 0.0:
        raise InvalidInput("switching volatility: the returns do not vary, so they have no volatility to tell apart")
    model = _start(sample, states)
    least = _LEAST_DEVIATION * spread
    reached = -math.inf
    for _ in range(iterations):
        model = _improve(model, sample, least)
        if model.log_likelihood - reached < tolerance * sample.size:
            break
        reached = model.log_likelihood
    order = np.argsort(model.deviations, kind="stable")
    return Switching(
        mean=model.mean,
        deviations=model.deviations[order],
        transition=model.transition[np.ix_(order, order)],
        initial=model.initial[order],
        log_likelihood=model.likelihood(sample),
    )


def _start(sample: Floats, states: int) -> Switching:
    centre = float(np.median(sample))
    sizes = np.sort(np.abs(sample - centre))
    groups = np.array_split(sizes, states)
    # Sizes cut into equal groups understate the overlap of the states, so the extremes are drawn together.
    level = np.array([math.sqrt(float(np.mean(group * group))) for group in groups])
    whole = float(np.std(sample))
    deviations = np.sqrt(np.maximum(level, 0.25 * whole) * whole) if states > 1 else np.array([whole])
    transition = np.full((states, states), (1.0 - _STAY) / max(states - 1, 1))
    np.fill_diagonal(transition, _STAY if states > 1 else 1.0)
    return Switching(
        mean=float(np.mean(sample)), deviations=deviations, transition=transition, initial=np.full(states, 1.0 / states)
    )


def _improve(model: Switching, sample: Floats, least: float) -> Switching:
    """One round of EM; carries the log-likelihood of the model that it started from."""
    density = model._densities(sample)
    forward, reached = model._forward(sample)
    backward = _backward(model.transition, density)
    smoothed = forward * backward
    smoothed /= smoothed.sum(axis=1, keepdims=True)
    pairs = forward[:-1, :, None] * model.transition[None] * (density * backward)[1:, None, :]
    pairs /= pairs.sum(axis=(1, 2), keepdims=True)
    # A state that the sample never visits keeps a row of probabilities.
    moves = pairs.sum(axis=0) + _NEVER
    precision = smoothed / model.deviations**2
    mean = float((precision * sample[:, None]).sum() / precision.sum())
    weight = np.maximum(smoothed.sum(axis=0), _NEVER)
    variance = (smoothed * (sample[:, None] - mean) ** 2).sum(axis=0) / weight
    return Switching(
        mean=mean,
        deviations=np.maximum(np.sqrt(variance), least),
        transition=moves / moves.sum(axis=1, keepdims=True),
        initial=smoothed[0],
        log_likelihood=reached,
    )


def _backward(transition: Floats, density: Floats) -> Floats:
    """Likelihood of what follows each session by its state, up to a factor, ``(n_sessions, k)``."""
    n, k = density.shape
    following = np.ones((n, k))
    if n > 1:
        steps = transition[None] * density[1:, None, :]
        # From the right the products run backwards: transpose, scan, transpose.
        products, _ = _running_products(steps[::-1].transpose(0, 2, 1))
        following[:-1] = products.transpose(0, 2, 1)[::-1].sum(axis=2)
    return following


def _running_products(steps: Floats) -> tuple[Floats, Floats]:
    """Products of the matrices up to each, from the left, scaled to a greatest element of 1, and the logarithms of their scales."""
    products = np.array(steps)
    scales = np.zeros(len(products))
    if not len(products):
        return products, scales
    _rescale(products, scales, 0)
    reach = 1
    while reach < len(products):
        joined = products[:-reach] @ products[reach:]
        products[reach:] = joined
        scales[reach:] = scales[:-reach] + scales[reach:]
        _rescale(products, scales, reach)
        reach *= 2
    return products, scales


def _rescale(products: Floats, scales: Floats, start: int) -> None:
    greatest = products[start:].max(axis=(1, 2))
    products[start:] /= greatest[:, None, None]
    scales[start:] += np.log(greatest)
