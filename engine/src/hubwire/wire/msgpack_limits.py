"""What a MessagePack message must not contain although it is well-formed. Decodes nothing; tells nothing but these two.

Deep nesting: see `nesting`. Many map keys that are arrays: Python's hash of a tuple of numbers is no secret, so a
sender can choose keys that all collide; 32 KiB of them cost 45 ms of work, 1 MiB a minute. Keys of other kinds are
safe: the hash of texts is random, and too few numbers share one.
"""

from __future__ import annotations

from hubwire.errors import InvalidMessage
from hubwire.wire.nesting import MAXIMUM_NESTING

MAXIMUM_ARRAY_KEYS = 64
"""Map keys of one message that may be arrays."""

_CONTAINERS = frozenset({*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF})
_OTHERS = bytes(set(range(256)) - _CONTAINERS)
_FEW = min(MAXIMUM_NESTING, MAXIMUM_ARRAY_KEYS)

_FIXED = [0] * 256
"""How many bytes an element that begins so takes; 0: see `_COUNTED`, or a container."""
for _byte in [*range(0x80), *range(0xE0, 0x100), 0xC0, 0xC1, 0xC2, 0xC3]:
    _FIXED[_byte] = 1
for _byte in range(0xA0, 0xC0):
    _FIXED[_byte] = 1 + (_byte & 0x1F)
_FIXED[0xCA:0xD4] = [5, 9, 2, 3, 5, 9, 2, 3, 5, 9]
_FIXED[0xD4:0xD9] = [3, 4, 6, 10, 18]

_COUNTED = {0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0), 0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1)}
_COUNTED |= {0xD9: (1, 0), 0xDA: (2, 0), 0xDB: (4, 0)}
"""Texts, bytes and extensions: how many bytes say the length, how many follow that it does not count."""


def refuse_harmful(payload: bytes | bytearray) -> None:
    """Do nothing for a text that is harmless, or malformed: that the decoder will say.

    Raises: InvalidMessage.
    """
    # Whatever its bytes mean, a message with so few that could begin a container is harmless. For most messages that
    # ends it: one pass in C, 0.1 us, where looking through 32 KiB of small elements takes 2 ms.
    if len(payload) > _FEW and len(payload.translate(None, _OTHERS)) > _FEW:
        _look_through(payload)


def _look_through(payload: bytes | bytearray) -> None:
    fixed = _FIXED
    end = len(payload)
    position = array_keys = 0
    outer: list[tuple[int, bool]] = []
    remaining, is_map = 1, False  # in the innermost container; of a map keys and values are counted, keys come first
    while position < end:
        if not remaining:
            if not outer:
                return
            remaining, is_map = outer.pop()
            continue
        byte = payload[position]
        remaining -= 1
        size = fixed[byte]
        if size:
            position += size
            continue
        if byte in _COUNTED:
            width, uncounted = _COUNTED[byte]
            position += 1 + width + uncounted + int.from_bytes(payload[position + 1 : position + 1 + width])
            continue
        if is_map and remaining & 1:
            array_keys += 1
            if array_keys > MAXIMUM_ARRAY_KEYS:
                raise InvalidMessage(f"More than {MAXIMUM_ARRAY_KEYS} map keys of the message are arrays.")
        outer.append((remaining, is_map))
        if len(outer) > MAXIMUM_NESTING:
            raise InvalidMessage(f"The message is nested deeper than {MAXIMUM_NESTING} levels.")
        if byte < 0xA0:
            remaining = byte & 0x0F
            is_map = byte < 0x90
            position += 1
        else:
            width = 4 if byte & 1 else 2
            remaining = int.from_bytes(payload[position + 1 : position + 1 + width])
            is_map = byte >= 0xDE
            position += 1 + width
        if is_map:
            remaining *= 2
