"""One suite per port, for pytest and pytest-asyncio in its auto mode.

Subclass a suite as `Test…` and implement its `create` with `contextlib.asynccontextmanager`. This package is the
only one of the engine that imports pytest.
"""

import pytest

# Without this a failed assertion of a suite says no more than "AssertionError"; it must come before the imports.
pytest.register_assert_rewrite(
    *(
        f"{__name__}.{suite}"
        for suite in (
            "broker",
            "client_results",
            "data_plane",
            "hub_handler",
            "hub_streams",
            "line",
            "membership_store",
            "token_verifier",
        )
    )
)

from hubwire.testing.specs.broker import BrokerSpec, Inbox  # noqa: E402
from hubwire.testing.specs.client_results import ClientResultsSpec  # noqa: E402
from hubwire.testing.specs.data_plane import DataPlaneSpec  # noqa: E402
from hubwire.testing.specs.hub_handler import HubHandlerSpec, SpecHub, SpecJournal  # noqa: E402
from hubwire.testing.specs.hub_streams import HubStreamsSpec, StreamingSpecHub  # noqa: E402
from hubwire.testing.specs.line import LinePeer, LineSpec  # noqa: E402
from hubwire.testing.specs.membership_store import MembershipStoreSpec  # noqa: E402
from hubwire.testing.specs.token_verifier import Mint, TokenVerifierSpec  # noqa: E402

__all__ = [
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
]
