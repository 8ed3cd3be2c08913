"""A whole run as events, with whatever a test wants to go wrong."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from seatrial.events import (
    CategoryDone,
    CategoryInfo,
    CategoryStarted,
    CheckDone,
    FaultEvent,
    FaultPhase,
    InternalError,
    MeasurementTaken,
    ResourceSampled,
    RunFinished,
    RunStarted,
    ScenarioDone,
    ScenarioStarted,
    StageProgress,
    StageStarted,
    TargetInfo,
)
from seatrial.settings.loading import load
from seatrial.verdict.decision import Scope, category_exit_code, category_outcome, decide
from seatrial.verdict.measurement import Percentile, Rate, Scalar, Throughput, Unit, measure_all, waive_measurement
from seatrial.verdict.policy import policy_named
from seatrial.verdict.scoring import CheckResult, score
from seatrial.verdict.verdicts import Verdict
from seatrial.verdict.waiver import Waiver

START = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
SETTINGS = load()
SPECIFICATION = {
    "performance": 0.92,
    "reliability": 0.88,
    "security": 0.75,
    "scalability": 0.90,
    "monitoring": 0.60,
    "data_integrity": 0.95,
    "configuration": 0.80,
}
STRESS = "stress_testing.concurrent_recommendations"


class Script:
    """Builds the events of one run."""

    def __init__(
        self, *, only=(), policy="standard", slow=0, failed_check=None, error=False, waived=False, cpu=0.5, secret=""
    ):
        self.policy = policy_named(policy)
        self.only, self.slow, self.failed_check, self.error = only, slow, failed_check, error
        self.waived, self.cpu, self.secret = waived, cpu, secret
        self.clock = START
        self.events = []

    def add(self, event_type, **fields):
        self.clock += timedelta(milliseconds=100)
        event = event_type(ts=self.clock, run_id="20240115-abc123", **fields)
        self.events.append(event)
        return event

    def run(self):
        chosen = SETTINGS.select(self.only)
        scope = Scope.PARTIAL if self.only else Scope.FULL
        infos = tuple(
            CategoryInfo(name=name, title=c.title, description=c.description, critical=c.critical)
            for name, c in chosen.items()
        )
        self.add(
            RunStarted,
            seatrial_version="0.1.0",
            profile="standard",
            policy=self.policy.name,
            scope=scope,
            categories=infos,
            target=TargetInfo(
                name="wheelhouse", kind="bundled", url="http://127.0.0.1:8123", version="0.1.0", disposable=True
            ),
            evidence_class="simulated",
            environment={"python": "3.11.9", "cores": 2},
            weights=SETTINGS.weights,
        )
        outcomes, readiness = [], None
        for index, info in enumerate(infos, start=1):
            self.add(CategoryStarted, category=info.name, index=index, total=len(infos))
            scenarios, measurements = self.scenario(info.name)
            if info.name == "production_readiness":
                readiness = self.checks()
            outcome = category_outcome(
                info.name,
                critical=info.critical,
                policy=self.policy,
                scenarios=scenarios,
                measurements=measurements,
                readiness=readiness if info.name == "production_readiness" else None,
            )
            outcomes.append(outcome)
            self.add(
                CategoryDone,
                category=info.name,
                verdict=outcome.verdict,
                exit_code=int(category_exit_code(outcome)),
                seconds=31.8,
                detail=None,
            )
        ruling = decide(outcomes, self.policy, scope=scope, profile="standard", readiness=readiness)
        self.add(
            RunFinished,
            decision=ruling.decision,
            deployment_ready=ruling.deployment_ready,
            exit_code=int(ruling.exit_code),
            seconds=127.3,
            reasons=ruling.reasons,
            readiness=readiness,
        )
        return self.events

    def scenario(self, category):
        name = {"stress_testing": "concurrent_recommendations"}.get(category, "main")
        common = {"category": category, "scenario": name}
        self.add(ScenarioStarted, **common, title="Concurrent recommendations", node=f"test_{category}.py::test_{name}")
        measurements = self.stress() if category == "stress_testing" else ()
        verdict = Verdict.PASS
        if self.error and category == "end_to_end_workflows":
            verdict = Verdict.ERROR
            self.add(InternalError, where="load generator", message="socket table is full", **common)
        self.add(
            ScenarioDone,
            **common,
            title="Concurrent recommendations",
            node=f"test_{category}.py::test_{name}",
            verdict=verdict,
            seconds=20.0,
            detail=f"used key {self.secret}" if self.secret else None,
        )
        return [(name, verdict)], measurements

    def stress(self):
        common = {"category": "stress_testing", "scenario": "concurrent_recommendations", "stage": "nominal"}
        self.add(StageStarted, **common, kind="open", seconds=20, offered_rate=30)
        for second in range(1, 6):
            self.add(StageProgress, **common, elapsed=second, total=20, sent=30, completed=30, p95=0.1 + second / 100)
            self.add(
                ResourceSampled,
                category="stress_testing",
                scenario="concurrent_recommendations",
                cpu=self.cpu,
                memory_bytes=200_000_000 + second,
                memory_kind="pss",
            )
        self.add(
            FaultEvent,
            category="stress_testing",
            scenario="concurrent_recommendations",
            fault="dependency_down",
            phase=FaultPhase.VERIFIED,
        )
        return [
            *self.measured(
                "response_time_p95", Unit.SECONDS, Percentile.of([0.1] * (600 - self.slow) + [3.0] * self.slow, 0.95)
            ),
            *self.measured("error_rate", Unit.RATIO, Rate(events=0, trials=600)),
            *self.measured(
                "throughput", Unit.PER_SECOND, Throughput(successes=600, trials=600, window_seconds=20, offered_rate=30)
            ),
            *self.measured("cpu_sustained", Unit.RATIO, Scalar(value=self.cpu, samples=20)),
            *self.measured("requests_offered", Unit.COUNT, Scalar(value=600)),
        ]

    def measured(self, name, unit, sample):
        taken = measure_all(f"{STRESS}.{name}", unit, sample, SETTINGS.objectives)
        if self.waived:
            waiver = Waiver(id=f"{STRESS}.{name}", owner="ops", reason="known", expires=date(2024, 1, 15))
            taken = tuple(waive_measurement(m, [waiver], START.date()) for m in taken)
        for measurement in taken:
            self.add(MeasurementTaken, measurement=measurement)
        return taken

    def checks(self):
        results = []
        for category, value in SPECIFICATION.items():
            check = CheckResult(
                id=f"{category}.main",
                category=category,
                title=f"The {category} question",
                critical=True,
                blocker=category == "data_integrity",
                weight=1,
                score=value,
                verdict=Verdict.PASS,
                evidence=f"asked for {category}, got {value}",
                remediation=f"improve {category}",
                saboteurs=(f"break_{category}",),
            )
            if self.failed_check == category:
                check = replace(check, verdict=Verdict.FAIL)
            results.append(check)
            self.add(CheckDone, check=check)
        return score(results, SETTINGS.weights, self.policy)


@pytest.fixture
def script():
    def build(**changes):
        return Script(**changes).run()

    return build
