"""report.html: the run on one page that needs no network. Every figure on it is in the JSON report."""

from collections.abc import Iterable
from html import escape
from importlib import resources
from pathlib import Path

from seatrial.events import Event
from seatrial.report.advice import remediation
from seatrial.report.charts import Series, line_chart
from seatrial.report.figures import show, show_objective, show_samples, show_share
from seatrial.report.json_reports import timestamp
from seatrial.report.model import RunReport
from seatrial.verdict.scoring import Readiness
from seatrial.verdict.verdicts import Verdict

__all__ = ["HtmlReport", "render"]


def render(report: RunReport) -> str:
    """The whole page."""
    title = f"{report.decision.value}: production validation"
    style = resources.files("seatrial.report").joinpath("report.css").read_text(encoding="utf-8")
    body = "".join(
        (
            _decision(report),
            _categories(report),
            _readiness(report.readiness),
            _measurements(report),
            _checks(report),
            _charts(report),
            _scenarios(report),
            _faults(report),
            _environment(report),
        )
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{style}</style></head><body><main>{body}</main></body></html>\n"
    )


def _decision(report: RunReport) -> str:
    css = {"READY": "pass", "NOT READY": "fail"}.get(report.decision.value, "inconclusive")
    words = report.decision.value
    if report.is_partial:
        words = "Partial run: not a deployment decision"
        css = "fail" if report.exit_code == 1 else "inconclusive"
    facts = [("Success rate", show_share(report.success_rate)), ("Duration", f"{report.seconds:.1f} s")]
    if report.readiness is not None:
        score = report.readiness.overall_score
        facts += [
            ("Readiness score", "-" if score is None else f"{score:.4f}"),
            ("Critical pass rate", show_share(report.readiness.critical_pass_rate)),
            ("Weight assessed", show_share(report.readiness.assessed_share)),
            ("Coverage", show_share(report.readiness.coverage)),
        ]
    if report.started is not None:
        facts += [
            ("Policy", report.started.policy),
            ("Profile", report.started.profile),
            ("Evidence", report.started.evidence_class),
            ("Run", report.started.run_id),
            ("Started", timestamp(report.started.ts)),
        ]
    listed = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in report.reasons)
    return (
        f'<header class="{css}"><p>Deployment status</p><h1>{escape(words)}</h1></header><dl class="facts">{listed}</dl>'
        + (f'<ul class="reasons">{reasons}</ul>' if reasons else "")
    )


def _categories(report: RunReport) -> str:
    rows = [
        [
            _text(category.info.title),
            _badge(category.status.lower().replace("_", " "), _css(category.status)),
            "critical" if category.info.critical else "",
            _text(f"{category.done.seconds:.1f} s" if category.done else "-"),
            _text((category.done.detail or "") if category.done else "did not run to its end"),
        ]
        for category in report.categories.values()
    ]
    return _section("Categories", _table(("Category", "Status", "Critical", "Time", "Details"), rows))


def _readiness(readiness: Readiness | None) -> str:
    if readiness is None:
        return ""
    rows = [
        [
            _text(name.replace("_", " ")),
            "not assessed" if score is None else f"{score:.4f}",
            f"{readiness.nominal_weights[name]:g}",
            show_share(readiness.effective_weights[name]),
        ]
        for name, score in readiness.category_scores.items()
    ]
    todo = "".join(f"<li>{escape(text)}</li>" for text in readiness.recommendations)
    advice = f"<h3>Recommendations</h3><ul>{todo}</ul>" if todo else ""
    return _section("Readiness score", _table(("Category", "Score", "Weight", "Effective"), rows) + advice)


def _measurements(report: RunReport) -> str:
    rows = []
    for found in report.measurements:
        notes = [show_samples(found), found.detail or ""]
        if found.waiver is not None:
            notes.append(str(found.waiver))
        if found.verdict is Verdict.FAIL:
            notes.append(remediation(found) if report.decides(found) else "a target: reported, does not decide")
        verdict = _badge(found.verdict.value.replace("_", " "), found.verdict.value) if found.verdict else ""
        limit = show_objective(found)
        if found.objective is not None and found.objective.level.value == "target":
            limit += " (target)"
        cells = [_code(found.id), _text(show(found.value, found.unit)), _text(limit), verdict]
        rows.append([*cells, _text("; ".join(filter(None, notes)))])
    return _section("Measurements", _table(("Measurement", "Value", "Limit", "Verdict", "Evidence"), rows))


def _checks(report: RunReport) -> str:
    rows = []
    for check in report.checks:
        flags = "".join(
            f" {_badge(word, 'flag')}"
            for word, holds in (("blocker", check.blocker), ("critical", check.critical))
            if holds
        )
        notes = [check.evidence]
        if check.gap is not None:
            notes.append(f"not assessed because of the {check.gap}")
        if check.waiver is not None:
            notes.append(str(check.waiver))
        if check.verdict is not Verdict.PASS and not check.verdict.is_neutral:
            notes.append(f"What to do: {check.remediation}")
        score = "-" if check.counted_score is None else f"{check.counted_score:.2f}"
        verdict = _badge(check.verdict.value.replace("_", " "), check.verdict.value)
        rows.append(
            [f"{_code(check.id)}{flags}<br>{_text(check.title)}", score, verdict, _text("; ".join(filter(None, notes)))]
        )
    return _section("Checks", _table(("Check", "Score", "Verdict", "Evidence"), rows))


def _charts(report: RunReport) -> str:
    charts: list[str] = []
    for stage in report.stages:
        seconds = [point.elapsed for point in stage.points]
        name = f"{stage.started.scenario}, {stage.started.stage}"
        rates = [
            Series(name="completed", css_class="line-a", x=seconds, y=[float(p.completed) for p in stage.points]),
            Series(name="failed", css_class="line-b", x=seconds, y=[float(p.failed) for p in stage.points]),
        ]
        p95 = [None if p.p95 is None else p.p95 * 1000 for p in stage.points]
        charts.append(
            line_chart(rates, title=f"Requests a second: {name}", unit="/s", limit=stage.started.offered_rate)
        )
        latency = Series(name="P95 of each second", css_class="line-a", x=seconds, y=p95)
        charts.append(line_chart([latency], title=f"Response time: {name}", unit="ms"))
    if report.started is not None and report.resources:
        start = report.started.ts
        seconds = [(sample.ts - start).total_seconds() for sample in report.resources]
        cpu = [None if s.cpu is None else s.cpu * 100 for s in report.resources]
        memory = [None if s.memory_bytes is None else s.memory_bytes / 2**20 for s in report.resources]
        kinds = ", ".join(sorted({s.memory_kind for s in report.resources if s.memory_kind}))
        charts.append(
            line_chart([Series(name="CPU", css_class="line-a", x=seconds, y=cpu)], title="CPU of the target", unit="%")
        )
        line = Series(name=f"memory ({kinds})", css_class="line-a", x=seconds, y=memory)
        charts.append(line_chart([line], title="Memory of the target", unit="MiB"))
    return _section("Over time", f'<div class="charts">{"".join(charts)}</div>') if any(charts) else ""


def _scenarios(report: RunReport) -> str:
    rows = [
        [
            f"{_text(scenario.title)}<br>{_code(scenario.node)}",
            _badge(scenario.verdict.value.replace("_", " "), scenario.verdict.value),
            f"{scenario.seconds:.1f} s",
            _text(scenario.detail or ""),
        ]
        for category in report.categories.values()
        for scenario in category.scenarios
    ]
    errors = [
        [_text(f"Internal error in {error.where}"), _badge("error", "error"), "", _text(error.message)]
        for error in report.errors
    ]
    return _section("Scenarios", _table(("Scenario", "Verdict", "Time", "Details"), [*rows, *errors]))


def _faults(report: RunReport) -> str:
    rows = [
        [_code(f.fault), _text(f.scenario), _text(f.phase.value), "yes" if f.ok else "no", _text(f.detail or "")]
        for f in report.faults
    ]
    return _section("Faults", _table(("Fault", "Scenario", "Station", "Reached", "Details"), rows))


def _environment(report: RunReport) -> str:
    if report.started is None:
        return ""
    target = report.started.target
    facts: list[tuple[str, object]] = [
        ("target", target.name),
        ("target.kind", target.kind),
        ("target.url", target.url),
        ("target.version", target.version),
        ("target.environment", target.environment),
        ("target.broker", target.broker),
        ("target.clock", target.clock),
        ("target.lacks", ", ".join(target.lacks) or "nothing"),
        ("seatrial", report.started.seatrial_version),
        *report.started.environment.items(),
    ]
    rows = [[_code(name), _text(str(value))] for name, value in facts if value is not None]
    return _section("Environment", _table(("What", "Value"), rows))


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def _table(headers: tuple[str, ...], rows: Iterable[list[str]]) -> str:
    """A table that becomes a list of cards on a narrow screen. Cells are HTML already."""
    body = "".join(
        "<tr>"
        + "".join(f'<td data-label="{escape(name)}">{cell}</td>' for name, cell in zip(headers, row, strict=True))
        + "</tr>"
        for row in rows
    )
    head = "".join(f"<th>{escape(name)}</th>" for name in headers)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if body else ""


def _css(status: str) -> str:
    return {"PASSED": "pass", "FAILED": "fail"}.get(status, status.lower())


def _badge(word: str, css: str) -> str:
    return f'<span class="badge {escape(css)}">{escape(word)}</span>'


def _text(text: str) -> str:
    return escape(text)


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


class HtmlReport:
    """Writes the page when the run closes.

    Parameters
    ----------
    path
        Its folder is made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._report = RunReport()

    def handle(self, event: Event) -> None:
        """Take one event."""
        self._report.apply(event)

    def close(self) -> None:
        """Write the page, unless not a single event came."""
        if self._report.last is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(render(self._report), encoding="utf-8")
