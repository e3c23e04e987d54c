"""The life of one hub connection from the client's side, as a table. Lives here: phases and what moves them on.

Does not know bytes, messages or time, nor that a lost connection may be followed by another.
"""

from __future__ import annotations

import enum

from hubwire.errors import LocalProtocolError


class Phase(enum.Enum):
    """Where a connection is."""

    HANDSHAKE = "handshake"
    """The transport is open; the server has not answered the handshake."""
    OPEN = "open"
    """Messages go both ways."""
    ADRIFT = "adrift"
    """Stateful reconnect: the socket is lost; what is sent waits for the next one."""
    RESUMING = "resuming"
    """Stateful reconnect: a new socket is there; what comes is dropped until the server's Sequence."""
    CLOSED = "closed"
    """Nothing is read or sent any more."""


class Step(enum.Enum):
    """What moves a connection on."""

    ACCEPTED = "handshake accepted"
    LOST = "socket lost"
    REGAINED = "socket regained"
    SEQUENCE = "sequence received"
    ENDED = "ended"


TRANSITIONS: dict[Phase, dict[Step, Phase]] = {
    Phase.HANDSHAKE: {Step.ACCEPTED: Phase.OPEN, Step.ENDED: Phase.CLOSED},
    Phase.OPEN: {Step.LOST: Phase.ADRIFT, Step.ENDED: Phase.CLOSED},
    Phase.ADRIFT: {Step.REGAINED: Phase.RESUMING, Step.ENDED: Phase.CLOSED},
    Phase.RESUMING: {Step.SEQUENCE: Phase.OPEN, Step.ENDED: Phase.CLOSED},
    Phase.CLOSED: {},
}


def advance(phase: Phase, step: Step) -> Phase:
    """Return the next phase.

    Raises: LocalProtocolError for a step that the phase does not allow.
    """
    following = TRANSITIONS[phase].get(step)
    if following is None:
        raise LocalProtocolError(f"A connection in phase '{phase.value}' cannot take the step '{step.value}'.")
    return following
