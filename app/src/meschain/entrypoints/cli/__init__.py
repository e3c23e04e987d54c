"""The command line, `meschain`."""

from meschain.entrypoints.cli.app import main

__all__ = ["main"]
