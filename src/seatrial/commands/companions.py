"""What goes with every run beside its reports: it is kept for later, and GitHub is told where GitHub runs it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from seatrial.events import Event, Handler
from seatrial.history.runs import DEFAULT_FOLDER, keep
from seatrial.report.github import github_report
from seatrial.report.json_reports import validation_report
from seatrial.report.model import RunReport
from seatrial.verdict.decision import ExitCode

__all__ = ["HISTORY_VARIABLE", "KeptRun", "companions", "history_folder"]

HISTORY_VARIABLE = "SEATRIAL_HISTORY"
"""Names another folder for the kept runs."""


def companions(env: Mapping[str, str], stream: TextIO, *, sabotaged: bool = False) -> tuple[Handler, ...]:
    """The handlers of a run beside its report files.

    Parameters
    ----------
    sabotaged
        Whether a saboteur is in the target; such a run says nothing about the target and is not kept.
    """
    handlers: list[Handler] = [] if sabotaged else [KeptRun(history_folder(env))]
    github = github_report(env, stream)
    return (*handlers, github) if github is not None else tuple(handlers)


def history_folder(env: Mapping[str, str]) -> Path:
    """Where runs are kept: ``seatrial-results/history`` of the current folder, unless the environment names another."""
    return Path(env.get(HISTORY_VARIABLE) or DEFAULT_FOLDER)


class KeptRun:
    """Keeps a run in the history when it closes; one that broke off as well, as far as it came.

    Parameters
    ----------
    folder
        Made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._report = RunReport()

    def handle(self, event: Event) -> None:
        """Take one event."""
        self._report.apply(event)

    def close(self) -> None:
        """Write the run, unless it never began or was told what could not be run: that is no figure of the target."""
        finished = self._report.finished
        if self._report.started is None or (finished is not None and finished.exit_code == ExitCode.USAGE):
            return
        readiness = self._report.readiness
        body = {**validation_report(self._report), "overall_score": readiness.overall_score if readiness else None}
        keep(body, self._folder)
