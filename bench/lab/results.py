"""What comes out: medians with ranges, ratios within one round, and whether the bar holds. Knows no process."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from lab.measures import Sample
from lab.scenario import Scenario
from lab.stacks import LIMIT, OURS

Round = Mapping[str, Sample | str]
"""What each stack gave in one round; a text says why it failed."""


def spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "median": _rounded(statistics.median(values)),
        "min": _rounded(min(values)),
        "max": _rounded(max(values)),
    }


def _rounded(value: float) -> float:
    """Four digits are more than the noise leaves."""
    return float(f"{value:.4g}") if abs(value) < 1000 else round(value)


def summarize(scenario: Scenario, rounds: Sequence[Round]) -> dict[str, object]:
    """The result of one scenario."""
    stacks = {name: _summarize_stack(name, rounds) for name in rounds[0]}
    verdict = judge(scenario, rounds)
    return {
        "scenario": scenario.name,
        "title": scenario.title,
        "measure": scenario.measure,
        "unit": scenario.unit,
        "better": scenario.better,
        "bar": scenario.bar.text,
        "holds": verdict.holds,
        "not_decided_because": verdict.reason,
        "parameters": {
            key: value
            for key, value in asdict(scenario).items()
            if key not in ("name", "title", "measure", "unit", "better", "bar", "peers", "with_limit")
        },
        "stacks": stacks,
    }


def _summarize_stack(name: str, rounds: Sequence[Round]) -> dict[str, object]:
    samples = [(each[name], each.get(LIMIT)) for each in rounds]
    good = [sample for sample, _ in samples if isinstance(sample, Sample)]
    summary: dict[str, object] = {}
    if good:
        summary = {
            "value": spread([sample.value for sample in good]),
            "values": [_rounded(sample.value) for sample in good],
            "details": {key: spread([sample.details[key] for sample in good]) for key in good[0].details},
        }
    ratios = [
        sample.value / limit.value
        for sample, limit in samples
        if isinstance(sample, Sample) and isinstance(limit, Sample) and limit.value
    ]
    if ratios and name != LIMIT:
        summary["ratio_to_limit"] = spread(ratios)
    if failures := [sample for sample, _ in samples if isinstance(sample, str)]:
        summary["failures"] = failures
    return summary


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the medians keep the bar."""

    holds: bool | None
    """None: that cannot be said."""
    reason: str | None = None
    """Why it cannot be said."""


def judge(scenario: Scenario, rounds: Sequence[Round]) -> Verdict:
    """Hold the medians against the bar; ours must have come to its end in every round, the others at least once."""
    bar = scenario.bar
    samples = [sample for each in rounds if isinstance(sample := each.get(OURS), Sample)]
    if len(samples) < len(rounds):
        return Verdict(None, f"{len(rounds) - len(samples)} of {len(rounds)} rounds of ours failed")
    for key, reason in bar.undecided_by.items():
        if spoilt := [str(number) for number, sample in enumerate(samples, 1) if sample.details[key]]:
            return Verdict(None, f"{reason} (round {', '.join(spoilt)})")
    needed = [*([LIMIT] if bar.limit_plus is not None or bar.limit_times is not None else []), *bar.ahead_of]
    for name in needed:
        if not any(isinstance(each.get(name), Sample) for each in rounds):
            return Verdict(None, f"{name} was not measured")
    return Verdict(all(_conditions(scenario, rounds, samples)))


def _conditions(scenario: Scenario, rounds: Sequence[Round], samples: Sequence[Sample]) -> Iterator[bool]:
    """Each condition of the bar. Needs: ours in every round, and who it is compared with in one at least."""
    bar = scenario.bar
    value = statistics.median(sample.value for sample in samples)
    if bar.at_most is not None:
        yield value <= bar.at_most
    if bar.under is not None:
        yield value < bar.under
    if bar.at_least is not None:
        yield value >= bar.at_least
    pairs = [
        (sample.value, limit.value)
        for sample, each in zip(samples, rounds, strict=True)
        if isinstance(limit := each.get(LIMIT), Sample)
    ]
    if bar.limit_plus is not None:
        yield statistics.median(ours - limit for ours, limit in pairs) <= bar.limit_plus
    if bar.limit_times is not None:
        yield statistics.median(ours / limit for ours, limit in pairs) <= bar.limit_times
    for name in bar.ahead_of:
        median = statistics.median(sample.value for each in rounds if isinstance(sample := each.get(name), Sample))
        yield value < median if scenario.better == "lower" else value > median
    if bar.at_most_detail is not None:
        yield statistics.median(sample.value - sample.details[bar.at_most_detail] for sample in samples) <= 0
    for key, most in bar.details_at_most.items():
        yield statistics.median(sample.details[key] for sample in samples) <= most


def quick_row(scenario: Scenario, rounds: Sequence[Round]) -> dict[str, object]:
    """One scenario as `quick.json` has it: medians, and nothing that programs which read it do not expect."""

    def median(name: str) -> float | None:
        values = [sample.value for each in rounds if isinstance(sample := each.get(name), Sample)]
        return _rounded(statistics.median(values)) if values else None

    ours, limit = median(OURS), median(LIMIT)
    return {
        "ours": ours,
        "limit": limit,
        "peers": {name: median(name) for name in rounds[0] if name not in (OURS, LIMIT)},
        "ratio_to_limit": _rounded(ours / limit) if ours is not None and limit else None,
        "unit": scenario.unit,
    }


def quick_verdict(scenario: Scenario, rounds: Sequence[Round]) -> dict[str, object]:
    """What `quick-circumstances.json` says about one scenario."""
    verdict = judge(scenario, rounds)
    return {
        "title": scenario.title,
        "better": scenario.better,
        "bar": scenario.bar.text,
        "holds": verdict.holds,
        "not_decided_because": verdict.reason,
        "rounds": len(rounds),
        "details": _summarize_stack(OURS, rounds).get("details", {}),
        "failures": {
            name: failures for name in rounds[0] if (failures := _summarize_stack(name, rounds).get("failures"))
        },
    }
