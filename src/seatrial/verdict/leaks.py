"""Whether a resource grows with the work done: a robust slope over blocks of operations.

A leak is a trend, not a difference of two readings: warm caches, allocator plateaus and one large buffer must not fail a
healthy system, so the slope is Theil-Sen's with its own confidence bound, over the second half of the run only.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from seatrial.verdict.statistics import CONFIDENCE
from seatrial.verdict.verdicts import Verdict

__all__ = ["LEAK_LIMIT_BYTES", "MIN_BLOCKS", "MIN_OPERATIONS", "LeakVerdict", "Slope", "judge_leak", "theil_sen"]

LEAK_LIMIT_BYTES = 250_000.0
"""Growth in bytes per 1000 operations over which memory leaks."""
MIN_BLOCKS = 40
MIN_OPERATIONS = 20_000
JUMP_SHARE = 0.60
"""One block-to-block jump of at least this share of the rise is a step, not a trend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """A slope with its one-sided 95 % lower bound, both per unit of ``x``."""

    estimate: float
    lower: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakVerdict:
    """A verdict on growth.

    Parameters
    ----------
    per_1000_operations, lower_bound
        Growth of the second half per 1000 operations and its one-sided 95 % lower bound, in the resource's unit; ``None``
        when it was not assessed.
    detail
        Why not failed although the estimate is over the limit, or why not assessed.
    """

    verdict: Verdict
    per_1000_operations: float | None = None
    lower_bound: float | None = None
    detail: str | None = None


def theil_sen(x: Sequence[float], y: Sequence[float], confidence: float = CONFIDENCE) -> Slope:
    """The median of all pairwise slopes, and the lower end of its one-sided confidence interval.

    Parameters
    ----------
    x
        Strictly ascending, ``(n,)``, ``n >= 3``.
    y
        ``(n,)``.

    References
    ----------
    Sen, P. K. (1968), *JASA* 63, 1379-1389; the normal approximation of Kendall's score variance, without ties.
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    count = xs.size
    if count < 3 or ys.size != count:
        raise ValueError(f"{count} abscissae and {ys.size} ordinates; three or more pairs are needed")
    if not (np.diff(xs) > 0).all():
        raise ValueError("x is not strictly ascending")
    first, second = np.triu_indices(count, k=1)
    slopes = np.sort((ys[second] - ys[first]) / (xs[second] - xs[first]))
    spread = NormalDist().inv_cdf(confidence) * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    rank = max(0, math.floor((slopes.size - spread) / 2) - 1)
    return Slope(estimate=float(np.median(slopes)), lower=float(slopes[rank]))


def judge_leak(
    operations: Sequence[float],
    readings: Sequence[float],
    limit: float = LEAK_LIMIT_BYTES,
    *,
    min_operations: int = MIN_OPERATIONS,
    min_blocks: int = MIN_BLOCKS,
) -> LeakVerdict:
    """Judge the readings of a resource at the ends of blocks of operations, after the warm-up.

    Parameters
    ----------
    operations
        Operations done so far at the end of each block, strictly ascending, ``(n,)``.
    readings
        The resource then: bytes (USS where the platform has it), open files, threads, connections, ``(n,)``.
    limit
        Allowed growth per 1000 operations, in the unit of ``readings``.
    min_operations, min_blocks
        With less the verdict is ``not_assessed``.

    Returns
    -------
    LeakVerdict
        ``fail``: the slope's lower bound is over the limit and no single jump makes up 60 % of the rise.
        ``inconclusive``: one jump does, or only the estimate is over. Else ``pass``.
    """
    if len(operations) != len(readings):
        raise ValueError(f"{len(operations)} operation counts but {len(readings)} readings")
    blocks = len(operations)
    done = operations[-1] if blocks else 0.0
    if blocks < min_blocks or done < min_operations:
        too_short = f"{done:g} operations in {blocks} blocks; {min_operations} in {min_blocks} are needed"
        return LeakVerdict(verdict=Verdict.NOT_ASSESSED, detail=too_short)
    x = np.asarray(operations, dtype=np.float64)[blocks // 2 :] / 1000
    y = np.asarray(readings, dtype=np.float64)[blocks // 2 :]
    if not np.isfinite(y).all():
        return LeakVerdict(verdict=Verdict.INCONCLUSIVE, detail="a reading of the second half is missing")
    slope = theil_sen(x.tolist(), y.tolist())
    verdict = Verdict.PASS
    detail: str | None = None
    if slope.estimate > limit:
        jump = _largest_jump_share(y)
        if slope.lower <= limit:
            verdict, detail = Verdict.INCONCLUSIVE, "the estimate is over the limit, its lower bound is not"
        elif jump >= JUMP_SHARE:
            verdict, detail = Verdict.INCONCLUSIVE, f"one jump makes up {jump:.0%} of the rise: a step, not a trend"
        else:
            verdict = Verdict.FAIL
    return LeakVerdict(verdict=verdict, per_1000_operations=slope.estimate, lower_bound=slope.lower, detail=detail)


def _largest_jump_share(y: NDArray[np.float64]) -> float:
    """The largest block-to-block rise as a share of the net rise; 0 when there is none."""
    rise = float(y[-1] - y[0])
    return float(np.diff(y).max()) / rise if rise > 0 else 0.0
