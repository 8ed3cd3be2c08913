"""What is asked of a run, and what it answers."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from seatrial.events import utc_now
from seatrial.verdict.decision import Decision, ExitCode
from seatrial.verdict.measurement import Measurement
from seatrial.verdict.scoring import CheckResult
from seatrial.verdict.verdicts import Verdict, worst


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
    """How a run ended, with everything that was found.

    Parameters
    ----------
    internal_error
        Whether our own side failed anywhere in the run, whatever the exit code says.
    """

    run_id: str
    exit_code: ExitCode
    decision: Decision
    measurements: tuple[Measurement, ...]
    checks: tuple[CheckResult, ...]
    internal_error: bool = False

    def verdict_of(self, identifier: str) -> Verdict | None:
        """The worst verdict on an objective or a check; None when it was not judged."""
        found = [verdict for judged, verdict in self._judged() if judged == identifier]
        return worst(found) if found else None

    @property
    def failed(self) -> tuple[str, ...]:
        """Ids of every objective and check that failed, each once."""
        return tuple(dict.fromkeys(judged for judged, verdict in self._judged() if verdict is Verdict.FAIL))

    def _judged(self) -> list[tuple[str, Verdict]]:
        checks = [(check.id, check.verdict) for check in self.checks]
        return checks + [
            (measurement.objective.id, measurement.verdict)
            for measurement in self.measurements
            if measurement.objective is not None and measurement.verdict is not None
        ]


def new_run_id() -> str:
    """An id that sorts by time."""
    return f"{utc_now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
