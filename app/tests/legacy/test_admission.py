from __future__ import annotations

import pytest

from meschain.legacy.admission import Admission, Refused
from meschain.legacy.options import LegacyOptions
from meschain.legacy_settings import LegacyListener

OURS = "https://shop.example.com"
LISTENER = LegacyListener(
    port=8080, allowed_origins=("https://old.example.com",), allowed_networks=("10.0.0.0/8", "::1/128")
)


def refusal(admission: Admission, address: str, origin: str | None) -> tuple[int, str] | None:
    try:
        admission.check(address, origin)
    except Refused as refused:
        return refused.status, refused.reason
    return None


@pytest.mark.parametrize(
    ("address", "origin", "expected"),
    [
        ("10.1.2.3", OURS, None),
        ("10.1.2.3", "https://old.example.com", None),
        ("10.1.2.3", None, None),
        ("::1", None, None),
        ("10.1.2.3", "https://evil.example.com", (403, "origin")),
        ("10.1.2.3", "null", (403, "origin")),
        ("10.1.2.3", "", (403, "origin")),
        ("192.0.2.1", OURS, (403, "address")),
        ("", OURS, (403, "address")),
        ("unknown", None, (403, "address")),
    ],
)
def test_address_and_origin_decide(address: str, origin: str | None, expected: tuple[int, str] | None) -> None:
    assert refusal(Admission(LISTENER, {OURS}, LegacyOptions()), address, origin) == expected


def test_so_many_and_no_more() -> None:
    admission = Admission(LISTENER, {OURS}, LegacyOptions(connections=3, connections_per_address=2))
    admission.opened("10.0.0.1")
    admission.opened("10.0.0.1")
    assert refusal(admission, "10.0.0.1", None) == (429, "address full")
    assert refusal(admission, "10.0.0.2", None) is None
    admission.opened("10.0.0.2")
    assert refusal(admission, "10.0.0.3", None) == (503, "full")
    admission.closed("10.0.0.1")
    assert refusal(admission, "10.0.0.1", None) is None
