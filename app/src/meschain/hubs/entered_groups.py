"""Which groups this process has put connections into, so that it need not do so again. Knows no plane.

A connection stays in its groups until it ends: nobody takes one out. Where a service holds the connections, each group
is a request, and a page that comes is put into the same ones at its connect, at its join and when it catches up.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from meschain.services.ports import ConnectionKey

_REMEMBERED: Final = 20_000
"""Connections; more than a process holds. One that is forgotten is put in again, which changes nothing."""


class EnteredGroups:
    """What is known of connections that have not ended."""

    def __init__(self) -> None:
        self._groups: OrderedDict[ConnectionKey, set[str]] = OrderedDict()

    def lacking(self, key: ConnectionKey, groups: Sequence[str]) -> list[str]:
        """Those of them that the connection is not known to be in."""
        known: Collection[str] = self._groups.get(key, ())
        return [group for group in dict.fromkeys(groups) if group not in known]

    def entered(self, key: ConnectionKey, groups: Iterable[str]) -> None:
        """It is in these now."""
        self._groups.setdefault(key, set()).update(groups)
        self._groups.move_to_end(key)
        if len(self._groups) > _REMEMBERED:
            self._groups.popitem(last=False)

    def ended(self, key: ConnectionKey) -> None:
        self._groups.pop(key, None)
