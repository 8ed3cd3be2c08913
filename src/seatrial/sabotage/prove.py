"""The proof that every check can fail: the kill matrix.

First a control: everything the saboteurs are to fail must pass on the healthy target, and a saboteur that does nothing must live.
Then each saboteur runs what it is expected to fail; it is killed by a `fail` of one of its ids, and by nothing less.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from seatrial.checks import registered
from seatrial.errors import ConfigurationError
from seatrial.events import Handler
from seatrial.interruption import Interruption
from seatrial.runner import RunRequest, RunResult, run
from seatrial.sabotage.saboteurs import NOOP
from seatrial.settings.loading import TrialSettings
from seatrial.target.sabotage import Saboteur
from seatrial.verdict.decision import ExitCode
from seatrial.verdict.objective import Level
from seatrial.verdict.verdicts import Verdict

#: Saboteurs of these levels do not measure, so two of them may run at once.
SIDE_BY_SIDE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Trying:
    """How one saboteur, or the control, fared."""

    id: str
    title: str
    level: str
    expected: tuple[str, ...]
    killed_by: tuple[str, ...]
    undecided: tuple[str, ...]
    exit_code: int
    seconds: float

    @property
    def killed(self) -> bool:
        """Whether at least one of the expected ids failed."""
        return bool(self.killed_by)


@dataclass(frozen=True, slots=True, kw_only=True)
class KillMatrix:
    """The outcome of a proof.

    Parameters
    ----------
    controls
        The healthy target and the no-op; neither may have failed anything.
    unkilled_checks
        Required objectives and checks that no killed saboteur failed.
    """

    controls: tuple[Trying, ...]
    saboteurs: tuple[Trying, ...]
    unkilled_checks: tuple[str, ...]
    seconds: float
    interrupted: bool = False

    @property
    def exit_code(self) -> ExitCode:
        """0 all killed, 1 one lives or a control failed, 2 undecided, 130 interrupted."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if any(control.killed for control in self.controls):
            return ExitCode.NOT_READY
        if any(control.undecided for control in self.controls):
            return ExitCode.INCONCLUSIVE
        survivors = [trying for trying in self.saboteurs if not trying.killed]
        if any(not trying.undecided for trying in survivors) or (not survivors and self.unkilled_checks):
            return ExitCode.NOT_READY
        return ExitCode.INCONCLUSIVE if survivors else ExitCode.READY

    def as_json(self) -> str:
        """The matrix as ``kill_matrix.json``."""
        rows = [
            {
                "id": trying.id,
                "title": trying.title,
                "level": trying.level,
                "expected": list(trying.expected),
                "killed_by": list(trying.killed_by),
                "killed": trying.killed,
                "undecided": list(trying.undecided),
                "exit_code": trying.exit_code,
                "seconds": round(trying.seconds, 2),
            }
            for trying in self.saboteurs
        ]
        controls = [
            {"id": c.id, "failed": list(c.killed_by), "undecided": list(c.undecided), "seconds": round(c.seconds, 2)}
            for c in self.controls
        ]
        body = {
            "schema_version": 1,
            "saboteurs": rows,
            "killed": sum(trying.killed for trying in self.saboteurs),
            "total": len(self.saboteurs),
            "unkilled_checks": list(self.unkilled_checks),
            "controls": controls,
            "seconds": round(self.seconds, 2),
        }
        return json.dumps(body, indent=2) + "\n"


def provable(settings: TrialSettings) -> dict[str, tuple[str, ...]]:
    """Every required objective of the profile and every check, with the saboteurs that it names."""
    claims = {o.id: o.saboteurs for o in settings.objectives if o.level is Level.REQUIRED}
    return claims | {check.id: check.saboteurs for check in registered()}


def check_claims(settings: TrialSettings, saboteurs: Iterable[Saboteur]) -> None:
    """Refuse a catalogue that does not fit what is to be proven.

    Raises
    ------
    ConfigurationError
        A saboteur expects an id that is not known, or a check names a saboteur that does not expect it.
    """
    claims = provable(settings)
    by_id = {saboteur.id: saboteur for saboteur in saboteurs}
    for saboteur in by_id.values():
        unknown = [identifier for identifier in saboteur.expected if identifier not in claims]
        if unknown:
            raise ConfigurationError(
                f"saboteur {saboteur.id!r} expects {unknown[0]!r}, which is no required objective or check"
            )
    for identifier, named in claims.items():
        for name in named:
            if name in by_id and identifier not in by_id[name].expected:
                raise ConfigurationError(f"{identifier!r} names saboteur {name!r}, which does not expect it")


def prove(
    saboteurs: Sequence[Saboteur],
    settings: TrialSettings,
    *,
    project: Path,
    report_dir: Path,
    run_id: str,
    interruption: Interruption,
    stream: Callable[[Path], Handler],
    told: Callable[[Trying], None],
    references: Callable[[Saboteur], str],
    whole: bool,
    full: bool = False,
) -> KillMatrix:
    """Run the control, the no-op and every saboteur.

    Parameters
    ----------
    stream
        Makes the handler of one run's events, given the folder for its reports.
    told
        Called with each outcome as it comes.
    references
        How a pytest process finds a saboteur: its id, or ``module:NAME``.
    whole
        Whether the whole catalogue runs, so that a check without a killer is a finding.
    full
        Whether each saboteur runs everything, which shows collateral kills.
    """
    started = time.perf_counter()
    lock = threading.Lock()
    everything = tuple(dict.fromkeys(identifier for saboteur in saboteurs for identifier in saboteur.expected))

    def attempt(name: str, only: tuple[str, ...], saboteur: Saboteur | None) -> Trying:
        begun = time.perf_counter()
        folder = report_dir / name
        request = RunRequest(
            project=project,
            report_dir=folder,
            run_id=f"{run_id}-{name}",
            only=only,
            profile=settings.profile,
            policy=settings.policy.name,
            saboteur=None if saboteur is None else references(saboteur),
        )
        title = "The healthy target" if saboteur is None else saboteur.title
        result = run(request, stream(folder), interruption)
        judged = only or (everything if saboteur is None else saboteur.expected)
        trying = outcome(name, title, saboteur, judged, result, time.perf_counter() - begun)
        with lock:
            told(trying)
        return trying

    controls = [attempt("control", everything, None)]
    light = tuple(identifier for identifier in everything if identifier.count(".") == 1)
    controls.append(attempt(NOOP.id, light or everything, NOOP))
    tried: dict[str, Trying] = {}
    if not any(control.killed for control in controls) and not interruption.requested:
        alone = [saboteur for saboteur in saboteurs if saboteur.level == "load"]
        beside = [saboteur for saboteur in saboteurs if saboteur.level != "load"]

        def one(saboteur: Saboteur) -> None:
            if not interruption.requested:
                tried[saboteur.id] = attempt(saboteur.id, () if full else saboteur.expected, saboteur)

        with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE) as pool:
            list(pool.map(one, beside))
        for saboteur in alone:
            one(saboteur)
    done = tuple(tried[saboteur.id] for saboteur in saboteurs if saboteur.id in tried)
    killers = {identifier for trying in done for identifier in trying.killed_by}
    return KillMatrix(
        controls=tuple(controls),
        saboteurs=done,
        unkilled_checks=tuple(i for i in provable(settings) if i not in killers) if whole else (),
        seconds=time.perf_counter() - started,
        interrupted=interruption.requested,
    )


def outcome(
    name: str, title: str, saboteur: Saboteur | None, only: tuple[str, ...], result: RunResult, seconds: float
) -> Trying:
    """Read a run's verdicts on the expected ids."""
    verdicts = {identifier: result.verdict_of(identifier) for identifier in only}
    return Trying(
        id=name,
        title=title,
        level="control" if saboteur is None else saboteur.level,
        expected=only,
        killed_by=tuple(identifier for identifier, verdict in verdicts.items() if verdict is Verdict.FAIL),
        undecided=tuple(
            identifier
            for identifier, verdict in verdicts.items()
            if verdict in (None, Verdict.INCONCLUSIVE, Verdict.ERROR, Verdict.NOT_ASSESSED)
        ),
        exit_code=int(result.exit_code),
        seconds=seconds,
    )
