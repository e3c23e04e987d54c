"""What a data plane raises when clients cannot be reached now. Knows no hosting: each adds its own kinds here."""

from __future__ import annotations

from typing import Final

from hubwire import BrokerUnavailable
from hubwire.errors import NodeTimeout, ServiceRefused

UNREACHABLE: Final = (BrokerUnavailable, NodeTimeout, ServiceRefused)
"""What lies between us and the clients is away, too busy or wrongly set up, or another process does not answer."""
