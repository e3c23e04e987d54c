"""Reads XML that vendors sent into the texts of its elements. Pure; without document types, so without entities.

A document type is what external and endlessly nested entities need, and no vendor's message has one.
"""

from __future__ import annotations

from typing import Final
from xml.parsers import expat

from meschain.services.webhook_ports import Malformed

MAXIMUM_DEPTH: Final = 32
"""Elements within each other; SOAP messages of vendors have a dozen."""
MAXIMUM_ELEMENTS: Final = 20_000
"""In one message."""


class XmlTexts:
    """The elements of a document, by their names without prefixes."""

    def __init__(self, elements: list[tuple[tuple[str, ...], str]]) -> None:
        self._elements = elements

    def all(self, *path: str) -> list[str]:
        """Texts of all elements whose names, from some element inwards, are these; in the order of the document."""
        return [text for names, text in self._elements if names[-len(path) :] == path]

    def first(self, *path: str) -> str:
        """The first of them; empty: there is none."""
        return next(iter(self.all(*path)), "")

    def children(self, *path: str) -> list[str]:
        """Names of the elements right within those of this path."""
        return [names[-1] for names, _ in self._elements if names[:-1][-len(path) :] == path]


def read_xml(body: bytes) -> XmlTexts:
    """The document. Raises: Malformed."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    open_names: list[str] = []
    open_texts: list[list[str]] = []
    slots: list[int] = []
    elements: list[tuple[tuple[str, ...], str]] = []

    def start(name: str, _attributes: dict[str, str]) -> None:
        if len(open_names) >= MAXIMUM_DEPTH or len(elements) >= MAXIMUM_ELEMENTS:
            raise Malformed("the body has too many elements, or they are nested too deeply")
        open_names.append(name.rpartition(":")[2])
        open_texts.append([])
        slots.append(len(elements))
        elements.append((tuple(open_names), ""))

    def end(_name: str) -> None:
        slot = slots.pop()
        elements[slot] = (elements[slot][0], "".join(open_texts.pop()))
        open_names.pop()

    def text(data: str) -> None:
        if open_texts:
            open_texts[-1].append(data)

    def refuse(*_: object) -> None:
        raise Malformed("the body has a document type, which is not read")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except expat.ExpatError:
        raise Malformed("the body is not XML") from None
    return XmlTexts(elements)
