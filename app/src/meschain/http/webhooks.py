"""`/webhooks/{vendor}/{store}`: where marketplaces send to. Knows no vendor; what to answer is for the inbox."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meschain.auth.throttle import SlidingLimit, Throttled, network_of
from meschain.http.client_address import ClientAddress
from meschain.http.errors import NO_STORE, error_answer, too_many
from meschain.services.ports import Clock
from meschain.services.webhook_ports import WebhookReceiver, WebhookRequest

MAXIMUM_BODY_BYTES: Final = 1024 * 1024
"""Largest body of a webhook. 1 MiB: an order with hundreds of lines."""
PREFIX: Final = "/webhooks/"


class WebhookRoutes:
    """The routes.

    Args:
        per_address: requests of one address, counted before anything of them is read.
    """

    def __init__(
        self, receiver: WebhookReceiver, per_address: SlidingLimit, address: ClientAddress, clock: Clock
    ) -> None:
        self._receiver = receiver
        self._per_address = per_address
        self._address = address
        self._clock = clock

    def routes(self) -> list[Route]:
        methods = ["GET", "POST", "PUT"]
        return [
            Route("/webhooks/{vendor}/{store}", self._receive, methods=methods),
            Route("/webhooks/{vendor}/{store}/{rest:path}", self._receive, methods=methods),
        ]

    async def _receive(self, request: Request) -> Response:
        """Answer as the vendor wants it; 404 for a store that there is not, 429 to an address that sends too much."""
        try:
            self._per_address.hit(network_of(self._address.of(request)))
        except Throttled as error:
            return too_many(error)
        headers: dict[str, str] = {}
        for name, value in request.headers.items():
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        answer = await self._receiver.receive(
            request.path_params["vendor"],
            request.path_params["store"],
            WebhookRequest(
                method=request.method,
                path=request.path_params.get("rest", ""),
                query=dict(request.query_params),
                headers=headers,
                body=await request.body(),
                received_at=self._clock.now(),
            ),
        )
        if answer is None:
            return error_answer(404, "There is no such address.")
        content_type = {"content-type": answer.content_type} if answer.body else {}
        return Response(answer.body, answer.status, {**NO_STORE, **content_type})
