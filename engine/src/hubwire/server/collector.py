"""Python's garbage collector, in a process that does nothing but serve. Knows no server."""

from __future__ import annotations

import gc

_THRESHOLDS = (10_000, 20, 50)
"""Objects more than before the youngest are looked through, and how often that happens before the older are. Python's
own 700, 10, 10 mean a look every 50 calls of a hub method and take 1 to 2 us of the 17 that each costs; nearly all
garbage of a server is freed without the collector."""


def calm() -> None:
    """Let the collector look less often, and never again at what exists now: modules, classes, the application.

    For the start of a process; children that are forked later share the memory of what is never looked at.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
