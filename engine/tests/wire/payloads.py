"""Strategies of hypothesis for what messages carry, for the round trips of the codecs."""

from __future__ import annotations

from datetime import UTC

from hypothesis import strategies as st

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

texts = st.text(max_size=40)
names = st.text(min_size=1, max_size=20)

json_values: st.SearchStrategy[object] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
"""What is the same after a way through JSON."""

dates = st.datetimes(timezones=st.just(UTC))

msgpack_values: st.SearchStrategy[object] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | texts
    | st.binary(max_size=40)
    | dates,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(texts | st.integers(-(2**63), 2**64 - 1) | st.binary(max_size=5) | dates, inner, max_size=4)
    ),
    max_leaves=12,
)
"""What is the same after a way through MessagePack."""


def messages(values: st.SearchStrategy[object]) -> st.SearchStrategy[Message]:
    """Every message, with these values as what it carries."""
    headers = st.dictionaries(names, texts, max_size=3)
    arguments = st.lists(values, max_size=4)
    stream_ids = st.lists(names, max_size=3).map(tuple)
    sequence_ids = st.integers(-(2**63), 2**63 - 1)
    return st.one_of(
        st.builds(Invocation, names, arguments, st.none() | names, headers, stream_ids),
        st.builds(StreamInvocation, names, names, arguments, headers, stream_ids),
        st.builds(StreamItem, texts, values, headers),
        st.builds(Completion, texts, values, st.none(), st.just(True), headers),
        st.builds(Completion, texts, st.none(), st.none() | texts, st.just(False), headers),
        st.builds(CancelInvocation, texts, headers),
        st.just(Ping()),
        st.builds(Close, st.none() | texts, st.booleans()),
        st.builds(Ack, sequence_ids),
        st.builds(Sequence, sequence_ids),
    )
