"""report.html: the run on one page that needs no network. Every figure on it is in the JSON report, or is summed up from it."""

from html import escape
from importlib import resources
from pathlib import Path

from seatrial.events import Event
from seatrial.report.failures import Failure, failures
from seatrial.report.figures import show, show_objective, show_samples, show_share
from seatrial.report.fragments import badge, code, details, meter, section, table, text, verdict_badge
from seatrial.report.json_reports import timestamp
from seatrial.report.model import RunReport
from seatrial.report.over_time import latency_spread, over_time
from seatrial.verdict.measurement import Measurement
from seatrial.verdict.scoring import CheckResult, Readiness
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
            _failures(report),
            _over_time(report),
            _readiness(report.readiness),
            _measurements(report),
            _checks(report),
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
    subject = ""
    if report.started is not None:
        started = report.started
        subject = f"{started.target.name} {started.target.version or ''}".strip()
        facts += [
            ("Policy", started.policy),
            ("Profile", started.profile),
            ("Evidence", started.evidence_class),
            ("Started", timestamp(started.ts).partition(".")[0].replace("T", " ") + " UTC"),
            ("Run", started.run_id),
        ]
    listed = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in report.reasons)
    return (
        f'<header class="{css}"><p>Production validation{f" of {escape(subject)}" if subject else ""}</p>'
        f"<h1>{escape(words)}</h1></header>"
        + (f'<ul class="reasons">{reasons}</ul>' if reasons else "")
        + f'<dl class="facts">{listed}</dl>'
    )


def _categories(report: RunReport) -> str:
    rows = [
        [
            text(category.info.title),
            badge(category.status.lower().replace("_", " "), _css(category.status)),
            "critical" if category.info.critical else "",
            text(f"{category.done.seconds:.1f} s" if category.done else "-"),
            text(_category_details(report, name)),
        ]
        for name, category in report.categories.items()
    ]
    return section("Categories", table(("Category", "Status", "Critical", "Time", "Details"), rows))


def _category_details(report: RunReport, name: str) -> str:
    category = report.categories[name]
    if category.done is None:
        return "did not run to its end"
    if category.done.detail:
        return category.done.detail
    judged = [m for m in category.measurements if m.verdict is not None]
    passed = sum(m.verdict is Verdict.PASS for m in judged)
    return f"{passed} of {len(judged)} objectives met" if judged else ""


def _failures(report: RunReport) -> str:
    cards = "".join(_card(failure) for failure in failures(report))
    note = "What failed or stayed in doubt, what decides first; each with its likely cause and the next step."
    return section("Failure analysis", cards, note=note)


def _card(failure: Failure) -> str:
    css = failure.verdict.value if failure.decides else "waived"
    flags = badge("blocker", "fail") if failure.blocker else ""
    evidence = ""
    if "\n" in failure.evidence:
        evidence = details("Traceback", f"<pre>{escape(failure.evidence)}</pre>")
    elif failure.evidence:
        evidence = f'<p class="note">{escape(failure.evidence)}</p>'
    repeat = f"<dt>Alone</dt><dd><code>{escape(failure.repeat)}</code></dd>" if failure.repeat else ""
    return (
        f'<article class="{css}"><h3>{escape(failure.title)} {verdict_badge(failure.verdict, decides=failure.decides)} {flags}</h3>'
        f"<p>{code(failure.id)}</p><p><strong>{escape(failure.found)}</strong></p>{evidence}"
        f"<dl><dt>Likely cause</dt><dd>{escape(failure.advice.cause)}</dd>"
        f"<dt>Next step</dt><dd>{escape(failure.advice.next_step)}</dd>{repeat}</dl></article>"
    )


def _over_time(report: RunReport) -> str:
    spread = latency_spread(report)
    content = over_time(report)
    if spread:
        content += f"<h3>Spread of the response time: P95 of each second, least, median, largest</h3>{spread}"
    return section("Over time", content)


def _readiness(readiness: Readiness | None) -> str:
    if readiness is None:
        return ""
    rows = [
        [
            text(name.replace("_", " ")),
            "not assessed" if score is None else f"{score:.4f}",
            meter(score, "good" if score is not None and score >= 0.7 else "bad"),
            f"{readiness.nominal_weights[name]:g}",
            show_share(readiness.effective_weights[name]),
        ]
        for name, score in readiness.category_scores.items()
    ]
    todo = "".join(f"<li>{escape(words)}</li>" for words in readiness.recommendations)
    advice = f"<h3>Recommendations</h3><ul>{todo}</ul>" if todo else ""
    return section("Readiness score", table(("Category", "Score", "", "Weight", "Effective"), rows) + advice)


def _measurements(report: RunReport) -> str:
    headers = ("Measurement", "Value", "Limit", "Verdict", "Evidence")
    judged = [_measurement_row(report, found) for found in report.measurements if found.objective is not None]
    others = [_measurement_row(report, found) for found in report.measurements if found.objective is None]
    printed = details(f"Without an objective: {len(others)}", table(headers, others)) if others else ""
    return section("Measurements", table(headers, judged) + printed)


def _measurement_row(report: RunReport, found: Measurement) -> list[str]:
    notes = [show_samples(found), found.detail or ""]
    if found.waiver is not None:
        notes.append(str(found.waiver))
    limit, used = show_objective(found), ""
    if found.objective is not None:
        if found.objective.level.value == "target":
            limit += " (target)"
        if found.objective.comparison.is_ceiling and found.value is not None and found.objective.limit > 0:
            used = meter(found.value / found.objective.limit, "bad" if found.verdict is Verdict.FAIL else "good")
    verdict = verdict_badge(found.verdict, decides=report.decides(found)) if found.verdict else ""
    value = f"{text(show(found.value, found.unit))}{used}"
    return [code(found.id), value, text(limit), verdict, text("; ".join(filter(None, notes)))]


def _checks(report: RunReport) -> str:
    rows = [_check_row(check) for check in report.checks]
    return section("Checks", table(("Check", "Score", "Verdict", "Evidence"), rows))


def _check_row(check: CheckResult) -> list[str]:
    flags = "".join(
        f" {badge(word, 'flag')}" for word, holds in (("blocker", check.blocker), ("critical", check.critical)) if holds
    )
    notes = [check.evidence]
    if check.gap is not None:
        notes.append(f"not assessed because of the {check.gap}")
    if check.waiver is not None:
        notes.append(str(check.waiver))
    if check.verdict is not Verdict.PASS and not check.verdict.is_neutral:
        notes.append(f"What to do: {check.remediation}")
    score = "-" if check.counted_score is None else f"{check.counted_score:.2f}"
    return [
        f"{text(check.title)}{flags}<br>{code(check.id)}",
        score,
        verdict_badge(check.verdict),
        text("; ".join(filter(None, notes))),
    ]


def _scenarios(report: RunReport) -> str:
    rows = [
        [
            f"{text(scenario.title)}<br>{code(f'{scenario.category}.{scenario.scenario}')}",
            verdict_badge(scenario.verdict),
            f"{scenario.seconds:.1f} s",
            text(scenario.detail or ""),
        ]
        for category in report.categories.values()
        for scenario in category.scenarios
    ]
    return section("Scenarios", table(("Scenario", "Verdict", "Time", "Details"), rows))


def _faults(report: RunReport) -> str:
    rows = [
        [code(f.fault), text(f.scenario), text(f.phase.value), "yes" if f.ok else "no", text(f.detail or "")]
        for f in report.faults
    ]
    return section("Faults", table(("Fault", "Scenario", "Station", "Reached", "Details"), rows))


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
    listed = "".join(
        f"<div><dt>{escape(name.replace('_', ' '))}</dt><dd>{escape(str(value))}</dd></div>"
        for name, value in facts
        if value is not None
    )
    return section("Environment", f'<dl class="facts plain">{listed}</dl>')


def _css(status: str) -> str:
    return {"PASSED": "pass", "FAILED": "fail"}.get(status, status.lower())


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
