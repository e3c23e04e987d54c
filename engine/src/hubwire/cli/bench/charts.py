"""Line charts as inline SVG, made from series of numbers. Knows nothing of what they mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

MAXIMUM_POINTS = 600
"""A line has no more: several seconds become one point, the highest of them."""

_WIDTH, _HEIGHT = 720, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 12, 34


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart; None: a gap."""

    label: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Band:
    """A part of the time axis with a name."""

    label: str
    first: int
    last: int


def chart(title: str, lines: Sequence[Line], bands: Sequence[Band], written: Callable[[float], str]) -> str:
    """Return a figure: the SVG, its title and a legend.

    Args:
        lines: of equal length, one value for each second.
        bands: drawn behind the lines.
        written: how a value stands at its axis.
    """
    count = max((len(line.values) for line in lines), default=0)
    highest = max((value for line in lines for value in line.values if value is not None), default=0.0)
    top, step = _scale(highest)
    across, up = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(second: float) -> float:
        return _LEFT + across * (second / max(count - 1, 1))

    def y(value: float) -> float:
        return _TOP + up * (1 - value / top)

    parts: list[str] = []
    for band in bands:
        begin, end = x(max(band.first - 0.5, 0)), x(min(band.last + 0.5, count - 1))
        parts.append(
            f'<rect class="band" x="{begin:.1f}" y="{_TOP}" width="{max(end - begin, 1):.1f}" height="{up}"/>'
            f'<text class="band-label" x="{begin + 4:.1f}" y="{_TOP + 17}">{escape(band.label)}</text>'
        )
    for number in range(round(top / step) + 1):
        value = number * step
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        )
        parts.append(f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{escape(written(value))}</text>')
    for second in _ticks(count):
        parts.append(f'<text x="{x(second):.1f}" y="{_HEIGHT - 7}" text-anchor="middle">{second} s</text>')
    for number, line in enumerate(lines):
        path, dots = _path(line.values, x, y)
        parts.append(f'<path class="line line-{number}" d="{path}"/>')
        parts += (f'<circle class="dot dot-{number}" cx="{left:.1f}" cy="{down:.1f}" r="3"/>' for left, down in dots)
    legend = "".join(f'<span class="key key-{number}">{escape(line.label)}</span>' for number, line in enumerate(lines))
    return (
        f'<figure><figcaption>{escape(title)}<span class="legend">{legend}</span></figcaption>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg></figure>'
    )


def _path(
    values: Sequence[float | None], x: Callable[[float], float], y: Callable[[float], float]
) -> tuple[str, list[tuple[float, float]]]:
    """Return the steps of a line, and the points that have no neighbour to draw a line to."""
    size = -(-len(values) // MAXIMUM_POINTS) or 1
    steps: list[str] = []
    dots: list[tuple[float, float]] = []
    run: list[tuple[float, float]] = []
    for start in range(0, len(values) + size, size):
        known = [value for value in values[start : start + size] if value is not None]
        if known:
            run.append((x(start), y(max(known))))
            continue
        if len(run) == 1:
            dots += run
        elif run:
            steps.append("M" + "L".join(f"{left:.1f} {down:.1f}" for left, down in run))
        run = []
    return "".join(steps), dots


def _scale(highest: float) -> tuple[float, float]:
    """Return the top of the axis and the step of its grid, in round numbers."""
    if highest <= 0:
        return 1.0, 1.0
    rough = highest / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    return math.ceil(highest / step - 1e-9) * step, step


def _ticks(count: int) -> list[int]:
    step = next((size for size in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600) if count / size <= 9), 10_800)
    return list(range(0, count, step))
