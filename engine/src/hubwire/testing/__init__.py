"""Doubles and a tester for hubs, for applications too. `hubwire.testing.specs` holds the ports' suites (pytest)."""

from hubwire.testing.clock import FakeClock
from hubwire.testing.hub_tester import ConnectFailed, HubTester, HubTesterClient, HubTesterStream, InvocationFailed
from hubwire.testing.lines import MemoryLine, SpreadRegistry, make_caller
from hubwire.testing.serving import DidNotStart, serving

__all__ = [
    "ConnectFailed",
    "DidNotStart",
    "FakeClock",
    "HubTester",
    "HubTesterClient",
    "HubTesterStream",
    "InvocationFailed",
    "MemoryLine",
    "SpreadRegistry",
    "make_caller",
    "serving",
]
