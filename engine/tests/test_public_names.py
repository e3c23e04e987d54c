"""The public names: a change here is a change that users notice."""

from __future__ import annotations

import hubwire


def test_the_package_exports_exactly_these_names() -> None:
    assert sorted(hubwire.__all__) == [
        "Audience",
        "Caller",
        "ChooseRedirect",
        "ClientContract",
        "ConnectRequest",
        "ConnectedNext",
        "ConnectionOptions",
        "DataPlane",
        "DisconnectedNext",
        "Forbidden",
        "Hub",
        "HubCallerContext",
        "HubContext",
        "HubError",
        "HubFilter",
        "HubOptions",
        "HubServer",
        "InvocationContext",
        "InvokeNext",
        "Member",
        "NullObserver",
        "Observer",
        "Principal",
        "PropertyNames",
        "RawConnection",
        "RawHandler",
        "Redirect",
        "ServerOptions",
        "TokenVerifier",
        "Unauthorized",
        "client_method",
        "hub_method",
        "make_server",
        "run",
        "server_config",
    ]
    assert all(hasattr(hubwire, name) for name in hubwire.__all__)
