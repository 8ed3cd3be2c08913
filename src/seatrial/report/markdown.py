"""A run as Markdown, for a job summary or a pull request."""

import re
from collections.abc import Iterable, Sequence

from seatrial.report.failures import Failure, failures
from seatrial.report.figures import show, show_objective, show_share
from seatrial.report.model import RunReport
from seatrial.report.symbols import UNICODE
from seatrial.verdict.decision import Decision
from seatrial.verdict.measurement import Measurement
from seatrial.verdict.verdicts import Verdict

__all__ = ["cell", "identifier", "markdown_table", "run_markdown"]

_MOST_FAILURES = 50
_LONGEST_CELL = 300
_ESCAPES = {ord(character): f"&#{ord(character)};" for character in "&\\`*[]<>|#~@"}
# Inside a word an underscore is no emphasis, and most ids have one.
_EMPHASIS = re.compile(r"(?<!\w)_+|_+(?!\w)")
_ID = re.compile(r"[\w.\-]+")


def run_markdown(report: RunReport) -> str:
    """The decision, the categories, what failed and why, the readiness score, and the judged figures."""
    parts = [
        f"## {_headline(report)}",
        _facts(report),
        "\n".join(f"- {cell(reason)}" for reason in report.reasons),
        _categories(report),
        _failures(failures(report)),
        _readiness(report),
        _measurements(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; nothing without rows. Cells are taken as they are: pass what comes from outside through `cell`."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(headers)} |", f"|{' --- |' * len(headers)}", *lines])


def cell(words: str) -> str:
    """Words on one line, shortened, in which nothing is markup: what a target says must not draw on the page."""
    line = " ".join(words.split())
    if len(line) > _LONGEST_CELL:
        line = f"{line[: _LONGEST_CELL - 1]}…"
    return _EMPHASIS.sub(lambda found: "&#95;" * len(found[0]), line.translate(_ESCAPES))


def identifier(words: str) -> str:
    """An id as code; as plain words where it holds what code could not."""
    return f"`{words}`" if _ID.fullmatch(words) else cell(words)


def _headline(report: RunReport) -> str:
    if report.is_partial and report.finished is not None:
        words = {0: "selected categories passed", 1: "selected categories failed"}
        head = words.get(report.exit_code, "selected categories inconclusive")
        mark = {0: "passed", 1: "failed"}.get(report.exit_code, "inconclusive")
        return f"{UNICODE.marks[mark]} Partial run, not a deployment decision: {head}"
    mark = {Decision.READY: "passed", Decision.NOT_READY: "failed"}.get(report.decision, "inconclusive")
    return f"{UNICODE.marks[mark]} {report.decision.value}"


def _facts(report: RunReport) -> str:
    facts = [f"success rate {show_share(report.success_rate)}", f"{report.seconds:.0f} s"]
    if report.readiness is not None and report.readiness.overall_score is not None:
        facts.append(f"readiness score {report.readiness.overall_score:.4f}")
    if report.started is not None:
        started = report.started
        target = f"{started.target.name} {started.target.version or ''}".strip()
        facts += [f"target {cell(target)}", f"profile {started.profile}", f"policy {started.policy}", started.run_id]
    return ", ".join(facts)


def _categories(report: RunReport) -> str:
    rows = [
        [
            cell(category.info.title),
            f"{UNICODE.of(category.status)} {category.status.replace('_', ' ')}",
            "yes" if category.info.critical else "no",
            f"{category.done.seconds:.1f} s" if category.done else "did not run to its end",
        ]
        for category in report.categories.values()
    ]
    return markdown_table(("Category", "Status", "Critical", "Time"), rows)


def _failures(found: Sequence[Failure]) -> str:
    if not found:
        return ""
    rows = [
        [
            f"{UNICODE.of(failure.verdict if failure.decides else Verdict.WAIVED)} {identifier(failure.id)}",
            cell(failure.found) + ("" if failure.decides else " (a target: does not decide)"),
            cell(failure.advice.cause),
            cell(failure.advice.next_step),
        ]
        for failure in found[:_MOST_FAILURES]
    ]
    more = f"\n\n{len(found) - _MOST_FAILURES} more are in the report." if len(found) > _MOST_FAILURES else ""
    return "### Failure analysis\n\n" + markdown_table(("What", "Found", "Likely cause", "Next step"), rows) + more


def _readiness(report: RunReport) -> str:
    if report.readiness is None:
        return ""
    readiness = report.readiness
    rows = [
        [
            name.replace("_", " "),
            "not assessed" if score is None else f"{score:.2f}",
            show_share(readiness.effective_weights[name]),
        ]
        for name, score in readiness.category_scores.items()
    ]
    return "### Readiness score\n\n" + markdown_table(("Category", "Score", "Effective weight"), rows)


def _measurements(report: RunReport) -> str:
    rows = [
        [
            identifier(found.id),
            show(found.value, found.unit),
            cell(show_objective(found)),
            _mark(report, found),
        ]
        for found in report.measurements
        if found.verdict is not None
    ]
    listed = markdown_table(("Measurement", "Value", "Limit", "Verdict"), rows)
    if not listed:
        return ""
    return f"<details><summary>{len(rows)} judged figures</summary>\n\n{listed}\n\n</details>"


def _mark(report: RunReport, found: Measurement) -> str:
    assert found.verdict is not None
    if found.verdict is Verdict.FAIL and not report.decides(found):
        return f"{UNICODE.of(Verdict.WAIVED)} missed target"
    return f"{UNICODE.of(found.verdict)} {found.verdict.value.replace('_', ' ')}"
