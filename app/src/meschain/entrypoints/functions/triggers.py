"""The functions with a `signalRTrigger`: one for each event of each hub, made from the hubs' own tables of methods.

They are the other way in for a service's events, by the web hook of the SignalR extension instead of `api/upstream`;
the service's upstream address says which of the two is used. The host checks the signature here; what an event means
is decided by the hubs alone. Knows no hub's code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import azure.functions as func

from hubwire.azure.function_trigger import FunctionFailed, request_of_trigger, result_of_trigger
from hubwire.errors import InvalidMessage
from hubwire.hub.methods import methods_of
from meschain.entrypoints.functions.instance import Instance
from meschain.hubs.admin import AdminHub
from meschain.hubs.base import MesChainHub
from meschain.hubs.dashboard import DashboardHub
from meschain.hubs.marketplace import MarketplaceHub

CONNECTION_SETTING: Final = "AzureSignalRConnectionString"
"""The app setting in which the SignalR extension looks for the connection string; it is the host's, not ours."""

_HUBS: Final[tuple[type[MesChainHub[Any]], ...]] = (AdminHub, MarketplaceHub, DashboardHub)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of one hub."""

    hub: str
    category: str
    name: str


def events() -> Iterator[Event]:
    """All events of all hubs."""
    for hub in _HUBS:
        yield Event(hub.name, "connections", "connected")
        yield Event(hub.name, "connections", "disconnected")
        for target in methods_of(hub):
            yield Event(hub.name, "messages", target)


def add_trigger_functions(app: func.FunctionApp, instance: Instance) -> None:
    """Register them."""
    for event in events():
        _add(app, instance, event)


def _add(app: func.FunctionApp, instance: Instance, event: Event) -> None:
    @app.function_name(f"{event.hub}_{event.name}")
    @app.generic_trigger(
        "event",
        "signalRTrigger",
        hubName=event.hub,
        category=event.category,
        event=event.name,
        connectionStringSetting=CONNECTION_SETTING,
    )
    async def take(event: str) -> object:
        """Give the event to its hub; the result of a call goes back to the client as far as the host carries it."""
        application = await instance.application()
        assert application.events is not None  # noqa: S101 - the instance opens none without
        try:
            request = request_of_trigger(event)
        except InvalidMessage as error:
            raise FunctionFailed(str(error)) from None
        return result_of_trigger(await application.events.handle_checked(request))
