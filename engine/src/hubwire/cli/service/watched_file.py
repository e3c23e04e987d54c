"""A file that is read again when it changes, or when the process is told to. Knows not what stands in it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from hubwire.cli.failures import UsageFailed
from hubwire.clock import Clock

_LOOK_SECONDS = 1.0
"""How often is looked. 1 s: an editor's save counts at once for whoever made it."""

_log = logging.getLogger("hubwire.service")


class WatchedFile:
    """One file, and what happens with it."""

    def __init__(self, path: Path, take: Callable[[Path], None]) -> None:
        """Args:
        take: reads it and uses what stands in it; called for each change. Raises: ValueError, UsageFailed, after which
            what was read before stays.
        """
        self._path = path
        self._take = take
        self._seen = self._look()

    async def watch(self, clock: Clock) -> None:
        """Look for changes until cancelled."""
        while True:
            await clock.sleep(_LOOK_SECONDS)
            if self._look() != self._seen:
                self.read_again()

    def read_again(self) -> None:
        """Take what stands in it now."""
        self._seen = self._look()
        try:
            self._take(self._path)
        except (ValueError, UsageFailed) as error:
            _log.error("%s was not taken, what stood in it before stays: %s", self._path, error)
        else:
            _log.info("%s was read again", self._path)

    def _look(self) -> tuple[int, int, int] | None:
        """What changes when somebody writes it, or says who may read it; None: it is not there."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_ctime_ns
