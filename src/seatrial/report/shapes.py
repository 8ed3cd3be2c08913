"""The shape of the JSON reports, key by key. Their published JSON Schemas are made of these."""

from typing import Literal, NotRequired

# Before Python 3.12 pydantic can read only this one.
from typing_extensions import TypedDict

from seatrial.report.model import Status

__all__ = [
    "SCHEMA_VERSION",
    "CategoryResult",
    "CheckEntry",
    "MeasurementEntry",
    "ObjectiveEntry",
    "ReadinessReport",
    "ScenarioEntry",
    "StageEntry",
    "TargetEntry",
    "Timeline",
    "ValidationReport",
    "WaiverEntry",
]

SCHEMA_VERSION = 1

Fact = str | int | float | bool | None
VerdictWord = Literal["pass", "fail", "inconclusive", "error", "waived", "not_applicable", "not_assessed"]


class ObjectiveEntry(TypedDict):
    """The limit that a measurement was judged by."""

    comparison: Literal["<", "<=", ">", ">=", "=="]
    limit: float
    min_samples: int
    level: Literal["required", "target"]


class WaiverEntry(TypedDict):
    """Who accepts a failure, why, until when."""

    owner: str
    reason: str
    expires: str


class MeasurementEntry(TypedDict):
    """A figure; ``verdict`` is null when it was printed, unjudged."""

    id: str
    name: str
    category: str
    scenario: str
    unit: str
    value: float | None
    samples: int
    objective: ObjectiveEntry | None
    verdict: VerdictWord | None
    bound: NotRequired[float]
    detail: NotRequired[str]
    waiver: NotRequired[WaiverEntry]


class CheckEntry(TypedDict):
    """A readiness question and its answer."""

    id: str
    category: str
    title: str
    critical: bool
    blocker: bool
    weight: float
    score: float | None
    verdict: VerdictWord
    evidence: str
    remediation: str
    saboteurs: list[str]
    waiver: NotRequired[WaiverEntry]
    gap: NotRequired[Literal["profile", "privilege", "platform"]]


class ScenarioEntry(TypedDict):
    """One scenario of a category."""

    name: str
    title: str
    node: str
    verdict: VerdictWord
    seconds: float
    detail: str | None


class CategoryResult(TypedDict):
    """How a category ended."""

    status: Status
    exit_code: int
    critical: bool
    title: str
    seconds: float | None
    detail: str | None
    scenarios: list[ScenarioEntry]


class TargetEntry(TypedDict):
    """The system under trial as it introduced itself."""

    name: str
    kind: str
    url: str | None
    version: str | None
    environment: str | None
    broker: str | None
    clock: str | None
    disposable: bool
    lacks: list[str]


class StagePoint(TypedDict):
    """One second of a stage."""

    elapsed: float
    sent: int
    completed: int
    failed: int
    p95: float | None


class StageEntry(TypedDict):
    """A stage of load over time."""

    category: str
    scenario: str
    stage: str
    kind: str
    offered_rate: float | None
    users: int | None
    started: str
    points: list[StagePoint]


class ResourceEntry(TypedDict):
    """What the target used at one moment."""

    ts: str
    scenario: str
    cpu: float | None
    memory_bytes: int | None
    memory_kind: str | None


class FaultEntry(TypedDict):
    """A station of a fault's journal."""

    ts: str
    scenario: str
    fault: str
    phase: str
    ok: bool
    detail: str | None


class Timeline(TypedDict):
    """What happened when."""

    stages: list[StageEntry]
    resources: list[ResourceEntry]
    faults: list[FaultEntry]


class ErrorEntry(TypedDict):
    """Something of our own that failed."""

    where: str
    message: str


class RunFacts(TypedDict):
    """What both reports say about the run."""

    schema_version: int
    run_id: str
    seatrial_version: str
    timestamp: str
    scope: Literal["full", "partial"]
    policy: str
    profile: str
    decision: Literal["READY", "NOT READY", "INCONCLUSIVE"]
    exit_code: int
    reasons: list[str]
    evidence_class: str
    environment: dict[str, Fact]
    target: TargetEntry | None
    measurements: list[MeasurementEntry]
    checks: list[CheckEntry]
    nominal_weights: dict[str, float]
    effective_weights: dict[str, float]
    coverage: float | None
    assessed_share: float | None
    critical_pass_rate: float | None


class ValidationReport(RunFacts):
    """``production_validation_report_<UTC>.json``."""

    deployment_ready: bool
    overall_success_rate: float
    total_categories: int
    passed_categories: int
    failed_categories: int
    inconclusive_categories: int
    critical_failures: list[str]
    test_duration_seconds: float
    detailed_results: dict[str, CategoryResult]
    recommendations: list[str]
    timeline: Timeline
    internal_errors: list[ErrorEntry]


class ReadinessReport(RunFacts):
    """``production_readiness_report_<UTC>.json``."""

    overall_ready: bool
    overall_score: float | None
    category_scores: dict[str, float | None]
    critical_failures: list[str]
    deployment_blockers: list[str]
    recommendations: list[str]
