"""How a scenario ends, and what its ending says."""

import _pytest.outcomes

from seatrial.errors import TargetFailure
from seatrial.verdict.measurement import Measurement
from seatrial.verdict.verdicts import Verdict


class NotApplicable(_pytest.outcomes.Skipped):
    """The target's declaration says that it has nothing of the kind that a scenario is about."""


class ObjectiveMissed(AssertionError):  # noqa: N818 - a result, not an error
    """A figure of the scenario missed its objective, or is in doubt; the message names each."""


def verdict_of(exc: BaseException | None) -> Verdict:
    """What an exception out of a scenario says: the target's failures and assertions are fails, the rest is our error."""
    match exc:
        case None:
            return Verdict.PASS
        case NotApplicable():
            return Verdict.NOT_APPLICABLE
        case _pytest.outcomes.Skipped():
            return Verdict.NOT_ASSESSED
        case TargetFailure() | AssertionError() | _pytest.outcomes.Failed():
            return Verdict.FAIL
        case _:
            return Verdict.ERROR


def describe(measurement: Measurement) -> str:
    """One figure in words: id, value, limit, verdict."""
    objective = measurement.objective
    value = "no value" if measurement.value is None else f"{measurement.value:g}"
    wanted = "" if objective is None else f", wanted {objective.comparison} {objective.limit:g}"
    doubt = f" ({measurement.detail})" if measurement.detail else ""
    return f"{measurement.id} is {value}{wanted}: {measurement.verdict}{doubt}"
