"""The checklist and its exclusions as values, and the mark by which a test says which rows it shows."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pytest

T = TypeVar("T", bound=Callable[..., object])

ALL = (
    "WebSockets-json",
    "WebSockets-messagepack",
    "ServerSentEvents-json",
    "LongPolling-json",
    "LongPolling-messagepack",
)
TRANSPORTS = ("WebSockets-json", "ServerSentEvents-json", "LongPolling-json")
STREAMING = ("WebSockets-json", "ServerSentEvents-json")
WEBSOCKETS = ("WebSockets-json", "WebSockets-messagepack")
POLLING = ("LongPolling-json", "LongPolling-messagepack")
_COMBINATIONS = {
    "all": ALL,
    "transports": TRANSPORTS,
    "streaming": STREAMING,
    "websockets": WEBSOCKETS,
    "polling": POLLING,
    "once": (None,),
}

_SHOWN = "__compliance_rows__"
_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Duty:
    """A row that a client is to show, and the combination; None: any one."""

    row: str
    over: str | None


@dataclass(frozen=True)
class Exclusion:
    """Rows that some clients do not show."""

    rows: Sequence[str]
    by: Sequence[str]
    reason: str
    over: Sequence[str] | None = None
    proof: str | None = None
    """The test that shows it in another way, as pytest names it."""

    def covers(self, client: str, duty: Duty) -> bool:
        return client in self.by and duty.row in self.rows and (self.over is None or duty.over in self.over)


def duties(folder: Path = _FOLDER) -> tuple[Duty, ...]:
    """All rows, each as often as it has combinations."""
    rows = tomllib.loads((folder / "checklist.toml").read_text(encoding="utf-8"))["rows"]
    return tuple(Duty(row, over) for row, content in rows.items() for over in _COMBINATIONS[content["over"]])


def exclusions(folder: Path = _FOLDER) -> tuple[Exclusion, ...]:
    """The table of exclusions."""
    table = tomllib.loads((folder / "exclusions.toml").read_text(encoding="utf-8"))
    return tuple(Exclusion(**each) for each in table["excluded"])


def shows(*rows: str, over: Sequence[str] | None = None, together: bool = False) -> Callable[[T], T]:
    """Say which rows a test shows; with `over` it runs once for each combination, as its argument of that name.

    Args:
        together: the test goes through the combinations by itself.
    """

    def mark(test: T) -> T:
        setattr(test, _SHOWN, tuple(Duty(row, each) for row in rows for each in over or (None,)))
        parametrised: Any = test if over is None or together else pytest.mark.parametrize("over", over)(test)
        marked: T = parametrised
        return marked

    return mark


def shown_by(module: ModuleType) -> Iterator[Duty]:
    """What the tests of a module say that they show."""
    for value in vars(module).values():
        yield from shown_by_test(value)


def shown_by_test(test: object) -> Sequence[Duty]:
    """What one test says that it shows; anything else shows nothing."""
    shown: Sequence[Duty] = getattr(test, _SHOWN, ())
    return shown
