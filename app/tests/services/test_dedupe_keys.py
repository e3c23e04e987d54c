"""Keys fit their columns and stay apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meschain.domain.events import LONGEST_EVENT_ID
from meschain.services.dedupe_keys import LONGEST_KIND, key_of, kind_of


def test_a_key_can_be_read() -> None:
    assert key_of("ebay", "order", "12-345", "created") == "ebay:order:12-345:created"
    assert key_of("ozon", None, 5) == "ozon::5"


def test_long_keys_end_in_a_digest_and_stay_apart() -> None:
    first, second = key_of("a" * 500), key_of("a" * 499 + "b")
    assert first != second
    assert first.startswith("a" * 100)
    assert len(first) <= LONGEST_EVENT_ID


@given(st.lists(st.text(), min_size=1))
def test_every_key_fits_and_is_printable(parts: list[str]) -> None:
    key = key_of(*parts)
    assert len(key) <= LONGEST_EVENT_ID
    assert key.isprintable()
    assert " " not in key


@given(st.text())
def test_every_kind_fits_and_is_printable(text: str) -> None:
    kind = kind_of(text)
    assert 0 < len(kind) <= LONGEST_KIND
    assert kind.isprintable()
