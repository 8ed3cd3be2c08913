"""The tables and the panel at the end of a run."""

from rich.table import Table
from rich.text import Text

from seatrial.report.figures import show_share
from seatrial.report.model import READINESS_CATEGORY, CategoryReport, RunReport, Status
from seatrial.report.symbols import STYLES, Symbols
from seatrial.verdict.decision import Decision
from seatrial.verdict.scoring import Readiness
from seatrial.verdict.verdicts import Verdict

__all__ = ["closing_line", "readiness_table", "results_table", "status_panel"]


def results_table(report: RunReport, symbols: Symbols) -> Table:
    """Category, status, critical, details: one row a category."""
    table = Table(box=symbols.table, header_style="bold")
    for header in ("Category", "Status", "Critical", "Details"):
        table.add_column(header, overflow="fold", no_wrap=header == "Status")
    for category in report.categories.values():
        style = STYLES.get(category.status.lower(), "")
        table.add_row(
            category.info.title,
            Text(f"{symbols.of(category.status)} {category.status.replace('_', ' ')}", style=style),
            symbols.critical if category.info.critical else symbols.not_critical,
            _details(report, category),
        )
    return table


def _details(report: RunReport, category: CategoryReport) -> str:
    if category.done is None:
        return "did not run to its end"
    if category.done.detail:
        return category.done.detail
    if category.passed:
        return _what_passed(report, category)
    counted = [
        (sum(_is_trouble(s.verdict) for s in category.scenarios), "scenario"),
        (
            sum(report.decides(m) and m.verdict is not None and _is_trouble(m.verdict) for m in category.measurements),
            "objective",
        ),
    ]
    if category.info.name == READINESS_CATEGORY:
        counted.append((sum(_is_trouble(c.verdict) for c in report.checks), "check"))
    return ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counted if count)


def _what_passed(report: RunReport, category: CategoryReport) -> str:
    """A pass says on how much it rests."""
    met = sum(m.verdict is Verdict.PASS for m in category.measurements)
    missed = sum(m.verdict is Verdict.FAIL and not report.decides(m) for m in category.measurements)
    words = [f"{missed} target{'' if missed == 1 else 's'} missed"] if missed else []
    if met:
        words.append(f"{met} objective{'' if met == 1 else 's'} met")
    if category.info.name == READINESS_CATEGORY:
        passed = sum(check.verdict is Verdict.PASS for check in report.checks)
        words.append(f"{passed} of {len(report.checks)} checks passed")
    return ", ".join(words)


def _is_trouble(verdict: Verdict) -> bool:
    return verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR)


def readiness_table(readiness: Readiness, symbols: Symbols) -> Table:
    """Score of each readiness category with its nominal and effective weight, and the totals."""
    table = Table(box=symbols.table, header_style="bold", title="Readiness Score", title_style="bold")
    table.add_column("Category")
    for header in ("Score", "Weight", "Effective"):
        table.add_column(header, justify="right")
    for name, score in readiness.category_scores.items():
        table.add_row(
            name.replace("_", " ").title(),
            "not assessed" if score is None else f"{score:.2f}",
            f"{readiness.nominal_weights[name]:g}",
            show_share(readiness.effective_weights[name]),
        )
    table.add_section()
    overall = "-" if readiness.overall_score is None else f"{readiness.overall_score:.2f}"
    table.add_row("Overall", overall, f"{sum(readiness.nominal_weights.values()):g}", "100.0%", style="bold")
    return table


def status_panel(report: RunReport, symbols: Symbols, width: int) -> Table:
    """The decision with success rate, duration, what it rests on, and the reasons of anything but READY."""
    head, style = _headline(report)
    table = Table(box=symbols.panel, width=width, border_style=style, header_style="bold")
    table.add_column("Deployment Status", header_style="bold", justify="left", overflow="fold")
    table.columns[0].header = Text("Deployment Status", justify="center")
    mark = symbols.of("PASSED" if report.deployment_ready else _mark(report))
    lines = Text()
    lines.append(f"{mark} {head}\n\n", style=style)
    lines.append(f"Success Rate: {show_share(report.success_rate)}\n")
    lines.append(f"Test Duration: {report.seconds:.1f}s\n")
    readiness = report.readiness
    if readiness is not None:
        score = "-" if readiness.overall_score is None else f"{readiness.overall_score:.2f}"
        lines.append(f"Readiness Score: {score}, critical pass rate {show_share(readiness.critical_pass_rate)}\n")
        lines.append(
            f"Assessed: {show_share(readiness.assessed_share)} of the weight, "
            f"coverage {show_share(readiness.coverage)}\n"
        )
    if report.started is not None:
        lines.append(f"Policy: {report.started.policy}, profile {report.started.profile}, ")
        lines.append(f"evidence: {report.started.evidence_class}\n")
        if report.started.target.lacks:
            lines.append(f"Target lacks: {', '.join(report.started.target.lacks)}\n")
    for reason in report.reasons:
        lines.append(f"- {reason}\n")
    lines.rstrip()
    table.add_row(lines)
    return table


def _mark(report: RunReport) -> Status:
    return "FAILED" if report.decision is Decision.NOT_READY else "INCONCLUSIVE"


def _headline(report: RunReport) -> tuple[str, str]:
    if report.deployment_ready:
        return "SYSTEM READY FOR PRODUCTION DEPLOYMENT", "green"
    if report.is_partial and report.finished is not None:
        words = {0: "SELECTED CATEGORIES PASSED", 1: "SELECTED CATEGORIES FAILED"}
        head = words.get(report.exit_code, "SELECTED CATEGORIES INCONCLUSIVE")
        return f"{head}: PARTIAL RUN, not a deployment decision", "yellow" if report.exit_code != 1 else "red"
    if report.decision is Decision.NOT_READY:
        return "SYSTEM NOT READY FOR PRODUCTION DEPLOYMENT", "red"
    return "INCONCLUSIVE: readiness for production deployment is not known", "yellow"


def closing_line(report: RunReport, symbols: Symbols) -> tuple[str, str]:
    """The last line and its style."""
    if report.deployment_ready:
        return f"{symbols.party} All production validation tests passed!", "bold green"
    if report.is_partial and report.finished is not None and report.exit_code == 0:
        return f"{symbols.of('PASSED')} The selected categories passed. Not a deployment decision.", "green"
    if report.decision is Decision.NOT_READY:
        failed = [category.info.title for category in report.categories.values() if category.failed]
        return f"{symbols.of('FAILED')} Production validation failed: {', '.join(failed)}", "bold red"
    if report.finished is not None and report.finished.interrupted:
        return f"{symbols.of('INCONCLUSIVE')} The run was interrupted.", "bold yellow"
    return f"{symbols.of('INCONCLUSIVE')} Production validation did not reach a decision.", "bold yellow"
