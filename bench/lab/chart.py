"""Draws results as one SVG: a panel per scenario, a bar per stack, the range of its rounds as a line on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_WIDTH, _LABELS, _BAR, _GAP, _MARGIN = 860, 150, 16, 6, 24
_HEAD = 46
_COLOURS = {"ours": "#1f6feb", "limit": "#57606a"}
_PEER = "#b6bec8"


def shown(value: float) -> str:
    """A figure as people read it: no more digits than the noise leaves."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def draw(results: Sequence[Mapping[str, Any]]) -> str:
    """Results as `summarize` makes them. Each panel has its own scale, from 0."""
    parts: list[str] = []
    top = _MARGIN
    for result in results:
        panel, height = _panel(result, top)
        parts += panel
        top += height + _MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}" viewBox="0 0 {_WIDTH} {top}" '
            'font-family="system-ui, sans-serif" font-size="12">',
            f'<rect width="{_WIDTH}" height="{top}" fill="#ffffff"/>',
            *parts,
            "</svg>",
            "",
        ]
    )


def _panel(result: Mapping[str, Any], top: int) -> tuple[list[str], int]:
    rows = [(name, stack["value"]) for name, stack in result["stacks"].items() if "value" in stack]
    longest = max((value["max"] for _, value in rows), default=0) or 1
    room = _WIDTH - _LABELS - 3 * _MARGIN - 60
    parts = [
        f'<text x="{_MARGIN}" y="{top + 12}" font-weight="bold" font-size="14">{escape(result["title"])}</text>',
        f'<text x="{_MARGIN}" y="{top + 30}" fill="#57606a">{escape(result["unit"])}, {result["better"]} is better; '
        f"bar: {escape(result['bar'])}</text>",
    ]
    for number, (name, value) in enumerate(rows):
        y = top + _HEAD + number * (_BAR + _GAP)
        length = value["median"] / longest * room
        low, high = (value[end] / longest * room + _LABELS + _MARGIN for end in ("min", "max"))
        middle = y + _BAR / 2
        parts += [
            f'<text x="{_LABELS + _MARGIN - 8}" y="{y + 12}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{_LABELS + _MARGIN}" y="{y}" width="{length:.1f}" height="{_BAR}" '
            f'fill="{_COLOURS.get(name, _PEER)}"/>',
            f'<line x1="{low:.1f}" y1="{middle}" x2="{high:.1f}" y2="{middle}" stroke="#24292f" stroke-width="1.5"/>',
            f'<text x="{max(high, _LABELS + _MARGIN + length) + 6:.1f}" y="{y + 12}">{shown(value["median"])}</text>',
        ]
    return parts, _HEAD + len(rows) * (_BAR + _GAP)
