"""The data plane of one hub whose connections Azure SignalR Service holds: each call becomes requests to its REST API.

Knows no HTTP. What the API lacks is told: `NotInRestApi`. Several names become several requests, a bounded number at a
time; a send that is awaited is accepted for all of them, so that the next one comes behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec

from hubwire.azure.client_url import checked_hub_name
from hubwire.azure.rest_client import RestClient
from hubwire.azure.rest_errors import ErrorCode
from hubwire.azure.routes import Operation, checked_name
from hubwire.errors import (
    ClientResultError,
    ClientResultTimeout,
    ConnectionGone,
    FanOutFailed,
    HubwireError,
    NotInRestApi,
    ServiceUnavailable,
)
from hubwire.model import Audience, AudienceKind, Connected, Features, Member, MemberKind
from hubwire.options import HubOptions
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.messages import UNREADABLE, Completion, Invocation
from hubwire.wire.protocols import hub_protocols

MAXIMUM_GROUP_CHARACTERS = 1024
"""Longest name of a group: the service's."""

_JSON_END = b"\x1e"


class AzureDataPlane:
    """Implements `DataPlane` for one hub of one service."""

    def __init__(self, client: RestClient, hub: str, options: HubOptions | None = None) -> None:
        """Args:
            hub: with a name of the service's applications in front, `application_hub`, where it has several.

        Raises: ValueError for a hub name that the service refuses.
        """
        options = options or HubOptions()
        self.features = Features.CLIENT_RESULTS | Features.ABORT_CALLER
        self.hub = checked_hub_name(hub)
        self._client = client
        self._codecs = hub_protocols(options.protocols, options.property_names)
        self._json = hub_protocols(frozenset({"json"}), options.property_names)["json"]
        self._ask_seconds = options.client_result_timeout_seconds

    # Messages

    async def send(self, audience: Audience, message: EncodedMessage) -> None:
        """As the port, messages that travel together one after the other: the API takes one at a time.

        Raises: ServiceUnavailable, ServiceRefused, FanOutFailed beside.
        """
        for part in message.parts:
            await self._send(audience, part)

    async def _send(self, audience: Audience, message: EncodedMessage) -> None:
        if audience.kind is AudienceKind.USERS and audience.excluded:
            await self._each(_names(audience), lambda user: self._send_to_part_of(user, audience.excluded, message))
            return
        body, content_type = self._body(message)
        excluded = _repeated("excluded", audience.excluded)

        def send_to(operation: Operation, *names: str, query: str = "") -> Awaitable[object]:
            return self._client.call(operation, (self.hub, *names), query, body, content_type)

        match audience.kind:
            case AudienceKind.ALL:
                await send_to(Operation.SEND_TO_ALL, query=excluded)
            case AudienceKind.GROUPS:
                await self._each(
                    [_checked_group(name) for name in audience.names],
                    lambda group: send_to(Operation.SEND_TO_GROUP, group, query=excluded),
                )
            case AudienceKind.USERS:
                await self._each(_names(audience), lambda user: send_to(Operation.SEND_TO_USER, user))
            case AudienceKind.CONNECTIONS:
                await self._each(_names(audience), lambda each: send_to(Operation.SEND_TO_CONNECTION, each))

    def _body(self, message: EncodedMessage) -> tuple[bytes, str]:
        """The message ready for the clients of each protocol; as JSON by option, or when it is no plain call.

        Raises: TypeError, ValueError when no codec can write it.
        """
        if self._client.options.messages_as_json:
            return self._json_body(message), "application/json; charset=utf-8"
        payloads: dict[str, bytes] = {}
        failure: Exception | None = None
        for name, codec in self._codecs.items():
            try:
                payloads[name] = message.payload(codec)
            except Exception as error:  # noqa: BLE001 - encoding runs user objects; the other protocol's clients get it
                failure = error
        if not payloads and failure is not None:
            raise failure
        return msgspec.msgpack.encode(payloads), "application/octet-stream"

    def _json_body(self, message: EncodedMessage) -> bytes:
        call = msgspec.json.decode(message.payload(self._json).removesuffix(_JSON_END), type=_Call)
        return msgspec.json.encode(call)

    async def _send_to_part_of(self, user: str, excluded: frozenset[str], message: EncodedMessage) -> None:
        """All connections of a user but some: the plain operation cannot leave out any, a filter can."""
        parts = [f"userId eq {_literal(user)}", *(f"connectionId ne {_literal(each)}" for each in sorted(excluded))]
        query = f"&filter={quote(' and '.join(parts), safe='')}"
        commands = b'[{"type":"SendMessage","message":' + self._json_body(message) + b"}]"
        await self._client.call(Operation.EXECUTE, (self.hub,), query, commands)

    # Groups

    async def add_to_group(self, group: str, member: Member) -> None:
        """As the port; users too who come later, for a year. Raises: ServiceUnavailable, ServiceRefused beside."""
        await self._change(Operation.ADD_CONNECTION_TO_GROUP, Operation.ADD_USER_TO_GROUP, group, member)

    async def remove_from_group(self, group: str, member: Member) -> None:
        await self._change(Operation.REMOVE_CONNECTION_FROM_GROUP, Operation.REMOVE_USER_FROM_GROUP, group, member)

    async def remove_from_all_groups(self, member: Member) -> None:
        operation = (
            Operation.REMOVE_USER_FROM_ALL_GROUPS
            if member.kind is MemberKind.USER
            else Operation.REMOVE_CONNECTION_FROM_ALL_GROUPS
        )
        await self._client.call(operation, (self.hub, checked_name(member.id)))

    async def _change(self, of_connection: Operation, of_user: Operation, group: str, member: Member) -> None:
        group, name = _checked_group(group), checked_name(member.id)
        if member.kind is MemberKind.USER:
            await self._client.call(of_user, (self.hub, name, group))
        else:
            await self._client.call(of_connection, (self.hub, group, name))

    # Connections

    async def close(self, audience: Audience, reason: str | None = None, *, allow_reconnect: bool = False) -> None:
        """As the port, but `allow_reconnect` is the service's: clients that reconnect by themselves come again."""
        told = "" if reason is None else f"&reason={quote(reason, safe='')}"
        query = _repeated("excluded", audience.excluded) + told
        call = self._client.call
        match audience.kind:
            case AudienceKind.ALL:
                await call(Operation.CLOSE_ALL, (self.hub,), query)
            case AudienceKind.GROUPS:
                groups = [_checked_group(name) for name in dict.fromkeys(audience.names)]
                await self._each(groups, lambda group: call(Operation.CLOSE_GROUP, (self.hub, group), query))
            case AudienceKind.USERS:
                await self._each(_names(audience), lambda user: call(Operation.CLOSE_USER, (self.hub, user), query))
            case AudienceKind.CONNECTIONS:
                await self._each(
                    _names(audience), lambda each: call(Operation.CLOSE_CONNECTION, (self.hub, each), told)
                )

    async def exists(self, audience: Audience) -> bool:
        """As the port. Raises: NotInRestApi for all connections, and for users of whom some are excluded."""
        if audience.kind is AudienceKind.CONNECTIONS:
            return await self._any(Operation.CONNECTION_EXISTS, _names(audience))
        if audience.kind is AudienceKind.GROUPS:
            if audience.excluded:
                return bool(await self.members(audience, limit=1))
            return await self._any(Operation.GROUP_EXISTS, [_checked_group(name) for name in audience.names])
        if audience.excluded or audience.kind is AudienceKind.ALL:
            raise NotInRestApi("tell whether anybody of these is there", "Ask for a group, user or connection by name")
        return await self._any(Operation.USER_EXISTS, _names(audience))

    async def _any(self, operation: Operation, names: Sequence[str]) -> bool:
        found = False

        async def ask(name: str) -> None:
            nonlocal found
            found = found or (await self._client.call(operation, (self.hub, name))).code is None

        await self._each(names, ask)
        return found

    async def members(self, audience: Audience, *, after: str = "", limit: int | None = None) -> list[Connected]:
        """As the port, of groups; each call reads them whole, 200 connections a request.

        Raises: NotInRestApi for all, users and connections; ServiceUnavailable, ServiceRefused beside.
        """
        if limit is not None and limit < 1:
            raise ValueError(f"The limit is {limit}; give a limit from 1 on, or None for all.")
        if audience.kind is not AudienceKind.GROUPS:
            raise NotInRestApi("list these", "Ask for the members of a group, or whether one of these exists")
        found: dict[str, Connected] = {}
        for group in dict.fromkeys(map(_checked_group, audience.names)):
            query = ""
            while True:
                reply = await self._client.call(Operation.LIST_GROUP_CONNECTIONS, (self.hub, group), query)
                page = msgspec.json.decode(reply.body, type=_Page)
                found.update((each.connectionId, Connected(each.connectionId, each.userId)) for each in page.value)
                token = _continuation(page.nextLink)
                if token is None:
                    break
                query = f"&continuationToken={quote(token, safe='')}"
        listed = sorted(name for name in found if name > after and name not in audience.excluded)
        return [found[name] for name in listed[:limit]]

    async def invoke(
        self, connection_id: str, target: str, arguments: Sequence[object], timeout_seconds: float | None = None
    ) -> object:
        """As the port; the service waits as long as it wants to, so that our time may be the shorter one.

        Raises: ServiceUnavailable, ServiceRefused beside.
        """
        seconds = self._ask_seconds if timeout_seconds is None else timeout_seconds
        body = self._json_body(EncodedMessage(Invocation(target, arguments)))
        asking = asyncio.ensure_future(
            self._client.call(
                Operation.INVOKE,
                (self.hub, checked_name(connection_id)),
                body=body,
                timeout_seconds=seconds + self._client.options.request_timeout_seconds,
            )
        )
        alarm = asyncio.ensure_future(self._client.clock.sleep(seconds))
        try:
            await asyncio.wait((asking, alarm), return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise ClientResultTimeout(connection_id, target, seconds)
            reply = asking.result()
        finally:
            asking.cancel()
            alarm.cancel()
        match reply.code:
            case None:
                return self._result(reply.body)
            case ErrorCode.INVOCATION_FAILED:
                raise ClientResultError(reply.message)
            case ErrorCode.INVOCATION_TIMEOUT:
                raise ClientResultTimeout(connection_id, target, seconds)
            case code:
                raise ConnectionGone(connection_id, had_been_asked=code is ErrorCode.CONNECTION_ENDED)

    def _result(self, body: bytes) -> object:
        """The client's result, read as the JSON codec reads one."""
        result = msgspec.json.decode(body, type=_Result).result
        completion = self._json.decode(b'{"type":3,"invocationId":"0","result":' + bytes(result) + b"}")
        return completion.result if isinstance(completion, Completion) else UNREADABLE

    # Several

    async def _each(self, names: Sequence[str], call: Callable[[str], Awaitable[object]]) -> None:
        """Make one call for each name, a bounded number at a time.

        One that is refused does not keep the others from being made. Once the service is not available no more are
        begun: each would wait for as long.
        """
        if len(names) == 1:
            await call(names[0])
            return
        waiting = iter(names)
        errors: list[HubwireError] = []
        is_away = False

        async def make_some() -> None:
            nonlocal is_away
            for name in waiting:
                try:
                    await call(name)
                except HubwireError as error:
                    errors.append(error)
                    is_away = is_away or isinstance(error, ServiceUnavailable)
                if is_away:
                    return

        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(len(names), self._client.options.parallel_sends)):
                tasks.create_task(make_some())
        if errors:
            raise FanOutFailed(errors, len(names), left_out=sum(1 for _ in waiting))


class _Call(msgspec.Struct):
    target: str
    arguments: msgspec.Raw


class _Member(msgspec.Struct):
    connectionId: str  # noqa: N815 - as on the wire
    userId: str | None = None  # noqa: N815 - as on the wire


class _Page(msgspec.Struct):
    value: list[_Member] = msgspec.field(default_factory=list)
    nextLink: str | None = None  # noqa: N815 - as on the wire


class _Result(msgspec.Struct):
    result: msgspec.Raw = msgspec.Raw(b"null")


def _names(audience: Audience) -> list[str]:
    """Each name once, in order; for connections without those excluded. An empty one is nobody's."""
    excluded = audience.excluded if audience.kind is AudienceKind.CONNECTIONS else ()
    return [checked_name(name) for name in dict.fromkeys(audience.names) if name and name not in excluded]


def _checked_group(name: str) -> str:
    """Raises: ValueError for a name that the service takes for no group."""
    if len(name) > MAXIMUM_GROUP_CHARACTERS or not name.strip():
        raise ValueError(
            f"{name[:64]!r} is no group name for the service: give 1 to {MAXIMUM_GROUP_CHARACTERS} characters, not "
            "spaces alone."
        )
    return checked_name(name)


def _continuation(next_link: str | None) -> str | None:
    """What the next page is asked for by. The link itself may lead to a host that is not ours to call with a token."""
    if not next_link:
        return None
    return dict(parse_qsl(urlsplit(next_link).query)).get("continuationToken")


def _repeated(name: str, values: frozenset[str]) -> str:
    return "".join(f"&{name}={quote(value, safe='')}" for value in sorted(values))


def _literal(text: str) -> str:
    """A text as filters write it: in single quotes, those within doubled."""
    return "'" + text.replace("'", "''") + "'"
