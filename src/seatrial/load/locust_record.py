"""What one worker measured, as it is written, sent and merged with what the others measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from seatrial.errors import HarnessError
from seatrial.load.histogram import LatencyRecord
from seatrial.load.locust_timeline import SharedTimeline
from seatrial.load.recorder import StageRecorder

__all__ = ["WorkerRecord", "merge_into", "read_records", "write_record"]

_COUNTS = ("offered", "sent", "dropped", "completed", "failed", "timed_out", "completed_in_window")
_LATENCIES = ("response_time", "service_time", "slip")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRecord:
    """A worker's figures so far, or its last ones.

    Parameters
    ----------
    index
        Which share of the due times the worker has.
    final
        The worker has done all it will do. A worker that is lost leaves a record that is not final.
    elapsed_seconds
        Since the measured window began; negative during the warm-up.
    window_seconds
        Length of the measured window so far.
    generator_cpu, steal
        As in :class:`~seatrial.load.guard.GuardReport`; zero and None before the window is over.
    ended_early
        Why the worker stopped before its schedule did.
    own_error
        What went wrong on our side.
    figures
        Counts, encoded latencies, errors and timeline.
    """

    index: int
    final: bool
    elapsed_seconds: float
    window_seconds: float
    generator_cpu: float
    steal: float | None
    ended_early: str | None
    own_error: str | None
    figures: dict[str, Any]

    @staticmethod
    def figures_of(recorder: StageRecorder) -> dict[str, Any]:
        """What :attr:`figures` holds, taken from a recorder whose timeline is a ``SharedTimeline``."""
        timeline = recorder.timeline
        if not isinstance(timeline, SharedTimeline):
            raise HarnessError("a worker's timeline cannot be sent; record it with a SharedTimeline")
        return {
            **{name: getattr(recorder, name) for name in _COUNTS},
            **{name: getattr(recorder, name).encode() for name in _LATENCIES},
            "errors": dict(recorder.errors),
            "timeline": timeline.to_data(),
        }

    @property
    def completed(self) -> int:
        """Requests with a right answer."""
        return int(self.figures["completed"])

    @property
    def errors(self) -> int:
        """Requests with a wrong answer or none in time."""
        return int(self.figures["failed"]) + int(self.figures["timed_out"])

    def to_json(self) -> str:
        """The record as text."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The record that :meth:`to_json` wrote.

        Raises
        ------
        HarnessError
            The text is no record of this version.
        """
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise HarnessError(f"cannot read a worker's record from {text[:80]!r}: {error}") from error


def merge_into(recorder: StageRecorder, records: Sequence[WorkerRecord]) -> None:
    """Add the workers' figures to a recorder whose timeline is a ``SharedTimeline``.

    What a lost worker had not got an answer to is left out of the requests that were due and sent: nobody knows what came
    of it, and it was not the target that lost it.

    Raises
    ------
    HarnessError
        A record that cannot be read.
    """
    for record in records:
        figures = record.figures
        try:
            for name in _COUNTS:
                setattr(recorder, name, getattr(recorder, name) + figures[name])
            for name in _LATENCIES:
                getattr(recorder, name).merge(LatencyRecord.decode(figures[name]))
            recorder.errors.update(figures["errors"])
            if isinstance(recorder.timeline, SharedTimeline):
                recorder.timeline.absorb(figures["timeline"])
        except (KeyError, TypeError, ValueError) as error:
            raise HarnessError(f"the record of worker {record.index} is damaged: {error!r}") from error
        unknown = figures["sent"] - record.completed - record.errors
        recorder.sent -= unknown
        recorder.offered -= unknown


def write_record(folder: Path, record: WorkerRecord) -> None:
    """Keep a worker's record in the folder in place of its earlier one; readers see the one or the other."""
    path = folder / f"worker-{record.index}.json"
    draft = path.with_suffix(".draft")
    draft.write_text(record.to_json(), encoding="utf-8")
    draft.replace(path)


def read_records(folder: Path) -> list[WorkerRecord]:
    """The latest record of each worker, in the order of their indexes."""
    found = [WorkerRecord.from_json(path.read_text(encoding="utf-8")) for path in folder.glob("worker-*.json")]
    return sorted(found, key=lambda record: record.index)
