"""A scenario as a file: what is measured, with how many, and where the bar lies. Knows no stack and no process."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

MEASURES = ("broadcast", "echo", "setup", "idle", "latency", "storm", "slow_reader")
RECEIVERS = ("all", "half_group")
FOLDER = Path(__file__).parent.parent / "scenarios"


class BadScenario(Exception):
    """A scenario file that cannot be run; says which and why."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What must hold; each of the conditions that is given."""

    text: str
    """The bar in words, as people read it."""
    at_most: float | None = None
    under: float | None = None
    """Less than this, where `at_most` allows as much."""
    at_least: float | None = None
    limit_plus: float | None = None
    """At most the limit's value and this, compared within each round."""
    limit_times: float | None = None
    """At most so many times the limit's value, compared within each round."""
    ahead_of: tuple[str, ...] = ()
    """Better than these stacks, all of which must have been measured."""
    at_most_detail: str | None = None
    """At most this detail, compared within each round."""
    details_at_most: dict[str, float] = field(default_factory=dict)
    undecided_by: dict[str, str] = field(default_factory=dict)
    """Details that must be 0 in every round; otherwise nothing is decided, for the reason that stands here."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Times in seconds, sizes in bytes."""

    name: str
    title: str
    measure: str
    unit: str
    bar: Bar
    better: str = "lower"
    connections: int = 1000
    seconds: float = 3.0
    warm_seconds: float = 0.5
    rounds: int = 5
    rate: float = 10.0
    """Open loop: broadcasts a second."""
    payload_bytes: int = 200
    in_flight: int = 1
    connecting: int = 64
    """Connects in flight at once."""
    messagepack_share: float = 0.0
    receivers: str = "all"
    excluded: int = 0
    """Half-group: members that the broadcast names as not meant."""
    churn_per_second: float = 0.0
    slow_bytes_per_second: float = 0.0
    """Above 0: there is one more client, which reads no faster."""
    slow_fill_bytes: int = 0
    """What is sent to that one alone before: the kernel holds about 3 MB of it before a server notices anything."""
    with_limit: bool = True
    peers: tuple[str, ...] = ()

    @property
    def messagepack_count(self) -> int:
        return round(self.connections * self.messagepack_share)

    @property
    def receiver_count(self) -> int:
        """How many connections one broadcast reaches."""
        return self.connections if self.receivers == "all" else self.connections // 2 - self.excluded


def _make(kind: type, values: dict[str, Any], path: Path) -> Any:
    known = {each.name for each in fields(kind)}
    if unknown := set(values) - known:
        raise BadScenario(
            f"{path.name}: {', '.join(sorted(unknown))} is unknown; known are {', '.join(sorted(known))}."
        )
    try:
        return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
    except TypeError as error:
        raise BadScenario(f"{path.name}: {error}") from error


def load_scenario(path: Path, *, is_quick: bool = False) -> Scenario:
    """Read one; quick: with what its [quick] table replaces. Raises: BadScenario."""
    values = tomllib.loads(path.read_text())
    quick = values.pop("quick", {})
    bar = _make(Bar, values.pop("bar", {}), path)
    chosen = {**values, **(quick if is_quick else {}), "name": path.stem, "bar": bar}
    scenario: Scenario = _make(Scenario, chosen, path)
    if scenario.measure not in MEASURES:
        raise BadScenario(f"{path.name}: measure is {scenario.measure!r}; give one of {', '.join(MEASURES)}.")
    if scenario.better not in ("lower", "higher"):
        raise BadScenario(f"{path.name}: better is {scenario.better!r}; give lower or higher.")
    if scenario.receivers not in RECEIVERS:
        raise BadScenario(f"{path.name}: receivers is {scenario.receivers!r}; give one of {', '.join(RECEIVERS)}.")
    if scenario.receiver_count < 1 or scenario.rounds < 1 or not math.isfinite(scenario.seconds):
        raise BadScenario(f"{path.name}: at least one receiver and one round are needed.")
    return scenario


def load_scenarios(names: list[str] | None = None, *, is_quick: bool = False) -> list[Scenario]:
    """Read those named, or all, in the order of the files' names. Raises: BadScenario."""
    known = {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}
    if unknown := set(names or ()) - set(known):
        raise BadScenario(f"No scenario {', '.join(sorted(unknown))}; there are {', '.join(known)}.")
    return [load_scenario(path, is_quick=is_quick) for name, path in known.items() if not names or name in names]
