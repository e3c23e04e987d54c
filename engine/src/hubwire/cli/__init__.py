"""The `hubwire` command: the engine's top layer, which composes itself. Flags or a file, no environment."""

from hubwire.cli.command import main

__all__ = ["main"]
