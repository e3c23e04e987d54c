"""A SignalR client for asyncio, for any SignalR server. Needs the extra `hubwire[client]`."""

try:
    import aiohttp as _  # noqa: F401 - only whether it is there
except ImportError as error:
    raise ImportError("hubwire.client needs aiohttp; install it with: pip install 'hubwire[client]'") from error

from hubwire.client.connection import HubConnection
from hubwire.client.errors import (
    ClientError,
    ConnectFailed,
    ConnectionClosed,
    HandshakeFailed,
    InvocationError,
    NegotiationFailed,
    NotConnected,
    NoTransport,
    ProtocolViolation,
    ReceiveBufferFull,
    ServerClosed,
    ServerTimeout,
    TransportFailed,
    UnexpectedResult,
)
from hubwire.client.retry import AutomaticReconnect, RetryContext, RetryPolicy
from hubwire.client.states import ConnectionState

__all__ = [
    "AutomaticReconnect",
    "ClientError",
    "ConnectFailed",
    "ConnectionClosed",
    "ConnectionState",
    "HandshakeFailed",
    "HubConnection",
    "InvocationError",
    "NegotiationFailed",
    "NoTransport",
    "NotConnected",
    "ProtocolViolation",
    "ReceiveBufferFull",
    "RetryContext",
    "RetryPolicy",
    "ServerClosed",
    "ServerTimeout",
    "TransportFailed",
    "UnexpectedResult",
]
