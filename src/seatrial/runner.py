"""A run: one pytest process a category, their events in one stream, and the decision at its end."""

import os
import platform
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil

from seatrial import __version__
from seatrial.errors import ConfigurationError
from seatrial.events import (
    CategoryDone,
    CategoryInfo,
    CategoryStarted,
    CheckDone,
    Fact,
    Handler,
    InternalError,
    MeasurementTaken,
    RunFinished,
    RunStarted,
    ScenarioDone,
    TargetInfo,
    from_json,
    utc_now,
)
from seatrial.interruption import Interruption
from seatrial.settings.finding import settings_file, test_files, trial_folder
from seatrial.settings.loading import TrialSettings, load
from seatrial.settings.model import CategorySettings
from seatrial.verdict.decision import (
    CategoryOutcome,
    Decision,
    ExitCode,
    Ruling,
    Scope,
    category_exit_code,
    category_outcome,
    decide,
    first_exit,
)
from seatrial.verdict.measurement import Measurement, Unit
from seatrial.verdict.objective import Objective
from seatrial.verdict.scoring import CheckResult, Readiness, score
from seatrial.verdict.verdicts import Verdict

#: The category whose verdict is made of the readiness score.
READINESS = "production_readiness"
#: Where a configuration error of a category process is said to have happened.
CONFIGURATION = "configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What to run.

    Parameters
    ----------
    categories
        Names; empty for all.
    only
        Ids of objectives and checks; the run is restricted to what measures them.
    project
        The project's root.
    report_dir
        Where each category's own output goes.
    saboteur
        Id of a saboteur to put into the bundled target.
    """

    project: Path
    report_dir: Path
    run_id: str
    categories: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    target: str | None = None
    profile: str = "standard"
    policy: str = "standard"
    fail_fast: bool = False
    saboteur: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run ended, with everything that was found."""

    run_id: str
    exit_code: ExitCode
    decision: Decision
    measurements: tuple[Measurement, ...]
    checks: tuple[CheckResult, ...]

    def verdict_of(self, identifier: str) -> Verdict | None:
        """The verdict of an objective or a check; None when it was not judged."""
        for check in self.checks:
            if check.id == identifier:
                return check.verdict
        for measurement in self.measurements:
            if measurement.objective is not None and measurement.objective.id == identifier:
                return measurement.verdict
        return None


def new_run_id() -> str:
    """An id that sorts by time."""
    return f"{utc_now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def prepare(request: RunRequest) -> TrialSettings:
    """Load and check the settings of a run; what no run could break or meet is found here.

    Raises
    ------
    ConfigurationError
        Unknown keys, names, ids, or files that are not there.
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
    request.report_dir.mkdir(parents=True, exist_ok=True)
    with closing(handler):
        return _Run(request, settings, handler, interruption).execute()


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
        self._codes: list[int] = []
        self._internal_error = False
        self._readiness: Readiness | None = None

    def _selection(self) -> dict[str, CategorySettings]:
        selected = self._settings.select(self._request.categories)
        if not self._request.only:
            return selected
        wanted = {category_measuring(identifier, self._settings) for identifier in self._request.only}
        return {name: category for name, category in selected.items() if name in wanted}

    @property
    def _scope(self) -> Scope:
        whole = set(self._selected) == set(self._settings.categories) and not self._request.only
        return Scope.FULL if whole else Scope.PARTIAL

    # -- the run

    def execute(self) -> RunResult:
        started = time.perf_counter()
        self.emit(self._run_started())
        outcomes: list[CategoryOutcome] = []
        for index, (name, category) in enumerate(self._selected.items(), start=1):
            outcome = self._category(name, category, index)
            outcomes.append(outcome)
            if self._interruption.requested or (self._request.fail_fast and outcome.critical and outcome.failed):
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
            environment=fingerprint(),
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
        code = self._process(name, category)
        self._complain_of_missing(name)
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
                exit_code=int(first_exit([category_exit_code(outcome), *code])),
                seconds=time.perf_counter() - started,
            )
        )
        return outcome

    def _process(self, name: str, category: CategorySettings) -> list[ExitCode]:
        """Run a category's pytest process and pass its events on; returns what its exit code adds."""
        reader, writer = os.pipe()
        log = self._request.report_dir / f"pytest_{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and plugin
                self._command(self._folder / category.file, writer),
                cwd=self._request.project,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(writer,),
                start_new_session=True,
            )
        os.close(writer)
        with self._interruption.passed_on_to(process), os.fdopen(reader, encoding="utf-8") as lines:
            for line in lines:
                self._take(line)
            code = process.wait()
        return self._end_of_process(name, code, log)

    def _take(self, line: str) -> None:
        event = from_json(line)
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

    def _command(self, file: Path, writer: int) -> list[str]:
        command = [
            sys.executable,
            "-m",
            "pytest",
            str(file),
            "-p",
            "no:cacheprovider",
            "-q",
            "--tb=short",
            f"--seatrial-events-fd={writer}",
            f"--seatrial-run-id={self._request.run_id}",
            f"--seatrial-profile={self._request.profile}",
            f"--seatrial-policy={self._settings.policy.name}",
            f"--seatrial-target={self._settings.target.kind}",
        ]
        if self._settings.source is not None:
            command.append(f"--seatrial-settings={self._settings.source}")
        if self._request.saboteur is not None:
            command.append(f"--seatrial-saboteur={self._request.saboteur}")
        command += [f"--seatrial-only={identifier}" for identifier in self._request.only]
        if self._request.fail_fast:
            command.append("--exitfirst")
        return command

    def _end_of_process(self, name: str, code: int, log: Path) -> list[ExitCode]:
        """What the process's exit code says beyond its events."""
        if code in (0, 1) or self._interruption.requested:
            return []
        if code == 5:
            self._codes.append(ExitCode.NOTHING_SELECTED)
            return [ExitCode.NOTHING_SELECTED]
        ending = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        self._internal_error = True
        self.emit(
            InternalError(
                ts=utc_now(),
                run_id=self._request.run_id,
                where=f"pytest of {name}",
                message=f"the process ended with {code}; its log {log} ends:\n{ending}",
                category=name,
            )
        )
        return [ExitCode.INTERNAL_ERROR]

    def _complain_of_missing(self, name: str) -> None:
        """No data is never a pass: an objective that nothing measured is in doubt, unless the category has failed anyway."""
        ended = (done.verdict for done in self._scenarios.get(name, []))
        if self._interruption.requested or any(verdict in (Verdict.FAIL, Verdict.ERROR) for verdict in ended):
            return
        taken = {measurement.objective.id for measurement in self._measurements if measurement.objective is not None}
        for objective in self._settings.objectives:
            if objective.category != name or objective.id in taken:
                continue
            if self._request.only and objective.id not in self._request.only:
                continue
            measurement = never_measured(objective)
            self._measurements.append(measurement)
            self.emit(MeasurementTaken(ts=utc_now(), run_id=self._request.run_id, measurement=measurement))

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


def category_measuring(identifier: str, settings: TrialSettings) -> str:
    """The category in which an objective is measured or a check made.

    Raises
    ------
    ConfigurationError
        Neither is known.
    """
    for objective in settings.objectives:
        if identifier in (objective.id, objective.measures):
            return objective.category
    if identifier.partition(".")[0] in settings.weights:
        return READINESS
    raise ConfigurationError(
        f"{identifier!r} is neither an objective of this profile nor a check; see `seatrial checks`"
    )


def never_measured(objective: Objective) -> Measurement:
    """An objective without data."""
    return Measurement(
        id=objective.id,
        name=objective.name,
        category=objective.category,
        scenario=objective.scenario,
        unit=Unit.COUNT,
        value=None,
        samples=0,
        objective=objective,
        verdict=Verdict.INCONCLUSIVE,
        detail="nothing measured it",
    )


def fingerprint() -> Mapping[str, Fact]:
    """What the host is: figures of two runs compare only where these are alike."""
    memory = psutil.virtual_memory().total
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu_model": _cpu_model(),
        "cores": psutil.cpu_count() or 0,
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else psutil.cpu_count(),
        "memory_bytes": memory,
        "ci": os.environ.get("CI", "").lower() in ("1", "true"),
    }


def _cpu_model() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
