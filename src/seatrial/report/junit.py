"""JUnit files, one a category, for continuous integration. Doubt is a failure there: never green on what is not known."""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from seatrial.events import Event
from seatrial.report.advice import remediation
from seatrial.report.figures import show_measurement
from seatrial.report.json_reports import timestamp
from seatrial.report.model import READINESS_CATEGORY, CategoryReport, RunReport
from seatrial.verdict.verdicts import Verdict

__all__ = ["JUnitReports", "junit_suite"]

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One line of the file before it is XML. ``decides`` is false for a target that is only reported."""

    classname: str
    name: str
    verdict: Verdict
    message: str
    text: str = ""
    seconds: float = 0.0
    decides: bool = True


def junit_suite(report: RunReport, category: CategoryReport) -> ET.Element:
    """The category as a ``testsuites`` element.

    Scenarios, judged measurements, the readiness category's checks and the category's own verdict are test cases.
    ``fail`` is a ``failure``, ``inconclusive`` a ``failure`` of that type, ``error`` an ``error``; neutral verdicts, waived
    failures and missed targets that do not decide are ``skipped``.
    """
    cases = _cases(report, category)
    suite = ET.Element("testsuite", name=category.info.name)
    counts = {"failure": 0, "error": 0, "skipped": 0}
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("decision", report.decision.value),
        ("scope", "partial" if report.is_partial else "full"),
        ("run_id", report.started.run_id if report.started else ""),
        ("profile", report.started.profile if report.started else ""),
        ("policy", report.started.policy if report.started else ""),
    ):
        ET.SubElement(properties, "property", name=name, value=_clean(value))
    for case in cases:
        element = ET.SubElement(
            suite, "testcase", classname=case.classname, name=_clean(case.name), time=f"{case.seconds:.3f}"
        )
        outcome = _outcome(case)
        if outcome is not None:
            tag, kind = outcome
            counts[tag] += 1
            child = ET.SubElement(element, tag, type=kind, message=_clean(case.message))
            child.text = _clean(case.text) or None
        elif case.text:
            ET.SubElement(element, "system-out").text = _clean(case.text)
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(counts["failure"]))
    suite.set("errors", str(counts["error"]))
    suite.set("skipped", str(counts["skipped"]))
    suite.set("time", f"{category.done.seconds if category.done else 0:.3f}")
    if report.started:
        suite.set("timestamp", timestamp(report.started.ts))
    root = ET.Element("testsuites")
    root.append(suite)
    return root


def _outcome(case: _Case) -> tuple[str, str] | None:
    """The element and type that a verdict becomes; ``None`` for a plain pass."""
    match case.verdict:
        case Verdict.PASS:
            return None
        case Verdict.ERROR:
            return "error", "error"
        case Verdict.WAIVED | Verdict.NOT_APPLICABLE | Verdict.NOT_ASSESSED:
            return "skipped", case.verdict.value
        case _ if not case.decides:
            return "skipped", "target"
        case Verdict.FAIL:
            return "failure", "fail"
        case _:
            return "failure", "inconclusive"


def _cases(report: RunReport, category: CategoryReport) -> list[_Case]:
    name = category.info.name
    cases = [
        _Case(
            classname=name,
            name=scenario.scenario,
            verdict=scenario.verdict,
            message=scenario.detail or scenario.verdict.value,
            text=scenario.traceback or "",
            seconds=scenario.seconds,
        )
        for scenario in category.scenarios
    ]
    cases.extend(
        _Case(
            classname=f"{name}.{measurement.scenario}",
            name=measurement.name,
            verdict=measurement.verdict,
            message=show_measurement(measurement),
            text="\n".join(filter(None, (measurement.detail, remediation(measurement)))),
            decides=report.decides(measurement),
        )
        for measurement in category.measurements
        if measurement.verdict is not None
    )
    if name == READINESS_CATEGORY:
        cases.extend(
            _Case(
                classname=f"{name}.{check.category}",
                name=check.id,
                verdict=check.verdict,
                message=check.title,
                text=f"{check.evidence}\n{check.remediation}",
            )
            for check in report.checks
        )
    done = category.done
    cases.append(
        _Case(
            classname=name,
            name="category_verdict",
            verdict=Verdict.FAIL if category.failed else done.verdict if done else Verdict.INCONCLUSIVE,
            message=(done.detail or category.status) if done else "the category did not run to its end",
        )
    )
    return cases


def _clean(text: str) -> str:
    """Without the characters that XML 1.0 cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


class JUnitReports:
    """Writes ``test_results_<category>.xml`` of every category of the run when it closes.

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
        """Write the files; categories that did not run are written as inconclusive."""
        paths: list[Path] = []
        for name, category in self._report.categories.items():
            self._directory.mkdir(parents=True, exist_ok=True)
            tree = ET.ElementTree(junit_suite(self._report, category))
            ET.indent(tree)
            path = self._directory / f"test_results_{name}.xml"
            tree.write(path, encoding="utf-8", xml_declaration=True)
            paths.append(path)
        self.written = tuple(paths)
