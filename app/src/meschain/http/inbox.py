"""`/api/inbox…`: what marketplaces sent, for administrators: the list, one of them, replay and drop.

What is done is audited by the inbox. Bodies may hold buyers' data: they come one at a time, and to no cache.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meschain.domain.payloads import InboxAttempt, InboxDelivery, InboxList, InboxReplay, InboxRow
from meschain.domain.roles import Identity, Operation
from meschain.http.bearer import Callers
from meschain.http.errors import NO_STORE, error_answer
from meschain.http.queries import parsed, whole_number
from meschain.http.session import payload_answer
from meschain.services.clock import iso_utc
from meschain.services.webhook_ports import Backlog, StoredDelivery


class ReplayedPage(Protocol):
    """A page of those that were given up, as this module sees it."""

    @property
    def replayed(self) -> int: ...

    @property
    def before(self) -> int | None: ...


class InboxUse(Protocol):
    """What people do with the inbox, as this module sees it."""

    @property
    def vendors(self) -> Sequence[str]: ...

    async def list(
        self,
        *,
        status: str | None = None,
        vendor: str | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> Sequence[StoredDelivery]: ...

    async def backlog(self) -> Backlog: ...

    async def show(self, who: str, number: int) -> StoredDelivery | None: ...

    async def replay(self, who: str, number: int) -> bool: ...

    async def replay_dead(self, who: str, before: int | None = None) -> ReplayedPage: ...

    async def drop(self, who: str, number: int) -> bool: ...


class InboxRoutes:
    """The routes; the inbox knows who did what."""

    def __init__(self, callers: Callers, inbox: InboxUse, *, shown_body_bytes: int) -> None:
        self._callers = callers
        self._inbox = inbox
        self._shown_body_bytes = shown_body_bytes

    def routes(self) -> list[Route]:
        return [
            Route("/api/inbox", self._list, methods=["GET"]),
            Route("/api/inbox/replay-dead", self._replay_dead, methods=["POST"]),
            Route("/api/inbox/{number}", self._show, methods=["GET"]),
            Route("/api/inbox/{number}/replay", self._replay, methods=["POST"]),
            Route("/api/inbox/{number}/drop", self._drop, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        """Answer the newest deliveries, those before the number `before` if given, and how much is left to do."""
        await self._admin(request)
        query = request.query_params
        try:
            deliveries = await self._inbox.list(
                status=query.get("status"),
                vendor=query.get("vendor"),
                before=whole_number(request, "before"),
                limit=whole_number(request, "limit"),
            )
        except ValueError as error:
            return error_answer(400, str(error))
        backlog = await self._inbox.backlog()
        oldest = backlog.oldest_waiting
        answer = InboxList(
            waiting=backlog.waiting,
            dead=backlog.dead,
            oldest_waiting="" if oldest is None else iso_utc(oldest),
            vendors=list(self._inbox.vendors),
            deliveries=[InboxRow(**_row(each)) for each in deliveries],
        )
        return payload_answer(answer)

    async def _show(self, request: Request) -> Response:
        """Answer one with its body; 404: there is none."""
        identity, number = await self._admin(request), parsed(request.path_params["number"])
        found = None if number is None else await self._inbox.show(identity.user_id, number)
        if found is None:
            return error_answer(404, "There is no such delivery; it may be older than the inbox keeps them.")
        body = found.delivery.body[: self._shown_body_bytes]
        try:
            text, encoding = body.decode(), "text"
        except UnicodeDecodeError:
            text, encoding = base64.b64encode(body).decode(), "base64"
        answer = InboxDelivery(
            **_row(found),
            method=found.delivery.method,
            path=found.delivery.path,
            headers=dict(found.delivery.headers),
            body=text,
            body_encoding=encoding,
            body_bytes=len(found.delivery.body),
            tries=[InboxAttempt(at=iso_utc(each.at), status=each.status, note=each.note) for each in found.tries],
        )
        return payload_answer(answer)

    async def _replay_dead(self, request: Request) -> Response:
        """Answer how many are worked on again, and where to go on: of thousands, none is to wait for one request."""
        identity = await self._admin(request)
        page = await self._inbox.replay_dead(identity.user_id, whole_number(request, "before"))
        return payload_answer(InboxReplay(replayed=page.replayed, before=page.before))

    async def _replay(self, request: Request) -> Response:
        """Answer 204; 404: there is none, or it was dropped."""
        return await self._do(request, self._inbox.replay)

    async def _drop(self, request: Request) -> Response:
        """Answer 204; 404: there is none."""
        return await self._do(request, self._inbox.drop)

    async def _do(self, request: Request, change: Callable[[str, int], Awaitable[bool]]) -> Response:
        identity, number = await self._admin(request), parsed(request.path_params["number"])
        if number is None or not await change(identity.user_id, number):
            return error_answer(404, "There is no such delivery, or it was dropped.")
        return Response(status_code=204, headers=NO_STORE)

    async def _admin(self, request: Request) -> Identity:
        return await self._callers.permitted(request, Operation.JOIN_ADMIN_GROUP, "The inbox is for administrators.")


def _row(stored: StoredDelivery) -> dict[str, Any]:  # Any: keyword arguments of two classes
    delivery = stored.delivery
    return {
        "number": stored.number,
        "vendor": delivery.vendor,
        "store": delivery.store,
        "key": delivery.key,
        "kind": delivery.kind,
        "status": stored.status,
        "attempts": stored.attempts,
        "note": stored.note,
        "received_at": iso_utc(delivery.received_at),
        "next_attempt_at": iso_utc(stored.next_attempt_at) if stored.status == "waiting" else "",
        "finished_at": "" if stored.finished_at is None else iso_utc(stored.finished_at),
    }
