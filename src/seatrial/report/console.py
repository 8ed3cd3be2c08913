"""The report on the terminal: progress while it runs, and at the end what was decided and why."""

import os
import textwrap
from typing import TextIO

from rich.console import Console
from rich.status import Status as Spinner
from rich.text import Text

from seatrial.errors import CONFIGURATION
from seatrial.events import (
    CategoryDone,
    CategoryStarted,
    CheckDone,
    Event,
    FaultEvent,
    InternalError,
    LogLine,
    MeasurementTaken,
    RunFinished,
    RunStarted,
    ScenarioDone,
    ScenarioStarted,
    StageProgress,
    StageStarted,
)
from seatrial.report.advice import remediation
from seatrial.report.figures import show, show_measurement, show_objective, show_samples
from seatrial.report.model import READINESS_CATEGORY, CategoryReport, RunReport
from seatrial.report.symbols import ASCII, STYLES, UNICODE
from seatrial.report.tables import closing_line, readiness_table, results_table, status_panel
from seatrial.verdict.measurement import Measurement
from seatrial.verdict.scoring import CheckResult
from seatrial.verdict.verdicts import Verdict

__all__ = ["ConsoleReport", "make_console"]

_PLAIN_WIDTH = 80
_QUIET = frozenset({Verdict.PASS, Verdict.NOT_APPLICABLE, Verdict.NOT_ASSESSED})


class _PatientConsole(Console):
    """A console whose reader may leave: the run goes on, because its exit code and its files are the verdict."""

    def on_broken_pipe(self) -> None:
        """Print into nothing from here on; rich's own way ends the process with 1, which would say NOT READY."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, self.file.fileno())
        finally:
            os.close(nowhere)


def make_console(stream: TextIO) -> Console:
    """A console for a stream: colours and live progress on a terminal, else plain text 80 columns wide.

    ``COLUMNS`` widens the plain text too; ``NO_COLOR`` is respected. What the stream's encoding cannot hold is replaced.
    """
    if stream.isatty():
        return _PatientConsole(file=stream, highlight=False, emoji=False, markup=False)
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None and "utf" not in (stream.encoding or "").lower():
        reconfigure(errors="replace")
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdigit() and int(columns) >= _PLAIN_WIDTH else _PLAIN_WIDTH
    return _PatientConsole(
        file=stream,
        width=width,
        color_system=None,
        force_terminal=False,
        legacy_windows=False,
        highlight=False,
        emoji=False,
        markup=False,
    )


class ConsoleReport:
    """Prints the specification's output; failures always with value, limit, evidence and remediation.

    Parameters
    ----------
    console
        From :func:`make_console`.
    verbose
        Every scenario, measurement and check as it comes, with evidence.
    """

    def __init__(self, console: Console, *, verbose: bool = False) -> None:
        self._console = console
        self._verbose = verbose
        self._report = RunReport()
        encoding = console.encoding.lower()
        self._symbols = UNICODE if "utf" in encoding else ASCII
        self._spinner: Spinner | None = None

    def handle(self, event: Event) -> None:
        """Take one event."""
        self._report.apply(event)
        match event:
            case RunStarted():
                self._title(event)
            case CategoryStarted():
                self._category_begins(event)
            case ScenarioStarted() | StageStarted() | StageProgress():
                self._progress(event)
            case CategoryDone():
                self._category_ends(self._report.categories[event.category])
            case InternalError():
                self._internal_error(event)
            case LogLine() if self._verbose or event.level in ("warning", "error"):
                self._say(f"{event.level}: {event.source}: {event.message}", style="dim")
            case RunFinished():
                self._summary()
            case _ if self._verbose:
                self._verbose_line(event)
            case _:
                pass

    def close(self) -> None:
        """Let go of the terminal; a run that broke off is summed up as far as it came."""
        self._stop_progress()
        if self._report.finished is None and self._report.last is not None:
            self._summary()

    def _title(self, event: RunStarted) -> None:
        self._console.print(f"{self._symbols.rocket} PRODUCTION DEPLOYMENT VALIDATION", style="bold")
        self._console.print(self._symbols.rule * _PLAIN_WIDTH)
        target = event.target
        if self._verbose:
            self._console.print(f"run {event.run_id}, profile {event.profile}, policy {event.policy}")
            self._console.print(
                f"target {target.name} ({target.kind}) {target.url or ''} {target.version or ''}".rstrip()
            )
        if target.lacks:
            self._console.print(f"The target declares that it lacks: {', '.join(target.lacks)}")

    def _category_begins(self, event: CategoryStarted) -> None:
        info = self._report.categories[event.category].info
        self._console.print()
        self._console.print(
            f"{self._symbols.clipboard} Category {event.index}/{event.total}: {info.title}", style="bold"
        )
        if info.description:
            self._console.print(info.description)
        if self._console.is_terminal:
            self._spinner = self._console.status(info.title)
            self._spinner.start()

    def _category_ends(self, category: CategoryReport) -> None:
        self._stop_progress()
        status = category.status
        text = f"{self._symbols.of(status)} {category.info.title}: {status.replace('_', ' ')}"
        self._console.print(text, style=STYLES.get(status.lower(), ""))
        self._troubles(category)

    def _progress(self, event: ScenarioStarted | StageStarted | StageProgress) -> None:
        if self._spinner is None:
            return
        match event:
            case ScenarioStarted():
                text = event.title
            case StageStarted():
                text = f"{event.scenario}: {event.stage}"
            case StageProgress():
                of = f" of {event.total:.0f}" if event.total else ""
                p95 = f", p95 {event.p95 * 1000:.0f} ms" if event.p95 is not None else ""
                text = (
                    f"{event.scenario}: {event.stage} {event.elapsed:.0f}{of} s, "
                    f"{event.completed}/s, {event.failed} failed{p95}"
                )
        self._spinner.update(Text(text))

    def _stop_progress(self) -> None:
        if self._spinner is not None:
            self._spinner.stop()
            self._spinner = None

    def _verbose_line(self, event: Event) -> None:
        match event:
            case ScenarioDone():
                text = f"{event.title}: {event.verdict} in {event.seconds:.1f} s"
                self._marked(event.verdict, f"{text}, {event.detail}" if event.detail else text)
            case MeasurementTaken():
                self._measurement(event.measurement)
            case CheckDone():
                self._check(event.check)
            case FaultEvent():
                outcome = "" if event.ok else " NOT REACHED"
                detail = f": {event.detail}" if event.detail else ""
                self._say(f"fault {event.fault} {event.phase}{outcome}{detail}", style="dim")
            case _:
                pass

    def _troubles(self, category: CategoryReport) -> None:
        """Everything that is not a plain pass. In verbose mode measurements and checks were printed when they came."""
        for scenario in category.scenarios:
            if scenario.verdict not in _QUIET:
                name = f"{scenario.category}.{scenario.scenario}"
                self._marked(scenario.verdict, f"{name}: {scenario.detail or scenario.verdict}")
                if scenario.traceback and (self._verbose or scenario.verdict is Verdict.ERROR):
                    self._say(scenario.traceback, style="dim", indent=6)
        if self._verbose:
            return
        for measurement in category.measurements:
            if measurement.verdict is not None and measurement.verdict not in _QUIET:
                self._measurement(measurement)
        if category.info.name == READINESS_CATEGORY:
            for check in self._report.checks:
                if check.verdict not in _QUIET:
                    self._check(check)

    def _measurement(self, measurement: Measurement) -> None:
        verdict = measurement.verdict
        shown, note = verdict, ""
        if verdict is Verdict.FAIL and not self._report.decides(measurement):
            shown, note = Verdict.WAIVED, " (a target: reported, does not decide)"
        mark = self._symbols.of(shown) if shown else "  "
        text = f"{mark} {measurement.id}{f': {verdict}' if verdict else ''}{note}"
        self._say(text, style=STYLES.get(shown or "", ""))
        if verdict is Verdict.FAIL and measurement.objective is not None:
            value = show(measurement.value, measurement.unit)
            self._say(f"measured {value}, {measurement.objective.level} {show_objective(measurement)}", indent=6)
            evidence = "; ".join(filter(None, (show_samples(measurement), measurement.detail)))
            self._say(f"evidence: {evidence}", indent=6)
        else:
            self._say(show_measurement(measurement), indent=6)
            if measurement.detail:
                self._say(measurement.detail, indent=6)
        if measurement.waiver is not None:
            self._say(str(measurement.waiver), indent=6)
        if verdict is Verdict.FAIL:
            self._say(f"what to do: {remediation(measurement)}", indent=6)

    def _check(self, check: CheckResult) -> None:
        flags = [word for word, holds in (("blocker", check.blocker), ("critical", check.critical)) if holds]
        suffix = f" [{', '.join(flags)}]" if flags else ""
        score = "" if check.counted_score is None else f", score {check.counted_score:.2f}"
        text = f"{self._symbols.of(check.verdict)} {check.id}: {check.verdict.replace('_', ' ')}{score}{suffix}"
        self._say(text, style=STYLES.get(check.verdict, ""), indent=3)
        self._say(check.title, indent=6)
        if check.evidence:
            self._say(f"evidence: {check.evidence}", indent=6)
        if check.gap is not None:
            self._say(f"not assessed because of the {check.gap}", indent=6)
        if check.waiver is not None:
            self._say(str(check.waiver), indent=6)
        if check.verdict not in _QUIET and check.remediation:
            self._say(f"what to do: {check.remediation}", indent=6)

    def _internal_error(self, event: InternalError) -> None:
        what = "wrong configuration" if event.where == CONFIGURATION else f"internal error in {event.where}"
        self._marked(Verdict.ERROR, f"{what}: {event.message}")
        if event.traceback and self._verbose:
            self._say(event.traceback, style="dim", indent=6)

    def _marked(self, verdict: Verdict, text: str) -> None:
        self._say(f"{self._symbols.of(verdict)} {text}", style=STYLES.get(verdict, ""), indent=3)

    def _say(self, text: str, *, style: str = "", indent: int = 3) -> None:
        """Print with an indent, wrapped between words: ids stay whole, and no line ends in blanks."""
        margin = " " * indent
        for line in text.splitlines() or [""]:
            wrapped = textwrap.wrap(
                line,
                width=self._console.width - 1,
                initial_indent=margin,
                subsequent_indent=margin,
                break_long_words=False,
                break_on_hyphens=False,
            )
            for piece in wrapped or [""]:
                self._console.print(piece, style=style, soft_wrap=True)

    def _summary(self) -> None:
        self._stop_progress()
        width = min(self._console.width, 100)
        self._console.print()
        self._console.print(results_table(self._report, self._symbols))
        if self._report.readiness is not None:
            self._console.print()
            self._console.print(readiness_table(self._report.readiness, self._symbols))
        self._console.print()
        self._console.print(status_panel(self._report, self._symbols, width))
        text, style = closing_line(self._report, self._symbols)
        self._console.print()
        self._console.print(text, style=style)
