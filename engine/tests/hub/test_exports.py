"""The documented names are public, and no others."""

from __future__ import annotations

import importlib

import pytest

import hubwire
import hubwire.hub

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
    ],
    "hubwire.testing.specs": [
        "BrokerSpec",
        "ClientResultsSpec",
        "DataPlaneSpec",
        "HubHandlerSpec",
        "HubStreamsSpec",
        "Inbox",
        "LinePeer",
        "LineSpec",
        "MembershipStoreSpec",
        "Mint",
        "SpecHub",
        "SpecJournal",
        "StreamingSpecHub",
        "TokenVerifierSpec",
    ],
}

DOCUMENTED_AT_THE_TOP = {
    "Audience",
    "ClientContract",
    "ConnectRequest",
    "Forbidden",
    "Hub",
    "HubContext",
    "HubError",
    "HubFilter",
    "HubOptions",
    "HubServer",
    "InvocationContext",
    "Member",
    "Observer",
    "Principal",
    "ServerOptions",
    "TokenVerifier",
    "Unauthorized",
    "client_method",
    "hub_method",
    "run",
}


def test_the_package_itself_exports_what_the_documentation_imports_from_it() -> None:
    assert set(hubwire.__all__) >= DOCUMENTED_AT_THE_TOP
    for name in set(hubwire.__all__) & set(hubwire.hub.__all__):
        assert getattr(hubwire, name) is getattr(hubwire.hub, name)


@pytest.mark.parametrize("module", PUBLIC)
def test_exactly_the_documented_names_are_exported(module: str) -> None:
    exported = importlib.import_module(module)
    assert sorted(exported.__all__) == sorted(PUBLIC[module])
    assert all(hasattr(exported, name) for name in PUBLIC[module])
