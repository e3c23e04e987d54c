"""A SignalR server for Python. The public names; everything else may change."""

from hubwire.errors import Forbidden, HubError, Unauthorized
from hubwire.hub.context import HubCallerContext, HubContext
from hubwire.hub.contracts import ClientContract, client_method
from hubwire.hub.filters import ConnectedNext, DisconnectedNext, HubFilter, InvocationContext, InvokeNext
from hubwire.hub.hub import Hub
from hubwire.hub.methods import hub_method
from hubwire.model import Audience, Caller, ConnectRequest, Member, Principal
from hubwire.observe import NullObserver, Observer
from hubwire.options import ConnectionOptions, HubOptions, PropertyNames, ServerOptions
from hubwire.ports import DataPlane, TokenVerifier
from hubwire.server.app import HubServer
from hubwire.server.raw import RawConnection, RawHandler
from hubwire.server.redirect import ChooseRedirect, Redirect
from hubwire.server.run import make_server, run, server_config

__all__ = [
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
