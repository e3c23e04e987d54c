"""Shows how a process that only publishes tells one user, and everybody, through Azure SignalR Service."""

import asyncio
import os
import sys

import hubwire


class PricesClient(hubwire.ClientContract):
    @hubwire.client_method("PriceChanged")
    async def price_changed(self, product: str, price: float) -> None: ...


async def main(product: str, price: float) -> None:
    async with hubwire.AzureSignalR(os.environ["AZURE_SIGNALR_CONNECTION_STRING"]) as azure:
        prices = azure.context("prices", PricesClient)
        await prices.clients.user("ann").price_changed(product, price)
        await prices.clients.all.price_changed(product, price)
    print(f"published: {product} costs {price}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "tea", 4.5))
