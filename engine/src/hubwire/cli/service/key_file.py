"""The file with a service's access keys: one in each line, the primary one first. Shows no key in any error."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from hubwire.azure.access_keys import AccessKeys
from hubwire.cli.failures import UsageFailed
from hubwire.cli.values import read_file

_HEAD = """\
# Access keys of this service: the primary one first, then the secondary one. Empty lines and those with a # count not.
# To change them while it runs: write a new secondary key, move the applications to it, write it first, and then a new
# one behind it. The service reads this file again when it changes.
"""
_RANDOM_BYTES = 32
_OPEN_TO_OTHERS = 0o077


def make_key_file(path: Path) -> bool:
    """Make the file with two random keys, readable for its owner alone, unless it is there. Whether it was made.

    Raises: UsageFailed.
    """
    keys = "".join(f"{secrets.token_urlsafe(_RANDOM_BYTES)}\n" for _ in range(2))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise UsageFailed(f"--access-key-file: {path} cannot be made: {error.strerror}; give another place.") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(_HEAD + keys)
    return True


def read_key_file(path: Path) -> list[str]:
    """Return the keys. Raises: UsageFailed, also where others could read or write the file."""
    try:
        is_open = path.stat().st_mode & _OPEN_TO_OTHERS
    except OSError as error:
        raise UsageFailed(
            f"--access-key-file: {path} cannot be read: {error.strerror}; give a readable file."
        ) from None
    if is_open:
        raise UsageFailed(f"--access-key-file: others may read or write {path}; run: chmod 600 {path}")
    lines = (line.strip() for line in read_file("--access-key-file", str(path)).splitlines())
    keys = [line for line in lines if line and not line.startswith("#")]
    try:
        AccessKeys(keys)
    except ValueError as error:
        raise UsageFailed(f"--access-key-file: {path}: {error}") from None
    return keys
