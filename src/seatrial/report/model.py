"""What is known of a run: the fold of its events. Every report reads this and nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from seatrial.events import (
    CategoryDone,
    CategoryInfo,
    CategoryStarted,
    CheckDone,
    Event,
    FaultEvent,
    InternalError,
    LogLine,
    MeasurementTaken,
    ResourceSampled,
    RunFinished,
    RunStarted,
    ScenarioDone,
    ScenarioStarted,
    StageProgress,
    StageStarted,
    TargetReached,
)
from seatrial.verdict.decision import Decision, ExitCode, Scope
from seatrial.verdict.measurement import Measurement
from seatrial.verdict.objective import Level
from seatrial.verdict.policy import POLICIES
from seatrial.verdict.scoring import CheckResult, Readiness
from seatrial.verdict.verdicts import Verdict

__all__ = ["READINESS_CATEGORY", "CategoryReport", "RunReport", "StageTimeline", "Status", "fold"]

READINESS_CATEGORY = "production_readiness"
"""The category that checks belong to."""

Status = Literal["PASSED", "FAILED", "INCONCLUSIVE", "ERROR", "WAIVED", "NOT_APPLICABLE", "NOT_ASSESSED", "NOT_RUN"]
_STATUS: dict[Verdict, Status] = {
    Verdict.PASS: "PASSED",
    Verdict.FAIL: "FAILED",
    Verdict.INCONCLUSIVE: "INCONCLUSIVE",
    Verdict.ERROR: "ERROR",
    Verdict.WAIVED: "WAIVED",
    Verdict.NOT_APPLICABLE: "NOT_APPLICABLE",
    Verdict.NOT_ASSESSED: "NOT_ASSESSED",
}


@dataclass(slots=True, kw_only=True)
class StageTimeline:
    """A stage and what each of its seconds saw."""

    started: StageStarted
    points: list[StageProgress] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class CategoryReport:
    """One category as far as it came."""

    info: CategoryInfo
    index: int = 0
    total: int = 0
    running: ScenarioStarted | None = None
    scenarios: list[ScenarioDone] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    done: CategoryDone | None = None

    @property
    def failed(self) -> bool:
        """Whether the target failed something in it that decides."""
        return self.done is not None and (
            self.done.verdict is Verdict.FAIL or self.done.exit_code == ExitCode.NOT_READY
        )

    @property
    def passed(self) -> bool:
        """Whether it passed, waived failures included."""
        return self.done is not None and not self.failed and self.done.verdict in (Verdict.PASS, Verdict.WAIVED)

    @property
    def status(self) -> Status:
        """One word for tables. A failure shows also beside an error of ours."""
        if self.done is None:
            return "NOT_RUN"
        return "FAILED" if self.failed else _STATUS[self.done.verdict]

    @property
    def exit_code(self) -> int:
        """Its own exit code; that of doubt when it did not come to run."""
        return int(ExitCode.INCONCLUSIVE) if self.done is None else self.done.exit_code


@dataclass(slots=True, kw_only=True)
class RunReport:
    """Everything the events of one run have told so far."""

    started: RunStarted | None = None
    finished: RunFinished | None = None
    categories: dict[str, CategoryReport] = field(default_factory=dict)
    checks: list[CheckResult] = field(default_factory=list)
    stages: list[StageTimeline] = field(default_factory=list)
    resources: list[ResourceSampled] = field(default_factory=list)
    faults: list[FaultEvent] = field(default_factory=list)
    logs: list[LogLine] = field(default_factory=list)
    errors: list[InternalError] = field(default_factory=list)
    last: Event | None = None

    def apply(self, event: Event) -> None:
        """Take one event. Events of a category that the run did not announce make it known by its name alone."""
        self.last = event
        match event:
            case RunStarted():
                self.started = event
                for info in event.categories:
                    self.categories[info.name] = CategoryReport(info=info)
            case TargetReached():
                if self.started is not None:
                    self.started = replace(self.started, target=event.target)
            case CategoryStarted():
                category = self._category(event.category)
                category.index, category.total = event.index, event.total
            case ScenarioStarted():
                self._category(event.category).running = event
            case ScenarioDone():
                category = self._category(event.category)
                category.running = None
                category.scenarios.append(event)
            case MeasurementTaken():
                self._category(event.measurement.category).measurements.append(event.measurement)
            case CheckDone():
                self.checks.append(event.check)
            case CategoryDone():
                self._category(event.category).done = event
            case StageStarted():
                self.stages.append(StageTimeline(started=event))
            case StageProgress():
                self._timeline(event)
            case ResourceSampled():
                self.resources.append(event)
            case FaultEvent():
                self.faults.append(event)
            case LogLine():
                self.logs.append(event)
            case InternalError():
                self.errors.append(event)
            case RunFinished():
                self.finished = event
            case _:
                pass

    def _category(self, name: str) -> CategoryReport:
        if name not in self.categories:
            title = name.replace("_", " ").title()
            info = CategoryInfo(name=name, title=title, description="", critical=True)
            self.categories[name] = CategoryReport(info=info)
        return self.categories[name]

    def _timeline(self, event: StageProgress) -> None:
        for timeline in reversed(self.stages):
            if (timeline.started.scenario, timeline.started.stage) == (event.scenario, event.stage):
                timeline.points.append(event)
                return

    @property
    def measurements(self) -> list[Measurement]:
        """Of all categories, in the order they were taken."""
        return [found for category in self.categories.values() for found in category.measurements]

    @property
    def readiness(self) -> Readiness | None:
        """The readiness assessment, once the run is finished."""
        return self.finished.readiness if self.finished else None

    @property
    def decision(self) -> Decision:
        """The decision; a run that broke off is inconclusive, whatever it had found."""
        return self.finished.decision if self.finished else Decision.INCONCLUSIVE

    @property
    def deployment_ready(self) -> bool:
        """True exactly when the decision of a finished full run is READY."""
        return self.finished is not None and self.finished.deployment_ready

    @property
    def exit_code(self) -> int:
        """The run's exit code; internal error for a run that broke off."""
        return self.finished.exit_code if self.finished else int(ExitCode.INTERNAL_ERROR)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the decision is not READY."""
        return self.finished.reasons if self.finished else ("the run broke off before it was finished",)

    @property
    def is_partial(self) -> bool:
        """Whether only some categories were selected."""
        return self.started is not None and self.started.scope is Scope.PARTIAL

    @property
    def seconds(self) -> float:
        """How long the run took, as far as it came."""
        if self.finished is not None:
            return self.finished.seconds
        if self.started is None or self.last is None:
            return 0.0
        return (self.last.ts - self.started.ts).total_seconds()

    @property
    def success_rate(self) -> float:
        """Categories passed over categories of the run, 0..1."""
        return sum(c.passed for c in self.categories.values()) / len(self.categories) if self.categories else 0.0

    def decides(self, measurement: Measurement) -> bool:
        """Whether a measurement's verdict counts under the run's policy: a mere target does not under ``standard``."""
        if measurement.objective is None or measurement.verdict is None:
            return False
        policy = POLICIES.get(self.started.policy) if self.started else None
        return measurement.objective.level is Level.REQUIRED or (policy is not None and policy.targets_decide)


def fold(events: Iterable[Event]) -> RunReport:
    """The report of a whole stream."""
    report = RunReport()
    for event in events:
        report.apply(event)
    return report
