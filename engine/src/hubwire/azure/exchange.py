"""What one HTTP exchange may come to. Knows no HTTP library, so that whoever imports it needs none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    body: bytes


class NotSent(Exception):
    """Nothing of the request went out."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        self.reason = reason
        self.is_final = is_final
        """Whether trying again at once would do no good."""
        super().__init__(reason)


class NoReply(Exception):
    """The request may have arrived, and nobody knows what became of it."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
