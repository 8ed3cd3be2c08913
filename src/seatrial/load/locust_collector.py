"""What Locust's master does: keep what the workers report and decide when the stage is over."""

from __future__ import annotations

from pathlib import Path

from seatrial.load.locust_record import WorkerRecord, write_record

__all__ = ["Collector", "LostCause"]

_FEWEST_FAILURES = 10


class LostCause:
    """Notices that every request has failed for a while.

    Parameters
    ----------
    seconds
        How long; None to never notice. Fewer than ten failures are not enough, however long they take.
    """

    __slots__ = ("_completed", "_errors", "_seconds", "_since")

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._completed = 0
        self._errors = 0
        self._since: float | None = None

    def observe(self, now: float, completed: int, errors: int) -> str | None:
        """Look at the totals at a time in seconds; why the cause is lost, or None."""
        if self._seconds is None:
            return None
        if completed > self._completed:
            self._completed, self._errors, self._since = completed, errors, None
            return None
        failures = errors - self._errors
        if failures and self._since is None:
            self._since = now
        if self._since is None or failures < _FEWEST_FAILURES or now - self._since < self._seconds:
            return None
        return f"every one of the last {failures} requests failed, for {now - self._since:.0f} s"


class Collector:
    """The workers' latest records, each in its file.

    Parameters
    ----------
    folder
        Where the files go.
    workers
        How many are expected.
    lost_cause_seconds
        As in :class:`LostCause`.
    """

    def __init__(self, folder: Path, workers: int, lost_cause_seconds: float | None) -> None:
        self._folder = folder
        self._workers = workers
        self._connected = -1
        self._latest: dict[int, WorkerRecord] = {}
        self._lost_cause = LostCause(lost_cause_seconds)

    def receive(self, text: str) -> None:
        """Keep a worker's record; one of a worker that has no share of the due times is not ours."""
        record = WorkerRecord.from_json(text)
        if not 0 <= record.index < self._workers:
            return
        self._latest[record.index] = record
        write_record(self._folder, record)

    def note_connected(self, count: int) -> None:
        """Write down how many workers have come, for the message if some are missing; they leave when Locust ends."""
        if count > self._connected:
            self._connected = count
            (self._folder / "connected").write_text(str(count), encoding="utf-8")

    def lost_cause(self, now: float) -> str | None:
        """Why going on makes no sense, or None."""
        records = self._latest.values()
        return self._lost_cause.observe(
            now, sum(record.completed for record in records), sum(record.errors for record in records)
        )

    def over(self, connected: int) -> bool:
        """Whether nobody is left to wait for: all who are still connected are done, or one met an error of ours."""
        records = self._latest.values()
        if any(record.own_error for record in records):
            return True
        return sum(record.final for record in records) >= min(connected, self._workers)
