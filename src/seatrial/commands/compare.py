"""``seatrial compare``: did it get slower? Two sets of runs against each other, for the terminal or a pull request."""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from rich.table import Table

    from seatrial.history.comparison import Comparison, Outcome
    from seatrial.history.runs import Run

__all__ = ["Sides", "compare", "comparison_markdown", "comparison_table", "exit_code", "sides"]

_HEADERS = ("measurement", "before", "now", "factor", "p", "outcome")
_WORST_FIRST: tuple["Outcome", ...] = ("worse", "changed", "better", "no change", "not tested")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The two sets of runs, all of one fingerprint.

    Parameters
    ----------
    left_out
        How many runs were named but are of another fingerprint than the newest one.
    """

    names: tuple[str, str]
    before: Sequence["Run"]
    now: Sequence["Run"]
    left_out: int


def compare(
    before: str | None = None,
    now: str | None = None,
    /,
    *,
    folder: Path | None = None,
    markdown: Annotated[bool, Parameter(negative=())] = False,
    every: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Compare two sets of runs of one machine, profile and version of seatrial.

    Exit codes: 0 nothing got worse, 1 something did, 2 too few runs (7 a side) to know.

    Parameters
    ----------
    before, now
        A version of the target, a folder with runs, or the beginning of run ids; by default the newest version and the one before it.
    folder
        Where the runs are kept; seatrial-results/history by default.
    markdown
        For a pull request.
    every
        Also what did not change.
    """
    from seatrial.commands.companions import history_folder
    from seatrial.history.comparison import compare as compare_runs
    from seatrial.history.runs import load_runs
    from seatrial.report.console import make_console

    chosen = sides(load_runs(folder or history_folder(os.environ)), before, now)
    found = compare_runs(chosen.before, chosen.now)
    if markdown:
        sys.stdout.write(comparison_markdown(found, chosen, every=every))
    else:
        console = make_console(sys.stdout)
        console.print(_title(chosen))
        console.print(comparison_table(found, every=every))
        console.print(f"\n{_conclusion(found, chosen)}")
    return exit_code(found)


def sides(runs: Sequence["Run"], before: str | None, now: str | None) -> Sides:
    """The runs that are to be compared: those named, as far as they are like the newest of ``now``.

    Raises
    ------
    ConfigurationError
        A side has no run, or none that is like the other's.
    """
    from seatrial.errors import ConfigurationError
    from seatrial.history.comparison import compare as compare_runs
    from seatrial.history.runs import like, select, versions

    if (before is None) != (now is None):
        raise ConfigurationError("name both sides, before and now, or neither")
    if before is None or now is None:
        known = versions(runs)
        newest = next((version for version in reversed(known)), None)
        if newest is None or len(known) < 2:
            told = f"only {newest}" if newest else "none"
            raise ConfigurationError(
                f"two versions of the target are needed, the kept runs know {told}; name two folders with runs, or runs by their ids"
            )
        before, now = known[-2], newest
    old, new = select(runs, before), select(runs, now)
    alike, same = like(old, new[-1]), like(new, new[-1])
    if not alike:
        # Says in what they differ.
        compare_runs(old[-1:], new[-1:])
    return Sides(names=(before, now), before=alike, now=same, left_out=len(old) + len(new) - len(alike) - len(same))


def exit_code(found: Sequence["Comparison"]) -> int:
    """1 when something got worse, 2 when nothing could be tested, else 0."""
    outcomes = Counter(comparison.outcome for comparison in found)
    if outcomes["worse"]:
        return 1
    return 2 if outcomes["not tested"] == len(found) else 0


def comparison_table(found: Sequence["Comparison"], *, every: bool) -> "Table":
    """For the terminal."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for header in _HEADERS:
        table.add_column(
            header, overflow="fold", justify="right" if header in ("before", "now", "factor", "p") else "left"
        )
    for comparison in _shown(found, every=every):
        table.add_row(comparison.id, *_cells(comparison))
    return table


def comparison_markdown(found: Sequence["Comparison"], chosen: Sides, *, every: bool) -> str:
    """For a pull request."""
    from seatrial.report.markdown import cell, identifier, markdown_table

    marks = {"worse": "❌ ", "better": "✅ ", "changed": "❓ "}
    rows = []
    for comparison in _shown(found, every=every):
        *figures, outcome = _cells(comparison)
        rows.append([identifier(comparison.id), *figures, f"{marks.get(outcome, '')}{outcome}"])
    parts = [f"### {cell(_title(chosen))}", _conclusion(found, chosen), markdown_table(_HEADERS, rows)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _shown(found: Sequence["Comparison"], *, every: bool) -> list["Comparison"]:
    shown = [comparison for comparison in found if every or comparison.outcome != "no change"]
    return sorted(shown, key=lambda comparison: _WORST_FIRST.index(comparison.outcome))


def _cells(comparison: "Comparison") -> list[str]:
    from seatrial.report.figures import show
    from seatrial.verdict.measurement import Unit

    unit = Unit(comparison.unit)
    return [
        show(comparison.before, unit),
        show(comparison.now, unit),
        "-" if comparison.factor is None else f"{comparison.factor:.2f}",
        "-" if comparison.p_value is None else f"{comparison.p_value:.4f}",
        comparison.outcome,
    ]


def _title(chosen: Sides) -> str:
    before, now = chosen.names
    return f"{before} ({len(chosen.before)} runs) against {now} ({len(chosen.now)} runs), medians"


def _conclusion(found: Sequence["Comparison"], chosen: Sides) -> str:
    from seatrial.history.comparison import MIN_FACTOR, MIN_RUNS, SIGNIFICANCE

    outcomes = Counter(comparison.outcome for comparison in found)
    counted = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in _WORST_FIRST if outcomes[outcome])
    words = f"{counted or 'no measurement in common'}. A change needs p < {SIGNIFICANCE} and a factor of {MIN_FACTOR:g}"
    words += f", with at least {MIN_RUNS} runs a side." if outcomes["not tested"] else "."
    if chosen.left_out:
        words += f" {chosen.left_out} runs of another machine, profile or version were left out."
    return words
