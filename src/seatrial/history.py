"""Earlier runs: kept one JSON a run, and compared only where comparing means something.

The unit is the run, not the request: a Mann-Whitney test at p < 0.002 cannot come out with fewer than seven runs a side.
A regression needs significance and a factor of at least 1.10, between runs on the same kind of machine.
"""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from seatrial.errors import ConfigurationError

__all__ = ["MIN_RUNS", "Comparison", "compare", "fingerprint", "keep", "load_runs"]

MIN_RUNS = 7
SIGNIFICANCE = 0.002
MIN_FACTOR = 1.10
_FINGERPRINT = ("cpu_model", "cores", "memory_bytes", "python", "scenario_hash")
_HIGHER_IS_BETTER = frozenset({"per_second", "per_minute", "score"})

Run = Mapping[str, Any]
Outcome = Literal["not tested", "no change", "better", "worse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One measurement in two sets of runs.

    ``factor`` is the median now over the median before; ``p_value`` is ``None`` when too few runs were there to test.
    """

    id: str
    unit: str
    before: float
    now: float
    runs: tuple[int, int]
    factor: float | None
    p_value: float | None
    outcome: Outcome


def keep(report: Path, directory: Path) -> Path:
    """Copy a run's validation report into the history, under its run id.

    Raises
    ------
    ConfigurationError
        The file is no validation report.
    """
    run = _read(report)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{run['run_id']}.json"
    path.write_text(json.dumps(run, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return path


def load_runs(directory: Path) -> list[Run]:
    """All kept runs, oldest first; none if there is no such folder."""
    if not directory.is_dir():
        return []
    return sorted((_read(path) for path in directory.glob("*.json")), key=lambda run: str(run["timestamp"]))


def fingerprint(run: Run) -> tuple[object, ...]:
    """What must be equal for two runs to be compared: machine, Python, scenarios, profile, seatrial. Not the target."""
    environment = run.get("environment", {})
    return (*(environment.get(name) for name in _FINGERPRINT), run.get("profile"), run.get("seatrial_version"))


def compare(before: Sequence[Run], now: Sequence[Run]) -> list[Comparison]:
    """Compare every measurement that both sides hold, by the medians of its values over runs.

    Raises
    ------
    ConfigurationError
        The runs do not have one fingerprint.
    """
    if len({fingerprint(run) for run in (*before, *now)}) > 1:
        raise ConfigurationError(
            "the runs differ in machine, Python, scenarios, profile or seatrial version; only like is compared with like"
        )
    old, new = _values(before), _values(now)
    return [
        _compare(identifier, unit, old[identifier, unit], new[identifier, unit])
        for identifier, unit in old
        if (identifier, unit) in new
    ]


def _values(runs: Sequence[Run]) -> dict[tuple[str, str], list[float]]:
    values: dict[tuple[str, str], list[float]] = {}
    for run in runs:
        for found in run.get("measurements", ()):
            if found["value"] is not None:
                values.setdefault((found["id"], found["unit"]), []).append(float(found["value"]))
    return values


def _compare(identifier: str, unit: str, before: Sequence[float], now: Sequence[float]) -> Comparison:
    old, new = statistics.median(before), statistics.median(now)
    p_value = _mann_whitney(before, now) if min(len(before), len(now)) >= MIN_RUNS else None
    outcome: Outcome = "not tested"
    if p_value is not None:
        outcome = "no change"
        larger = new >= old * MIN_FACTOR and new > old
        smaller = old >= new * MIN_FACTOR and old > new
        if p_value < SIGNIFICANCE and (larger or smaller):
            outcome = "better" if larger == (unit in _HIGHER_IS_BETTER) else "worse"
    return Comparison(
        id=identifier,
        unit=unit,
        before=old,
        now=new,
        runs=(len(before), len(now)),
        factor=new / old if old else None,
        p_value=p_value,
        outcome=outcome,
    )


def _mann_whitney(before: Sequence[float], now: Sequence[float]) -> float:
    # Takes most of a second to import, and only this comparison needs it.
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(before, now, alternative="two-sided").pvalue)


def _read(path: Path) -> dict[str, Any]:
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as cause:
        raise ConfigurationError(f"{path} cannot be read as a report: {cause}") from cause
    if not isinstance(run, dict) or "run_id" not in run or "measurements" not in run:
        raise ConfigurationError(f"{path} is not a validation report: it has no run_id or no measurements")
    return run
