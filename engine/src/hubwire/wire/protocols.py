"""The hub protocols that a handshake may choose, by name. Knows no sessions."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from hubwire.options import PropertyNames
from hubwire.wire.codec import Codec
from hubwire.wire.json_codec import JSON


@functools.cache
def hub_protocols(names: frozenset[str], property_names: PropertyNames) -> Mapping[str, Codec]:
    """Return the codecs for these names; the same object for the same arguments, because messages cache by codec."""
    available: dict[str, Codec] = {JSON.name: JSON}
    return {name: codec for name, codec in available.items() if name in names}
