"""Signatures of upstream requests: each key signs, any is accepted, and nothing else is."""

from __future__ import annotations

import pytest

from hubwire.azure.upstream_signature import UpstreamSignatures

KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"
OTHER = "another-key-of-the-same-service"
SIGNED = "sha256=b78b1b6698ef4c26adacc16537e1940bf816254465275d2dc5cd8bafea0506e1"
"""Of connection `conn-0001` with the emulator's key (azure-serverless 2.5)."""
OF_OTHER = UpstreamSignatures([OTHER]).sign("conn-0001")


def test_a_signature_is_the_known_one() -> None:
    assert UpstreamSignatures([KEY]).sign("conn-0001") == SIGNED


def test_every_key_signs() -> None:
    assert UpstreamSignatures([KEY, OTHER]).sign("conn-0001") == f"{SIGNED},{OF_OTHER}"


@pytest.mark.parametrize("mine", [[KEY], [OTHER], [KEY, OTHER], ["a third one", OTHER]])
@pytest.mark.parametrize("separator", [",", ", ", " , "])
def test_any_of_our_keys_against_any_item_is_enough(mine: list[str], separator: str) -> None:
    assert UpstreamSignatures(mine).verify(f"{SIGNED}{separator}{OF_OTHER}", "conn-0001")


@pytest.mark.parametrize("text", [SIGNED.upper(), f"  {SIGNED} ", f",{SIGNED}", SIGNED.replace("sha256", "SHA256")])
def test_case_and_spaces_make_no_difference(text: str) -> None:
    assert UpstreamSignatures([KEY]).verify(text, "conn-0001")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "sha256=",
        SIGNED.removeprefix("sha256="),
        SIGNED[:-1],
        SIGNED + "0",
        SIGNED.replace("sha256", "sha512"),
        OF_OTHER,
        "sha256=ü",
        "\ud800",
        "x," * 16 + SIGNED,  # more items than a service has keys
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    assert not UpstreamSignatures([KEY]).verify(text, "conn-0001")


def test_a_signature_is_good_for_its_connection_alone() -> None:
    assert not UpstreamSignatures([KEY]).verify(SIGNED, "conn-0002")


def test_a_renewed_key_counts_at_once() -> None:
    keys = [KEY]
    signatures = UpstreamSignatures(keys)
    keys[:] = [OTHER]
    assert signatures.verify(OF_OTHER, "conn-0001")
    assert not signatures.verify(SIGNED, "conn-0001")


@pytest.mark.parametrize(
    ("keys", "error"), [([], ValueError), ([""], ValueError), ([KEY, ""], ValueError), (KEY, TypeError)]
)
def test_keys_with_which_anybody_could_sign_are_refused(keys: list[str] | str, error: type[Exception]) -> None:
    with pytest.raises(error):
        UpstreamSignatures(keys)


def test_the_keys_are_not_shown() -> None:
    assert KEY not in repr(UpstreamSignatures([KEY]))
