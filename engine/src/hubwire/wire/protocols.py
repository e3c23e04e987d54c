"""The hub protocols that a handshake may choose, by name. Knows no sessions."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from hubwire.options import PropertyNames
from hubwire.wire.codec import Codec
from hubwire.wire.json_codec import JSON
from hubwire.wire.msgpack_codec import MESSAGEPACK
from hubwire.wire.renaming import CamelCaseCodec

_AVAILABLE: dict[PropertyNames, tuple[Codec, ...]] = {
    PropertyNames.AS_DECLARED: (JSON, MESSAGEPACK),
    PropertyNames.CAMEL_CASE: (CamelCaseCodec(JSON), CamelCaseCodec(MESSAGEPACK)),
}


@functools.cache
def hub_protocols(names: frozenset[str], property_names: PropertyNames) -> Mapping[str, Codec]:
    """Return the codecs for these names.

    Equal configurations of any number of hubs get the same codec objects, because messages cache by codec.
    """
    return {codec.name: codec for codec in _AVAILABLE[property_names] if codec.name in names}
