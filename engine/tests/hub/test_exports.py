"""The documented names are public, and no others."""

from __future__ import annotations

import importlib

import pytest

PUBLIC = {
    "hubwire.hub": [
        "ClientContract",
        "GroupManager",
        "Hub",
        "HubCallerClients",
        "HubCallerContext",
        "HubClients",
        "HubContext",
        "HubDispatcher",
        "HubFilter",
        "InvocationContext",
        "client_method",
        "hub_method",
    ],
    "hubwire.plane": ["LocalDataPlane", "Registry"],
    "hubwire.testing": [
        "ConnectFailed",
        "FakeClock",
        "HubTester",
        "HubTesterClient",
        "InvocationFailed",
        "MemoryLine",
        "make_caller",
    ],
    "hubwire.testing.specs": [
        "DataPlaneSpec",
        "HubHandlerSpec",
        "LinePeer",
        "LineSpec",
        "Mint",
        "SpecHub",
        "SpecJournal",
        "TokenVerifierSpec",
    ],
}


@pytest.mark.parametrize("module", PUBLIC)
def test_exactly_the_documented_names_are_exported(module: str) -> None:
    exported = importlib.import_module(module)
    assert sorted(exported.__all__) == sorted(PUBLIC[module])
    assert all(hasattr(exported, name) for name in PUBLIC[module])
