"""The readiness score: checks make categories, categories the score, the pass rate, the blockers and the coverage."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from seatrial.verdict.verdicts import Verdict
from seatrial.verdict.waiver import Waiver

__all__ = ["CheckResult", "Gap", "Readiness"]


class Gap(StrEnum):
    """Why a check was not assessed. What the profile leaves out does not lower the coverage; what the host lacks does."""

    PROFILE = "profile"
    PRIVILEGE = "privilege"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The answer to one readiness question.

    Parameters
    ----------
    id
        Stable, for example ``security.unknown_key_refused``.
    category
        One of the weighted readiness categories: ``performance``, ``reliability``, ...
    critical
        Whether it counts in the critical pass rate.
    blocker
        Whether its failure vetoes whatever the score. No waiver covers a blocker.
    weight
        Relative to the other checks of its category; over 0.
    score
        0..1 as measured; ``None`` with a neutral verdict. With ``inconclusive`` and ``error`` it may be either.
    verdict
        ``inconclusive`` and ``error`` count with score 0.
    evidence
        What was asked and what came back, with figures.
    remediation
        What to do when it fails.
    saboteurs
        Ids of the saboteurs that must make it fail.
    waiver
        The waiver that turned a fail into ``waived``.
    gap
        Why it is ``not_assessed``; needed with that verdict, absent with any other.

    Raises
    ------
    ValueError
        Score, weight or gap do not fit together.
    """

    id: str
    category: str
    title: str
    critical: bool
    blocker: bool
    weight: float
    score: float | None
    verdict: Verdict
    evidence: str
    remediation: str
    saboteurs: tuple[str, ...] = ()
    waiver: Waiver | None = None
    gap: Gap | None = None

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise ValueError(f"check {self.id!r}: weight is {self.weight}; it must be over 0")
        if self.verdict.is_neutral:
            if self.score is not None:
                raise ValueError(f"check {self.id!r}: {self.verdict} has no score, but {self.score} is given")
        elif self.verdict.is_decided and (self.score is None or not 0 <= self.score <= 1):
            raise ValueError(f"check {self.id!r}: score is {self.score}; {self.verdict} needs one between 0 and 1")
        if (self.verdict is Verdict.NOT_ASSESSED) != (self.gap is not None):
            raise ValueError(
                f"check {self.id!r}: {self.verdict} with gap {self.gap}; a gap says why it is not_assessed"
            )

    @property
    def counted_score(self) -> float | None:
        """What goes into the category's mean: 0 for doubt and error, ``None`` for what leaves the score."""
        if self.verdict.is_neutral:
            return None
        return self.score if self.verdict.is_decided else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """The readiness assessment of one run.

    Parameters
    ----------
    overall_score
        Weighted mean of the category scores, 0..1, unrounded; ``None`` if nothing was assessed.
    category_scores
        Each weighted category; ``None`` where nothing was assessed.
    nominal_weights, effective_weights
        As configured, and as shares of the sum over the categories that have a score (0 for the others).
    coverage
        Assessed weight over the weight that is neither not applicable nor left out by the profile.
    assessed_share
        Assessed weight over the whole weight.
    critical_pass_rate
        Critical checks passed over critical checks applicable; ``None`` without any.
    critical_failures, blockers
        Ids of failed critical checks and of failed blockers, in the order of the checks.
    recommendations
        Remediation of what failed or stayed in doubt: blockers first, then critical ones, then by weight lost.
    verdict, reasons
        What ``production_readiness`` is under the policy, and each thing that kept it from a pass.
    """

    overall_score: float | None
    category_scores: Mapping[str, float | None]
    nominal_weights: Mapping[str, float]
    effective_weights: Mapping[str, float]
    coverage: float
    assessed_share: float
    critical_pass_rate: float | None
    critical_failures: tuple[str, ...]
    blockers: tuple[str, ...]
    recommendations: tuple[str, ...]
    policy: str
    verdict: Verdict
    reasons: tuple[str, ...] = ()
