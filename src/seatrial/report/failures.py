"""The failure analysis: everything that kept the run from a plain pass, each with its likely cause and the next step."""

from dataclasses import dataclass
from typing import Literal

from seatrial.events import ScenarioDone
from seatrial.report.advice import Advice, advise_check, advise_measurement, advise_scenario, repeat_command
from seatrial.report.figures import show, show_objective, show_samples
from seatrial.report.model import RunReport
from seatrial.verdict.measurement import Measurement
from seatrial.verdict.scoring import CheckResult
from seatrial.verdict.verdicts import Verdict

__all__ = ["Failure", "failures"]

_TROUBLE = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One thing that failed or stayed in doubt.

    Parameters
    ----------
    found
        What was found, in one line: value and limit, or what the target did.
    evidence
        Samples, bounds, details; empty where ``found`` says it all.
    decides
        False for a missed target that is only reported.
    blocker
        Whether it vetoes READY whatever the score.
    repeat
        A command that runs it alone.
    """

    kind: Literal["internal error", "scenario", "objective", "check"]
    id: str
    title: str
    verdict: Verdict
    found: str
    evidence: str
    advice: Advice
    decides: bool = True
    blocker: bool = False
    repeat: str | None = None


def failures(report: RunReport) -> list[Failure]:
    """All of them: what decides before what is only reported, blockers before others, failures before doubts."""
    scenarios = [done for category in report.categories.values() for done in category.scenarios]
    nodes = {(done.category, done.scenario): repeat_command(done) for done in scenarios}
    found = [
        *(_of_error(error.where, error.message) for error in report.errors),
        *(
            _of_scenario(done)
            for done in scenarios
            if done.verdict in _TROUBLE and not _is_said_by_figures(report, done)
        ),
        *(
            _of_measurement(report, m, nodes.get((m.category, m.scenario)))
            for m in report.measurements
            if m.verdict in _TROUBLE
        ),
        *(_of_check(check) for check in report.checks if check.verdict in _TROUBLE),
    ]
    # sorted() keeps the order of the run among equals.
    return sorted(found, key=lambda f: (not f.decides, not f.blocker, f.verdict is Verdict.INCONCLUSIVE))


def _is_said_by_figures(report: RunReport, done: ScenarioDone) -> bool:
    """Whether a scenario's detail only repeats its missed objectives, which stand in the list themselves."""
    if done.verdict is Verdict.ERROR or done.traceback:
        return False
    detail = done.detail or ""
    return any(
        detail.endswith(f": {m.verdict}{f' ({m.detail})' if m.detail else ''}")
        for m in report.measurements
        if (m.category, m.scenario) == (done.category, done.scenario) and m.verdict in _TROUBLE
    )


def _of_error(where: str, message: str) -> Failure:
    return Failure(
        kind="internal error",
        id=where,
        title="Something of our own failed",
        verdict=Verdict.ERROR,
        found=message,
        evidence="",
        advice=Advice(
            cause="the harness, its configuration or this host; it says nothing about the target.",
            next_step="Repair what the message names and repeat the run.",
        ),
    )


def _of_scenario(done: ScenarioDone) -> Failure:
    return Failure(
        kind="scenario",
        id=f"{done.category}.{done.scenario}",
        title=done.title,
        verdict=done.verdict,
        found=done.detail or done.verdict.value,
        evidence=done.traceback or "",
        advice=advise_scenario(done),
        repeat=repeat_command(done),
    )


def _of_measurement(report: RunReport, measurement: Measurement, repeat: str | None) -> Failure:
    value = "no value" if measurement.value is None else show(measurement.value, measurement.unit)
    return Failure(
        kind="objective",
        id=measurement.id,
        title=measurement.name.replace("_", " "),
        verdict=measurement.verdict or Verdict.INCONCLUSIVE,
        found=f"measured {value}, wanted {show_objective(measurement)}",
        evidence="; ".join(filter(None, (show_samples(measurement), measurement.detail))),
        advice=advise_measurement(measurement),
        decides=report.decides(measurement),
        repeat=repeat,
    )


def _of_check(check: CheckResult) -> Failure:
    return Failure(
        kind="check",
        id=check.id,
        title=check.title,
        verdict=check.verdict,
        found=check.evidence or check.verdict.value,
        evidence="",
        advice=advise_check(check),
        blocker=check.blocker,
    )
