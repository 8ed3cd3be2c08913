"""What the page draws: the run's load, latency, resources and faults on one time axis."""

import statistics
from datetime import datetime

from seatrial.events import FaultEvent, FaultPhase
from seatrial.report.charts import Panel, Range, Series, Span, ranges, time_axis
from seatrial.report.figures import show
from seatrial.report.model import RunReport, StageTimeline
from seatrial.verdict.measurement import Unit

__all__ = ["latency_spread", "over_time"]

_SHORTEST_SECOND = 0.25
"""Counts over less than this make no rate worth drawing."""
_CEILINGS = ("<", "<=")


def over_time(report: RunReport) -> str:
    """All panels of a run, or nothing when it saw neither load nor resources."""
    if report.started is None:
        return ""
    start = report.started.ts
    end = (report.last.ts - start).total_seconds() if report.last else 0.0
    panels = [_latency(report, start), *_rates(report, start), *_resources(report, start)]
    return time_axis(panels, [*_stages(report, start), *_faults(report, start, end)], end=end)


def latency_spread(report: RunReport) -> str:
    """For each stage how the P95 of its seconds spread: least, median, largest."""
    rows = []
    for stage in report.stages:
        seconds = [point.p95 * 1000 for point in stage.points if point.p95 is not None]
        if seconds:
            name = f"{stage.started.scenario}, {stage.started.stage}".replace("_", " ")
            rows.append(Range(name=name, low=min(seconds), middle=statistics.median(seconds), high=max(seconds)))
    return ranges(rows, unit="ms")


def _since(start: datetime, moment: datetime) -> float:
    return (moment - start).total_seconds()


def _latency(report: RunReport, start: datetime) -> Panel:
    x: list[float] = []
    y: list[float | None] = []
    for stage in report.stages:
        for point in stage.points:
            x.append(_since(start, point.ts))
            y.append(None if point.p95 is None else point.p95 * 1000)
        _gap(x, y)
    limit = _limit(report, "response_time_p95")
    line = Series(name="P95 of each second", css_class="line-a", x=x, y=y)
    return Panel(title="Response time", unit="ms", series=[line], limit=None if limit is None else limit * 1000)


def _rates(report: RunReport, start: datetime) -> list[Panel]:
    x: list[float] = []
    completed: list[float | None] = []
    failed: list[float | None] = []
    for stage in report.stages:
        before = 0.0
        for point in stage.points:
            seconds, before = point.elapsed - before, point.elapsed
            if seconds < _SHORTEST_SECOND:
                continue
            x.append(_since(start, point.ts))
            completed.append(point.completed / seconds)
            failed.append(point.failed / seconds)
        if x:
            x.append(x[-1])
            completed.append(None)
            failed.append(None)
    lines = [
        Series(name="completed", css_class="line-a", x=x, y=completed),
        Series(name="failed", css_class="line-b", x=x, y=failed),
    ]
    return [Panel(title="Throughput", unit="/s", series=lines)]


def _resources(report: RunReport, start: datetime) -> list[Panel]:
    x = [_since(start, sample.ts) for sample in report.resources]
    # Samples of two scenarios are no line: nobody looked in between.
    breaks = {
        number
        for number, (one, next_one) in enumerate(zip(report.resources, report.resources[1:], strict=False))
        if (one.category, one.scenario) != (next_one.category, next_one.scenario)
    }
    cpu = [None if s.cpu is None else s.cpu * 100 for s in report.resources]
    memory = [None if s.memory_bytes is None else s.memory_bytes / 2**20 for s in report.resources]
    kinds = ", ".join(sorted({s.memory_kind.upper() for s in report.resources if s.memory_kind}))
    share, size = _limit(report, "cpu_sustained"), _limit(report, "memory_bytes")
    cpu_line = _broken(Series(name="of the target's cores", css_class="line-a", x=x, y=cpu), breaks)
    memory_line = _broken(Series(name=kinds or "memory", css_class="line-a", x=x, y=memory), breaks)
    return [
        Panel(title="CPU", unit="%", series=[cpu_line], limit=None if share is None else share * 100, top=100),
        Panel(title="Memory", unit="MiB", series=[memory_line], limit=None if size is None else size / 2**20),
    ]


def _broken(line: Series, breaks: set[int]) -> Series:
    x: list[float] = []
    y: list[float | None] = []
    for number, (at, value) in enumerate(zip(line.x, line.y, strict=True)):
        x.append(at)
        y.append(value)
        if number in breaks:
            _gap(x, y)
    return Series(name=line.name, css_class=line.css_class, x=x, y=y)


def _gap(x: list[float], y: list[float | None]) -> None:
    if x:
        x.append(x[-1])
        y.append(None)


def _limit(report: RunReport, name: str) -> float | None:
    """The tightest required ceiling for figures of that name."""
    limits = [
        m.objective.limit
        for m in report.measurements
        if m.name == name
        and m.objective is not None
        and m.objective.comparison in _CEILINGS
        and m.objective.level == "required"
    ]
    return min(limits, default=None)


def _stages(report: RunReport, start: datetime) -> list[Span]:
    return [
        Span(mark=str(number), words=_stage_words(stage), start=began, end=ended, kind="stage")
        for number, stage in enumerate(report.stages, start=1)
        for began, ended in [_stage_bounds(stage, start)]
    ]


def _stage_bounds(stage: StageTimeline, start: datetime) -> tuple[float, float]:
    """From its first to its last second; a warm-up before the first is not part of it."""
    if not stage.points:
        began = _since(start, stage.started.ts)
        return began, began + (stage.started.seconds or 0.0)
    first, last = stage.points[0], stage.points[-1]
    return max(_since(start, first.ts) - first.elapsed, 0.0), _since(start, last.ts)


def _stage_words(stage: StageTimeline) -> str:
    started = stage.started
    words = f"{started.scenario}, {started.stage}".replace("_", " ")
    load = []
    if started.offered_rate is not None:
        load.append(show(started.offered_rate, Unit.PER_SECOND))
    if started.users is not None:
        load.append(f"{started.users} users")
    # Progress ends with the stage's last whole second; the figures of the stage itself are among the measurements.
    failed = sum(point.failed for point in stage.points)
    ending = f"; {failed} failed" if failed else "" if stage.points else "; over within a second"
    return f"{words}: {started.kind} loop{''.join(f', {part}' for part in load)}{ending}"


def _faults(report: RunReport, start: datetime, end: float) -> list[Span]:
    """From injection to release; one that was never released lasts to the end."""
    spans: list[Span] = []
    running: dict[tuple[str, str], FaultEvent] = {}

    def close(event: FaultEvent, until: float) -> None:
        mark = chr(ord("A") + len(spans) % 26)
        words = f"{event.fault} in {event.scenario}".replace("_", " ")
        spans.append(Span(mark=mark, words=words, start=_since(start, event.ts), end=until, kind="fault"))

    for event in report.faults:
        key = (event.scenario, event.fault)
        if event.phase in (FaultPhase.INJECTED, FaultPhase.VERIFIED):
            running.setdefault(key, event)
        elif event.phase is FaultPhase.RELEASED and key in running:
            close(running.pop(key), _since(start, event.ts))
    for event in running.values():
        close(event, end)
    return spans
