"""The command line: which subcommands there are, and how each ends. Knows nothing of what they do."""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
from collections.abc import Sequence

from hubwire.cli import bench_hub, token
from hubwire.cli.bench import command as bench
from hubwire.cli.failures import CommandFailed, ExitCode
from hubwire.cli.service import command as service

DESCRIPTION = "A SignalR service, and tools around SignalR servers. hubwire COMMAND --help explains each."


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    top = argparse.ArgumentParser(prog="hubwire", description=DESCRIPTION, allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"hubwire {importlib.metadata.version('hubwire')}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    service.add_parser(commands)
    token.add_parser(commands)
    bench.add_parser(commands)
    bench_hub.add_parser(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code. Wrong arguments end with code 2."""
    options = parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except CommandFailed as error:
        sys.stderr.write(f"hubwire: {error}\n")
        return error.code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return code
