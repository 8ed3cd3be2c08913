"""What a run should have found out, and where it did not: no data is never a pass."""

from collections.abc import Collection, Iterable, Sequence

from seatrial.checks import registered
from seatrial.errors import ConfigurationError
from seatrial.events import ScenarioDone
from seatrial.settings.loading import TrialSettings
from seatrial.verdict.measurement import Measurement, Unit
from seatrial.verdict.objective import Objective
from seatrial.verdict.scoring import CheckResult
from seatrial.verdict.verdicts import Verdict

#: The category whose verdict is made of the readiness score.
READINESS = "production_readiness"


def category_measuring(identifier: str, settings: TrialSettings) -> str:
    """The category in which an objective is measured or a check made.

    Raises
    ------
    ConfigurationError
        Neither is known.
    """
    for objective in settings.objectives:
        if identifier in (objective.id, objective.measures):
            return objective.category
    if identifier.partition(".")[0] in settings.weights:
        return READINESS
    raise ConfigurationError(
        f"{identifier!r} is neither an objective of this profile nor a check; see `seatrial checks`"
    )


def unmeasured(
    category: str,
    objectives: Iterable[Objective],
    *,
    scenarios: Sequence[ScenarioDone],
    measurements: Iterable[Measurement],
    only: Collection[str] = (),
) -> list[Measurement]:
    """Objectives of a category that nothing measured, each in doubt.

    A category that has failed anyway is not asked, nor a scenario that the target's declaration takes away.

    Parameters
    ----------
    scenarios, measurements
        What the category reported.
    only
        Ids that were selected; empty for all.
    """
    if any(done.verdict in (Verdict.FAIL, Verdict.ERROR) for done in scenarios):
        return []
    lacking = {done.scenario for done in scenarios if done.verdict is Verdict.NOT_APPLICABLE}
    taken = {measurement.objective.id for measurement in measurements if measurement.objective is not None}
    return [
        never_measured(objective)
        for objective in objectives
        if objective.category == category
        and objective.id not in taken
        and objective.scenario not in lacking
        and (not only or objective.id in only)
    ]


def never_measured(objective: Objective) -> Measurement:
    """An objective without data."""
    return Measurement(
        id=objective.id,
        name=objective.name,
        category=objective.category,
        scenario=objective.scenario,
        unit=Unit.COUNT,
        value=None,
        samples=0,
        objective=objective,
        verdict=Verdict.INCONCLUSIVE,
        detail="nothing measured it",
    )


def unasked(checks: Iterable[CheckResult]) -> list[CheckResult]:
    """Checks that got no answer, each in doubt: a score of half the questions is none."""
    asked = {check.id for check in checks}
    return [
        check.result(Verdict.INCONCLUSIVE, None, "it was never asked")
        for check in registered()
        if check.id not in asked
    ]
