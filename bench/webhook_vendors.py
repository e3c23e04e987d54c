"""The APIs of Etsy and eBay as far as the inbox asks them, on a real port; they fail as often as the traffic says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from webhook_traffic import KEY_ID


@dataclass
class Vendors:
    """Knows every order; `left` are the failures that are still to come, by order."""

    public_key: str
    left: dict[str, int] = field(default_factory=dict)
    url: str = ""

    async def token(self, _request: web.Request) -> web.Response:
        return web.json_response({"access_token": "token", "expires_in": 3600})

    async def key(self, request: web.Request) -> web.Response:
        if request.match_info["id"] != KEY_ID:
            return web.Response(status=404)
        return web.json_response({"key": self.public_key, "algorithm": "ECDSA", "digest": "SHA1"})

    async def receipt(self, request: web.Request) -> web.Response:
        if self._fails(request.match_info["id"]):
            return web.Response(status=503)
        return web.json_response(
            {
                "receipt_id": int(request.match_info["id"]),
                "status": "Paid",
                "grandtotal": {"amount": 1000, "divisor": 100, "currency_code": "EUR"},
                "transactions": [],
            }
        )

    async def order(self, request: web.Request) -> web.Response:
        if self._fails(request.match_info["id"]):
            return web.Response(status=503)
        return web.json_response(
            {
                "orderId": request.match_info["id"],
                "orderFulfillmentStatus": "NOT_STARTED",
                "pricingSummary": {"total": {"value": "10.00", "currency": "EUR"}},
                "lineItems": [],
            }
        )

    def _fails(self, order: str) -> bool:
        left = self.left.get(order, 0)
        self.left[order] = left - 1
        return left > 0


@asynccontextmanager
async def running_vendors(public_key: str, faults: Mapping[str, int]) -> AsyncIterator[Vendors]:
    vendors = Vendors(public_key, dict(faults))
    app = web.Application()
    app.router.add_post("/token", vendors.token)
    app.router.add_post("/identity/v1/oauth2/token", vendors.token)
    app.router.add_get("/commerce/notification/v1/public_key/{id}", vendors.key)
    app.router.add_get("/v3/application/shops/{shop}/receipts/{id}", vendors.receipt)
    app.router.add_get("/sell/fulfillment/v1/order/{id}", vendors.order)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    vendors.url = f"http://{host}:{port}"
    try:
        yield vendors
    finally:
        await runner.cleanup()
