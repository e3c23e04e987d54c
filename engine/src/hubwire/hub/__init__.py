"""What hubs are written against."""

from hubwire.hub.clients import HubCallerClients, HubClients
from hubwire.hub.context import HubCallerContext, HubContext
from hubwire.hub.contracts import ClientContract, client_method
from hubwire.hub.dispatcher import HubDispatcher
from hubwire.hub.filters import HubFilter, InvocationContext
from hubwire.hub.groups import GroupManager
from hubwire.hub.hub import Hub
from hubwire.hub.methods import hub_method

__all__ = [
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
]
