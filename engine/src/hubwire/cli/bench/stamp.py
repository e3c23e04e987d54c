"""The text that load carries: when it was due, and filling. Knows no clock and no messages.

`hw<run>|<due>|xxxx…`: the run in 8 hexadecimal digits, so that what an earlier run left in a server is not taken for
ours, and the due time in nanoseconds of the monotonic clock, which all processes of one machine share.
"""

from __future__ import annotations

from collections.abc import Iterable

_DUE_DIGITS = 19
MINIMUM_BYTES = 2 + 8 + 1 + _DUE_DIGITS + 1
"""The shortest text."""
MAXIMUM_DEPTH = 3
"""How deep in lists and objects the text is looked for."""


class Stamps:
    """Makes and reads the texts of one run."""

    __slots__ = ("_filling", "_prefix", "_start")

    def __init__(self, run: str, size_bytes: int) -> None:
        """Args:
        run: 8 hexadecimal digits.
        size_bytes: of each text, at least `MINIMUM_BYTES`.
        """
        self._prefix = f"hw{run}|"
        self._start = len(self._prefix)
        self._filling = "x" * (size_bytes - MINIMUM_BYTES)

    def text(self, due_ns: int) -> str:
        """Return the text of a message that was due then."""
        return f"{self._prefix}{due_ns:0{_DUE_DIGITS}d}|{self._filling}"

    def due_ns(self, arguments: Iterable[object], depth: int = MAXIMUM_DEPTH) -> int | None:
        """Return when the message with these arguments was due; None: it is none of ours."""
        for argument in arguments:
            if type(argument) is str:
                if argument.startswith(self._prefix):
                    digits = argument[self._start : self._start + _DUE_DIGITS]
                    return int(digits) if digits.isdecimal() else None
            elif depth and isinstance(argument, list | dict):
                inner = argument if isinstance(argument, list) else argument.values()
                if (found := self.due_ns(inner, depth - 1)) is not None:
                    return found
        return None
