"""Whatever arrives and whatever the hub does, the session returns events and whole messages, ends once, and no more.

An input is a list of operations on one session; `session_owner` says what is promised after each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from engine.fuzz.session_owner import Owner
from engine.fuzz.tape import Tape

from hubwire.errors import HubError
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.messages import (
    Ack,
    CancelInvocation,
    Close,
    Completion,
    Invocation,
    Message,
    Ping,
    Sequence,
    StreamInvocation,
    StreamItem,
)

TREES = None
_LONGEST_BYTES = 600

# Few ids and short messages: most of what can go wrong takes several of them for one thing.
HANDSHAKES = (
    b'{"protocol":"json","version":1}\x1e',
    b'{"protocol":"messagepack","version":1}\x1e',
    b'{"protocol":"json","version":2}\x1e',
    b'{"protocol":"messagepack","version":2}\x1e',
    b'{"protocol":"json","version":2}\x1e{"type":6}\x1e{"type":1,"target":"A","arguments":[]}\x1e',
    b'{"protocol":"none","version":1}\x1e',
    b"x" * 301,
)
MESSAGES: tuple[Message, ...] = (
    *(Invocation("Do", [1], invocation_id) for invocation_id in (None, "0", "1")),
    *(
        Invocation("Up", [], invocation_id, {}, streams)
        for invocation_id in (None, "0")
        for streams in (("2",), ("2", "3"))
    ),
    Invocation("Up", [], "0", {}, ("2", "2")),
    *(StreamInvocation(invocation_id, "Count", [3]) for invocation_id in ("0", "1", "4")),
    StreamInvocation("0", "Count", [], {}, ("2",)),
    *(StreamItem(invocation_id, 5) for invocation_id in ("2", "3", "9")),
    *(Completion(invocation_id) for invocation_id in ("2", "3", "s1", "s2")),
    Completion("2", error="client"),
    Completion("s1", [1], has_result=True),
    *(CancelInvocation(invocation_id) for invocation_id in ("0", "9")),
    Ping(),
    Close(),
    Close("why"),
    Invocation("Do", ["x" * 300]),
)
LIES: tuple[Message, ...] = (
    Ack(0),
    Ack(1),
    Ack(3),
    Ack(99),
    Ack(-1),
    Sequence(0),
    Sequence(1),
    Sequence(3),
    Sequence(99),
)
SECONDS = (0.0, 0.5, 1.0, 4.0, 5.0, 15.0, 16.0, 31.0)


def shake_hands(owner: Owner, tape: Tape) -> None:
    feed(owner, HANDSHAKES[tape.number() % len(HANDSHAKES)], tape)


def say(owner: Owner, tape: Tape) -> None:
    feed(owner, owner.session.codec.encode(MESSAGES[tape.number() % len(MESSAGES)]), tape)


def lie(owner: Owner, tape: Tape) -> None:
    owner.is_honest = False
    feed(owner, owner.session.codec.encode(LIES[tape.number() % len(LIES)]), tape)


def babble(owner: Owner, tape: Tape) -> None:
    owner.is_honest = False
    owner.feed(tape.bytes(tape.number() % 64))


def feed(owner: Owner, data: bytes, tape: Tape) -> None:
    """Feed it in two pieces."""
    cut = tape.number() % (len(data) + 1)
    owner.feed(data[:cut])
    owner.feed(data[cut:])


def acknowledge(owner: Owner, _: Tape) -> None:
    if owner.is_honest and owner.codec is not None:
        owner.feed(owner.session.codec.encode(Ack(owner.read())))


def answer(owner: Owner, tape: Tape) -> None:
    results: tuple[object, ...] = (None, 1, "x" * 150, object())
    choice = tape.number() % 6
    owner.answer(tape.number(), results[choice % len(results)], "went wrong" if choice > 3 else None)


def yield_item(owner: Owner, tape: Tape) -> None:
    owner.yield_item(tape.number(), "x" * tape.number())


def broadcast(owner: Owner, tape: Tape) -> None:
    message = EncodedMessage.invocation("News", [owner.now, "x" * tape.number()])
    owner.broadcast(message.payload(owner.session.codec))


def close(owner: Owner, tape: Tape) -> None:
    choice = tape.number() % 3
    if choice == 0:
        owner.session.send_close(allow_reconnect=True)
    elif choice == 1:
        owner.session.send_close("because")
    elif owner.codec is not None:
        owner.session.send_failure(ValueError("hub"))
    owner.settle()


def close_later(owner: Owner, tape: Tape) -> None:
    owner.session.close_at(owner.now + SECONDS[tape.number() % len(SECONDS)])
    owner.settle()


OPERATIONS: tuple[Callable[[Owner, Tape], None], ...] = (
    shake_hands,
    lambda owner, tape: owner.connect(),
    say,
    say,
    say,
    answer,
    yield_item,
    lambda owner, tape: owner.pass_time(SECONDS[tape.number() % len(SECONDS)]),
    lambda owner, tape: owner.ask(),
    lambda owner, tape: owner.forget(tape.number()),
    lambda owner, tape: owner.take_item(tape.number()),
    lambda owner, tape: owner.end_upload(tape.number()),
    lambda owner, tape: owner.give_way(tape.number()),
    lambda owner, tape: owner.interrupt(),
    lambda owner, tape: owner.resume(),
    broadcast,
    acknowledge,
    lie,
    babble,
    close_later,
    close,
    lambda owner, tape: owner.lose(None if tape.number() & 1 else HubError("network")),
)
(SHAKE, CONNECT, SAY, _, _, ANSWER, YIELD, WAIT, ASK, FORGET, TAKE, END_UPLOAD, GIVE_WAY, *_REST) = range(
    len(OPERATIONS)
)
(INTERRUPT, RESUME, BROADCAST, ACKNOWLEDGE, LIE, BABBLE, CLOSE_LATER, CLOSE, LOSE) = _REST


def seeds() -> Iterator[bytes]:
    """Conversations that reach everything, with each codec and with and without stateful reconnect."""
    for flags in range(4):
        for choice in range(len(HANDSHAKES)):
            yield bytes([flags, SHAKE, choice, 0])
            start = bytes([flags, SHAKE, choice, 7, CONNECT])
            for number in range(len(MESSAGES)):
                yield start + bytes([SAY, number, 3, ANSWER, 1, 0])
                yield start + bytes([SAY, number, 0, SAY, number, 9, WAIT, 2, ANSWER, 4, 0, ANSWER, 0, 0, WAIT, 7])
        for choice in range(4):
            start = bytes([flags, SHAKE, choice, 7, CONNECT])
            yield from (start + bytes(steps) for steps in _CONVERSATIONS)


def _index(wanted: Message) -> int:
    return MESSAGES.index(wanted)


_UP = _index(Invocation("Up", [], "0", {}, ("2", "3")))
_ITEM = _index(StreamItem("2", 5))
_DONE = _index(Completion("2"))
_COUNT = _index(StreamInvocation("0", "Count", [3]))
_CANCEL = _index(CancelInvocation("0"))
_RESULT = _index(Completion("s1", [1], has_result=True))
_CONVERSATIONS: Iterable[list[int]] = (
    [SAY, _UP, 0, SAY, _ITEM, 0, SAY, _ITEM, 0, SAY, _ITEM, 0, TAKE, 0, TAKE, 0, SAY, _DONE, 0, ANSWER, 1, 0],
    [SAY, _UP, 0, SAY, _ITEM, 5, END_UPLOAD, 0, SAY, _ITEM, 0, ANSWER, 5, 0, SAY, _ITEM, 0],
    [SAY, _COUNT, 0, YIELD, 0, 9, YIELD, 0, 200, SAY, _CANCEL, 0, ANSWER, 0, 0, SAY, _COUNT, 0],
    [SAY, 1, 0, GIVE_WAY, 0, ASK, SAY, 2, 0, SAY, _RESULT, 0, ANSWER, 1, 0, ANSWER, 1, 0],
    [ASK, ASK, FORGET, 0, WAIT, 3, SAY, _RESULT, 0],
    [BROADCAST, 9, BROADCAST, 9, INTERRUPT, BROADCAST, 9, RESUME, ACKNOWLEDGE, BROADCAST, 9, ACKNOWLEDGE],
    [*([BROADCAST, 90] * 6), ACKNOWLEDGE, INTERRUPT, WAIT, 3, RESUME, ACKNOWLEDGE, WAIT, 4, LIE, 6, 0, WAIT, 5],
    [INTERRUPT, *([BROADCAST, 250] * 9), WAIT, 6],
    [INTERRUPT, WAIT, 6, RESUME],
    [LIE, 1, 0, LIE, 6, 0, LIE, 8, 0],
    [SAY, 0, 0, SAY, 1, 0, BABBLE, 9, *b"{}\x1e{}\x1e\x01\x90\x00", ANSWER, 0, 0, WAIT, 7],
    [CLOSE_LATER, 2, WAIT, 3, CLOSE, 0],
    [CLOSE, 1],
    [CLOSE, 2],
    [LOSE, 0],
    [LOSE, 1],
)
TOKENS = [*map(bytes, _CONVERSATIONS), *(bytes([SAY, number, 0]) for number in range(len(MESSAGES)))]


def check(data: bytes) -> None:
    tape = Tape(data[:_LONGEST_BYTES])
    flags = tape.number()
    owner = Owner(is_stateful=bool(flags & 1), allows_binary=not flags & 2)
    while tape:
        OPERATIONS[tape.number() % len(OPERATIONS)](owner, tape)
    if owner.is_honest:
        owner.read()
    owner.finish()
