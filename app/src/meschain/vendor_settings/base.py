"""What the settings of all vendors' stores share. Each vendor has its own model beside it; `marketplaces` uses them."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr


class StoreSettings(BaseModel):
    """One store at one vendor."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _https(value: str) -> str:
    parts = urlsplit(value)
    is_local = parts.hostname in {"127.0.0.1", "localhost", "::1"}
    if not parts.hostname or parts.scheme not in ({"https", "http"} if is_local else {"https"}):
        raise ValueError("write an address that begins with https://")
    return value.rstrip("/")


def _given(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().strip():
        raise ValueError("is empty; give the vendor's, or leave the store out")
    return value


Address = Annotated[str, AfterValidator(_https)]
"""An address of a vendor, without a slash at its end; https, but for a program on this machine."""
Secret = Annotated[SecretStr, AfterValidator(_given)]


def secrets_of(current: SecretStr, previous: SecretStr | None) -> tuple[bytes, ...]:
    """Those that are valid now: the new one, and during rotation the one before."""
    given = [current] if previous is None else [current, previous]
    return tuple(each.get_secret_value().encode() for each in given)
