"""The other nodes of a cluster: where they are, and the stamp on requests that are passed on to them.

A stamp says whose request it is: the peer sees the address of our socket, and the scheme of that. It is signed with the
cluster's key, counts on the internal listener alone, and names the node that it is for, so that a request is passed on
once at most. Knows no HTTP client and no socket.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from hubwire.server.tokens import derived_key

STAMP_HEADER = "x-hubwire-forwarded"

_SIGNATURE_CHARACTERS = 43


class NodeDirectory(Protocol):
    """Who else is there."""

    def address(self, node_id: str) -> str | None:
        """Where a live node answers its peers, as `http://host:port`; None: no such node lives."""


class _Nobody:
    def address(self, node_id: str) -> str | None:
        return None


NOBODY: NodeDirectory = _Nobody()
"""For a server that is alone."""


@dataclass(frozen=True, slots=True)
class Peers:
    """One node among others, as far as connection tokens and passing requests on are concerned."""

    node_id: str
    """Ours. A process that starts anew has a new one: what its predecessor held is gone."""
    key: bytes = field(repr=False)
    """The same for all nodes of the cluster, and known to nobody else."""
    directory: NodeDirectory


class Stamp(msgspec.Struct, frozen=True, array_like=True):
    """Whose request it is that comes from a peer."""

    node_id: str
    """Of the node that it is for."""
    hub: str
    method: str
    token: str
    """The connection token in its query."""
    remote_address: str
    """Of the client."""
    scheme: str
    """That the client has used."""


class Stamps:
    """Signs stamps and reads them."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = derived_key(key, "hubwire forwarded request")

    def sign(self, stamp: Stamp) -> str:
        """Return the value of the header."""
        body = _encoded(msgspec.json.encode(stamp))
        return body + self._signature(body)

    def read(self, text: str) -> Stamp | None:
        """Return what a header says; None: no node of this cluster has written it."""
        body, signature = text[:-_SIGNATURE_CHARACTERS], text[-_SIGNATURE_CHARACTERS:]
        if not text.isascii() or not hmac.compare_digest(signature, self._signature(body)):
            return None
        try:
            return msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), type=Stamp)
        except (binascii.Error, msgspec.DecodeError):
            return None

    def _signature(self, body: str) -> str:
        return _encoded(hmac.digest(self._key, body.encode("ascii"), "sha256"))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
