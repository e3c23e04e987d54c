"""The access keys of a service, which may change while it runs. Knows no tokens and no files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

_MINIMUM_KEY_BYTES = 32  # RFC 7518 3.2: an HS256 key is at least as long as the hash


class AccessKeys(Sequence[str]):
    """The active keys, the one that signs first. Has no secrets in `repr`.

    Whoever is given these sees each change at once; what was remembered under `encoded` counts no longer then.
    """

    __slots__ = ("_texts", "encoded")

    def __init__(self, keys: Sequence[str]) -> None:
        """Raises: TypeError for one text in the place of several; ValueError for no key, or a short one."""
        self._texts: tuple[str, ...] = ()
        self.encoded: tuple[bytes, ...] = ()
        """What signs: the UTF-8 text of each, as in the service never base64-decoded. Another object after a change."""
        self.replace(keys)

    def replace(self, keys: Sequence[str]) -> None:
        """Let these count from now on, and no others. Raises: as at the beginning, and then nothing has changed."""
        if isinstance(keys, str):
            raise TypeError("Keys come as a list; put the single one into a list.")
        encoded = tuple(key.encode() for key in keys)
        if not encoded:
            raise ValueError("Tokens need at least one key; give one.")
        if any(len(key) < _MINIMUM_KEY_BYTES for key in encoded):
            raise ValueError(f"A signing key has less than {_MINIMUM_KEY_BYTES} bytes; make a longer one at random.")
        if encoded != self.encoded:
            self._texts, self.encoded = tuple(keys), encoded

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        return self._texts[index]

    def __len__(self) -> int:
        return len(self._texts)

    def __repr__(self) -> str:
        return f"<AccessKeys: {len(self)}>"


def access_keys(keys: Sequence[str]) -> AccessKeys:
    """Return them as they are where they may change, else fixed. Raises: as `AccessKeys`."""
    return keys if isinstance(keys, AccessKeys) else AccessKeys(keys)
