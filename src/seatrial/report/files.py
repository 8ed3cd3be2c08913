"""Every file of a run, in one call."""

from pathlib import Path

from seatrial.events import Handler
from seatrial.report.html import HtmlReport
from seatrial.report.json_reports import JsonReports
from seatrial.report.jsonl import EventLog
from seatrial.report.junit import JUnitReports

__all__ = ["file_handlers"]


def file_handlers(directory: Path) -> tuple[Handler, ...]:
    """The handlers that write events.jsonl, both JSON reports, the JUnit files and report.html into a folder.

    The folder is made when the first of them writes.
    """
    return (
        EventLog(directory / "events.jsonl"),
        JsonReports(directory),
        JUnitReports(directory),
        HtmlReport(directory / "report.html"),
    )
