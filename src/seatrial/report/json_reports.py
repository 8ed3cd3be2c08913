"""The two JSON reports of a run: the source of every other page and of every comparison."""

import json
from datetime import UTC, datetime
from pathlib import Path

from seatrial.events import Event
from seatrial.report.advice import remediation
from seatrial.report.model import CategoryReport, RunReport
from seatrial.report.shapes import (
    SCHEMA_VERSION,
    CategoryResult,
    CheckEntry,
    MeasurementEntry,
    ReadinessReport,
    RunFacts,
    TargetEntry,
    Timeline,
    ValidationReport,
    WaiverEntry,
)
from seatrial.verdict.measurement import Measurement
from seatrial.verdict.scoring import CheckResult
from seatrial.verdict.verdicts import Verdict
from seatrial.verdict.waiver import Waiver

__all__ = [
    "JsonReports",
    "check_entry",
    "file_stamp",
    "measurement_entry",
    "readiness_report",
    "timestamp",
    "validation_report",
]


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def file_stamp(report: RunReport) -> str:
    """The UTC start of the run as it stands in file names: ``20240115T103000Z``."""
    moment = report.started.ts if report.started else report.last.ts if report.last else datetime.now(UTC)
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def measurement_entry(measurement: Measurement) -> MeasurementEntry:
    """A measurement as it stands in the reports."""
    objective = measurement.objective
    entry: MeasurementEntry = {
        "id": measurement.id,
        "name": measurement.name,
        "category": measurement.category,
        "scenario": measurement.scenario,
        "unit": measurement.unit.value,
        "value": measurement.value,
        "samples": measurement.samples,
        "objective": None
        if objective is None
        else {
            "comparison": objective.comparison.value,
            "limit": objective.limit,
            "min_samples": objective.min_samples,
            "level": objective.level.value,
        },
        "verdict": measurement.verdict.value if measurement.verdict else None,
    }
    if measurement.bound is not None:
        entry["bound"] = measurement.bound
    if measurement.detail is not None:
        entry["detail"] = measurement.detail
    if measurement.waiver is not None:
        entry["waiver"] = _waiver(measurement.waiver)
    return entry


def check_entry(check: CheckResult) -> CheckEntry:
    """A check as it stands in the reports. Doubt and error show the score they count with: 0."""
    entry: CheckEntry = {
        "id": check.id,
        "category": check.category,
        "title": check.title,
        "critical": check.critical,
        "blocker": check.blocker,
        "weight": check.weight,
        "score": check.counted_score,
        "verdict": check.verdict.value,
        "evidence": check.evidence,
        "remediation": check.remediation,
        "saboteurs": list(check.saboteurs),
    }
    if check.waiver is not None:
        entry["waiver"] = _waiver(check.waiver)
    if check.gap is not None:
        entry["gap"] = check.gap.value
    return entry


def _waiver(waiver: Waiver) -> WaiverEntry:
    return {"owner": waiver.owner, "reason": waiver.reason, "expires": waiver.expires.isoformat()}


def validation_report(report: RunReport) -> ValidationReport:
    """The report of the whole run, with every key of the specification's example."""
    categories = report.categories
    failed = [name for name, category in categories.items() if category.failed]
    passed = sum(category.passed for category in categories.values())
    return {
        **_facts(report),
        "deployment_ready": report.deployment_ready,
        "overall_success_rate": report.success_rate,
        "total_categories": len(categories),
        "passed_categories": passed,
        "failed_categories": len(failed),
        "inconclusive_categories": len(categories) - passed - len(failed),
        "critical_failures": [name for name in failed if categories[name].info.critical],
        "test_duration_seconds": report.seconds,
        "detailed_results": {name: _category(category) for name, category in categories.items()},
        "recommendations": _recommendations(report),
        "timeline": _timeline(report),
        "internal_errors": [{"where": error.where, "message": error.message} for error in report.errors],
    }


def readiness_report(report: RunReport) -> ReadinessReport:
    """The readiness assessment, with every key of the specification's example.

    ``overall_ready`` is the assessment's own verdict; whether to deploy is ``decision``, which weighs the other categories
    too. A run without an assessment is not ready and has null scores.
    """
    readiness = report.readiness
    weights = report.started.weights if report.started else {}
    blockers: list[str] = []
    if readiness is not None:
        blockers = [*readiness.blockers, *(r for r in readiness.reasons if not _names_a_failed_blocker(r))]
    return {
        **_facts(report),
        "overall_ready": readiness is not None and readiness.verdict is Verdict.PASS,
        "overall_score": readiness.overall_score if readiness else None,
        "category_scores": dict(readiness.category_scores) if readiness else dict.fromkeys(weights),
        "critical_failures": list(readiness.critical_failures) if readiness else [],
        "deployment_blockers": blockers,
        "recommendations": list(readiness.recommendations) if readiness else [],
    }


def _names_a_failed_blocker(reason: str) -> bool:
    return reason.startswith("blocker ") and reason.endswith(" failed")


def _facts(report: RunReport) -> RunFacts:
    started, readiness = report.started, report.readiness
    moment = report.finished.ts if report.finished else report.last.ts if report.last else datetime.now(UTC)
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": started.run_id if started else report.last.run_id if report.last else "",
        "seatrial_version": started.seatrial_version if started else "",
        "timestamp": timestamp(moment),
        "scope": started.scope.value if started else "partial",
        "policy": started.policy if started else "",
        "profile": started.profile if started else "",
        "decision": report.decision.value,
        "exit_code": report.exit_code,
        "reasons": list(report.reasons),
        "evidence_class": started.evidence_class if started else "",
        "environment": dict(started.environment) if started else {},
        "target": _target(report),
        "measurements": [measurement_entry(measurement) for measurement in report.measurements],
        "checks": [check_entry(check) for check in report.checks],
        "nominal_weights": dict(started.weights) if started else {},
        "effective_weights": dict(readiness.effective_weights) if readiness else {},
        "coverage": readiness.coverage if readiness else None,
        "assessed_share": readiness.assessed_share if readiness else None,
        "critical_pass_rate": readiness.critical_pass_rate if readiness else None,
    }


def _target(report: RunReport) -> TargetEntry | None:
    if report.started is None:
        return None
    target = report.started.target
    return {
        "name": target.name,
        "kind": target.kind,
        "url": target.url,
        "version": target.version,
        "environment": target.environment,
        "broker": target.broker,
        "clock": target.clock,
        "disposable": target.disposable,
        "lacks": list(target.lacks),
    }


def _category(category: CategoryReport) -> CategoryResult:
    return {
        "status": category.status,
        "exit_code": category.exit_code,
        "critical": category.info.critical,
        "title": category.info.title,
        "seconds": category.done.seconds if category.done else None,
        "detail": category.done.detail if category.done else "did not run to its end",
        "scenarios": [
            {
                "name": scenario.scenario,
                "title": scenario.title,
                "node": scenario.node,
                "verdict": scenario.verdict.value,
                "seconds": scenario.seconds,
                "detail": scenario.detail,
            }
            for scenario in category.scenarios
        ],
    }


def _recommendations(report: RunReport) -> list[str]:
    """Remediation of missed objectives, those that decide first, then the assessment's own; each once."""
    missed = [m for m in report.measurements if m.verdict is Verdict.FAIL]
    missed.sort(key=lambda m: not report.decides(m))
    texts = [f"{m.id}: {remediation(m)}" for m in missed]
    return list(dict.fromkeys([*texts, *(report.readiness.recommendations if report.readiness else ())]))


def _timeline(report: RunReport) -> Timeline:
    return {
        "stages": [
            {
                "category": stage.started.category,
                "scenario": stage.started.scenario,
                "stage": stage.started.stage,
                "kind": stage.started.kind,
                "offered_rate": stage.started.offered_rate,
                "users": stage.started.users,
                "started": timestamp(stage.started.ts),
                "points": [
                    {
                        "elapsed": point.elapsed,
                        "sent": point.sent,
                        "completed": point.completed,
                        "failed": point.failed,
                        "p95": point.p95,
                    }
                    for point in stage.points
                ],
            }
            for stage in report.stages
        ],
        "resources": [
            {
                "ts": timestamp(sample.ts),
                "scenario": sample.scenario,
                "cpu": sample.cpu,
                "memory_bytes": sample.memory_bytes,
                "memory_kind": sample.memory_kind,
            }
            for sample in report.resources
        ],
        "faults": [
            {
                "ts": timestamp(fault.ts),
                "scenario": fault.scenario,
                "fault": fault.fault,
                "phase": fault.phase.value,
                "ok": fault.ok,
                "detail": fault.detail,
            }
            for fault in report.faults
        ],
    }


class JsonReports:
    """Writes both reports into a folder when the run closes, also when it broke off.

    Parameters
    ----------
    directory
        Made if it is not there.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._report = RunReport()
        self.written: tuple[Path, ...] = ()

    def handle(self, event: Event) -> None:
        """Take one event."""
        self._report.apply(event)

    def close(self) -> None:
        """Write the two files, unless not a single event came."""
        if self._report.last is None:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        stamp = file_stamp(self._report)
        validation = self._directory / f"production_validation_report_{stamp}.json"
        readiness = self._directory / f"production_readiness_report_{stamp}.json"
        _write(validation, validation_report(self._report))
        _write(readiness, readiness_report(self._report))
        self.written = (validation, readiness)


def _write(path: Path, body: ValidationReport | ReadinessReport) -> None:
    path.write_text(json.dumps(body, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
