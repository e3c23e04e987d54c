"""What a service refuses with a text for people reaches the caller with that text. Knows no method."""

from __future__ import annotations

from hubwire import HubError, HubFilter, InvocationContext
from hubwire.hub.filters import InvokeNext
from meschain.services.errors import Refused


class Refusals(HubFilter):
    """Turns `services.errors.Refused` into a `HubError`."""

    async def invoke(self, call: InvocationContext, proceed: InvokeNext, /) -> object:
        try:
            return await proceed(call)
        except Refused as refused:
            raise HubError(str(refused)) from refused
