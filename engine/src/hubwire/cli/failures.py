"""How the command ends: its exit codes, and the errors that end it early. Knows no subcommand.

CommandFailed         one line on standard error, and an exit code
└── UsageFailed       what was asked for makes no sense, or this machine cannot do it
"""

from __future__ import annotations

from enum import IntEnum

from hubwire.errors import HubwireError


class ExitCode(IntEnum):
    """What a script can tell from the end of the command."""

    DONE = 0
    """Done; every limit that was given is kept."""
    LIMITS_FAILED = 1
    """Measured, and at least one limit is not kept; or a token was explained that is not good."""
    USAGE = 2
    """The command line, a file, an address or a limit of this machine: nothing was done."""
    UNREACHABLE = 3
    """No connection came about, the server refused the calls that set one up, all connections were lost before the load
    began, or one of our processes was lost."""
    INTERRUPTED = 130
    """Ctrl-C or SIGTERM; reports hold what was measured until then."""


class CommandFailed(HubwireError):
    """Ends the command with one line on standard error."""

    code = ExitCode.USAGE


class UsageFailed(CommandFailed):
    """What was asked for makes no sense, or this machine cannot do it; the text ends with what to do."""
