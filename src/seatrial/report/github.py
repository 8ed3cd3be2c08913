"""GitHub Actions: annotations on the job's log, and its summary page.

Used when ``GITHUB_ACTIONS`` is set. GitHub shows ten errors and ten warnings of a step; so the most important come first, and the
tenth says how many are left.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from seatrial.events import Event
from seatrial.report.failures import Failure, failures
from seatrial.report.markdown import run_markdown
from seatrial.report.model import RunReport

__all__ = ["GithubReport", "annotation", "github_report"]

_MOST_SHOWN = 10
_LARGEST_SUMMARY = 1024 * 1024
"""Bytes that GitHub takes of one step."""


def github_report(env: Mapping[str, str], stream: TextIO) -> "GithubReport | None":
    """The handler for this environment; none where no GitHub Action runs."""
    if env.get("GITHUB_ACTIONS", "").lower() != "true":
        return None
    summary = env.get("GITHUB_STEP_SUMMARY")
    return GithubReport(stream, Path(summary) if summary else None)


def annotation(level: str, title: str, message: str) -> str:
    """A workflow command; what could end it early is escaped."""
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


class GithubReport:
    """Writes annotations to the job's log and appends the run to the step's summary when the run closes.

    Parameters
    ----------
    stream
        Where the job's log is read from: standard output.
    summary
        The file that ``GITHUB_STEP_SUMMARY`` names.
    """

    def __init__(self, stream: TextIO, summary: Path | None) -> None:
        self._stream = stream
        self._summary = summary
        self._report = RunReport()

    def handle(self, event: Event) -> None:
        """Take one event."""
        self._report.apply(event)

    def close(self) -> None:
        """Write both, unless not a single event came."""
        if self._report.last is None:
            return
        found = failures(self._report)
        self._annotate("error", [failure for failure in found if failure.decides])
        self._annotate("warning", [failure for failure in found if not failure.decides])
        self._stream.flush()
        if self._summary is not None:
            text = run_markdown(self._report).encode()
            if len(text) > _LARGEST_SUMMARY:
                text = b"The summary is too long for this page; see the run's report.html.\n"
            with self._summary.open("ab") as file:
                file.write(text)

    def _annotate(self, level: str, found: Sequence[Failure]) -> None:
        fits = len(found) <= _MOST_SHOWN
        for failure in found if fits else found[: _MOST_SHOWN - 1]:
            message = f"{failure.found}\nLikely cause: {failure.advice.cause}\nNext step: {failure.advice.next_step}"
            self._stream.write(annotation(level, f"{failure.verdict.value}: {failure.id}", message) + "\n")
        if not fits:
            left = len(found) - _MOST_SHOWN + 1
            self._stream.write(
                annotation(level, f"{left} more", "They are in the job's summary and the report.") + "\n"
            )
