"""Charts without script or network: panels over one time axis, and ranges side by side.

Lines are SVG that stretches to any width; every word is HTML beside it, so that it keeps its size on a phone and in print.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

__all__ = ["Panel", "Range", "Series", "Span", "ranges", "ticks", "time_axis"]

_WIDTH, _HEIGHT = 1000, 100
_LIMIT_IN_SIGHT = 3.0
"""A limit further above the figures than this would flatten them: it is told and not drawn."""

_NARROWEST = 0.01
"""Share of the axis under which a span's mark would run into its neighbour's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A named line. ``y`` is ``None`` where nothing was measured: the line has a gap there."""

    name: str
    css_class: str
    x: Sequence[float]
    y: Sequence[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Lines of one unit, from 0 up.

    Parameters
    ----------
    limit
        Drawn as a dashed line where it is near the figures, else told.
    top
        The axis reaches at least so far up.
    """

    title: str
    unit: str
    series: Sequence[Series]
    limit: float | None = None
    top: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Something that lasted from ``start`` to ``end``: a stage of load, or a fault. ``mark`` stands for it in the charts."""

    mark: str
    words: str
    start: float
    end: float
    kind: Literal["stage", "fault"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """How far figures spread."""

    name: str
    low: float
    middle: float
    high: float


def time_axis(panels: Sequence[Panel], spans: Sequence[Span], *, end: float) -> str:
    """Draw panels one below the other over the seconds from 0 to ``end``; nothing when none has a point."""
    drawn = [_panel(panel, spans, end) for panel in panels if _has_points(panel)]
    if not drawn or end <= 0:
        return ""
    marks = "".join(
        f'<span class="{span.kind}" style="left:{span.start / end * 100:.2f}%;width:{(span.end - span.start) / end * 100:.2f}%"'
        f' title="{escape(span.words)}">{_mark(span, end)}</span>'
        for span in spans
    )
    strip = "strip two" if any(span.kind == "fault" for span in spans) else "strip"
    axis = "".join(f'<span style="left:{tick / end * 100:.2f}%">{tick:g}</span>' for tick in ticks(end))
    listed = "".join(f'<li class="{span.kind}"><b>{escape(span.mark)}</b> {escape(span.words)}</li>' for span in spans)
    return (
        f'<div class="timeline"><div class="{strip}">{marks}</div>{"".join(drawn)}'
        f'<div class="axis">{axis}<em>seconds of the run</em></div><ul class="spans">{listed}</ul></div>'
    )


def _mark(span: Span, end: float) -> str:
    return escape(span.mark) if span.end - span.start >= end * _NARROWEST else ""


def ticks(end: float) -> list[float]:
    """Round figures from 0 to ``end``, six at most.

    >>> ticks(127.3)
    [0.0, 50.0, 100.0]
    """
    if end <= 0:
        return [0.0]
    step = 10 ** math.floor(math.log10(end))
    for share in (0.2, 0.5, 1.0):
        if end / (step * share) <= 5:
            step *= share
            break
    else:
        step *= 2
    return [round(step * number, 10) for number in range(int(end / step + 1e-9) + 1)]


def ranges(rows: Sequence[Range], *, unit: str) -> str:
    """Draw each range as a bar from its lowest to its highest figure, with a mark at the middle one, on one axis from 0."""
    top = max((row.high for row in rows), default=0.0)
    if top <= 0:
        return ""
    drawn = "".join(
        f'<div class="range"><span class="name">{escape(row.name)}</span><span class="track">'
        f'<i style="left:{row.low / top * 100:.2f}%;width:{max(row.high - row.low, top / 200) / top * 100:.2f}%"></i>'
        f'<b style="left:{row.middle / top * 100:.2f}%"></b></span>'
        f'<span class="figures">{_figure(row.low)} <b>{_figure(row.middle)}</b> {_figure(row.high)} {escape(unit)}</span></div>'
        for row in rows
    )
    return f'<div class="ranges">{drawn}</div>'


def _has_points(panel: Panel) -> bool:
    return any(y is not None for line in panel.series for y in line.y)


def _panel(panel: Panel, spans: Sequence[Span], end: float) -> str:
    highest = max(y for line in panel.series for y in line.y if y is not None)
    limit = panel.limit
    told = ""
    if limit is not None:
        told = f'<span class="limit">limit {_figure(limit)} {escape(panel.unit)}</span>'
        if limit > max(highest * _LIMIT_IN_SIGHT, panel.top):
            limit = None
    top = max(_round_up(max(highest, (limit or 0.0) * 1.02)), panel.top)
    across, up = _WIDTH / end, _HEIGHT / top
    parts = [
        f'<rect class="{span.kind}" x="{span.start * across:.1f}" y="0" width="{(span.end - span.start) * across:.1f}" height="{_HEIGHT}"/>'
        for span in spans
    ]
    if limit is not None:
        level = _HEIGHT - limit * up
        parts.append(f'<line class="limit" x1="0" y1="{level:.1f}" x2="{_WIDTH}" y2="{level:.1f}"/>')
    for line in panel.series:
        for run in _runs(line):
            points = " ".join(f"{x * across:.1f},{_HEIGHT - y * up:.1f}" for x, y in run)
            parts.append(f'<polyline class="{escape(line.css_class)}" points="{points}"/>')
    legend = "".join(f'<span class="{escape(line.css_class)}">{escape(line.name)}</span>' for line in panel.series)
    return (
        f'<figure class="panel"><figcaption>{escape(panel.title)} {legend}{told}</figcaption><div class="plot">'
        f'<span class="top">{_figure(top)} {escape(panel.unit)}</span><span class="floor">0</span>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{escape(panel.title)}">'
        f"{''.join(parts)}</svg></div></figure>"
    )


def _runs(line: Series) -> list[list[tuple[float, float]]]:
    """The line cut at its gaps. A single point is drawn as a short dash."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(line.x, line.y, strict=True):
        if y is None:
            runs.append([])
        else:
            runs[-1].append((x, y))
    return [run if len(run) > 1 else [run[0], (run[0][0] + 0.5, run[0][1])] for run in runs if run]


def _round_up(value: float) -> float:
    """The next figure that reads well: 1, 1.5, 2, 3, 4, 5, 6, 8 or 10 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 20) if power * step >= value)


def _figure(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
