"""What a scenario works with: the target, timed steps, load, observation, and the figures it takes."""

import contextlib
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Protocol, Self

import _pytest.outcomes

from seatrial.errors import CONFIGURATION, MISCONFIGURED, TargetFailure
from seatrial.events import InternalError, ScenarioDone, ScenarioStarted
from seatrial.scenarios.endings import NotApplicable, ObjectiveMissed, describe, verdict_of
from seatrial.scenarios.stages import Stages, Watched
from seatrial.scenarios.trial import Trial
from seatrial.target.protocol import TradingSystem, foreign_symbols, has_capability
from seatrial.verdict.decision import deciding_verdict
from seatrial.verdict.measurement import Scalar, Unit
from seatrial.verdict.verdicts import Verdict, worst

__all__ = ["ProductionContext", "ScenarioContext", "Trial", "Watched"]


class ScenarioContext(Stages):
    """The context of one scenario.

    Entering announces the scenario; leaving gives it its verdict: ``fail`` when an objective was missed, an expectation did not hold or
    the target failed, ``inconclusive`` when a figure is in doubt, ``error`` when something of ours broke.
    """

    def __init__(
        self, trial: Trial, target: TradingSystem | None, *, category: str, scenario: str, title: str, node: str
    ) -> None:
        super().__init__(trial, target, category=category, scenario=scenario)
        self.title = title
        self.node = node
        self._steps = 0
        self._failed_steps = 0
        self._started = 0.0

    def account_name(self, purpose: str) -> str:
        """A name for a new account that tells whose it is."""
        return self.trial.account_name(purpose)

    # -- life

    async def __aenter__(self) -> Self:
        self._started = time.perf_counter()
        self.tell(ScenarioStarted, title=self.title, node=self.node)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> bool:
        if self._steps:
            steps = Scalar(value=float(self._failed_steps), samples=self._steps)
            self.measure("steps_failed", steps, Unit.COUNT, detail=f"{self._steps} steps begun")
        verdict, detail = self._verdict(exc)
        if isinstance(exc, MISCONFIGURED):
            self.tell(InternalError, where=CONFIGURATION, message=str(exc))
        shown = None
        if exc is not None and verdict in (Verdict.FAIL, Verdict.ERROR) and not isinstance(exc, TargetFailure):
            shown = "".join(traceback.format_exception(exc))
        self.tell(
            ScenarioDone,
            title=self.title,
            node=self.node,
            verdict=verdict,
            seconds=time.perf_counter() - self._started,
            detail=detail,
            traceback=shown,
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


class ProductionContext(Protocol):
    """The fixture ``production_context``: makes the context of the running scenario, given its title."""

    def __call__(self, title: str) -> AbstractAsyncContextManager[ScenarioContext]:
        """Make the context."""
