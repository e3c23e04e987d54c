"""The demo's own secret and passwords: random, made once, kept in a file that only its owner may read.

They are kept so that pages that are open survive a restart. Nothing here is used once a real shop is configured.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from meschain.auth.keys import Secrets
from meschain.settings import Settings

FILE_NAME: Final = "demo.json"


class DemoFileBroken(Exception):
    """The file cannot be used, or not be made; the text says what to do."""


@dataclass(frozen=True, slots=True)
class DemoCredentials:
    """What the demo was given at random."""

    secret: str = field(repr=False)
    passwords: Mapping[str, str] = field(repr=False)
    """User name -> password."""


def demo_credentials(data_dir: Path, usernames: Sequence[str] = ()) -> DemoCredentials:
    """Read `<data_dir>/demo.json`, making it and the passwords of new user names when they are missing.

    Raises: DemoFileBroken.
    """
    path = data_dir.expanduser() / FILE_NAME
    secret, passwords = _read(path)
    missing = [name for name in usernames if name not in passwords]
    if secret is None or missing:
        secret = secret or secrets.token_urlsafe(48)
        passwords |= {name: secrets.token_urlsafe(12) for name in missing}
        try:
            _write(path, secret, passwords)
        except OSError as error:
            raise DemoFileBroken(f"{path} cannot be written ({error.strerror}); choose another data_dir.") from None
    return DemoCredentials(secret, passwords)


def signing_secrets(settings: Settings) -> Secrets:
    """The secrets that sign tokens: those of the settings, or the demo's own where a demo has none.

    Raises: DemoFileBroken.
    """
    previous = settings.previous_secret.get_secret_value() if settings.previous_secret else None
    if settings.secret is not None:
        return Secrets(settings.secret.get_secret_value(), previous)
    if not settings.demo:
        # Settings are refused before this; a second look, because a secret made up here would look like a real one.
        raise ValueError("A shop needs a secret of its own; set MESCHAIN_SECRET.")
    return Secrets(demo_credentials(settings.data_dir).secret, previous)


def _read(path: Path) -> tuple[str | None, dict[str, str]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        secret, passwords = content["secret"], content["passwords"]
        if not isinstance(secret, str) or not isinstance(passwords, dict):
            raise TypeError("secret is no text, or passwords no table")
    except FileNotFoundError:
        return None, {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DemoFileBroken(f"{path} cannot be read ({error}); delete it to get new passwords.") from None
    return secret, {str(name): str(password) for name, password in passwords.items()}


def _write(path: Path, secret: str, passwords: Mapping[str, str]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Written beside and moved, so that a stop in between leaves the old file; 0600 from its first byte on.
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"secret": secret, "passwords": passwords}, file, indent=2)
    fresh.replace(path)
