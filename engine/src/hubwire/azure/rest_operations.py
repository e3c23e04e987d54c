"""What each operation of the REST data plane does: one function each, and their table (azure-serverless 3.4 to 3.6).

They are given calls that were admitted. Success has no meaning beyond its status, so its bodies are made beforehand.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import msgspec

from hubwire.azure.jwt import ClientTokens
from hubwire.azure.memberships import Memberships
from hubwire.azure.rest_bodies import read_invocation, read_message, read_stream_item
from hubwire.azure.rest_calls import RestCall
from hubwire.azure.rest_errors import JSON_FIELDS, ErrorCode, RestAnswer, RestError, invalid
from hubwire.azure.rest_execute import execute, read_commands, read_filter
from hubwire.azure.rest_listing import list_group
from hubwire.azure.routes import Operation
from hubwire.errors import ClientResultError, ClientResultTimeout, ConnectionGone
from hubwire.model import Audience, Member
from hubwire.ports import DataPlane
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.json_codec import to_json
from hubwire.wire.messages import Completion

_DROPPED_404 = "2024-12-01"
"""The first version that does not answer 404 when a connection that is not there is to leave a group."""


@dataclass(frozen=True, slots=True, eq=False)
class RestBackend:
    """What operations work with."""

    plane_of: Callable[[str], DataPlane]
    memberships: Memberships
    client_tokens: ClientTokens


Perform = Callable[[RestBackend, RestCall], Awaitable[RestAnswer]]


def _response(status: int) -> RestAnswer:
    """A `ServiceResponse`, which tools do not read."""
    body = {"statusCode": status, "level": "Info", "scope": "Request", "errorKind": "Unknown", "isSuccess": True}
    return RestAnswer(status, msgspec.json.encode(body), JSON_FIELDS)


_SUCCESSES = {200: _response(200), 202: _response(202), 204: RestAnswer(204)}
_V1_SUCCESSES = {status: RestAnswer(status) for status in _SUCCESSES}


def success(call: RestCall) -> RestAnswer:
    """It was done, or accepted. v1 describes no bodies."""
    return (_V1_SUCCESSES if call.is_v1 else _SUCCESSES)[call.success]


def _not_found(code: ErrorCode, what: str) -> RestError:
    return RestError(404, code, f"The {what} does not exist at this moment.", target=what)


# Messages


async def _send_to_all(backend: RestBackend, call: RestCall) -> RestAnswer:
    return await _send(backend, call, Audience.all(call.query.all("excluded")))


async def _send_to_user(backend: RestBackend, call: RestCall) -> RestAnswer:
    return await _send(backend, call, Audience.user(call.names["user"]))


async def _send_to_group(backend: RestBackend, call: RestCall) -> RestAnswer:
    return await _send(backend, call, Audience.group(call.names["group"], call.query.all("excluded")))


async def _send_to_connection(backend: RestBackend, call: RestCall) -> RestAnswer:
    return await _send(backend, call, Audience.connection(call.names["connection"]))


async def _send(backend: RestBackend, call: RestCall, audience: Audience) -> RestAnswer:
    message = read_message(call.request.body, call.request.content_type)
    await backend.plane_of(call.hub).send(audience, message)
    return success(call)


async def _invoke(backend: RestBackend, call: RestCall) -> RestAnswer:
    """The answers to what goes wrong are ours; the service's are not known."""
    invocation = read_invocation(call.request.body, call.request.content_type)
    plane = backend.plane_of(call.hub)
    try:
        result = await plane.invoke(call.names["connection"], invocation.target, invocation.arguments)
    except ConnectionGone as error:
        code = ErrorCode.CONNECTION_ENDED if error.had_been_asked else ErrorCode.NO_SUCH_CONNECTION
        raise RestError(404, code, str(error), target="connection") from error
    except ClientResultError as error:
        raise RestError(400, ErrorCode.INVOCATION_FAILED, str(error)) from error
    except ClientResultTimeout as error:
        raise RestError(500, ErrorCode.INVOCATION_TIMEOUT, str(error)) from error
    try:
        body = to_json({"result": result})
    except (TypeError, ValueError) as error:
        raise RestError(
            400, ErrorCode.INVOCATION_FAILED, f"The client's result has no JSON form ({error}); let it return another."
        ) from error
    return RestAnswer(call.success, body, JSON_FIELDS)


async def _send_to_stream(backend: RestBackend, call: RestCall) -> RestAnswer:
    stream_id = call.names["stream"]
    completed = call.query.boolean("completed")
    item = read_stream_item(call.request.body, call.request.content_type, stream_id)
    plane = backend.plane_of(call.hub)
    audience = Audience.connection(call.names["connection"])
    await plane.send(audience, item)
    if completed:
        await plane.send(audience, EncodedMessage(Completion(stream_id)))
    return success(call)


async def _complete_stream(backend: RestBackend, call: RestCall) -> RestAnswer:
    # The description says `reason`, the service's own tools send `error`.
    error = call.query.text("reason") or call.query.text("error") or None
    completion = Completion(call.names["stream"], error=error)
    await backend.plane_of(call.hub).send(Audience.connection(call.names["connection"]), EncodedMessage(completion))
    return success(call)


# Closing


async def _close_all(backend: RestBackend, call: RestCall) -> RestAnswer:
    return await _close(backend, call, Audience.all(call.query.all("excluded")))


async def _close_group(backend: RestBackend, call: RestCall) -> RestAnswer:
    return await _close(backend, call, Audience.group(call.names["group"], call.query.all("excluded")))


async def _close_user(backend: RestBackend, call: RestCall) -> RestAnswer:
    return await _close(backend, call, Audience.user(call.names["user"], call.query.all("excluded")))


async def _close_connection(backend: RestBackend, call: RestCall) -> RestAnswer:
    audience = Audience.connection(call.names["connection"])
    if not call.is_v1 and not await backend.plane_of(call.hub).exists(audience):
        raise _not_found(ErrorCode.CONNECTION_NOT_EXISTED, "connection")
    return await _close(backend, call, audience)


async def _close(backend: RestBackend, call: RestCall, audience: Audience) -> RestAnswer:
    # Clients with automatic reconnect come again (azure-serverless 3.7).
    await backend.plane_of(call.hub).close(audience, call.query.text("reason"), allow_reconnect=True)
    return success(call)


# Existence


async def _connection_exists(backend: RestBackend, call: RestCall) -> RestAnswer:
    audience = Audience.connection(call.names["connection"])
    return await _exists(backend, call, audience, ErrorCode.CONNECTION_NOT_EXISTED, "connection")


async def _group_exists(backend: RestBackend, call: RestCall) -> RestAnswer:
    return await _exists(backend, call, Audience.group(call.names["group"]), ErrorCode.GROUP_NOT_EXISTED, "group")


async def _user_exists(backend: RestBackend, call: RestCall) -> RestAnswer:
    return await _exists(backend, call, Audience.user(call.names["user"]), ErrorCode.USER_NOT_EXISTED, "user")


async def _exists(backend: RestBackend, call: RestCall, audience: Audience, code: ErrorCode, what: str) -> RestAnswer:
    if not await backend.plane_of(call.hub).exists(audience):
        raise _not_found(code, what)
    return success(call)


# Connections in groups, which end with the connection


async def _add_connection(backend: RestBackend, call: RestCall) -> RestAnswer:
    connection_id = call.names["connection"]
    plane = backend.plane_of(call.hub)
    if not await plane.exists(Audience.connection(connection_id)):
        raise _not_found(ErrorCode.NO_SUCH_CONNECTION, "connection")
    await plane.add_to_group(call.names["group"], Member.connection(connection_id))
    return success(call)


async def _remove_connection(backend: RestBackend, call: RestCall) -> RestAnswer:
    connection_id = call.names["connection"]
    plane = backend.plane_of(call.hub)
    has_404 = call.is_v1 or call.version < _DROPPED_404
    if has_404 and not await plane.exists(Audience.connection(connection_id)):
        raise _not_found(ErrorCode.NO_SUCH_CONNECTION, "connection")
    await plane.remove_from_group(call.names["group"], Member.connection(connection_id))
    return success(call)


async def _remove_connection_from_all(backend: RestBackend, call: RestCall) -> RestAnswer:
    await backend.plane_of(call.hub).remove_from_all_groups(Member.connection(call.names["connection"]))
    return success(call)


# Users in groups. The hub is asked for first, so that nothing is recorded where there is no room for it.


async def _user_in_group_exists(backend: RestBackend, call: RestCall) -> RestAnswer:
    if not await backend.memberships.is_member(call.hub, call.names["user"], call.names["group"]):
        raise RestError(404, ErrorCode.USER_NOT_IN_GROUP, "The user is not in the group.", target="user")
    return success(call)


async def _add_user(backend: RestBackend, call: RestCall) -> RestAnswer:
    ttl_seconds = call.query.integer("ttl", 0)
    backend.plane_of(call.hub)
    await backend.memberships.add(call.hub, call.names["user"], call.names["group"], ttl_seconds)
    return success(call)


async def _remove_user(backend: RestBackend, call: RestCall) -> RestAnswer:
    backend.plane_of(call.hub)
    await backend.memberships.remove(call.hub, call.names["user"], call.names["group"])
    return success(call)


async def _remove_user_from_all(backend: RestBackend, call: RestCall) -> RestAnswer:
    backend.plane_of(call.hub)
    await backend.memberships.remove_from_all(call.hub, call.names["user"])
    return success(call)


# Many connections


async def _list_group(backend: RestBackend, call: RestCall) -> RestAnswer:
    return await list_group(backend.plane_of(call.hub), call, backend.client_tokens.public_url)


async def _execute(backend: RestBackend, call: RestCall) -> RestAnswer:
    chosen = read_filter(call.query.text("filter"))
    commands = read_commands(call.request.body, call.request.content_type)
    await execute(backend.plane_of(call.hub), chosen, commands)
    return success(call)


# Tokens


async def _generate_token(backend: RestBackend, call: RestCall) -> RestAnswer:
    minutes = call.query.integer("minutesToExpire", 1)
    user_id = call.query.text("userId")
    lifetime_seconds = 60.0 * (60 if minutes is None else minutes)
    try:
        token = backend.client_tokens.sign(call.hub, user_id=user_id, lifetime_seconds=lifetime_seconds)
    except ValueError as error:
        raise invalid(str(error), "userId") from error
    return RestAnswer(call.success, msgspec.json.encode({"token": token}), JSON_FIELDS)


async def _access_key(backend: RestBackend, call: RestCall) -> RestAnswer:
    raise invalid(
        "This service makes no temporary keys, because it accepts no Microsoft Entra tokens; "
        "give the connection string an AccessKey, or ask for client tokens by :generateToken."
    )


OPERATIONS: Mapping[Operation, Perform] = {
    Operation.GET_ACCESS_KEY: _access_key,
    Operation.SEND_TO_ALL: _send_to_all,
    Operation.SEND_TO_USER: _send_to_user,
    Operation.SEND_TO_GROUP: _send_to_group,
    Operation.SEND_TO_CONNECTION: _send_to_connection,
    Operation.CLOSE_ALL: _close_all,
    Operation.CLOSE_GROUP: _close_group,
    Operation.CLOSE_USER: _close_user,
    Operation.CLOSE_CONNECTION: _close_connection,
    Operation.CONNECTION_EXISTS: _connection_exists,
    Operation.GROUP_EXISTS: _group_exists,
    Operation.USER_EXISTS: _user_exists,
    Operation.ADD_CONNECTION_TO_GROUP: _add_connection,
    Operation.REMOVE_CONNECTION_FROM_GROUP: _remove_connection,
    Operation.REMOVE_CONNECTION_FROM_ALL_GROUPS: _remove_connection_from_all,
    Operation.USER_IN_GROUP_EXISTS: _user_in_group_exists,
    Operation.ADD_USER_TO_GROUP: _add_user,
    Operation.REMOVE_USER_FROM_GROUP: _remove_user,
    Operation.REMOVE_USER_FROM_ALL_GROUPS: _remove_user_from_all,
    Operation.GENERATE_TOKEN: _generate_token,
    Operation.EXECUTE: _execute,
    Operation.LIST_GROUP_CONNECTIONS: _list_group,
    Operation.INVOKE: _invoke,
    Operation.SEND_TO_STREAM: _send_to_stream,
    Operation.COMPLETE_STREAM: _complete_stream,
}
"""How each is performed; health is the server's own."""
