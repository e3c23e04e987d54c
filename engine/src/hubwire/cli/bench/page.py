"""The report as one HTML file that needs nothing from anywhere: styles and charts are in it. Measures nothing."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from hubwire.cli.bench.charts import Band, Line, chart
from hubwire.cli.bench.limits import duration, shown
from hubwire.cli.bench.report import BenchReport
from hubwire.cli.bench.terminal import verdict

_STYLE = """
:root { color-scheme: light dark; --ground: #f6f7f9; --card: #fff; --text: #1a2230; --faint: #5b6676; --rule: #dfe3ea;
  --a: #1f6feb; --b: #d9730d; --c: #8b5cf6; --good: #1a7f4b; --bad: #c62f38; --band: #1f6feb12; }
@media (prefers-color-scheme: dark) { :root { --ground: #0f141b; --card: #171e28; --text: #e4e9f0; --faint: #97a3b4;
  --rule: #2b3543; --a: #6ea8fe; --b: #f5a35c; --c: #b69bff; --good: #4cc38a; --bad: #ff7b82; --band: #6ea8fe14; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 28px 20px 48px; max-width: 1120px; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 17px; margin: 32px 0 10px; }
p { margin: 6px 0; } .faint { color: var(--faint); }
.verdict { margin: 18px 0; padding: 12px 16px; border-radius: 10px; font-weight: 600; background: var(--card);
  border: 1px solid var(--rule); border-left: 6px solid var(--faint); overflow-wrap: anywhere; }
.verdict.pass { border-left-color: var(--good); } .verdict.fail { border-left-color: var(--bad); }
.warning { margin: 10px 0; padding: 10px 16px; border: 1px solid var(--b); border-radius: 10px; }
.tiles { display: grid; grid-template-columns: repeat(5, 1fr); gap: 12px; }
.tile, figure, .scroll { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
.tile { padding: 12px 14px; } .tile b { display: block; font-size: 21px; line-height: 1.3; white-space: nowrap; }
.tile span { color: var(--faint); font-size: 13px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 12px; }
figure { margin: 0; padding: 12px 14px 6px; min-width: 0; }
figure:first-child:nth-last-child(odd) { grid-column: 1 / -1; }
figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 2px 16px; font-weight: 600; }
.legend { font-weight: 400; font-size: 13px; color: var(--faint); display: flex; gap: 14px; }
.key::before { content: ""; display: inline-block; width: 14px; height: 3px; border-radius: 2px; margin-right: 6px;
  vertical-align: middle; background: var(--a); }
.key-1::before { background: var(--b); } .key-2::before { background: var(--c); }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--faint); font-size: 16px; }
@media (min-width: 1000px) { figure:first-child:nth-last-child(odd) svg text { font-size: 10px; } }
.grid { stroke: var(--rule); } .band { fill: var(--band); } .band-label { opacity: .8; }
.line { fill: none; stroke: var(--a); stroke-width: 2; vector-effect: non-scaling-stroke; stroke-linejoin: round;
  stroke-linecap: round; }
.line-1 { stroke: var(--b); } .line-2 { stroke: var(--c); }
.dot { fill: var(--a); } .dot-1 { fill: var(--b); } .dot-2 { fill: var(--c); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 7px 14px; border-top: 1px solid var(--rule); vertical-align: top; }
tr:first-child > * { border-top: 0; } th { font-weight: 600; color: var(--faint); white-space: nowrap; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td { font-variant-numeric: tabular-nums; } .times td { white-space: nowrap; }
td.kind { overflow-wrap: anywhere; min-width: 130px; } .end { margin-top: 24px; }
.good { color: var(--good); font-weight: 600; } .bad { color: var(--bad); font-weight: 600; }
@media (max-width: 560px) { body { padding: 18px 12px 36px; } svg text { font-size: 19px; } h1 { font-size: 20px; }
  .tile b { font-size: 18px; } .tiles { grid-template-columns: repeat(2, 1fr); } th, td { padding: 6px 8px; }
  table { font-size: 13.5px; } .what th { white-space: normal; } }
@media (min-width: 561px) and (max-width: 900px) { .tiles { grid-template-columns: repeat(3, 1fr); } }
"""

_TITLES = {
    "echo": "Echo",
    "broadcast": "Broadcast",
    "group": "Groups",
    "user": "Users",
    "stream": "Streams",
    "idle": "Idle connections",
}
_SCENARIO_LABELS = {
    "method": "hub method",
    "connections": "connections",
    "senders": "senders",
    "rate": "messages a second, per sender",
    "size": "text, bytes",
    "transports": "transports",
    "protocols": "protocols",
    "ramp": "new connections a second",
    "warmup": "warm-up, seconds",
    "duration": "measured, seconds",
    "processes": "processes",
}


def page(report: BenchReport) -> str:
    """Return the file's text."""
    title = f"{_TITLES[str(report.scenario['load'])]}, {_value(report.scenario['connections'])} connections"
    state = "fail" if report.exit_code else "pass" if report.limits else ""
    machine = report.machine
    started_at = report.started_at.replace("T", " ").replace("+00:00", " UTC")
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="faint">{escape(report.url)} · {escape(started_at)}</p>',
        f'<p class="verdict {state}">{escape(verdict(report))}</p>',
        *(f'<p class="warning">{escape(warning)}</p>' for warning in report.warnings),
        f'<div class="tiles">{_tiles(report)}</div>',
        f'<h2>Second by second</h2><div class="charts">{_charts(report)}</div>' if report.series else "",
        _section("Limits", "", ("limit", "measured", ""), _limit_rows(report)),
        _section("Errors", "", ("count", "what", "for example"), _error_rows(report)),
        _section("Times", "times", ("", "p50", "p90", "p99", "p99.9", "slowest"), _time_rows(report)),
        _section("What was done", "what", (), _scenario_rows(report)),
        _section(
            "The load generator",
            "times",
            ("process", "CPU", "memory", "late by, p99", "at most"),
            _generator_rows(report),
        ),
        f'<p class="faint end">hubwire {escape(report.hubwire)} · Python {machine["python"]} · {machine["system"]} · '
        f"{machine['processor']}, {machine['cores']} cores. Latency counts from when a message was due by its "
        "schedule until it was read; quantiles are at most 1.6 % too high.</p>",
    ]
    content = "".join(f"{part}\n" for part in body if part)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n{content}</body>\n</html>\n"
    )


def _tiles(report: BenchReport) -> str:
    chosen = [
        ("connected", "connected"),
        ("connect.p99", "time to connect, p99"),
        ("connect.rate", "connections a second"),
    ]
    if report.scenario["method"] is not None:
        chosen = [
            ("latency.p50", "latency, p50"),
            ("latency.p99", "latency, p99"),
            ("latency.max", "latency, slowest"),
            ("received.rate", "arrivals a second"),
            ("received", "arrived"),
            ("lost", "lost"),
            *([("surplus", "not expected")] if report.figures["surplus"] else []),
            *chosen[:2],
        ]
    chosen += [("dropped", "dropped"), ("errors", "errors")]
    return "".join(
        f'<div class="tile"><b>{escape(shown(name, report.figures[name]))}</b><span>{escape(label)}</span></div>'
        for name, label in chosen
    )


def _charts(report: BenchReport) -> str:
    rows = report.series
    bands = [
        Band("measured", each[0].second, each[-1].second)
        for each in [[row for row in rows if row.phase == "measure"]]
        if each
    ]
    charts = []
    if report.scenario["method"] is not None:
        charts += [
            chart(
                "Latency",
                [
                    Line("slowest", [row.latency_max for row in rows]),
                    Line("p99", [row.latency_p99 for row in rows]),
                    Line("p50", [row.latency_p50 for row in rows]),
                ],
                bands,
                duration_or_zero,
            ),
            chart(
                "Messages a second",
                [Line("arrived", [row.received for row in rows]), Line("sent", [row.sent for row in rows])],
                bands,
                _count,
            ),
        ]
    charts += [
        chart("Open connections", [Line("open", [row.open for row in rows])], bands, _count),
        chart(
            "Errors and drops a second",
            [Line("errors", [row.errors for row in rows]), Line("dropped", [row.dropped for row in rows])],
            bands,
            _count,
        ),
        chart(
            "How late the load generator was", [Line("at most", [row.lag_max for row in rows])], bands, duration_or_zero
        ),
    ]
    return "".join(charts)


def duration_or_zero(seconds: float) -> str:
    """Return a duration for an axis."""
    if not seconds:
        return "0"
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    return f"{seconds:.3g} s"


def _count(value: float) -> str:
    return f"{value / 1e6:g}M" if value >= 1e6 else f"{value / 1e3:g}k" if value >= 1e4 else f"{value:,g}"


def _section(title: str, kind: str, head: tuple[str, ...], rows: Iterable[str]) -> str:
    lines = list(rows)
    if not lines:
        return ""
    first = f"<tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr>" if head else ""
    return f'<h2>{escape(title)}</h2><div class="scroll"><table class="{kind}">{first}{"".join(lines)}</table></div>'


def _row(*cells: str, numbers: int = 0) -> str:
    return "<tr>" + "".join(
        f'<td class="number">{escape(cell)}</td>' if place < numbers else f'<td class="kind">{escape(cell)}</td>'
        for place, cell in enumerate(cells)
    ) + "</tr>"  # fmt: skip


def _limit_rows(report: BenchReport) -> list[str]:
    return [
        f"<tr><td>{escape(each.text)}</td><td>{escape(each.measured)}</td>"
        f'<td class="{"good" if each.passed else "bad"}">{"holds" if each.passed else "does not hold"}</td></tr>'
        for each in report.limits
    ]


def _error_rows(report: BenchReport) -> list[str]:
    return [_row(f"{each.count:,}", each.kind, each.example, numbers=1) for each in report.errors]


def _time_rows(report: BenchReport) -> list[str]:
    names = (
        {"connect": "connect"} if report.scenario["method"] is None else {"latency": "latency", "connect": "connect"}
    )
    rows = []
    for name, label in names.items():
        figures = (f"{name}.{each}" for each in ("p50", "p90", "p99", "p99.9", "max"))
        cells = (shown(each, report.figures[each]) if each in report.figures else "–" for each in figures)
        rows.append(f"<tr><th>{label}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>")
    return rows


def _scenario_rows(report: BenchReport) -> list[str]:
    scenario = report.scenario
    labels = dict(_SCENARIO_LABELS)
    if scenario["method"] is None:
        for name in ("method", "senders", "rate", "size", "warmup"):
            labels.pop(name)
    extra = {"group": {"groups": "groups"}, "user": {"users": "users"}, "stream": {"items": "items of a stream"}}
    labels |= extra.get(str(scenario["load"]), {})
    return [
        f"<tr><th>{escape(label)}</th><td>{escape(_value(scenario[name]))}</td></tr>" for name, label in labels.items()
    ]


def _generator_rows(report: BenchReport) -> list[str]:
    return [
        f"<tr><td>{each.process + 1}</td><td>{each.cpu_percent:.0f} % of a core</td>"
        f"<td>{each.memory_bytes / 2**20:.0f} MiB</td>"
        f"<td>{'–' if each.lag_p99 is None else duration(each.lag_p99)}</td><td>{duration(each.lag_max)}</td></tr>"
        for each in report.generators
    ]


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,.15g}"
    return str(value)
