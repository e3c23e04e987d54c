"""Writes `bench/results/README.md`: the results as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lab.chart import shown

_VERDICTS = {True: "holds", False: "**does not hold**", None: "not decided"}


def _verdict(result: Mapping[str, Any]) -> str:
    reason = result.get("not_decided_because")
    return _VERDICTS[result["holds"]] + (f" ({reason})" if reason else "")


def _range(value: Mapping[str, float] | None) -> str:
    if value is None:
        return "–"
    return f"{shown(value['median'])} ({shown(value['min'])} to {shown(value['max'])})"


def write_table(results: Sequence[Mapping[str, Any]]) -> str:
    """Results as `summarize` makes them, with their circumstances."""
    lines = [
        "# Results of the load lab",
        "",
        "Written by `make bench`; how each figure is taken stands in [the lab's page](../README.md). A value is the",
        "median of the rounds, with the smallest and largest in brackets; ratios are taken within each round. Values",
        "of several runs do not compare: look at ratios and at the stacks of one table.",
        "",
        "![every scenario as bars](load.svg)",
        "",
        "| scenario | unit | ours | limit | ours to limit | bar | verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    for result in results:
        ours, limit = result["stacks"]["ours"], result["stacks"].get("limit", {})
        cells = [
            f"[{result['title']}](#{result['scenario']})",
            result["unit"],
            _range(ours.get("value")),
            _range(limit.get("value")),
            _range(ours.get("ratio_to_limit")),
            result["bar"],
            _verdict(result),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    for result in results:
        lines += ["", *_section(result)]
    return "\n".join([*lines, ""])


def _section(result: Mapping[str, Any]) -> list[str]:
    machine, versions = result["machine"], result["versions"]
    named = list(dict.fromkeys(name for stack in result["stacks"].values() for name in stack.get("details", {})))
    lines = [
        f'<a id="{result["scenario"]}"></a>',
        "",
        f"## {result['title']}",
        "",
        f"{result['unit']}; {result['better']} is better. Bar: {result['bar']}: {_verdict(result)}.",
        f"`{result['command']}`, {result['date']}, {result['parameters']['rounds']} rounds; {machine['cores']} cores "
        f"of {machine['cpu']}, {machine['memory_gib']} GiB, {machine['system']} {machine['kernel']}; "
        + ", ".join(f"{name} {number}" for name, number in versions.items())
        + ".",
        "",
        f"| stack | value | to limit | {' | '.join(named)} |",
        f"|---|---|---|{'---|' * len(named)}",
    ]
    for name, stack in result["stacks"].items():
        details = stack.get("details", {})
        cells = [name, _range(stack.get("value")), _range(stack.get("ratio_to_limit"))]
        cells += [shown(details[each]["median"]) if each in details else "–" for each in named]
        lines.append(f"| {' | '.join(cells)} |")
    for name, stack in result["stacks"].items():
        for failure in stack.get("failures", []):
            lines += ["", f"A round of {name} gave nothing: {failure}."]
    return lines
