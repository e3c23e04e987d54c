"""Finds the way into a hub from outside, for every kind of server that hubs are added to. Knows no hosting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hubwire.hub.context import HubContext
from hubwire.hub.dispatcher import HubDispatcher
from hubwire.hub.hub import Hub


def find_context(dispatchers: Mapping[str, HubDispatcher], hub: type[Hub[Any]] | str) -> HubContext[Any]:
    """Return the context of a hub among these, which stand under their names in lower case.

    Raises: KeyError for a hub that is not there, or a class that is there twice.
    """
    if isinstance(hub, str):
        return dispatchers[hub.lower()].context
    found = [each for each in dispatchers.values() if each.hub_class is hub]
    if len(found) != 1:
        raise KeyError(f"{hub.__qualname__} was added {len(found)} times; give the hub's name instead.")
    return found[0].context
