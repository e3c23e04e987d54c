"""The life of one hub connection as a table. Lives here: states, what happens to them, nothing else.

Does not know which side it is on, nor bytes, messages or time.
"""

from __future__ import annotations

import enum

from hubwire.errors import LocalProtocolError


class State(enum.Enum):
    """Where a connection is."""

    HANDSHAKE = "handshake"
    """The transport is open; the client has not said which protocol it speaks."""
    CONNECTING = "connecting"
    """The handshake succeeded; the hub's `connected` runs and client messages wait."""
    OPEN = "open"
    """Messages are dispatched."""
    CLOSED = "closed"
    """Nothing is read or sent any more; the transport may still be going away."""


HANDSHAKE, CONNECTING, OPEN, CLOSED = State
"""The members under names of their own: before Python 3.12 it takes 130 ns to get one from its class, and a call asks
for the state ten times."""


class Step(enum.Enum):
    """What moves a connection on."""

    HANDSHAKE_ACCEPTED = "handshake accepted"
    CONNECTED = "connected"
    ENDED = "ended"


TRANSITIONS: dict[State, dict[Step, State]] = {
    State.HANDSHAKE: {Step.HANDSHAKE_ACCEPTED: State.CONNECTING, Step.ENDED: State.CLOSED},
    State.CONNECTING: {Step.CONNECTED: State.OPEN, Step.ENDED: State.CLOSED},
    State.OPEN: {Step.ENDED: State.CLOSED},
    State.CLOSED: {},
}


def advance(state: State, step: Step) -> State:
    """Return the next state.

    Raises: LocalProtocolError for a step that the state does not allow.
    """
    following = TRANSITIONS[state].get(step)
    if following is None:
        raise LocalProtocolError(f"A connection in state '{state.value}' cannot take the step '{step.value}'.")
    return following
