"""The public names of the client, and what it costs those who do not use it."""

from __future__ import annotations

import subprocess
import sys

import hubwire.client


def test_the_client_exports_exactly_these_names() -> None:
    assert hubwire.client.__all__ == [
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
    assert all(hasattr(hubwire.client, name) for name in hubwire.client.__all__)


def run(program: str) -> str:
    """What a new interpreter prints."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_servers_do_not_load_it() -> None:
    assert run("import hubwire, sys; print('aiohttp' in sys.modules, 'hubwire.client' in sys.modules)") == "False False"


def test_without_aiohttp_it_says_what_to_install() -> None:
    program = """
import sys
sys.modules["aiohttp"] = None
import hubwire
try:
    import hubwire.client
except ImportError as error:
    print(error)
"""
    assert run(program) == "hubwire.client needs aiohttp; install it with: pip install 'hubwire[client]'"
