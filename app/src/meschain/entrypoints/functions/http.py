"""The HTTP functions: every one calls the same ASGI application, under a name and a route of its own.

The names are for whoever watches, meters or switches off functions; what an address does is said by the application
alone, so that an address which it learns later answers here as well. Knows no use case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import azure.functions as func

from meschain.entrypoints.functions.asgi import call_asgi
from meschain.entrypoints.functions.instance import Instance, InstanceUnavailable

UPSTREAM_ROUTE: Final = "api/upstream"
"""Where the SignalR service sends its events, in every hosting that has one."""
RETRY_SECONDS: Final = 5
"""Told to who finds the application shut. 5 s: a database that restarts takes as long."""


@dataclass(frozen=True, slots=True)
class Address:
    """One HTTP function. The most exact route counts, as always in Azure Functions."""

    name: str
    route: str
    methods: tuple[str, ...]


ADDRESSES: Final = (
    Address("negotiate", "api/negotiate", ("POST", "OPTIONS")),
    Address("upstream", UPSTREAM_ROUTE, ("POST",)),
    Address("login", "api/login", ("POST", "OPTIONS")),
    Address("refresh", "api/refresh", ("POST", "OPTIONS")),
    Address("logout", "api/logout", ("POST", "OPTIONS")),
    Address("session", "api/session", ("GET", "OPTIONS")),
    Address("sync_report", "api/sync-jobs/{id}/progress", ("POST",)),
    Address("api", "api/{*rest}", ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")),
    Address("alive", "healthz", ("GET", "HEAD")),
    Address("ready", "readyz", ("GET", "HEAD")),
    Address("pages", "{*path}", ("GET", "HEAD")),
)


def add_http_functions(app: func.FunctionApp, instance: Instance) -> None:
    """Register them. Anybody may call: who may do what is checked by the application, not by keys of functions."""
    for address in ADDRESSES:
        _add(app, instance, address)


def _add(app: func.FunctionApp, instance: Instance, address: Address) -> None:
    @app.function_name(address.name)
    @app.route(address.route, trigger_arg_name="request", methods=address.methods, auth_level=func.AuthLevel.ANONYMOUS)
    async def answer(request: func.HttpRequest) -> func.HttpResponse:
        try:
            application = await instance.application()
        except InstanceUnavailable as error:
            return func.HttpResponse(str(error), status_code=503, headers={"Retry-After": str(RETRY_SECONDS)})
        return await call_asgi(application.web, request)
