"""Readiness checks: what one is, and the register of all of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from seatrial.errors import ConfigurationError, TargetFailure
from seatrial.target.protocol import TradingSystem, has_capability
from seatrial.verdict.scoring import CheckResult, Gap
from seatrial.verdict.verdicts import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found: a score of 0..1 and the evidence for it. Under 1 is a fail."""

    score: float
    evidence: str


class NotAssessed(Exception):  # noqa: N818 - a result, not an error
    """This profile or this host cannot do the check; the gap says which, the message why."""

    def __init__(self, reason: str, gap: Gap) -> None:
        super().__init__(reason)
        self.gap = gap


class InDoubt(Exception):  # noqa: N818 - a result, not an error
    """The check was made, and what it found supports neither a pass nor a fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext:
    """What a check works with.

    Parameters
    ----------
    disposable
        Whether the target may be broken, and its market data written over.
    """

    target: TradingSystem
    account_name: Callable[[str], str]
    disposable: bool = False


Probe = Callable[[CheckContext], Awaitable[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One readiness question.

    Parameters
    ----------
    needs
        Capabilities of the target without which the question does not arise: `not_applicable` then.
    saboteurs
        Ids of the saboteurs that must make it fail; never empty.
    breaks
        Whether it breaks the target on the way, which only a disposable one must suffer.
    """

    id: str
    title: str
    critical: bool
    blocker: bool
    weight: float
    remediation: str
    saboteurs: tuple[str, ...]
    needs: tuple[str, ...]
    breaks: bool = False
    probe: Probe = field(repr=False)

    @property
    def category(self) -> str:
        """The readiness category: the first part of the id."""
        return self.id.partition(".")[0]

    async def run(self, context: CheckContext) -> CheckResult:
        """Ask the question; whatever the target does wrong meanwhile is a fail."""
        lacking = [name for name in self.needs if not has_capability(context.target, name)]
        if lacking:
            return self.result(Verdict.NOT_APPLICABLE, None, f"the target has no {', '.join(lacking)}")
        if self.breaks and not context.disposable:
            reason = "it breaks the target on the way; set [target] disposable = true where that is allowed"
            return self.result(Verdict.NOT_ASSESSED, None, reason, gap=Gap.PRIVILEGE)
        try:
            finding = await self.probe(context)
        except TargetFailure as failure:
            return self.result(Verdict.FAIL, 0.0, failure.detail)
        except InDoubt as doubt:
            return self.result(Verdict.INCONCLUSIVE, None, str(doubt))
        except NotAssessed as reason:
            return self.result(Verdict.NOT_ASSESSED, None, str(reason), gap=reason.gap)
        verdict = Verdict.PASS if finding.score >= 1 else Verdict.FAIL
        return self.result(verdict, finding.score, finding.evidence)

    def result(self, verdict: Verdict, score: float | None, evidence: str, *, gap: Gap | None = None) -> CheckResult:
        """The check with an answer."""
        return CheckResult(
            id=self.id,
            category=self.category,
            title=self.title,
            critical=self.critical,
            blocker=self.blocker,
            weight=self.weight,
            score=score,
            verdict=verdict,
            evidence=evidence,
            remediation=self.remediation,
            saboteurs=self.saboteurs,
            gap=gap,
        )


_REGISTER: dict[str, Check] = {}


def check(
    identifier: str,
    title: str,
    *,
    remediation: str,
    saboteurs: tuple[str, ...],
    needs: tuple[str, ...] = (),
    critical: bool = False,
    blocker: bool = False,
    breaks: bool = False,
    weight: float = 1.0,
) -> Callable[[Probe], Probe]:
    """Register the decorated coroutine as a check.

    Raises
    ------
    ConfigurationError
        The id is taken, or no saboteur is named: a check that nobody saw fail is not a check.
    """
    if identifier in _REGISTER:
        raise ConfigurationError(f"two checks have the id {identifier!r}")
    if not saboteurs:
        raise ConfigurationError(f"check {identifier!r} names no saboteur: show first that it can fail")

    def register(probe: Probe) -> Probe:
        _REGISTER[identifier] = Check(
            id=identifier,
            title=title,
            critical=critical,
            blocker=blocker,
            weight=weight,
            remediation=remediation,
            saboteurs=saboteurs,
            needs=needs,
            breaks=breaks,
            probe=probe,
        )
        return probe

    return register


def registered() -> tuple[Check, ...]:
    """Every registered check, in the order of registration."""
    return tuple(_REGISTER.values())
