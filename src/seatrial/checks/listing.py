"""Every objective and check of a trial, as a list."""

import io
import json
from shutil import get_terminal_size

from rich.console import Console
from rich.table import Table

from seatrial.checks import registered
from seatrial.settings.loading import TrialSettings

_WIDTH_WITHOUT_TERMINAL = 200


def as_json(settings: TrialSettings) -> str:
    """The list for machines: ``objectives`` and ``checks``."""
    objectives = [
        {
            "id": objective.id,
            "measurement": objective.measures,
            "comparison": str(objective.comparison),
            "limit": objective.limit,
            "min_samples": objective.min_samples,
            "level": str(objective.level),
            "saboteurs": list(objective.saboteurs),
        }
        for objective in settings.objectives
    ]
    checks = [
        {
            "id": check.id,
            "category": check.category,
            "title": check.title,
            "critical": check.critical,
            "blocker": check.blocker,
            "weight": check.weight,
            "category_weight": settings.weights.get(check.category),
            "saboteurs": list(check.saboteurs),
            "remediation": check.remediation,
        }
        for check in registered()
    ]
    return json.dumps({"schema_version": 1, "objectives": objectives, "checks": checks}, indent=2) + "\n"


def as_tables(settings: TrialSettings, *, width: int | None = None) -> str:
    """The list for people."""
    objectives = Table(title="Objectives", title_justify="left", box=None, pad_edge=False)
    for column in ("objective", "wanted", "level", "saboteurs"):
        objectives.add_column(column, overflow="fold")
    for objective in settings.objectives:
        wanted = f"{objective.comparison} {objective.limit:g}"
        objectives.add_row(objective.id, wanted, str(objective.level), ", ".join(objective.saboteurs) or "-")
    checks = Table(title="Readiness checks", title_justify="left", box=None, pad_edge=False)
    for column in ("check", "asks", "weight", "", "saboteurs", "when it fails"):
        checks.add_column(column, overflow="fold")
    for check in registered():
        marks = "blocker" if check.blocker else "critical" if check.critical else ""
        checks.add_row(check.id, check.title, f"{check.weight:g}", marks, ", ".join(check.saboteurs), check.remediation)
    sink = io.StringIO()
    # Into a file or a pipe ids stay whole, so that they can be searched for.
    wide = width or get_terminal_size((_WIDTH_WITHOUT_TERMINAL, 0)).columns
    console = Console(file=sink, width=wide, highlight=False)
    console.print(objectives)
    console.print()
    console.print(checks)
    return sink.getvalue()
