"""``seatrial report``: an earlier run on the terminal and as a page again, from its events."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from seatrial.errors import ConfigurationError, HarnessError

if TYPE_CHECKING:
    from seatrial.events import Event

__all__ = ["read_events", "report"]

_EVENTS = "events.jsonl"


def report(
    folder: Path,
    /,
    *,
    verbose: Annotated[bool, Parameter(negative=())] = False,
    markdown: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Show a run again from its events.jsonl, and write its report.html anew.

    The exit code is that of the run.

    Parameters
    ----------
    folder
        The folder with the run's reports.
    verbose
        Every measurement and check with its evidence.
    markdown
        Write the run as Markdown instead, and no page.
    """
    from seatrial.report.console import ConsoleReport, make_console
    from seatrial.report.html import HtmlReport
    from seatrial.report.markdown import run_markdown
    from seatrial.report.model import fold
    from seatrial.report.redact import EventStream, Redactor

    path = folder / _EVENTS if folder.is_dir() else folder
    events = list(read_events(path))
    if markdown:
        sys.stdout.write(run_markdown(fold(events)))
    else:
        page = path.parent / "report.html"
        console = ConsoleReport(make_console(sys.stdout), verbose=verbose)
        # The file may be older than a rule by which secrets are known.
        stream = EventStream((console, HtmlReport(page)), Redactor.from_environment(os.environ))
        for event in events:
            stream.handle(event)
        stream.close()
        sys.stdout.write(f"Report: {page}\n")
    return fold(events).exit_code


def read_events(path: Path) -> Iterator["Event"]:
    """The events of a file; a last line that was cut off by the end of its run is left out.

    Raises
    ------
    ConfigurationError
        There is no such file, it holds no event, or a line in its midst cannot be read.
    """
    from seatrial.events import from_json

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as cause:
        raise ConfigurationError(f"{path} cannot be read as the events of a run: {cause}") from cause
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        raise ConfigurationError(f"{path} holds no event; the run ended before it began")
    for number, line in enumerate(lines, start=1):
        try:
            event = from_json(line)
        except HarnessError as cause:
            if number == len(lines) > 1 and not text.endswith("\n"):
                return
            raise ConfigurationError(f"{path}, line {number}: {cause}") from cause
        yield event
