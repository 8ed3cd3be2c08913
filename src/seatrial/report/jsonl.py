"""The stream itself as a file: one event a line, written as it happens."""

from pathlib import Path
from typing import TextIO

from seatrial.events import Event, to_json

__all__ = ["EventLog"]


class EventLog:
    """Writes ``events.jsonl``, line by line, so that a run that is killed leaves what it knew.

    Parameters
    ----------
    path
        Its folder is made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def handle(self, event: Event) -> None:
        """Append one line and hand it to the system."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("w", encoding="utf-8", buffering=1)
        self._file.write(to_json(event) + "\n")

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
