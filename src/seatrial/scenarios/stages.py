"""Stages of load, alone on the machine, with the target's processes watched meanwhile."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from seatrial.errors import ConfigurationError
from seatrial.events import ResourceSampled, StageProgress, StageStarted
from seatrial.load.affinity import Placement, separated
from seatrial.load.arrivals import constant
from seatrial.load.closed_loop import run_closed_loop
from seatrial.load.guard import GuardLimits
from seatrial.load.lock import measuring_lock
from seatrial.load.open_loop import run_open_loop
from seatrial.load.stage import Operation, StageResult
from seatrial.load.stage import StageProgress as LoopProgress
from seatrial.observe.resources import ResourceSample, ResourceSampler, ResourceSummary
from seatrial.scenarios.findings import Findings
from seatrial.scenarios.trial import Trial
from seatrial.settings.model import StageSettings
from seatrial.target.protocol import TradingSystem, control_of
from seatrial.verdict.measurement import Guard, Scalar, Unit


@dataclass(slots=True)
class Watched:
    """What was used while something was watched; None until the watch is over, or where it could not be."""

    summary: ResourceSummary | None = None


class Stages(Findings):
    """Runs stages of load on a target and takes their figures."""

    def __init__(self, trial: Trial, target: TradingSystem | None, *, category: str, scenario: str) -> None:
        super().__init__(trial, category=category, scenario=scenario)
        self._target = target
        self._reported: dict[str, dict[str, int]] = {}

    def plan(self, stage: str) -> StageSettings:
        """Length, rate and users of a stage in the chosen profile."""
        return self.trial.settings.stage(stage)

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
        watched: Watched | None = None,
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
    async def _watching(self, watched: Watched | None) -> AsyncIterator[None]:
        """Watch the target's processes; begun once they are on the cores that their CPU is a share of."""
        pids = self._target_pids()
        if watched is None or not pids:
            yield
            return
        async with ResourceSampler(pids, on_sample=self._sampled) as sampler:
            yield
        watched.summary = sampler.summary()

    def judge_resources(self, watched: Watched, *, guard: Guard | None = None) -> None:
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
        self.tell(
            StageStarted,
            stage=stage,
            kind=kind,
            seconds=seconds,
            offered_rate=rate,
            users=users,
        )

    def _progress(self, progress: LoopProgress) -> None:
        """Pass on what happened since the last report: events speak of one second, the load of all so far."""
        if progress.warming_up:
            return
        failed = progress.failed + progress.timed_out
        now = {"sent": progress.sent, "completed": progress.completed, "failed": failed}
        before = self._reported.get(progress.name, {})
        self._reported[progress.name] = now
        self.tell(
            StageProgress,
            stage=progress.name,
            elapsed=progress.elapsed_seconds,
            total=progress.planned_seconds,
            p95=progress.response_p95,
            **{name: count - before.get(name, 0) for name, count in now.items()},
        )

    def _sampled(self, sample: ResourceSample) -> None:
        self.tell(
            ResourceSampled,
            cpu=sample.cpu,
            memory_bytes=sample.memory_bytes,
            memory_kind=sample.memory_kind,
            threads=sample.threads,
            file_descriptors=sample.file_descriptors,
        )
