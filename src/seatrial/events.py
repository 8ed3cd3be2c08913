"""The events of a run: what the engine says, and all that a report may know.

The engine emits them, handlers consume them; between the processes of a run they travel as lines of JSON. An event is a
value: it holds what happened and when, never how to show it.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from pydantic import TypeAdapter, ValidationError

from seatrial.errors import HarnessError
from seatrial.verdict.decision import Decision, Scope
from seatrial.verdict.measurement import Measurement
from seatrial.verdict.scoring import CheckResult, Readiness
from seatrial.verdict.verdicts import Verdict

__all__ = [
    "CategoryDone",
    "CategoryInfo",
    "CategoryStarted",
    "CheckDone",
    "Event",
    "FaultEvent",
    "FaultPhase",
    "Handler",
    "InternalError",
    "LogLine",
    "MeasurementTaken",
    "ResourceSampled",
    "RunFinished",
    "RunStarted",
    "ScenarioDone",
    "ScenarioStarted",
    "StageProgress",
    "StageStarted",
    "TargetInfo",
    "TargetReached",
    "from_json",
    "to_json",
    "utc_now",
]

Fact: TypeAlias = str | int | float | bool | None


def utc_now() -> datetime:
    """The time an event bears, when nobody says otherwise."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryInfo:
    """A category as reports name it."""

    name: str
    title: str
    description: str
    critical: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetInfo:
    """The system under trial, as it introduces itself.

    Parameters
    ----------
    kind
        ``bundled``, ``http`` or ``adapter``.
    lacks
        The capabilities its declaration says it does not have.
    """

    name: str
    kind: str
    url: str | None = None
    version: str | None = None
    environment: str | None = None
    broker: str | None = None
    clock: str | None = None
    disposable: bool = False
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every event bears: when (UTC) and of which run."""

    ts: datetime
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run begins. ``environment`` is the host's fingerprint; ``weights`` the nominal weights of the readiness score."""

    seatrial_version: str
    profile: str
    policy: str
    scope: Scope
    categories: tuple[CategoryInfo, ...]
    target: TargetInfo
    evidence_class: str
    environment: Mapping[str, Fact]
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReached(Event):
    """The target answered and said what it is; what the run began with was only how it is reached."""

    target: TargetInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryStarted(Event):
    """A category begins: number ``index`` (from 1) of ``total``."""

    category: str
    index: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioStarted(Event):
    """A scenario begins. ``node`` is pytest's id of it."""

    category: str
    scenario: str
    title: str
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStarted(Event):
    """A stage of load begins. ``kind``: ``open``, ``closed`` or ``warm_up``; rates per second."""

    category: str
    scenario: str
    stage: str
    kind: str
    seconds: float | None = None
    offered_rate: float | None = None
    users: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageProgress(Event):
    """One second of a stage. Counts are of that second, ``elapsed`` from the stage's start; ``p95`` in seconds."""

    category: str
    scenario: str
    stage: str
    elapsed: float
    total: float | None = None
    sent: int = 0
    completed: int = 0
    failed: int = 0
    p95: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementTaken(Event):
    """A figure is known, judged or not."""

    measurement: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDone(Event):
    """A readiness check has its verdict."""

    check: CheckResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioDone(Event):
    """A scenario has its verdict. ``detail`` is one line; ``traceback`` is for failures of assertions and for errors."""

    category: str
    scenario: str
    title: str
    node: str
    verdict: Verdict
    seconds: float
    detail: str | None = None
    traceback: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryDone(Event):
    """A category has its verdict. ``exit_code`` is its own, by the rules of a run's."""

    category: str
    verdict: Verdict
    exit_code: int
    seconds: float
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceSampled(Event):
    """What the target's processes use: CPU as a share of its cores, memory in bytes, labelled ``pss``, ``uss`` or ``rss``."""

    category: str
    scenario: str
    cpu: float | None = None
    memory_bytes: int | None = None
    memory_kind: str | None = None
    threads: int | None = None
    file_descriptors: int | None = None


class FaultPhase(StrEnum):
    """The stations of a fault's journal."""

    PLANNED = "planned"
    PROBED = "probed"
    INJECTED = "injected"
    VERIFIED = "verified"
    RELEASED = "released"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultEvent(Event):
    """A fault reached a station of its journal, or (``ok`` false) did not."""

    category: str
    scenario: str
    fault: str
    phase: FaultPhase
    ok: bool = True
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine(Event):
    """A line for the reader. ``level``: ``debug``, ``info``, ``warning`` or ``error``; ``source``: who says it."""

    level: str
    source: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalError(Event):
    """Our own side failed. Nothing is known about the target from it."""

    where: str
    message: str
    category: str | None = None
    scenario: str | None = None
    traceback: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    """The run is over: its decision, exit code and reasons, and the readiness assessment if that category ran."""

    decision: Decision
    deployment_ready: bool
    exit_code: int
    seconds: float
    reasons: tuple[str, ...] = ()
    readiness: Readiness | None = None
    interrupted: bool = False


class Handler(Protocol):
    """Consumes the stream. ``close`` is called once, after the last event, also when the run broke off."""

    def handle(self, event: Event) -> None:
        """Take one event."""

    def close(self) -> None:
        """Write what is still to be written, and let go of files and terminal."""


_TYPES: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        RunStarted,
        TargetReached,
        CategoryStarted,
        ScenarioStarted,
        StageStarted,
        StageProgress,
        MeasurementTaken,
        CheckDone,
        ScenarioDone,
        CategoryDone,
        ResourceSampled,
        FaultEvent,
        LogLine,
        InternalError,
        RunFinished,
    )
}


@functools.cache
def _adapter(name: str) -> TypeAdapter[Event]:
    return TypeAdapter(_TYPES[name])


def to_json(event: Event) -> str:
    """One line of JSON, without its line end. Timestamps are RFC 3339 in UTC.

    Raises
    ------
    HarnessError
        The event is of no known type, its time has no zone, or a figure is not finite.
    """
    name = type(event).__name__
    if _TYPES.get(name) is not type(event):
        raise HarnessError(f"{name} is not an event type of this version; known: {', '.join(_TYPES)}")
    if event.ts.tzinfo is None:
        raise HarnessError(f"event {name}: ts {event.ts.isoformat()} has no time zone; use utc_now()")
    body = _adapter(name).dump_python(event, mode="json")
    body["ts"] = event.ts.astimezone(UTC).isoformat().replace("+00:00", "Z")
    try:
        return json.dumps({"event": name, **body}, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError as cause:
        raise HarnessError(f"event {name} holds a figure that is not finite; use None for what is not known") from cause


def from_json(line: str) -> Event:
    """The event of one line.

    Keys that this version does not know are ignored: events grow by addition.

    Raises
    ------
    HarnessError
        The line is not JSON, its event is not known, or a field is missing or of the wrong type.
    """
    try:
        body = json.loads(line)
    except json.JSONDecodeError as cause:
        raise HarnessError(f"a line of the event stream is not JSON ({cause}): {line[:200]!r}") from cause
    name = body.pop("event", None) if isinstance(body, dict) else None
    if name not in _TYPES:
        raise HarnessError(f"unknown event {name!r}; known: {', '.join(_TYPES)}")
    known = {field.name for field in fields(_TYPES[name])}
    try:
        return _adapter(name).validate_python({key: body[key] for key in body if key in known})
    except ValidationError as cause:
        raise HarnessError(f"event {name} cannot be read: {cause}") from cause
