"""Whether this machine lets one process open enough sockets. Opens none."""

from __future__ import annotations

import sys

from hubwire.cli.bench.scenario import Scenario
from hubwire.cli.failures import UsageFailed

_RESERVE = 64
"""Files, pipes and what the interpreter has open."""


def sockets_needed(scenario: Scenario) -> int:
    """Return the descriptors that each process needs at most."""
    share = -(-scenario.connections // scenario.processes)
    per_connection = 1 if tuple(scenario.transports) == ("websockets",) else 2  # a request that waits, and a POST
    dialing = -(-scenario.dials // scenario.processes)  # negotiations beside the sockets
    return share * per_connection + min(dialing, share) + _RESERVE


def check_descriptors(scenario: Scenario) -> None:
    """Raises: UsageFailed when the system's limit is too low and cannot be raised from here."""
    needed = sockets_needed(scenario)
    allowed = _hard_limit()
    if needed <= allowed:
        return
    room = max(allowed - _RESERVE, 1)
    processes = -(-(needed - _RESERVE) * scenario.processes // room)
    raise UsageFailed(
        f"{scenario.connections} connections in {scenario.processes} processes need {needed} open files in each, "
        f"and this system allows {allowed}; give --processes {processes}, or raise the limit with ulimit -n."
    )


def raise_descriptors(scenario: Scenario) -> None:
    """In the process itself: use what the system allows."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        needed = sockets_needed(scenario)
        if soft != resource.RLIM_INFINITY and soft < needed:
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _hard_limit() -> int:
    if sys.platform != "win32":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard != resource.RLIM_INFINITY:
            return hard
    return sys.maxsize
