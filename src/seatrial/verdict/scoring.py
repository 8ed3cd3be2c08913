"""The readiness score: checks make categories, categories the score, the pass rate, the blockers and the coverage."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from seatrial.errors import ConfigurationError
from seatrial.verdict.policy import Policy
from seatrial.verdict.verdicts import Verdict
from seatrial.verdict.waiver import Waiver, active_waiver, expired_waiver

__all__ = ["CheckResult", "Gap", "Readiness", "score", "waive_check"]

_EPSILON = 1e-9
"""Thresholds are met when reached; sums of weights are not exact."""


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


def score(checks: Sequence[CheckResult], weights: Mapping[str, float], policy: Policy) -> Readiness:
    """Score the checks of a run.

    Parameters
    ----------
    checks
        All checks known to the run, also those not applicable or not assessed, after waivers.
    weights
        Nominal weight of each category, relative: the specification's add to 120.
    policy
        Thresholds and vetoes.

    Returns
    -------
    Readiness
        Neutral checks leave the score, and a category of neutral ones only leaves the weights. Doubt and error stay with
        score 0; where they alone keep a threshold from being reached the verdict is ``inconclusive`` and not ``fail``.

    Raises
    ------
    ConfigurationError
        A check of a category without a weight, a negative weight, weights that sum to 0, or two checks of one id.
    """
    _validate(checks, weights)
    by_category = {name: [c for c in checks if c.category == name] for name in weights}
    scores = {name: _mean(members, undecided=0.0) for name, members in by_category.items()}
    best = {name: _mean(members, undecided=1.0) for name, members in by_category.items()}
    scored_weight = sum(weights[name] for name, value in scores.items() if value is not None)
    overall = _weighted(scores, weights)
    coverage, assessed_share = _coverage(by_category, weights)
    failed_blockers = tuple(c.id for c in checks if c.blocker and c.verdict is Verdict.FAIL)
    critical_failures = tuple(c.id for c in checks if c.critical and c.verdict is Verdict.FAIL)
    verdict, reasons = _rule(
        checks,
        policy,
        overall=overall,
        best_overall=_weighted(best, weights),
        assessed_share=assessed_share,
    )
    return Readiness(
        overall_score=overall,
        category_scores=scores,
        nominal_weights=dict(weights),
        effective_weights={
            name: weights[name] / scored_weight if scores[name] is not None and scored_weight > 0 else 0.0
            for name in weights
        },
        coverage=coverage,
        assessed_share=assessed_share,
        critical_pass_rate=_critical_pass_rate(checks, undecided_pass=False),
        critical_failures=critical_failures,
        blockers=failed_blockers,
        recommendations=_recommendations(by_category, weights),
        policy=policy.name,
        verdict=verdict,
        reasons=reasons,
    )


def waive_check(check: CheckResult, waivers: Iterable[Waiver], today: date) -> CheckResult:
    """Turn a failed check into a waived one if a waiver of it holds on ``today`` (a UTC day).

    It keeps the measured score and leaves the critical pass rate. A blocker is never covered, and an expired waiver leaves
    the failure; both say so in the evidence.
    """
    if check.verdict is not Verdict.FAIL:
        return check
    known = tuple(waivers)
    found = active_waiver(known, check.id, today)
    if found is not None and not check.blocker:
        return replace(check, verdict=Verdict.WAIVED, waiver=found)
    if found is not None:
        return replace(check, evidence=f"{check.evidence} (the waiver of {found.owner} does not count: a blocker)")
    gone = expired_waiver(known, check.id, today)
    if gone is not None:
        note = f"(waiver of {gone.owner} expired on {gone.expires.isoformat()})"
        return replace(check, evidence=f"{check.evidence} {note}")
    return check


def _validate(checks: Sequence[CheckResult], weights: Mapping[str, float]) -> None:
    if any(weight < 0 for weight in weights.values()) or not sum(weights.values()) > 0:
        raise ConfigurationError(f"weights {dict(weights)}: none may be negative, and their sum must be over 0")
    seen: set[str] = set()
    for check in checks:
        if check.category not in weights:
            raise ConfigurationError(
                f"check {check.id!r} is of category {check.category!r}, which has no weight; "
                f"known: {', '.join(weights)}; add it to [weights]"
            )
        if check.id in seen:
            raise ConfigurationError(f"two checks have the id {check.id!r}; ids must be unique")
        seen.add(check.id)


def _mean(checks: Sequence[CheckResult], *, undecided: float) -> float | None:
    """Weighted mean of the checks that count, with inconclusive and error taken as ``undecided``."""
    counted = [
        (c.weight, undecided if not c.verdict.is_decided else c.counted_score or 0.0)
        for c in checks
        if not c.verdict.is_neutral
    ]
    total = sum(weight for weight, _ in counted)
    return sum(weight * value for weight, value in counted) / total if counted else None


def _weighted(scores: Mapping[str, float | None], weights: Mapping[str, float]) -> float | None:
    pairs = [(weights[name], value) for name, value in scores.items() if value is not None]
    total = sum(weight for weight, _ in pairs)
    return sum(weight * value for weight, value in pairs) / total if total > 0 else None


def _coverage(by_category: Mapping[str, Sequence[CheckResult]], weights: Mapping[str, float]) -> tuple[float, float]:
    """Assessed weight over what could have been assessed, and over everything."""
    assessed = excused = 0.0
    for name, members in by_category.items():
        inside = sum(c.weight for c in members)
        for check in members:
            share = weights[name] * check.weight / inside
            if check.verdict.is_decided:
                assessed += share
            elif check.verdict is Verdict.NOT_APPLICABLE or check.gap is Gap.PROFILE:
                excused += share
    total = sum(weights.values())
    possible = total - excused
    # Sums of shares are not exact; a share is never over 1.
    return (min(1.0, assessed / possible) if possible > _EPSILON * total else 0.0), min(1.0, assessed / total)


def _critical_pass_rate(checks: Sequence[CheckResult], *, undecided_pass: bool) -> float | None:
    counted = [c for c in checks if c.critical and not c.verdict.is_neutral and c.verdict is not Verdict.WAIVED]
    if not counted:
        return None
    passed = [c for c in counted if c.verdict is Verdict.PASS or (undecided_pass and not c.verdict.is_decided)]
    return len(passed) / len(counted)


def _rule(
    checks: Sequence[CheckResult],
    policy: Policy,
    *,
    overall: float | None,
    best_overall: float | None,
    assessed_share: float,
) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict under a policy: failures first, then doubts."""
    failures: list[str] = []
    doubts: list[str] = []
    for check in checks:
        if check.blocker and check.verdict is Verdict.FAIL:
            failures.append(f"blocker {check.id} failed")
        elif check.blocker and not check.verdict.is_decided and check.verdict is not Verdict.NOT_APPLICABLE:
            doubts.append(f"blocker {check.id} is {check.verdict.replace('_', ' ')}")
        if check.critical and check.verdict is Verdict.FAIL and not policy.critical_failures_allowed:
            failures.append(f"critical check {check.id} failed, which policy {policy.name} does not allow")
        if check.critical and check.verdict is Verdict.WAIVED and not policy.critical_waivers_allowed:
            failures.append(f"critical check {check.id} is waived, which policy {policy.name} does not allow")
    rate = _critical_pass_rate(checks, undecided_pass=False)
    best_rate = _critical_pass_rate(checks, undecided_pass=True)
    for words, value, best, floor in (
        ("overall score", overall, best_overall, policy.min_score),
        ("critical pass rate", rate, best_rate, policy.min_critical_pass_rate),
    ):
        if value is None or best is None:
            doubts.append(f"no {words}: nothing that counts was assessed")
        elif value < floor - _EPSILON:
            reason = f"{words} {value:.4f} is under {floor:.2f}"
            if best < floor - _EPSILON:
                failures.append(reason)
            else:
                doubts.append(f"{reason}, for what is in doubt counts as 0")
    if assessed_share < policy.min_assessed_share - _EPSILON:
        doubts.append(f"{assessed_share:.1%} of the weight was assessed, {policy.min_assessed_share:.0%} is needed")
    verdict = Verdict.FAIL if failures else Verdict.INCONCLUSIVE if doubts else Verdict.PASS
    return verdict, (*failures, *doubts)


def _recommendations(by_category: Mapping[str, Sequence[CheckResult]], weights: Mapping[str, float]) -> tuple[str, ...]:
    """Remediation of everything that did not pass, the most urgent first, each once."""
    open_checks: list[tuple[bool, bool, float, str]] = []
    for name, members in by_category.items():
        inside = sum(c.weight for c in members)
        for check in members:
            if check.verdict is Verdict.PASS or check.verdict.is_neutral or not check.remediation:
                continue
            lost = weights[name] * check.weight / inside * (1 - (check.counted_score or 0.0))
            open_checks.append((not check.blocker, not check.critical, -lost, check.remediation))
    return tuple(dict.fromkeys(text for *_, text in sorted(open_checks, key=lambda item: item[:3])))
