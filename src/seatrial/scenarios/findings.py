"""What a scenario finds out, and how it is told: figures, expectations, lines for the reader."""

from dataclasses import replace
from typing import Any

from seatrial.errors import TargetFailure
from seatrial.events import Event, LogLine, MeasurementTaken, utc_now
from seatrial.scenarios.trial import Trial
from seatrial.verdict.measurement import Guard, Measurement, Sample, Scalar, Unit, measure_all, waive_measurement
from seatrial.verdict.verdicts import Verdict


class Findings:
    """The findings of one scenario, told as events."""

    def __init__(self, trial: Trial, *, category: str, scenario: str) -> None:
        self.trial = trial
        self.category = category
        self.scenario = scenario
        self.measurements: list[Measurement] = []

    def tell(self, kind: type[Event], /, **facts: Any) -> None:
        """Emit an event of this scenario."""
        place = {"category": self.category, "scenario": self.scenario}
        self.trial.emit(kind(ts=utc_now(), run_id=self.trial.run_id, **place, **facts))

    def measure(
        self, name: str, sample: Sample, unit: Unit, *, guard: Guard | None = None, detail: str | None = None
    ) -> tuple[Measurement, ...]:
        """Take a figure and judge it by every objective there is for it; without one it is printed, unjudged."""
        identifier = f"{self.category}.{self.scenario}.{name}"
        objectives = self.trial.settings.objectives_for(identifier)
        taken = tuple(
            waive_measurement(measurement, self.trial.settings.waivers, utc_now().date())
            for measurement in measure_all(identifier, unit, sample, objectives, guard=guard, detail=detail)
        )
        for measurement in taken:
            self.measurements.append(measurement)
            self.trial.emit(MeasurementTaken(ts=utc_now(), run_id=self.trial.run_id, measurement=measurement))
        return taken

    def leave_out(self, name: str, unit: Unit, reason: str) -> None:
        """Say of a figure that the target's declaration leaves it out: its objectives are not applicable."""
        identifier = f"{self.category}.{self.scenario}.{name}"
        no_data = Scalar(value=None, samples=0)
        for objective in self.trial.settings.objectives_for(identifier):
            [blank] = measure_all(objective.id, unit, no_data, detail=reason)
            measurement = replace(blank, objective=objective, verdict=Verdict.NOT_APPLICABLE)
            self.measurements.append(measurement)
            self.trial.emit(MeasurementTaken(ts=utc_now(), run_id=self.trial.run_id, measurement=measurement))

    def expect(self, claim: bool, words: str) -> None:
        """Assert something about the target; `words` say what should hold and what was found.

        Raises
        ------
        TargetFailure
            It does not hold.
        """
        if not claim:
            raise TargetFailure(f"expected that {words}", kind="value")

    def log(self, message: str, *, level: str = "info") -> None:
        """Say something to the reader."""
        self.trial.emit(
            LogLine(ts=utc_now(), run_id=self.trial.run_id, level=level, source=self.scenario, message=message)
        )
