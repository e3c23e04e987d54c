"""`POST /api/publish`: the shop's own programs tell what happened.

Knows keys and headers; what may be published, and how it is stored, is for `services.publishing`.
"""

from __future__ import annotations

import logging
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from meschain.auth.api_keys import ApiKey, ApiKeys, InvalidApiKey
from meschain.auth.rates import WeightedLimit
from meschain.auth.throttle import Throttled
from meschain.http.bearer import bearer_token
from meschain.http.errors import NO_STORE, error_answer, too_many, unavailable
from meschain.services.publishing import (
    IdempotencyMismatch,
    PublishForbidden,
    PublishInvalid,
    PublishService,
    PublishUnavailable,
)

IDEMPOTENCY_HEADER: Final = "idempotency-key"
REPLAYED_HEADER: Final = "idempotency-replayed"

_log = logging.getLogger(__name__)


class Publish:
    """The route.

    Args:
        limit: events by key.
    """

    def __init__(self, keys: ApiKeys, service: PublishService, limit: WeightedLimit) -> None:
        self._keys = keys
        self._service = service
        self._limit = limit

    def routes(self) -> list[Route]:
        return [Route("/api/publish", self.publish, methods=["POST"])]

    async def publish(self, request: Request) -> Response:
        """Answer 202 once the events are stored; 400, 401, 403, 415, 422, 429 and 503 store nothing."""
        try:
            key = await self._key(request)
        except InvalidApiKey:
            return error_answer(
                401,
                "Send a key that holds as a bearer token; `meschain key create` makes one.",
                headers={"www-authenticate": "Bearer"},
            )
        except PublishUnavailable as error:
            return unavailable(str(error))
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return error_answer(415, "Send JSON with content-type: application/json.")
        idempotency_key = request.headers.get(IDEMPOTENCY_HEADER)
        body = await request.body()
        try:
            events = self._service.read(key.rights, body, idempotency_key)
            self._limit.take(key.id, len(events))
            published = await self._service.publish(key.rights, events, body, idempotency_key)
        except PublishInvalid as error:
            return _refused(403 if isinstance(error, PublishForbidden) else 400, error)
        except IdempotencyMismatch as error:
            return error_answer(422, str(error), code="idempotency_mismatch")
        except Throttled as error:
            return too_many(error)
        except PublishUnavailable as error:
            return unavailable(str(error))
        headers = {**NO_STORE, REPLAYED_HEADER: "true"} if published.is_repetition else NO_STORE
        return Response(msgspec.json.encode(published.answer), 202, headers, "application/json")

    async def _key(self, request: Request) -> ApiKey:
        token = bearer_token(request)
        if token is None:
            raise InvalidApiKey
        try:
            return await self._keys.verify(token)
        except InvalidApiKey:
            raise
        except Exception as error:
            # The boundary to the database: a publisher must not take its outage for a key that is wrong.
            _log.exception("a publisher's key cannot be checked")
            raise PublishUnavailable("The key cannot be checked at the moment; send it again.") from error


def _refused(status: int, error: PublishInvalid) -> Response:
    content: dict[str, object] = {"error": str(error)}
    if error.event is not None:
        content["event"] = error.event
    return JSONResponse(content, status, NO_STORE)
