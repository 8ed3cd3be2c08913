"""The seven verdicts, and the algebra that merges those of objectives and scenarios."""

from collections.abc import Iterable
from enum import StrEnum

__all__ = ["NEUTRAL", "Verdict", "worst"]


class Verdict(StrEnum):
    """What is known about one objective, check, scenario or category.

    ``fail`` is whatever the target answered, or did not; ``error`` only what our own side of the adapter did.
    ``not_applicable``: the target's declaration says it has no such thing. ``not_assessed``: this profile or this host
    does not do it. The two are neutral: they do not count.
    """

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
    WAIVED = "waived"
    NOT_APPLICABLE = "not_applicable"
    NOT_ASSESSED = "not_assessed"

    @property
    def is_neutral(self) -> bool:
        """Whether the verdict says nothing about the target."""
        return self in NEUTRAL

    @property
    def is_decided(self) -> bool:
        """Whether something was found out about the target: pass, fail or a waived fail."""
        return self in (Verdict.PASS, Verdict.FAIL, Verdict.WAIVED)


NEUTRAL = frozenset({Verdict.NOT_APPLICABLE, Verdict.NOT_ASSESSED})

_WORST_FIRST = (Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.WAIVED, Verdict.PASS)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Merge the verdicts of objectives and scenarios: the worst that is not neutral.

    Returns
    -------
    Verdict
        With neutral ones only: ``not_applicable`` if all are, else ``not_assessed``; so too for none at all.
    """
    seen = frozenset(verdicts)
    for verdict in _WORST_FIRST:
        if verdict in seen:
            return verdict
    return Verdict.NOT_APPLICABLE if seen == {Verdict.NOT_APPLICABLE} else Verdict.NOT_ASSESSED
