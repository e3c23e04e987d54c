"""A SignalR server for Python. The public names; everything else may change."""

from hubwire.azure.connection_string import ConnectionString
from hubwire.azure.endpoints import EndpointType, ServiceEndpoint
from hubwire.azure.upstream_endpoint import UpstreamAnswer, UpstreamRequest
from hubwire.errors import BrokerUnavailable, Forbidden, HubError, Unauthorized
from hubwire.hub.context import HubCallerContext, HubContext
from hubwire.hub.contracts import ClientContract, client_method
from hubwire.hub.filters import ConnectedNext, DisconnectedNext, HubFilter, InvocationContext, InvokeNext
from hubwire.hub.hub import Hub
from hubwire.hub.methods import hub_method
from hubwire.model import Audience, Caller, Connected, ConnectRequest, Member, Principal
from hubwire.observe import NullObserver, Observer
from hubwire.options import (
    AzureHubsOptions,
    AzureOptions,
    BrokerOptions,
    ClusterOptions,
    ConnectionOptions,
    HubOptions,
    PropertyNames,
    ServerOptions,
    ServiceOptions,
    UpstreamOptions,
)
from hubwire.plane.nodes import NodeInfo
from hubwire.ports import Broker, BrokerListener, DataPlane, TokenVerifier
from hubwire.server.app import HubServer
from hubwire.server.azure_hubs import AzureHubs, ConnectionService
from hubwire.server.azure_signalr import AzureSignalR
from hubwire.server.cluster import Cluster
from hubwire.server.raw import RawConnection, RawHandler
from hubwire.server.redirect import ChooseRedirect, Redirect
from hubwire.server.run import make_server, run, server_config
from hubwire.server.workers import Worker, run_workers

__all__ = [
    "Audience",
    "AzureHubs",
    "AzureHubsOptions",
    "AzureOptions",
    "AzureSignalR",
    "Broker",
    "BrokerListener",
    "BrokerOptions",
    "BrokerUnavailable",
    "Caller",
    "ChooseRedirect",
    "ClientContract",
    "Cluster",
    "ClusterOptions",
    "ConnectRequest",
    "Connected",
    "ConnectedNext",
    "ConnectionOptions",
    "ConnectionService",
    "ConnectionString",
    "DataPlane",
    "DisconnectedNext",
    "EndpointType",
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
    "NodeInfo",
    "NullObserver",
    "Observer",
    "Principal",
    "PropertyNames",
    "RawConnection",
    "RawHandler",
    "Redirect",
    "ServerOptions",
    "ServiceEndpoint",
    "ServiceOptions",
    "TokenVerifier",
    "Unauthorized",
    "UpstreamAnswer",
    "UpstreamOptions",
    "UpstreamRequest",
    "Worker",
    "client_method",
    "hub_method",
    "make_server",
    "run",
    "run_workers",
    "server_config",
]
