"""Policies: what a deployment decision asks for beyond the verdicts themselves."""

from dataclasses import dataclass

from seatrial.errors import ConfigurationError

__all__ = ["POLICIES", "RELEASE", "STANDARD", "Policy", "policy_named"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Thresholds and vetoes of one policy.

    Parameters
    ----------
    min_score, min_critical_pass_rate, min_assessed_share
        0..1, each met when reached. The last is the share of the whole weight that was assessed.
    targets_decide
        Whether a missed ``target`` counts like a missed requirement.
    every_category_passes
        Whether categories that are not critical must pass too.
    critical_failures_allowed, critical_waivers_allowed
        Whether READY is possible with a failed, or a waived, critical check.
    profiles
        The profiles with which READY is possible; empty means any.
    leaks_assessed
        Whether READY needs the leak verdicts.
    """

    name: str
    min_score: float
    min_critical_pass_rate: float
    min_assessed_share: float
    targets_decide: bool = False
    every_category_passes: bool = False
    critical_failures_allowed: bool = True
    critical_waivers_allowed: bool = True
    profiles: tuple[str, ...] = ()
    leaks_assessed: bool = False


STANDARD = Policy(name="standard", min_score=0.70, min_critical_pass_rate=0.80, min_assessed_share=0.60)
RELEASE = Policy(
    name="release",
    min_score=0.85,
    min_critical_pass_rate=0.80,
    min_assessed_share=0.95,
    targets_decide=True,
    every_category_passes=True,
    critical_failures_allowed=False,
    critical_waivers_allowed=False,
    profiles=("full", "soak"),
    leaks_assessed=True,
)
POLICIES = {policy.name: policy for policy in (STANDARD, RELEASE)}


def policy_named(name: str) -> Policy:
    """The policy of that name.

    Raises
    ------
    ConfigurationError
        There is none.
    """
    try:
        return POLICIES[name]
    except KeyError:
        raise ConfigurationError(f"policy {name!r} is not known; choose one of {', '.join(POLICIES)}") from None
