"""What a `HubConnection` was told, once and for all."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from hubwire.client.credentials import AccessToken
from hubwire.client.retry import RetryPolicy
from hubwire.clock import Clock
from hubwire.options import ALL_PROTOCOLS, PropertyNames
from hubwire.wire.codec import Codec
from hubwire.wire.negotiation import TRANSFER_FORMATS, WEBSOCKETS
from hubwire.wire.protocols import hub_protocols


@dataclass(frozen=True, slots=True)
class Settings:
    """The arguments of `HubConnection`, which explains them."""

    url: str
    access_token: AccessToken = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    transports: tuple[str, ...]
    protocol: str
    skip_negotiation: bool
    stateful_reconnect: bool
    reconnect: RetryPolicy | None
    keep_alive_seconds: float
    server_timeout_seconds: float
    handshake_timeout_seconds: float
    http_timeout_seconds: float
    maximum_receive_message_bytes: int | None
    receive_pause_bytes: int
    receive_limit_bytes: int
    stateful_reconnect_buffer_bytes: int
    property_names: PropertyNames
    ssl: ssl.SSLContext | bool
    clock: Clock

    def __post_init__(self) -> None:
        """Raises: ValueError."""
        if not self.transports or any(name not in TRANSFER_FORMATS for name in self.transports):
            raise ValueError(f"transports is {self.transports!r}; name one or more of {', '.join(TRANSFER_FORMATS)}.")
        if self.protocol not in ALL_PROTOCOLS:
            raise ValueError(f"protocol is {self.protocol!r}; name one of {', '.join(sorted(ALL_PROTOCOLS))}.")
        if self.skip_negotiation and WEBSOCKETS not in self.transports:
            raise ValueError(f"Negotiation can only be skipped with {WEBSOCKETS}; add it to transports.")
        for name in (
            "keep_alive_seconds",
            "server_timeout_seconds",
            "handshake_timeout_seconds",
            "http_timeout_seconds",
            "receive_pause_bytes",
            "stateful_reconnect_buffer_bytes",
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)!r}; give a number above 0.")
        if self.receive_limit_bytes < self.receive_pause_bytes:
            raise ValueError("receive_limit_bytes is below receive_pause_bytes; raise it.")
        if self.maximum_receive_message_bytes is not None and self.maximum_receive_message_bytes < 1:
            raise ValueError("maximum_receive_message_bytes is below 1; give a size, or None for no limit.")

    @property
    def codec(self) -> Codec:
        """The hub protocol."""
        return hub_protocols(ALL_PROTOCOLS, self.property_names)[self.protocol]
