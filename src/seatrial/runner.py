"""A run: one pytest process a category, their events in one stream, and the decision at its end."""

import os
import time
from contextlib import closing
from pathlib import Path
from tempfile import NamedTemporaryFile

from seatrial import __version__
from seatrial.category_process import (
    ALL_PASSED,
    NOTHING_COLLECTED,
    SOME_FAILED,
    Ending,
    pytest_command,
    run_category,
)
from seatrial.coverage import READINESS, category_measuring, unasked, unmeasured
from seatrial.errors import CONFIGURATION, ConfigurationError
from seatrial.events import (
    CategoryDone,
    CategoryInfo,
    CategoryStarted,
    CheckDone,
    Event,
    Handler,
    InternalError,
    MeasurementTaken,
    RunFinished,
    RunStarted,
    ScenarioDone,
    TargetInfo,
    utc_now,
)
from seatrial.host import fingerprint, scenario_hash
from seatrial.interruption import Interruption
from seatrial.request import RunRequest, RunResult, new_run_id
from seatrial.sabotage.catalogue import saboteur_named
from seatrial.settings.finding import settings_file, test_files, trial_folder
from seatrial.settings.loading import TrialSettings, load
from seatrial.settings.model import CategorySettings
from seatrial.verdict.decision import (
    CategoryOutcome,
    ExitCode,
    Ruling,
    Scope,
    category_exit_code,
    category_outcome,
    decide,
    first_exit,
)
from seatrial.verdict.measurement import Measurement
from seatrial.verdict.scoring import CheckResult, Readiness, score
from seatrial.verdict.verdicts import Verdict

__all__ = ["RunRequest", "RunResult", "new_run_id", "prepare", "run"]

_SOUND = frozenset({Verdict.PASS, Verdict.WAIVED})


def prepare(request: RunRequest) -> TrialSettings:
    """Load and check the settings of a run; what no run could break or meet is found here.

    Raises
    ------
    ConfigurationError
        Unknown keys, names, ids, saboteurs, or files that are not there.
    """
    folder = trial_folder(request.project)
    settings = load(
        settings_file(request.project),
        profile=request.profile,
        policy=request.policy,
        target=request.target,
        env=os.environ,
        files=test_files(folder),
    )
    for name, category in settings.select(request.categories).items():
        if not (folder / category.file).is_file():
            raise ConfigurationError(f"category {name!r}: its file {folder / category.file} is not there")
    if request.saboteur is not None:
        if settings.target.way != "bundled":
            raise ConfigurationError(f"a saboteur works on the bundled target; this one is {settings.target.kind!r}")
        saboteur_named(request.saboteur)
    return settings


def run(request: RunRequest, handler: Handler, interruption: Interruption) -> RunResult:
    """Run the selected categories one after the other and decide.

    The handler sees every event and is closed at the end, also when the run is broken off.

    Raises
    ------
    ConfigurationError
        Before anything has started.
    """
    settings = prepare(request)
    make_report_folder(request.report_dir)
    with closing(handler):
        return _Run(request, settings, handler, interruption).execute()


def make_report_folder(folder: Path) -> None:
    """Make the folder of a run's reports.

    Raises
    ------
    ConfigurationError
        It cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"the reports cannot be written into {folder}: {error.strerror or error}; name another --report-dir"
        ) from error


class _Run:
    """One run on its way."""

    def __init__(
        self, request: RunRequest, settings: TrialSettings, handler: Handler, interruption: Interruption
    ) -> None:
        self._interruption = interruption
        self._request = request
        self._settings = settings
        self.emit = handler.handle
        self._folder = trial_folder(request.project)
        self._selected = self._selection()
        self._measurements: list[Measurement] = []
        self._checks: list[CheckResult] = []
        self._scenarios: dict[str, list[ScenarioDone]] = {}
        self._codes: list[ExitCode] = [] if self._selected else [ExitCode.NOTHING_SELECTED]
        self._internal_error = False
        self._readiness: Readiness | None = None

    def _selection(self) -> dict[str, CategorySettings]:
        selected = self._settings.select(self._request.categories)
        if not self._request.only:
            return selected
        wanted = {category_measuring(identifier, self._settings) for identifier in self._request.only}
        return {name: category for name, category in selected.items() if name in wanted}

    def _test_files(self) -> tuple[Path, ...]:
        named = tuple(self._folder / category.file for category in self._selected.values())
        return named if self._settings.source is None else (*named, self._settings.source)

    @property
    def _scope(self) -> Scope:
        whole = set(self._selected) == set(self._settings.categories) and not self._request.only
        return Scope.FULL if whole else Scope.PARTIAL

    @property
    def _misconfigured(self) -> bool:
        """Whether a category found what no other could do without: they would all say the same."""
        return ExitCode.USAGE in self._codes

    # -- the run

    def execute(self) -> RunResult:
        started = time.perf_counter()
        self.emit(self._run_started())
        outcomes: list[CategoryOutcome] = []
        for index, (name, category) in enumerate(self._selected.items(), start=1):
            outcome = self._category(name, category, index)
            outcomes.append(outcome)
            if self._misconfigured or self._interruption.requested:
                break
            if self._request.fail_fast and outcome.critical and outcome.failed:
                break
        left_out = [name for name in self._selected if name not in {outcome.name for outcome in outcomes}]
        outcomes += [
            CategoryOutcome(
                name=name,
                critical=self._selected[name].critical,
                verdict=Verdict.NOT_ASSESSED,
                failed=False,
                reasons=("did not come to run",),
            )
            for name in left_out
        ]
        ruling = self._rule(outcomes)
        self.emit(
            RunFinished(
                ts=utc_now(),
                run_id=self._request.run_id,
                decision=ruling.decision,
                deployment_ready=ruling.deployment_ready,
                exit_code=int(ruling.exit_code),
                seconds=time.perf_counter() - started,
                reasons=ruling.reasons,
                readiness=self._readiness,
                interrupted=self._interruption.requested,
            )
        )
        return RunResult(
            run_id=self._request.run_id,
            exit_code=ruling.exit_code,
            decision=ruling.decision,
            measurements=tuple(self._measurements),
            checks=tuple(self._checks),
            internal_error=self._internal_error,
        )

    def _rule(self, outcomes: list[CategoryOutcome]) -> Ruling:
        ruling = decide(
            outcomes,
            self._settings.policy,
            scope=self._scope,
            profile=self._request.profile,
            readiness=self._readiness,
            interrupted=self._interruption.requested,
            internal_error=self._internal_error,
        )
        code = first_exit([ruling.exit_code, *self._codes])
        return Ruling(
            decision=ruling.decision, deployment_ready=ruling.deployment_ready, exit_code=code, reasons=ruling.reasons
        )

    def _run_started(self) -> RunStarted:
        target = self._settings.target
        return RunStarted(
            ts=utc_now(),
            run_id=self._request.run_id,
            seatrial_version=__version__,
            profile=self._request.profile,
            policy=self._settings.policy.name,
            scope=self._scope,
            categories=tuple(
                CategoryInfo(
                    name=name, title=category.title, description=category.description, critical=category.critical
                )
                for name, category in self._selected.items()
            ),
            target=TargetInfo(
                name=target.kind,
                kind=target.way,
                url=target.kind if target.way == "http" else None,
                disposable=target.is_disposable,
                lacks=target.lacks,
            ),
            evidence_class="simulated" if target.way == "bundled" else "unknown",
            environment={**fingerprint(), "scenario_hash": scenario_hash(self._test_files())},
            weights=self._settings.weights,
        )

    # -- one category

    def _category(self, name: str, category: CategorySettings, index: int) -> CategoryOutcome:
        started = time.perf_counter()
        self.emit(
            CategoryStarted(
                ts=utc_now(), run_id=self._request.run_id, category=name, index=index, total=len(self._selected)
            )
        )
        checks_before = len(self._checks)
        ending = self._process(name, category)
        codes = self._end_of_process(name, ending)
        self._complain_of_gaps(name, asked=len(self._checks) > checks_before)
        readiness = self._assess() if name == READINESS else None
        outcome = category_outcome(
            name,
            critical=category.critical,
            policy=self._settings.policy,
            scenarios=self._merging(name),
            measurements=[taken for taken in self._measurements if taken.category == name],
            readiness=readiness,
        )
        self.emit(
            CategoryDone(
                ts=utc_now(),
                run_id=self._request.run_id,
                category=name,
                verdict=outcome.verdict,
                exit_code=int(first_exit([category_exit_code(outcome), *codes])),
                seconds=time.perf_counter() - started,
            )
        )
        return outcome

    def _process(self, name: str, category: CategorySettings) -> Ending:
        """Run a category's pytest process and pass its events on."""
        file = self._folder / category.file
        stop = self._request.fail_fast and category.critical
        return run_category(
            lambda writer: pytest_command(self._request, self._settings, file, writer, stop_at_failure=stop),
            project=self._request.project,
            log=self._request.report_dir / f"pytest_{name}.log",
            interruption=self._interruption,
            take=self._take,
        )

    def _take(self, event: Event) -> None:
        match event:
            case MeasurementTaken():
                self._measurements.append(event.measurement)
            case CheckDone():
                self._checks.append(event.check)
            case ScenarioDone():
                self._scenarios.setdefault(event.category, []).append(event)
            case InternalError():
                if event.where == CONFIGURATION:
                    self._codes.append(ExitCode.USAGE)
                else:
                    self._internal_error = True
            case _:
                pass
        self.emit(event)

    def _end_of_process(self, name: str, ending: Ending) -> list[ExitCode]:
        """What the process's ending says beyond its events."""
        if self._interruption.requested:
            return []
        if ending.garbled is not None:
            self._broke(name, f"a line of its events could not be read: {ending.garbled}", ending)
        elif ending.exit_code == NOTHING_COLLECTED:
            self._codes.append(ExitCode.NOTHING_SELECTED)
            return [ExitCode.NOTHING_SELECTED]
        elif ending.exit_code not in (ALL_PASSED, SOME_FAILED):
            self._broke(name, f"the process ended with {ending.exit_code}", ending)
        elif ending.exit_code == SOME_FAILED and not self._has_shortcoming(name):
            self._broke(name, "pytest counts a failure that no event speaks of", ending)
        else:
            return []
        return [ExitCode.INTERNAL_ERROR]

    def _has_shortcoming(self, name: str) -> bool:
        """Whether anything that the category reported explains a failed test."""
        scenarios = [done.verdict for done in self._scenarios.get(name, [])]
        checks = [check.verdict for check in self._checks] if name == READINESS else []
        told = any(not (verdict.is_neutral or verdict in _SOUND) for verdict in (*scenarios, *checks))
        return told or self._internal_error or self._misconfigured

    def _broke(self, name: str, what: str, ending: Ending) -> None:
        self._internal_error = True
        self.emit(
            InternalError(
                ts=utc_now(),
                run_id=self._request.run_id,
                where=f"pytest of {name}",
                message=f"{what}; its log {ending.log} ends:\n{ending.last_words}",
                category=name,
            )
        )

    def _complain_of_gaps(self, name: str, *, asked: bool) -> None:
        """Put in doubt what the category should have found out and did not; `asked` tells whether it asked any check."""
        if self._interruption.requested or ExitCode.USAGE in self._codes:
            return
        for measurement in unmeasured(
            name,
            self._settings.objectives,
            scenarios=self._scenarios.get(name, []),
            measurements=self._measurements,
            only=self._request.only,
        ):
            self._measurements.append(measurement)
            self.emit(MeasurementTaken(ts=utc_now(), run_id=self._request.run_id, measurement=measurement))
        if asked and not self._request.only:
            for check in unasked(self._checks):
                self._checks.append(check)
                self.emit(CheckDone(ts=utc_now(), run_id=self._request.run_id, check=check))

    def _merging(self, name: str) -> list[tuple[str, Verdict]]:
        """What merges by the worst: scenarios, and checks where they were picked one by one and make no score."""
        merging = [(done.scenario, done.verdict) for done in self._scenarios.get(name, [])]
        if name == READINESS and self._request.only:
            merging += [(check.id, check.verdict) for check in self._checks]
        return merging

    def _assess(self) -> Readiness | None:
        if not self._checks or self._request.only:
            return None
        self._readiness = score(self._checks, self._settings.weights, self._settings.policy)
        return self._readiness
