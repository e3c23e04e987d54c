"""`:execute`: commands for all connections that match a filter (azure-serverless 3.6).

Everything is read before anything runs. Each command reaches all matching connections before the next begins, so every
one of them sees the commands in their order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

from hubwire.azure.rest_bodies import checked, invocation_of, read_json_body
from hubwire.azure.rest_calls import is_group_name
from hubwire.azure.rest_errors import RestError, invalid
from hubwire.azure.rest_filter import Filter, parse_filter
from hubwire.model import Audience, Connected, Member
from hubwire.ports import DataPlane
from hubwire.wire.encoded import EncodedMessage

MAXIMUM_COMMANDS = 100
"""In one call."""

_BATCH = 500
"""Connections that a command is run for at once, as many as a data plane posts to between two yields."""
_SLICE = 5_000
"""Connections that are looked at between two yields: some milliseconds."""

Command = Callable[[DataPlane, Sequence[str]], Awaitable[None]]


def read_filter(text: str | None) -> Filter:
    """Read a filter; none at all, or an empty one, lets every connection match. Raises: RestError."""
    if text is None or not text.strip():
        return Filter(frozenset(), lambda connection, groups: True)
    return parse_filter(text)


def read_commands(body: bytes, content_type: str) -> list[Command]:
    """Raises: RestError, which names the command by its number."""
    value = read_json_body(body, content_type)
    if type(value) is not list or len(value) > MAXIMUM_COMMANDS:
        raise invalid(f"The body is no array of at most {MAXIMUM_COMMANDS} commands.", "commands")
    commands = []
    for number, item in enumerate(value):
        try:
            commands.append(_read_command(item))
        except RestError as error:
            raise invalid(f"Command {number}: {error}", "commands") from error
    return commands


async def execute(plane: DataPlane, filter_: Filter, commands: Sequence[Command]) -> None:
    """Run commands on whoever matches at this moment. Raises: what the data plane raises, some of it done then."""
    connection_ids = await _matching(plane, filter_)
    for command in commands:
        for start in range(0, len(connection_ids), _BATCH):
            await command(plane, connection_ids[start : start + _BATCH])


async def _matching(plane: DataPlane, filter_: Filter) -> list[str]:
    groups: dict[str, set[str]] = {}
    for name in filter_.groups:
        members: list[Connected] = await plane.members(Audience.group(name)) if name else []
        groups[name] = {member.connection_id for member in members}
    connections = await plane.members(Audience.all())
    matching: list[str] = []
    for start in range(0, len(connections), _SLICE):
        if start:
            await asyncio.sleep(0)
        matching += [
            each.connection_id for each in connections[start : start + _SLICE] if filter_.matches(each, groups)
        ]
    return matching


def _read_command(item: object) -> Command:
    if type(item) is not dict:
        raise invalid('it is no object with a "type".')
    fields = {key.lower(): value for key, value in item.items()}
    read = _READERS.get(fields["type"]) if isinstance(fields.get("type"), str) else None
    if read is None:
        raise invalid(f"its type is none of {', '.join(_READERS)}.")
    return read(fields)


def _send(fields: Mapping[str, object]) -> Command:
    message = checked(EncodedMessage(invocation_of(fields.get("message"))))

    async def send(plane: DataPlane, connection_ids: Sequence[str]) -> None:
        await plane.send(Audience.connections(connection_ids), message)

    return send


def _join(fields: Mapping[str, object]) -> Command:
    group = _group(fields)

    async def join(plane: DataPlane, connection_ids: Sequence[str]) -> None:
        await _all([plane.add_to_group(group, Member.connection(each)) for each in connection_ids])

    return join


def _leave(fields: Mapping[str, object]) -> Command:
    group = _group(fields)

    async def leave(plane: DataPlane, connection_ids: Sequence[str]) -> None:
        await _all([plane.remove_from_group(group, Member.connection(each)) for each in connection_ids])

    return leave


def _close(fields: Mapping[str, object]) -> Command:
    reason = fields.get("reason")
    if reason is not None and not isinstance(reason, str):
        raise invalid("its reason is no text.")

    async def close(plane: DataPlane, connection_ids: Sequence[str]) -> None:
        await plane.close(Audience.connections(connection_ids), reason, allow_reconnect=True)

    return close


_READERS: Mapping[str, Callable[[Mapping[str, object]], Command]] = {
    "SendMessage": _send,
    "JoinGroup": _join,
    "LeaveGroup": _leave,
    "CloseConnection": _close,
}


def _group(fields: Mapping[str, object]) -> str:
    group = fields.get("group")
    if not isinstance(group, str) or not is_group_name(group):
        raise invalid("its group is no name of 1 to 1024 characters, or only blanks.")
    return group


async def _all(work: Sequence[Coroutine[object, object, None]]) -> None:
    """At once: planes that ask other processes do so for all of it in one turn."""
    for outcome in await asyncio.gather(*work, return_exceptions=True):
        if outcome is not None:
            raise outcome
