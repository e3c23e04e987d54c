"""XML of vendors: what is read of it, and what is not."""

from __future__ import annotations

import pytest

from meschain.marketplaces.xml_texts import MAXIMUM_DEPTH, MAXIMUM_ELEMENTS, read_xml
from meschain.services.webhook_ports import Malformed


def test_elements_are_found_by_their_names_from_within() -> None:
    texts = read_xml("<s:a xmlns:s='x'><b><c>1</c></b><d><c>2</c>ü</d><c>3</c></s:a>".encode())
    assert texts.all("c") == ["1", "2", "3"]
    assert texts.first("d", "c") == "2"
    assert texts.first("a", "d", "c") == "2"
    assert (texts.first("d"), texts.first("e")) == ("ü", "")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not XML"),
        (b"{}", "not XML"),
        (b"<a><b></a>", "not XML"),
        (b"\xff\xfe\x00", "not XML"),
        (b"<!DOCTYPE a><a/>", "document type"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "document type"),
        (b"<a>" * (MAXIMUM_DEPTH + 1), "too deeply"),
        (b"<a>" + b"<b/>" * MAXIMUM_ELEMENTS + b"</a>", "too many elements"),
    ],
)
def test_what_is_too_much_or_no_xml_is_malformed(body: bytes, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        read_xml(body)
