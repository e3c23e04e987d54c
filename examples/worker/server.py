"""Shows a hub with a method for one caller only: the worker of another process, in worker.py, which brings a secret."""

import hmac
import os

import hubwire


class NewsClient(hubwire.ClientContract):
    @hubwire.client_method("News")
    async def news(self, text: str) -> None: ...


class NewsHub(hubwire.Hub[NewsClient]):
    @hubwire.hub_method("Announce")
    async def announce(self, text: str) -> None:
        if self.context.user_id != "worker":
            raise hubwire.Forbidden("only the worker announces")
        await self.clients.others.news(text)


class WorkerSecret:
    """Everybody may listen; who brings the secret is the worker."""

    async def verify(self, token: str | None, hub: str, request: hubwire.ConnectRequest) -> hubwire.Principal:
        if token is None:
            return hubwire.Principal()
        if not hmac.compare_digest(token.encode(), os.environ["WORKER_SECRET"].encode()):
            raise hubwire.Unauthorized("not the worker's secret")
        return hubwire.Principal(user_id="worker")


server = hubwire.HubServer(verifier=WorkerSecret())
server.add(NewsHub, path="/news")

if __name__ == "__main__":
    hubwire.run(server, port=int(os.environ.get("PORT", "8000")))
