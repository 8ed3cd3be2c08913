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
from seatrial.verdict.decision import ExitCode, first_exit
from seatrial.verdict.objective import Level
from seatrial.verdict.verdicts import Verdict

_DECIDED = (Verdict.PASS, Verdict.WAIVED, Verdict.NOT_APPLICABLE)
#: Saboteurs of these levels do not measure, so two of them may run at once.
SIDE_BY_SIDE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Trying:
    """How one saboteur, or the control, fared.

    Parameters
    ----------
    killed_by, undecided
        The expected ids that failed, and those of which nothing is known; after an error of ours that is all of them.
    collateral
        What failed although it was not expected to.
    """

    id: str
    title: str
    level: str
    expected: tuple[str, ...]
    killed_by: tuple[str, ...]
    undecided: tuple[str, ...]
    exit_code: int
    seconds: float
    collateral: tuple[str, ...] = ()

    @property
    def killed(self) -> bool:
        """Whether at least one of the expected ids failed."""
        return bool(self.killed_by)

    @property
    def sound(self) -> bool:
        """Of a control: whether everything passed."""
        return not self.killed_by and not self.undecided


@dataclass(frozen=True, slots=True, kw_only=True)
class KillMatrix:
    """The outcome of a proof.

    Parameters
    ----------
    controls
        The healthy target and the no-op; neither may have failed anything.
    unkilled_checks
        Required objectives and checks that no saboteur failed although they name one.
    unproven
        Those of a user's own that name none; they are listed, and do not fail the proof.
    """

    controls: tuple[Trying, ...]
    saboteurs: tuple[Trying, ...]
    unkilled_checks: tuple[str, ...]
    seconds: float
    unproven: tuple[str, ...] = ()
    interrupted: bool = False

    @property
    def exit_code(self) -> ExitCode:
        """0 all killed, 1 one lives or a control failed, 2 undecided, 3 and 4 as of a run, 5 none to try, 130 interrupted."""
        survivors = [trying for trying in self.saboteurs if not trying.killed]
        doubtful = {identifier for trying in survivors for identifier in trying.undecided}
        unproven = any(not trying.undecided for trying in survivors) or not doubtful.issuperset(self.unkilled_checks)
        open_ends = [*survivors, *self.controls]
        codes = [ExitCode.READY]
        if self.interrupted:
            codes.append(ExitCode.INTERRUPTED)
        if not self.saboteurs and not self.controls:
            codes.append(ExitCode.NOTHING_SELECTED)
        if any(trying.exit_code == ExitCode.USAGE for trying in open_ends):
            codes.append(ExitCode.USAGE)
        if any(control.killed for control in self.controls) or (self.saboteurs and unproven):
            codes.append(ExitCode.NOT_READY)
        if any(trying.exit_code == ExitCode.INTERNAL_ERROR for trying in open_ends):
            codes.append(ExitCode.INTERNAL_ERROR)
        if survivors or any(control.undecided for control in self.controls):
            codes.append(ExitCode.INCONCLUSIVE)
        return first_exit(codes)

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
                "collateral": list(trying.collateral),
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
            "unproven": list(self.unproven),
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
        The target is not the bundled one, two saboteurs have one id, one expects nothing or an id that is not known, or a check
        names a saboteur that does not expect it.
    """
    if settings.target.way != "bundled":
        raise ConfigurationError(f"saboteurs work on the bundled target; this one is {settings.target.kind!r}")
    claims = provable(settings)
    by_id: dict[str, Saboteur] = {}
    for saboteur in saboteurs:
        if saboteur.id in by_id or saboteur.id == NOOP.id:
            raise ConfigurationError(f"two saboteurs have the id {saboteur.id!r}")
        if not saboteur.expected:
            raise ConfigurationError(f"saboteur {saboteur.id!r} expects nothing to fail, so nothing could kill it")
        by_id[saboteur.id] = saboteur
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
    if not saboteurs:
        return KillMatrix(controls=(), saboteurs=(), unkilled_checks=(), seconds=0.0)
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
    sound = all(control.sound for control in controls)
    tried: dict[str, Trying] = {}
    if sound and not interruption.requested:
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
    # What was never tried is no finding about a check.
    claims = provable(settings) if whole and sound and not interruption.requested else {}
    killers = {identifier for trying in done for identifier in trying.killed_by}
    return KillMatrix(
        controls=tuple(controls),
        saboteurs=done,
        unkilled_checks=tuple(i for i, named in claims.items() if named and i not in killers),
        unproven=tuple(i for i, named in claims.items() if not named and i not in killers),
        seconds=time.perf_counter() - started,
        interrupted=interruption.requested,
    )


def outcome(
    name: str, title: str, saboteur: Saboteur | None, only: tuple[str, ...], result: RunResult, seconds: float
) -> Trying:
    """Read a run's verdicts on the expected ids."""
    verdicts = {identifier: result.verdict_of(identifier) for identifier in only}
    failed = tuple(identifier for identifier, verdict in verdicts.items() if verdict is Verdict.FAIL)
    doubtful = tuple(identifier for identifier, verdict in verdicts.items() if verdict not in (Verdict.FAIL, *_DECIDED))
    if result.internal_error and saboteur is not None:
        # What failed while our own side was broken may have failed for that.
        failed, doubtful = (), only
    return Trying(
        id=name,
        title=title,
        level="control" if saboteur is None else saboteur.level,
        expected=only,
        killed_by=failed,
        undecided=doubtful,
        exit_code=int(result.exit_code),
        seconds=seconds,
        collateral=tuple(identifier for identifier in result.failed if identifier not in only),
    )
