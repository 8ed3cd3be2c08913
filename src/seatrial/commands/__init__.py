"""The commands about finished runs and new projects: ``history``, ``compare``, ``report`` and ``init``.

Each module holds one command and imports what it needs when it runs; `register` puts them on the command line.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cyclopts import App

__all__ = ["register"]


def register(app: "App") -> None:
    """Put every command of this package on the command line."""
    from seatrial.commands import compare, history, init, report

    for command in (history.history, compare.compare, report.report, init.init):
        app.command(command)
