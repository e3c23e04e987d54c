"""Questions to a client that another node holds: how they and their answers are written.

Arguments and results travel as hub messages, in the richest codec that can write them, and become plain values on the
way: what a client would get is what the client gets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hubwire.errors import ClientResultError, ClientResultTimeout, ConnectionGone, HubwireError
from hubwire.plane.envelope import Question, Reply
from hubwire.wire.codec import Codec
from hubwire.wire.messages import UNREADABLE, Completion, Invocation, Message, Unreadable

_ID = "0"


def make_question(
    codecs: Sequence[Codec],
    origin: str,
    request: int,
    target: str,
    arguments: Sequence[object],
    timeout_seconds: float | None,
) -> Question:
    """Raises: TypeError, ValueError when no codec can write the arguments."""
    codec, payload = _written(codecs, Invocation(target, arguments, _ID))
    return Question(origin, request, codec, payload, timeout_seconds)


def read_question(codecs: Mapping[str, Codec], question: Question) -> Invocation:
    """Raises: KeyError, InvalidMessage, TypeError for what this node cannot read."""
    message = _read(codecs[question.codec], question.invocation)
    if not isinstance(message, Invocation):
        raise TypeError("The question of another node is no invocation.")
    return message


def make_result(codecs: Sequence[Codec], request: int, result: object) -> Reply:
    """Word what a client has answered."""
    if isinstance(result, Unreadable):
        return Reply(request, "unreadable")
    try:
        codec, payload = _written(codecs, Completion(_ID, result, has_result=True))
    except (TypeError, ValueError):
        return Reply(request, "unreadable")  # it holds something unreadable
    return Reply(request, "result", codec, payload)


def make_failure(request: int, error: Exception) -> Reply:
    """Word why there is no result."""
    match error:
        case ClientResultError():
            return Reply(request, "error", text=str(error))
        case ConnectionGone():
            return Reply(request, "gone" if error.had_been_asked else "never")
        case ClientResultTimeout():
            return Reply(request, "late", seconds=error.timeout_seconds)
        case _:
            return Reply(request, "failed", text=f"{type(error).__name__}: {error}")


def read_result(codecs: Mapping[str, Codec], reply: Reply, connection_id: str, target: str) -> object:
    """Return the result, or raise what stands in its place.

    Raises: ConnectionGone, ClientResultTimeout, ClientResultError, HubwireError when the other node failed.
    """
    match reply.outcome:
        case "result":
            message = _read(codecs[reply.codec], reply.value)
            return message.result if isinstance(message, Completion) else UNREADABLE
        case "unreadable":
            return UNREADABLE
        case "error":
            raise ClientResultError(reply.text)
        case "gone" | "never":
            raise ConnectionGone(connection_id, had_been_asked=reply.outcome == "gone")
        case "late":
            raise ClientResultTimeout(connection_id, target, reply.seconds)
        case _:
            raise HubwireError(
                f"The node that holds connection '{connection_id}' could not ask it: {reply.text}. See its log."
            )


def _written(codecs: Sequence[Codec], message: Message) -> tuple[str, bytes]:
    for codec in codecs[:-1]:
        try:
            return codec.name, codec.encode(message)
        except (TypeError, ValueError):  # such as integers beyond 64 bits, which JSON has
            continue
    return codecs[-1].name, codecs[-1].encode(message)


def _read(codec: Codec, payload: bytes) -> Message | None:
    reader = codec.reader(None)
    reader.feed(payload)
    message = reader.next_message()
    return None if message is None else codec.decode(message)
