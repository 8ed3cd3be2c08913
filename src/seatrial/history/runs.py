"""The kept runs: a folder with one JSON a run.

A kept run is its validation report without the timeline, which makes up most of it and can be read from the run's own
``events.jsonl``. The folder is bounded: beyond ``MOST_RUNS`` the oldest goes when a new one comes.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from seatrial.errors import ConfigurationError

__all__ = [
    "DEFAULT_FOLDER",
    "FINGERPRINT",
    "MOST_RUNS",
    "Run",
    "fingerprint",
    "keep",
    "like",
    "load_runs",
    "select",
    "target_version",
    "versions",
]

DEFAULT_FOLDER = Path("seatrial-results/history")
MOST_RUNS = 1000
_REPORTS = "production_validation_report_*.json"
_LEFT_OUT = frozenset({"timeline"})

Run = Mapping[str, Any]

FINGERPRINT = ("cpu_model", "cores", "memory_gib", "python", "scenario_hash", "profile", "seatrial_version")
"""What must be equal for two runs to be compared, in the order of `fingerprint`. Never the target's version."""


def keep(run: Run, folder: Path, *, most: int = MOST_RUNS) -> Path:
    """Keep a run's validation report under its run id; a run kept before is replaced.

    Parameters
    ----------
    run
        The body of ``production_validation_report_<UTC>.json``, and what else is to be kept beside it.
    most
        How many runs the folder holds at most; the oldest are removed.

    Raises
    ------
    ConfigurationError
        It is no validation report.
    """
    _check(run, "the report")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run['run_id']}.json"
    body = {name: value for name, value in run.items() if name not in _LEFT_OUT}
    # Written aside first: a run that is killed now must not leave half a file among the others.
    draft = folder / f".{run['run_id']}.{os.getpid()}"
    draft.write_text(json.dumps(body, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    draft.replace(path)
    _forget_oldest(folder, most)
    return path


def _forget_oldest(folder: Path, most: int) -> None:
    # By age of the file: reading a thousand reports after each run would be slow, and ids may be anybody's.
    aged = sorted(folder.glob("*.json"), key=lambda path: (path.stat().st_mtime_ns, path.name))
    for path in aged[: max(len(aged) - most, 0)]:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def load_runs(folder: Path) -> list[Run]:
    """The runs of a folder, oldest first; none if there is no such folder.

    A folder of reports, such as an unpacked artefact of a continuous integration, is read as well as one of kept runs.

    Raises
    ------
    ConfigurationError
        A file in it is not a validation report.
    """
    if not folder.is_dir():
        return []
    paths = sorted(folder.glob(_REPORTS)) or sorted(folder.glob("*.json"))
    runs = {str(run["run_id"]): run for run in (_read(path) for path in paths)}
    return sorted(runs.values(), key=lambda run: (str(run.get("timestamp", "")), str(run["run_id"])))


def select(runs: Sequence[Run], side: str) -> list[Run]:
    """The runs that ``side`` names: a folder of runs, else a target's version, else the beginning of run ids.

    Raises
    ------
    ConfigurationError
        It names none.
    """
    if Path(side).is_dir():
        found = load_runs(Path(side))
    else:
        found = [run for run in runs if target_version(run) == side]
        found = found or [run for run in runs if side and str(run["run_id"]).startswith(side)]
    if not found:
        known = ", ".join(versions(runs)) or "none"
        raise ConfigurationError(
            f"{side!r} names no run: it is no folder with runs, no version of the target (known: {known}), and no run id begins so"
        )
    return found


def target_version(run: Run) -> str | None:
    """The version of the system that a run tried, if it told one."""
    target = run.get("target")
    version = target.get("version") if isinstance(target, Mapping) else None
    return None if version is None else str(version)


def versions(runs: Iterable[Run]) -> list[str]:
    """The target's versions in the order in which they first came."""
    return list(dict.fromkeys(version for run in runs if (version := target_version(run)) is not None))


def fingerprint(run: Run) -> tuple[object, ...]:
    """What must be equal for two runs to be compared: machine, Python, scenarios, profile, seatrial. Not the target.

    Memory counts in whole GiB: what a kernel keeps for itself differs from boot to boot.
    """
    environment = run.get("environment") or {}
    memory = environment.get("memory_bytes")
    return (
        environment.get("cpu_model"),
        environment.get("cores"),
        None if memory is None else round(memory / 2**30),
        environment.get("python"),
        environment.get("scenario_hash"),
        run.get("profile"),
        run.get("seatrial_version"),
    )


def like(runs: Iterable[Run], model: Run) -> list[Run]:
    """Those of the runs that have the fingerprint of ``model``."""
    wanted = fingerprint(model)
    return [run for run in runs if fingerprint(run) == wanted]


def _read(path: Path) -> Run:
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as cause:
        raise ConfigurationError(f"{path} cannot be read as a report: {cause}") from cause
    _check(run, str(path))
    return run  # type: ignore[no-any-return]  # checked just now


def _check(run: object, what: str) -> None:
    if not isinstance(run, Mapping) or "run_id" not in run or not isinstance(run.get("measurements"), list):
        raise ConfigurationError(f"{what} is not a validation report: it has no run_id or no measurements")
