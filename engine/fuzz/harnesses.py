"""The list of harnesses. A harness is a module here with what `Harness` says."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import Protocol

from engine.fuzz.trees import Trees

NAMES = (
    "json_decode",
    "msgpack_decode",
    "separated_reader",
    "length_prefixed_reader",
    "handshake_request",
    "negotiation",
    "field_names",
    "rest_calls",
    "session",
    "dialogue",
    "event_stream",
    "client_answers",
    "upstream",
)
"""Every harness; each is a file of that name whose first line says what must hold."""


class Harness(Protocol):
    """What each of these modules has."""

    @property
    def TOKENS(self) -> Sequence[bytes]:  # noqa: N802 (a constant of the module)
        """Pieces of inputs that the search would hardly find by itself."""

    @property
    def TREES(self) -> Trees | None:  # noqa: N802 (a constant of the module)
        """How to change inputs by their meaning; None: as bytes only."""

    def seeds(self) -> Iterable[bytes]:
        """Return inputs that reach far, to begin with."""

    def check(self, data: bytes) -> None:
        """Try one input; whatever is raised is a finding."""


def load(name: str) -> Harness:
    """Return one of `NAMES`."""
    module: object = importlib.import_module(f"engine.fuzz.{name}")
    assert all(hasattr(module, part) for part in ("TOKENS", "TREES", "seeds", "check"))
    return module  # type: ignore[return-value]  # a module with these is one
