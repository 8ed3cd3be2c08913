"""From the verdicts of the categories to one decision and one exit code."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from seatrial.verdict.measurement import Measurement
from seatrial.verdict.objective import Level
from seatrial.verdict.policy import Policy
from seatrial.verdict.scoring import Readiness
from seatrial.verdict.verdicts import Verdict, worst

__all__ = [
    "CategoryOutcome",
    "Decision",
    "ExitCode",
    "Ruling",
    "Scope",
    "category_exit_code",
    "category_outcome",
    "decide",
    "deciding_verdict",
    "first_exit",
]


class Decision(StrEnum):
    """What a whole run says about going to production."""

    READY = "READY"
    NOT_READY = "NOT READY"
    INCONCLUSIVE = "INCONCLUSIVE"


class Scope(StrEnum):
    """Whether every category ran. Only a full run decides on a deployment."""

    FULL = "full"
    PARTIAL = "partial"


class ExitCode(IntEnum):
    """Exit codes of the command line."""

    READY = 0
    NOT_READY = 1
    INCONCLUSIVE = 2
    INTERNAL_ERROR = 3
    USAGE = 4
    NOTHING_SELECTED = 5
    INTERRUPTED = 130


_PRECEDENCE = (
    ExitCode.INTERRUPTED,
    ExitCode.USAGE,
    ExitCode.NOTHING_SELECTED,
    ExitCode.NOT_READY,
    ExitCode.INTERNAL_ERROR,
    ExitCode.INCONCLUSIVE,
    ExitCode.READY,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryOutcome:
    """How one category ended.

    Parameters
    ----------
    verdict
        The worst of its scenarios and objectives; for ``production_readiness`` that of the readiness assessment too.
    failed
        Whether the target failed anything in it. An error of ours elsewhere in the category outranks the failure in
        ``verdict`` but does not undo it.
    reasons
        What kept it from a pass, in words.
    """

    name: str
    critical: bool
    verdict: Verdict
    failed: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The decision of one run, with its exit code and the reasons of anything but READY."""

    decision: Decision
    deployment_ready: bool
    exit_code: ExitCode
    reasons: tuple[str, ...] = ()


def deciding_verdict(measurement: Measurement, policy: Policy) -> Verdict:
    """A measurement's verdict as far as it decides under ``policy``: unjudged ones and mere targets are neutral."""
    if measurement.verdict is None or measurement.objective is None:
        return Verdict.NOT_ASSESSED if measurement.verdict is None else measurement.verdict
    if measurement.objective.level is Level.TARGET and not policy.targets_decide:
        return Verdict.NOT_ASSESSED
    return measurement.verdict


def category_outcome(
    name: str,
    *,
    critical: bool,
    policy: Policy,
    scenarios: Iterable[tuple[str, Verdict]] = (),
    measurements: Iterable[Measurement] = (),
    readiness: Readiness | None = None,
) -> CategoryOutcome:
    """Merge what a category found by the worst.

    Parameters
    ----------
    scenarios
        Name and verdict of each. Checks of the readiness categories are no scenarios: they do not merge.
    measurements
        Those of the category.
    readiness
        The assessment, for the category that makes it; its verdict counts as one more scenario's.
    """
    named = [*scenarios, *((m.id, deciding_verdict(m, policy)) for m in measurements)]
    reasons = [
        f"{what}: {verdict}"
        for what, verdict in named
        if not verdict.is_neutral and verdict not in (Verdict.PASS, Verdict.WAIVED)
    ]
    verdicts = [verdict for _, verdict in named]
    if readiness is not None:
        verdicts.append(readiness.verdict)
        reasons.extend(readiness.reasons)
    return CategoryOutcome(
        name=name,
        critical=critical,
        verdict=worst(verdicts),
        failed=Verdict.FAIL in verdicts,
        reasons=tuple(dict.fromkeys(reasons)),
    )


def category_exit_code(outcome: CategoryOutcome) -> ExitCode:
    """What a run of this category alone would exit with."""
    if outcome.failed:
        return ExitCode.NOT_READY
    match outcome.verdict:
        case Verdict.PASS | Verdict.WAIVED:
            return ExitCode.READY
        case Verdict.ERROR:
            return ExitCode.INTERNAL_ERROR
        case _:
            return ExitCode.INCONCLUSIVE


def decide(
    categories: Sequence[CategoryOutcome],
    policy: Policy,
    *,
    scope: Scope,
    profile: str,
    readiness: Readiness | None = None,
    leaks_assessed: bool = False,
    interrupted: bool = False,
    internal_error: bool = False,
) -> Ruling:
    """Decide on a run.

    Any critical category failed: NOT READY. Else anything inconclusive or in error, or a condition of the policy not
    assessed: INCONCLUSIVE. Else READY, if the run was a full one: a partial run that passed exits 0 without being a
    deployment decision.

    Parameters
    ----------
    categories
        Every category of the run, also those that did not come to run.
    readiness
        The assessment; a full run without one is inconclusive.
    leaks_assessed
        Whether the leak verdicts of the run are anything but neutral.
    internal_error
        Our own side failed outside any category.
    """
    failures: list[str] = []
    doubts: list[str] = []
    errors = internal_error
    partial = scope is Scope.PARTIAL
    for outcome in categories:
        because = f": {'; '.join(outcome.reasons)}" if outcome.reasons else ""
        if outcome.failed and (outcome.critical or policy.every_category_passes or partial):
            failures.append(f"{outcome.name} failed{because}")
        elif outcome.verdict is Verdict.WAIVED and policy.every_category_passes:
            failures.append(f"{outcome.name} is waived, and policy {policy.name} asks every category to pass")
        if outcome.verdict in (Verdict.ERROR, Verdict.INCONCLUSIVE):
            errors = errors or outcome.verdict is Verdict.ERROR
            doubts.append(f"{outcome.name} is {_words(outcome.verdict)}{because}")
        elif outcome.verdict.is_neutral and (outcome.critical or policy.every_category_passes or partial):
            doubts.append(f"{outcome.name} judged nothing ({_words(outcome.verdict)})")
    if not categories:
        doubts.append("no category ran")
    if interrupted:
        doubts.append("the run was interrupted")
    if internal_error:
        doubts.append("an internal error broke the run")
    if not partial:
        doubts.extend(_conditions(policy, profile=profile, readiness=readiness, leaks_assessed=leaks_assessed))
    return _ruling(failures, doubts, partial=partial, errors=errors, interrupted=interrupted)


def _conditions(policy: Policy, *, profile: str, readiness: Readiness | None, leaks_assessed: bool) -> Iterable[str]:
    if readiness is None:
        yield "there is no readiness assessment"
    if policy.profiles and profile not in policy.profiles:
        yield f"policy {policy.name} needs profile {' or '.join(policy.profiles)}, this run is {profile}"
    if policy.leaks_assessed and not leaks_assessed:
        yield f"policy {policy.name} needs leaks assessed"


def _ruling(failures: list[str], doubts: list[str], *, partial: bool, errors: bool, interrupted: bool) -> Ruling:
    codes = [ExitCode.READY]
    if interrupted:
        codes.append(ExitCode.INTERRUPTED)
    if failures:
        codes.append(ExitCode.NOT_READY)
    if errors:
        codes.append(ExitCode.INTERNAL_ERROR)
    if doubts:
        codes.append(ExitCode.INCONCLUSIVE)
    if partial:
        doubts = [*doubts, "only some categories ran: not a deployment decision"]
    decision = Decision.NOT_READY if failures else Decision.INCONCLUSIVE if doubts else Decision.READY
    return Ruling(
        decision=decision,
        deployment_ready=decision is Decision.READY,
        exit_code=first_exit(codes),
        reasons=(*failures, *doubts),
    )


def first_exit(codes: Iterable[int]) -> ExitCode:
    """The exit code that wins: 130, 4, 5, 1, 3, 2, 0 in that order. Without any code there was nothing to run: 5.

    >>> first_exit([0, 3, 1])
    <ExitCode.NOT_READY: 1>
    """
    given = {ExitCode(code) for code in codes}
    return next((code for code in _PRECEDENCE if code in given), ExitCode.NOTHING_SELECTED)


def _words(verdict: Verdict) -> str:
    return {Verdict.ERROR: "in error"}.get(verdict, verdict.replace("_", " "))
