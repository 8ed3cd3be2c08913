"""What a scenario works with: the target, timed steps, load, observation, and the figures it takes."""

import contextlib
import time
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Protocol, Self

import _pytest.outcomes

from seatrial.errors import CONFIGURATION, MISCONFIGURED, ConfigurationError, TargetFailure
from seatrial.events import (
    Event,
    InternalError,
    LogLine,
    MeasurementTaken,
    ResourceSampled,
    ScenarioDone,
    ScenarioStarted,
    StageProgress,
    StageStarted,
    utc_now,
)
from seatrial.load.affinity import Placement, separated
from seatrial.load.arrivals import constant
from seatrial.load.closed_loop import run_closed_loop
from seatrial.load.guard import GuardLimits
from seatrial.load.lock import measuring_lock
from seatrial.load.open_loop import run_open_loop
from seatrial.load.stage import Operation, StageResult
from seatrial.load.stage import StageProgress as LoopProgress
from seatrial.observe.resources import ResourceSample, ResourceSampler, ResourceSummary
from seatrial.scenarios.endings import NotApplicable, ObjectiveMissed, describe, verdict_of
from seatrial.settings.loading import TrialSettings
from seatrial.settings.model import StageSettings
from seatrial.target.protocol import TradingSystem, control_of, foreign_symbols, has_capability
from seatrial.verdict.decision import deciding_verdict
from seatrial.verdict.measurement import Guard, Measurement, Sample, Scalar, Unit, measure_all, waive_measurement
from seatrial.verdict.verdicts import Verdict, worst


@dataclass(slots=True, kw_only=True)
class Trial:
    """One process's part of a run: what it was told and where its events go."""

    run_id: str
    settings: TrialSettings
    emit: Callable[[Event], None]
    opened: int = 0

    def account_name(self, purpose: str) -> str:
        """A name for a new account that tells whose it is."""
        self.opened += 1
        return f"seatrial-{self.run_id}-{purpose}-{self.opened}"


class ScenarioContext:
    """The context of one scenario.

    Entering announces the scenario; leaving gives it its verdict: ``fail`` when an objective was missed, an expectation did not hold or
    the target failed, ``inconclusive`` when a figure is in doubt, ``error`` when something of ours broke.
    """

    def __init__(
        self, trial: Trial, target: TradingSystem | None, *, category: str, scenario: str, title: str, node: str
    ) -> None:
        self.trial = trial
        self.category = category
        self.scenario = scenario
        self.title = title
        self.node = node
        self._steps = 0
        self._failed_steps = 0
        self.measurements: list[Measurement] = []
        self._target = target
        self._started = 0.0
        self._reported: dict[str, dict[str, int]] = {}

    def plan(self, stage: str) -> StageSettings:
        """Length, rate and users of a stage in the chosen profile."""
        return self.trial.settings.stage(stage)

    def account_name(self, purpose: str) -> str:
        """A name for a new account that tells whose it is."""
        return self.trial.account_name(purpose)

    # -- life

    async def __aenter__(self) -> Self:
        self._started = time.perf_counter()
        self._emit_scenario_started()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> bool:
        if self._steps:
            steps = Scalar(value=float(self._failed_steps), samples=self._steps)
            self.measure("steps_failed", steps, Unit.COUNT, detail=f"{self._steps} steps begun")
        verdict, detail = self._verdict(exc)
        if isinstance(exc, MISCONFIGURED):
            self._emit_misconfigured(exc)
        shown = None
        if exc is not None and verdict in (Verdict.FAIL, Verdict.ERROR) and not isinstance(exc, TargetFailure):
            shown = "".join(traceback.format_exception(exc))
        self.trial.emit(
            ScenarioDone(
                ts=utc_now(),
                run_id=self.trial.run_id,
                category=self.category,
                scenario=self.scenario,
                title=self.title,
                node=self.node,
                verdict=verdict,
                seconds=time.perf_counter() - self._started,
                detail=detail,
                traceback=shown,
            )
        )
        if exc is None and verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
            raise ObjectiveMissed(detail)
        return False

    def _verdict(self, exc: BaseException | None) -> tuple[Verdict, str | None]:
        policy = self.trial.settings.policy
        own = worst(deciding_verdict(measurement, policy) for measurement in self.measurements)
        missed = [
            describe(measurement)
            for measurement in self.measurements
            if deciding_verdict(measurement, policy) in (Verdict.FAIL, Verdict.INCONCLUSIVE)
        ]
        said = "; ".join(missed) or None
        if exc is None:
            return (Verdict.PASS if own.is_neutral else own), said
        first_line = str(exc).partition("\n")[0]
        words = first_line if isinstance(exc, TargetFailure) else f"{type(exc).__name__}: {first_line}"
        return verdict_of(exc), "; ".join(part for part in (said, words) if part)

    def _emit_scenario_started(self) -> None:
        self.trial.emit(
            ScenarioStarted(
                ts=utc_now(),
                run_id=self.trial.run_id,
                category=self.category,
                scenario=self.scenario,
                title=self.title,
                node=self.node,
            )
        )

    def _emit_misconfigured(self, error: Exception) -> None:
        self.trial.emit(
            InternalError(
                ts=utc_now(),
                run_id=self.trial.run_id,
                where=CONFIGURATION,
                message=str(error),
                category=self.category,
                scenario=self.scenario,
            )
        )

    # -- preconditions

    def need(self, *capabilities: str) -> None:
        """Leave the scenario as not applicable where the target declares that it lacks a capability.

        Raises
        ------
        NotApplicable
            Naming what is lacking.
        """
        lacking = [name for name in capabilities if not has_capability(self._target, name)]
        if lacking:
            raise NotApplicable(f"the target has no {', '.join(lacking)}")

    def need_own_symbols(self) -> None:
        """Leave the scenario where it would write quotes of real symbols into a target that is not disposable.

        Raises
        ------
        pytest.skip.Exception
            Saying which setting allows it.
        """
        foreign = foreign_symbols(self._target, disposable=self.trial.settings.target.is_disposable)
        if foreign:
            raise _pytest.outcomes.Skipped(
                f"it would push quotes of {', '.join(foreign)} into a target that is not disposable; "
                "set [target] disposable = true where it is, or give it symbols that begin with ZS"
            )

    # -- findings

    def measure(
        self, name: str, sample: Sample, unit: Unit, *, guard: Guard | None = None, detail: str | None = None
    ) -> tuple[Measurement, ...]:
        """Take a figure and judge it by every objective there is for it; without one it is printed, unjudged."""
        identifier = f"{self.category}.{self.scenario}.{name}"
        objectives = self.trial.settings.objectives_for(identifier)
        taken = tuple(
            waive_measurement(measurement, self.trial.settings.waivers, utc_now().date())
            for measurement in measure_all(identifier, unit, sample, objectives, guard=guard, detail=detail)
        )
        for measurement in taken:
            self.measurements.append(measurement)
            self.trial.emit(MeasurementTaken(ts=utc_now(), run_id=self.trial.run_id, measurement=measurement))
        return taken

    def leave_out(self, name: str, unit: Unit, reason: str) -> None:
        """Say of a figure that the target's declaration leaves it out: its objectives are not applicable."""
        identifier = f"{self.category}.{self.scenario}.{name}"
        no_data = Scalar(value=None, samples=0)
        for objective in self.trial.settings.objectives_for(identifier):
            [blank] = measure_all(objective.id, unit, no_data, detail=reason)
            measurement = replace(blank, objective=objective, verdict=Verdict.NOT_APPLICABLE)
            self.measurements.append(measurement)
            self.trial.emit(MeasurementTaken(ts=utc_now(), run_id=self.trial.run_id, measurement=measurement))

    def expect(self, claim: bool, words: str) -> None:
        """Assert something about the target; `words` say what should hold and what was found.

        Raises
        ------
        TargetFailure
            It does not hold.
        """
        if not claim:
            raise TargetFailure(f"expected that {words}", kind="value")

    def log(self, message: str, *, level: str = "info") -> None:
        """Say something to the reader."""
        self.trial.emit(
            LogLine(ts=utc_now(), run_id=self.trial.run_id, level=level, source=self.scenario, message=message)
        )

    @contextlib.asynccontextmanager
    async def step(self, title: str) -> AsyncIterator[None]:
        """A named part of the scenario. What the target does wrong in it fails the scenario, and the parts after it do not run."""
        started = time.perf_counter()
        self._steps += 1
        try:
            yield
        except AssertionError:
            self._failed_steps += 1
            raise
        except TargetFailure as failure:
            self._failed_steps += 1
            raise TargetFailure(f"{title}: {failure.detail}", kind=failure.kind, status=failure.status) from failure
        finally:
            self.log(f"{title}: {time.perf_counter() - started:.2f} s", level="debug")

    # -- load and observation

    def _target_pids(self) -> tuple[int, ...]:
        control = control_of(self._target)
        return () if control is None else (control.process_id,)

    def _tightest_latency_limit(self) -> float | None:
        limits = [
            objective.limit
            for objective in self.trial.settings.objectives
            if (objective.category, objective.scenario) == (self.category, self.scenario)
            and objective.name.startswith("response_time")
        ]
        return min(limits, default=None)

    async def open_loop(
        self,
        stage: str,
        operation: Operation,
        plan: StageSettings,
        *,
        time_limit: float = 10.0,
        in_flight_cap: int = 1000,
        watched: "Watched | None" = None,
    ) -> StageResult:
        """Run an open-loop stage alone on the machine, generator and target on cores of their own where possible.

        What the target's processes use meanwhile is put into `watched`, where they are ours to watch.
        """
        if plan.rate is None or plan.seconds is None:
            raise ConfigurationError(
                f"stage {stage!r} of {self.scenario} needs a rate and seconds, the profile gives {plan}"
            )
        schedule = constant(plan.rate, plan.seconds)
        warm_up = constant(plan.rate, plan.warm_up_seconds) if plan.warm_up_seconds else None
        self._stage_started(stage, "open", seconds=plan.seconds, rate=plan.rate)
        async with self._alone(stage) as placement, self._watching(watched):
            return await run_open_loop(
                operation,
                schedule,
                name=stage,
                time_limit=time_limit,
                in_flight_cap=in_flight_cap,
                warm_up=warm_up,
                guard_limits=GuardLimits(tightest_latency_limit=self._tightest_latency_limit()),
                co_located=placement.co_located,
                on_progress=self._progress,
            )

    async def closed_loop(
        self, stage: str, operation: Operation, *, users: int, operations_per_user: int, time_limit: float = 10.0
    ) -> StageResult:
        """Run a closed-loop stage: so many users, each asking again when it has its answer."""
        self._stage_started(stage, "closed", users=users)
        async with self._alone(stage) as placement:
            return await run_closed_loop(
                operation,
                users,
                operations_per_user,
                name=stage,
                time_limit=time_limit,
                guard_limits=GuardLimits(),
                co_located=placement.co_located,
                on_progress=self._progress,
            )

    @contextlib.asynccontextmanager
    async def _alone(self, stage: str) -> AsyncIterator[Placement]:
        """One measuring stage at a time on the machine, generator and target apart."""
        async with measuring_lock(f"{self.scenario} {stage}", on_wait=self.log):
            with separated(self._target_pids()) as placement:
                yield placement

    def judge_load(self, result: StageResult) -> None:
        """Take the figures that an open-loop stage is judged by."""
        detail = f"{result.kind} loop" + (", generator and target share cores" if result.co_located else "")
        if result.errors:
            detail += f"; most often: {next(iter(result.errors))[:120]}"
        self._take_load("", result, detail)

    def show_load(self, result: StageResult) -> None:
        """Take the figures of a stage under its own name: printed, unjudged unless an objective names them."""
        self._take_load(f"{result.name}_", result, f"{result.kind} loop")

    def _take_load(self, prefix: str, result: StageResult, detail: str) -> None:
        guard = result.guard
        for name, quantile in (("response_time_p95", 0.95), ("response_time_p99", 0.99)):
            self.measure(prefix + name, result.response_time_sample(quantile), Unit.SECONDS, guard=guard, detail=detail)
        self.measure(f"{prefix}error_rate", result.error_rate_sample(), Unit.RATIO, guard=guard, detail=detail)
        self.measure(f"{prefix}throughput", result.throughput_sample(), Unit.PER_SECOND, guard=guard, detail=detail)

    @contextlib.asynccontextmanager
    async def _watching(self, watched: "Watched | None") -> AsyncIterator[None]:
        """Watch the target's processes; begun once they are on the cores that their CPU is a share of."""
        pids = self._target_pids()
        if watched is None or not pids:
            yield
            return
        async with ResourceSampler(pids, on_sample=self._sampled) as sampler:
            yield
        watched.summary = sampler.summary()

    def judge_resources(self, watched: "Watched", *, guard: Guard | None = None) -> None:
        """Take CPU and memory of the target over the time it was watched."""
        used = watched.summary
        if used is None:
            reason = "the target's processes are not ours to watch"
            self.leave_out("cpu_sustained", Unit.RATIO, reason)
            self.leave_out("cpu_peak", Unit.RATIO, reason)
            self.leave_out("memory_bytes", Unit.BYTES, reason)
            return
        cores = f"of {used.cores:g} core(s) that the target may use"
        self.measure(
            "cpu_sustained", Scalar(value=used.cpu_mean, samples=used.samples), Unit.RATIO, guard=guard, detail=cores
        )
        self.measure(
            "cpu_peak", Scalar(value=used.cpu_peak, samples=used.samples), Unit.RATIO, guard=guard, detail=cores
        )
        memory = None if used.memory_peak_bytes is None else float(used.memory_peak_bytes)
        kind = f"peak {used.memory_kind.upper()} of the process tree" if used.memory_kind else None
        self.measure("memory_bytes", Scalar(value=memory, samples=used.samples), Unit.BYTES, detail=kind)

    def _stage_started(
        self,
        stage: str,
        kind: str,
        *,
        seconds: float | None = None,
        rate: float | None = None,
        users: int | None = None,
    ) -> None:
        self.trial.emit(
            StageStarted(
                ts=utc_now(),
                run_id=self.trial.run_id,
                category=self.category,
                scenario=self.scenario,
                stage=stage,
                kind=kind,
                seconds=seconds,
                offered_rate=rate,
                users=users,
            )
        )

    def _progress(self, progress: LoopProgress) -> None:
        """Pass on what happened since the last report: events speak of one second, the load of all so far."""
        if progress.warming_up:
            return
        failed = progress.failed + progress.timed_out
        now = {"sent": progress.sent, "completed": progress.completed, "failed": failed}
        before = self._reported.get(progress.name, {})
        self._reported[progress.name] = now
        self.trial.emit(
            StageProgress(
                ts=utc_now(),
                run_id=self.trial.run_id,
                category=self.category,
                scenario=self.scenario,
                stage=progress.name,
                elapsed=progress.elapsed_seconds,
                total=progress.planned_seconds,
                p95=progress.response_p95,
                **{name: count - before.get(name, 0) for name, count in now.items()},
            )
        )

    def _sampled(self, sample: ResourceSample) -> None:
        self.trial.emit(
            ResourceSampled(
                ts=utc_now(),
                run_id=self.trial.run_id,
                category=self.category,
                scenario=self.scenario,
                cpu=sample.cpu,
                memory_bytes=sample.memory_bytes,
                memory_kind=sample.memory_kind,
                threads=sample.threads,
                file_descriptors=sample.file_descriptors,
            )
        )


@dataclass(slots=True)
class Watched:
    """What was used while something was watched; None until the watch is over, or where it could not be."""

    summary: ResourceSummary | None = None


class ProductionContext(Protocol):
    """The fixture ``production_context``: makes the context of the running scenario, given its title."""

    def __call__(self, title: str) -> AbstractAsyncContextManager[ScenarioContext]:
        """Make the context."""
