"""``seatrial history``: the kept runs, and where their figures go."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

if TYPE_CHECKING:
    from rich.table import Table

    from seatrial.history.runs import Run
    from seatrial.history.trends import Trend

__all__ = ["history", "runs_table", "trends_table"]

Count = Annotated[int, Parameter(validator=Number(gte=1))]


def history(
    *,
    folder: Path | None = None,
    limit: Count = 20,
    measurement: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=())] = (),
    every: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Show the kept runs and the trend of their figures.

    Parameters
    ----------
    folder
        Where the runs are kept; seatrial-results/history by default.
    limit
        The newest so many runs.
    measurement
        Only the trends of measurements whose id holds one of these words.
    every
        The trends of figures without an objective too.
    """
    from seatrial.commands.companions import history_folder
    from seatrial.errors import ConfigurationError
    from seatrial.history.runs import like, load_runs
    from seatrial.history.trends import trends
    from seatrial.report.console import make_console

    place = folder or history_folder(os.environ)
    runs = load_runs(place)
    if not runs:
        raise ConfigurationError(f"no run is kept in {place}; `seatrial run` keeps each one")
    console = make_console(sys.stdout)
    console.print(runs_table(runs[-limit:]))
    same = like(runs, runs[-1])[-limit:]
    found = [
        trend
        for trend in trends(same, judged_only=not (every or measurement))
        if not measurement or any(word in trend.id for word in measurement)
    ]
    console.print()
    console.print(trends_table(found, len(same)))
    others = len(runs[-limit:]) - len([run for run in runs[-limit:] if run in same])
    if others:
        console.print(
            f"\n{others} of these runs were on another machine, profile or version and are not in the trends."
        )
    return 0


def runs_table(runs: Sequence["Run"]) -> "Table":
    """One row a run, oldest first."""
    from rich.table import Table

    from seatrial.history.runs import target_version

    table = Table(box=None, pad_edge=False, title="Runs", title_justify="left")
    for column in ("run", "profile", "target", "decision", "score", "passed", "time"):
        side: Literal["left", "right"] = "right" if column in ("score", "time") else "left"
        table.add_column(column, overflow="fold", justify=side, no_wrap=column == "run")
    for run in runs:
        target = run.get("target") or {}
        score, seconds = run.get("overall_score"), run.get("test_duration_seconds")
        partial = " (partial)" if run.get("scope") == "partial" else ""
        table.add_row(
            str(run["run_id"]),
            str(run.get("profile", "-")),
            f"{target.get('name', '-')} {target_version(run) or ''}".strip(),
            f"{run.get('decision', '-')}{partial}",
            "-" if score is None else f"{score:.3f}",
            f"{run.get('passed_categories', '-')}/{run.get('total_categories', '-')}",
            "-" if seconds is None else f"{seconds:.0f} s",
        )
    return table


def trends_table(trends: Sequence["Trend"], runs: int) -> "Table":
    """One row a measurement: its line through the runs, the last value against the median of those before, its limit."""
    from rich.table import Table

    from seatrial.history.trends import sparkline
    from seatrial.report.figures import show
    from seatrial.verdict.measurement import Unit

    plural = "" if runs == 1 else "s"
    table = Table(box=None, pad_edge=False, title=f"Trends over {runs} run{plural} alike", title_justify="left")
    table.add_column("measurement", overflow="fold")
    for column in ("trend", "median", "last", "factor", "limit"):
        table.add_column(column, justify="left" if column == "trend" else "right", no_wrap=True)
    for trend in trends:
        unit = Unit(trend.unit)
        table.add_row(
            trend.id,
            sparkline(trend.values),
            show(trend.median, unit),
            show(trend.last, unit),
            "-" if trend.factor is None else f"{trend.factor:.2f}",
            "" if trend.limit is None else f"{trend.comparison} {show(trend.limit, unit)}",
        )
    return table
