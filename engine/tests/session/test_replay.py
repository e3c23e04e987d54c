"""What one side of a stateful connection keeps: ids by position, acknowledgements, duplicates, impossible ids."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.errors import RemoteProtocolError
from hubwire.session.replay import ACK_SECONDS, ReceivedMessages, SentMessages


def sent(*sizes: int, limit: int = 100) -> SentMessages:
    messages = SentMessages(limit)
    for number, size in enumerate(sizes):
        messages.add(bytes([number]) * size)
    return messages


def test_ids_count_from_one_and_are_never_reset() -> None:
    messages = sent()
    assert (messages.first, messages.total) == (1, 0)
    messages.add(b"a")
    messages.add(b"b")
    assert (messages.first, messages.total) == (1, 2)
    messages.acknowledge(2)
    assert (messages.first, messages.total) == (3, 2)
    assert messages.unacknowledged() == ()


def test_what_is_acknowledged_is_dropped_and_the_rest_is_kept_in_order() -> None:
    messages = sent(10, 20, 30)
    messages.acknowledge(1)
    assert messages.first == 2
    assert messages.unacknowledged() == (b"\x01" * 20, b"\x02" * 30)
    assert messages.buffered_bytes == 50


@pytest.mark.parametrize("sequence_id", [-5, 0, 4, 10**30])
def test_an_ack_of_what_was_never_sent_or_nothing_changes_nothing(sequence_id: int) -> None:
    messages = sent(10, 20, 30)
    messages.acknowledge(sequence_id)
    assert len(messages.unacknowledged()) == 3


def test_an_old_ack_changes_nothing() -> None:
    messages = sent(10, 20, 30)
    messages.acknowledge(2)
    messages.acknowledge(1)
    assert messages.first == 3


def test_there_is_room_until_more_than_the_limit_is_kept() -> None:
    messages = sent(100, limit=100)
    assert messages.has_room
    messages.add(b"x" * 1000)  # of any size
    full = messages.has_room
    messages.acknowledge(2)
    assert (full, messages.has_room) == (False, True)


def test_each_message_is_new_once() -> None:
    received = ReceivedMessages()
    assert [received.take(0.0) for _ in range(3)] == [True, True, True]
    received.restart(2)
    assert [received.take(0.0) for _ in range(3)] == [False, False, True]
    assert received.latest == 4


def test_the_other_side_may_restart_with_the_next_message() -> None:
    received = ReceivedMessages()
    received.restart(1)
    received.take(0.0)
    received.restart(2)
    assert received.take(0.0)


@pytest.mark.parametrize(
    ("sequence_id", "text"),
    [
        (3, "Sequence ID greater than amount of messages we've received."),
        (0, "Sequence ID less than 1."),
        (-(2**62), "Sequence ID less than 1."),
    ],
)
def test_ids_that_cannot_be_are_refused(sequence_id: int, text: str) -> None:
    received = ReceivedMessages()
    received.take(0.0)
    with pytest.raises(RemoteProtocolError) as raised:
        received.restart(sequence_id)
    assert str(raised.value) == text
    assert received.take(0.0)


def test_a_second_loss_while_messages_are_sent_again_leaves_out_none() -> None:
    received = ReceivedMessages()
    for _ in range(3):
        received.take(0.0)
    received.restart(1)
    assert not received.take(0.0)
    received.restart(4)  # the Ack of all three has arrived, the other two duplicates have not
    assert received.take(0.0)


def test_an_ack_is_due_a_second_after_the_first_message_that_it_is_for() -> None:
    received = ReceivedMessages()
    assert received.ack_due == math.inf
    received.take(10.0)
    received.take(10.5)
    assert received.ack_due == 10.0 + ACK_SECONDS
    assert received.acknowledged() == 2
    assert received.ack_due == math.inf


def test_an_ack_that_was_lost_is_sent_again_when_the_latest_comes_again() -> None:
    received = ReceivedMessages()
    received.take(0.0)
    received.take(0.0)
    received.acknowledged()
    received.restart(1)
    assert not received.take(5.0)
    assert received.ack_due == math.inf
    assert not received.take(5.0)
    assert received.ack_due == 5.0 + ACK_SECONDS
    assert received.acknowledged() == 2


@given(st.lists(st.one_of(st.integers(0, 3), st.just("lost")), max_size=60))
def test_whatever_is_lost_everything_is_processed_once_and_in_order(steps: list[object]) -> None:
    """Two sides over sockets that lose what is under way; a number: so much arrives, and an Ack comes back."""
    sender, receiver = SentMessages(10**9), ReceivedMessages()
    under_way: list[bytes] = []
    processed: list[bytes] = []
    for number, step in enumerate(steps):
        message = str(number).encode()
        sender.add(message)
        under_way.append(message)
        if step == "lost":
            receiver.restart(sender.first)
            under_way = list(sender.unacknowledged())
            continue
        assert isinstance(step, int)
        for _ in range(step):
            if under_way:
                first = under_way.pop(0)
                if receiver.take(0.0):
                    processed.append(first)
        if step % 2:
            sender.acknowledge(receiver.latest)
    assert processed == [str(number).encode() for number in range(len(processed))]
