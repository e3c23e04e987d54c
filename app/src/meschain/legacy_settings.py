"""The dialects of the old WebSocket servers, and what an operator says of a port where they are spoken. Pure."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.roles import Role


def _split(value: object) -> object:
    """A list from the environment is written with commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_split)]


class Dialect(StrEnum):
    RATCHET = "ratchet"
    """The marketplace stream: `action`, answers under `data`. It greets with `welcome`."""
    NATIVE = "native"
    """The dashboard stream: `type` and flat fields. It greets with `connection_established`."""
    ROLE = "role"
    """The client of roles and channels: `type` and `data`. The client speaks first, by `auth`."""
    PANEL = "panel"
    """The marketplace panel: `action`, flat answers. It greets with `dashboard_update`."""


class LegacyListener(BaseModel):
    """A port of the old WebSocket servers, with what stands in the place of the credentials that old pages lack."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    port: int = Field(ge=0, le=65535)
    """8080 and 8081 in the field; 0: any free one."""
    host: str = "127.0.0.1"
    """Address to listen on. Loopback: behind a proxy, or for pages of this machine."""
    dialect: Dialect | None = None
    """What is spoken whatever is dialled. None: told by path, port and first frame."""
    tls: bool = False
    """Whether it is wss://, by `tls_certificate` and `tls_key`."""
    allowed_origins: Words = ()
    """Origins whose pages may connect, beside our own; programs send none and count by their address alone."""
    allowed_networks: Words = ("127.0.0.0/8", "::1/128")
    """Addresses or networks that may connect. Loopback: whoever lets others in says so."""
    role: Role = Role.VIEWER
    """What a connection without a signed link may be at most, whatever it claims. The lowest: nothing is proved."""
    marketplaces: Words = ()
    """Marketplaces granted to such a connection, where `role` is one that sees granted ones."""
    ceiling: Role = Role.ADMIN
    """What a connection with a signed link may be at most."""
    sync_without_link: bool = False
    """Whether a `role` that may start syncs may do so without a signed link: by any page of the allowed origins."""

    @field_validator("allowed_networks")
    @classmethod
    def _networks(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            try:
                ipaddress.ip_network(value, strict=False)
            except ValueError:
                raise ValueError(f"{value!r} is neither an address nor a network such as 10.0.0.0/8") from None
        return values

    @field_validator("marketplaces")
    @classmethod
    def _known(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            if value not in MARKETPLACES:
                raise ValueError(f"{value!r} is not a marketplace; they are {', '.join(MARKETPLACES)}")
        return values

    @model_validator(mode="after")
    def _below_the_ceiling(self) -> LegacyListener:
        if Role.SERVICE in {self.role, self.ceiling}:
            raise ValueError("the role service is for programs with a token; give role and ceiling one of people's")
        if self.role.level > self.ceiling.level:
            raise ValueError(f"role {self.role} is above ceiling {self.ceiling}; lower it, or raise the ceiling")
        return self
