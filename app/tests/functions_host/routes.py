"""Routes of HTTP functions as the host matches them: literal words first, then parameters, then what takes the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.tests.functions_host.worker import IndexedFunction


@dataclass(frozen=True)
class Found:
    """A function, and what its route made of the path."""

    function: IndexedFunction
    parameters: Mapping[str, str]


class Routes:
    """All HTTP functions of an app, below the prefix of `host.json`."""

    def __init__(self, functions: Iterable[IndexedFunction], prefix: str) -> None:
        self._routes = sorted(
            ((_words(function.trigger["route"], prefix), function) for function in functions),
            key=lambda route: [_rank(word) for word in route[0]],
        )

    def find(self, method: str, path: str) -> Found | None:
        """The function that answers; None: the host answers 404."""
        for words, function in self._routes:
            parameters = _match(words, path)
            if parameters is not None and method in function.trigger.get("methods", [method]):
                return Found(function, parameters)
        return None


def _words(route: str, prefix: str) -> list[str]:
    return [word for word in f"{prefix}/{route}".split("/") if word]


def _rank(word: str) -> int:
    """0: literal, 1: a parameter, 2: the rest."""
    return 2 if word.startswith("{*") else 1 if word.startswith("{") else 0


def _match(words: list[str], path: str) -> Mapping[str, str] | None:
    found = re.fullmatch("/".join(map(_pattern, words)), path.strip("/"), re.IGNORECASE)
    return None if found is None else found.groupdict()


def _pattern(word: str) -> str:
    match _rank(word):
        case 0:
            return re.escape(word)
        case 1:
            return f"(?P<{word[1:-1]}>[^/]+)"
    return f"(?P<{word[2:-1]}>.*)"
