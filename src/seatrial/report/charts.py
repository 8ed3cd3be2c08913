"""Time axes as inline SVG: no script, no network, readable in print."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Series", "line_chart"]

_WIDTH, _HEIGHT = 640, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 10, 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A named line. ``y`` is ``None`` where nothing was measured: the line has a gap there."""

    name: str
    css_class: str
    x: Sequence[float]
    y: Sequence[float | None]


def line_chart(series: Sequence[Series], *, title: str, unit: str, limit: float | None = None) -> str:
    """Draw lines over seconds.

    Parameters
    ----------
    series
        At least one with a point; else an empty string is returned.
    limit
        Drawn as a dashed line.
    """
    xs = [x for line in series for x in line.x]
    ys = [y for line in series for y in line.y if y is not None]
    if not xs or not ys:
        return ""
    first, last = min(xs), max(xs)
    top = max([*ys, limit or 0]) * 1.08 or 1.0
    across = (_WIDTH - _LEFT - _RIGHT) / ((last - first) or 1)
    up = (_HEIGHT - _TOP - _BOTTOM) / top
    floor = _HEIGHT - _BOTTOM
    parts = [
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>',
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">',
        f'<line class="axis" x1="{_LEFT}" y1="{floor}" x2="{_WIDTH - _RIGHT}" y2="{floor}"/>',
        f'<text x="{_LEFT - 4}" y="{_TOP + 8}" text-anchor="end">{_tick(top)}</text>',
        f'<text x="{_LEFT - 4}" y="{floor}" text-anchor="end">0 {escape(unit)}</text>',
        f'<text x="{_LEFT}" y="{_HEIGHT - 6}">{first:.0f} s</text>',
        f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 6}" text-anchor="end">{last:.0f} s</text>',
    ]
    if limit is not None:
        level = floor - limit * up
        parts.append(f'<line class="limit" x1="{_LEFT}" y1="{level:.1f}" x2="{_WIDTH - _RIGHT}" y2="{level:.1f}"/>')
    for line in series:
        for run in _runs(line):
            points = " ".join(f"{_LEFT + (x - first) * across:.1f},{floor - y * up:.1f}" for x, y in run)
            parts.append(f'<polyline class="{escape(line.css_class)}" points="{points}"/>')
    legend = " ".join(f'<span class="{escape(line.css_class)}">{escape(line.name)}</span>' for line in series)
    parts.append(f'</svg><p class="legend">{legend}</p></figure>')
    return "".join(parts)


def _runs(line: Series) -> list[list[tuple[float, float]]]:
    """The line cut at its gaps."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(line.x, line.y, strict=True):
        if y is None:
            runs.append([])
        else:
            runs[-1].append((x, y))
    return [run for run in runs if run]


def _tick(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
