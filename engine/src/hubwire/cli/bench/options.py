"""The options of `hubwire bench`: one table for the command line, the TOML file and the reference. Starts nothing."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hubwire.cli.bench.limits import parse_limit
from hubwire.cli.bench.scenario import TRANSPORTS, Load, Scenario
from hubwire.cli.bench.target import address_of
from hubwire.cli.failures import UsageFailed
from hubwire.cli.values import (
    Option,
    add_groups,
    read_duration,
    read_file,
    read_integer,
    read_number,
    read_options_file,
    read_secret,
    read_switch,
    read_text,
    read_texts,
    read_words,
)


def _load(name: str, value: object) -> Load:
    try:
        return Load(read_text(name, value))
    except ValueError:
        raise UsageFailed(f"{name} is {value!r}; give one of {', '.join(Load)}.") from None


def _arguments(name: str, value: object) -> list[object]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise UsageFailed(f"""{name} is no JSON; give an array like '["{{text}}"]'.""") from None
    if not isinstance(value, list):
        raise UsageFailed(f"""{name} is no array; give one like '["{{text}}"]'.""")
    return value


def _token_file(name: str, value: object) -> tuple[str, ...]:
    return tuple(line.strip() for line in read_file(name, read_text(name, value)).splitlines() if line.strip())


def _limits(name: str, value: object) -> tuple[Any, ...]:
    return tuple(parse_limit(text) for text in read_texts(name, value))


GROUPS: dict[str, tuple[Option, ...]] = {
    "connections": (
        Option("connections", read_integer, "N", "clients altogether (default: 100)"),
        Option("ramp", read_number, "N", "new connections a second (default: 100)"),
        Option("dials", read_integer, "N", "connections that may be under way at once (default: 100)"),
        Option("connect_timeout", read_duration, "TIME", "how long one may take (default: 30s)"),
        Option(
            "processes", read_integer, "N", "processes that make the load; more when one is the bottleneck (default: 1)"
        ),
        Option(
            "transport",
            read_words,
            "NAME",
            f"{', '.join(TRANSPORTS)}; several, with commas, are taken in turn (default: websockets)",
        ),
        Option("protocol", read_words, "NAME", "json, messagepack; several likewise (default: json)"),
        Option("skip_negotiation", read_switch, "", "open WebSockets at once, without negotiate"),
        Option(
            "no_reconnect", read_switch, "", "leave connections that are lost; otherwise they come back after about 1 s"
        ),
        Option("insecure", read_switch, "", "believe any certificate"),
        Option("ca", read_text, "PEM", "believe the certificates of this authority"),
    ),
    "load": (
        Option("load", _load, "KIND", f"{', '.join(Load)} (default: broadcast)"),
        Option(
            "senders",
            read_integer,
            "N",
            "connections that send (default: broadcast 1, group one per group, others all)",
        ),
        Option("rate", read_number, "N", "messages or calls a second, of each sender (default: 1)"),
        Option("size", read_integer, "BYTES", "text in each message (default: 200)"),
        Option("groups", read_integer, "N", "groups; each connection is in one (default: 10)"),
        Option("users", read_integer, "N", "different users (default: as many as connections)"),
        Option("items", read_integer, "N", "items of each stream (default: 10)"),
        Option("warmup", read_duration, "TIME", "messages that flow before it is measured (default: 2s)"),
        Option("duration", read_duration, "TIME", "how long is measured (default: 30s)"),
        Option("drain", read_duration, "TIME", "how long the last arrivals are waited for (default: 5s)"),
    ),
    "the hub": (
        Option(
            "method", read_text, "NAME", "what is called (default: Echo, Broadcast, SendToGroup, SendToUser, Count)"
        ),
        Option("arguments", _arguments, "JSON", "its arguments, with {text} {group} {user} {number} {items} in them"),
        Option("join_method", read_text, "NAME", "what puts the caller into a group (default: JoinGroup)"),
        Option("join_arguments", _arguments, "JSON", """its arguments (default: '["{group}"]')"""),
        Option(
            "target", read_words, "NAME", "count only what arrives for these (default: whatever has our text in it)"
        ),
    ),
    "who connects": (
        Option("access_token", read_secret, "TOKEN", "one for all; @FILE reads it from a file"),
        Option("token_file", _token_file, "FILE", "a token in each line, one for each connection"),
        Option(
            "connection_string",
            read_secret,
            "TEXT",
            "Azure's Endpoint=…;AccessKey=…; signs a token for each connection and gives the address; @FILE reads it",
        ),
        Option("hub", read_text, "NAME", "the hub, with --connection-string"),
        Option("user_name", read_text, "TEXT", "what users are called (default: user-{number})"),
        Option("header", read_texts, "TEXT", "sent with every request, e.g. 'X-User: {user}'", is_repeated=True),
    ),
    "result": (
        Option("limit", _limits, "LIMIT", "fail unless it holds, e.g. 'latency.p99<50ms'", is_repeated=True),
        Option("json", read_text, "FILE", "write the report as JSON"),
        Option("html", read_text, "FILE", "write the report as a page with charts"),
        Option("quiet", read_switch, "", "no progress, only the result"),
    ),
}
OPTIONS = {option.name: option for group in GROUPS.values() for option in group}
_URL = Option("url", read_text, "URL", "the hub")
_FIELDS = {
    "transport": "transports",
    "protocol": "protocols",
    "target": "targets",
    "header": "headers",
    "limit": "limits",
    "token_file": "tokens",
}
"""Where a field of the scenario has another name: flags are in the singular."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where results go."""

    json: Path | None = None
    html: Path | None = None
    is_quiet: bool = False


def add_options(parser: argparse.ArgumentParser) -> None:
    """Tell a parser of the command line."""
    parser.add_argument(
        "url", nargs="?", metavar="URL", default=argparse.SUPPRESS, help="the hub, http(s):// or ws(s)://"
    )
    add_groups(parser, GROUPS)


def read_options(arguments: argparse.Namespace) -> tuple[Scenario, Outputs]:
    """Return what the command line and its file ask for.

    Raises: UsageFailed.
    """
    given = vars(arguments)
    in_file = {**OPTIONS, "url": _URL}
    values = read_options_file(given["config"], in_file, "bench") if given.get("config") else {}
    for name, value in given.items():
        if name == "url":
            values["url"] = read_text("URL", value)
        elif name in OPTIONS:
            values[name] = OPTIONS[name].read(OPTIONS[name].flag, value)
    outputs = Outputs(
        json=_writable("--json", values.pop("json", None)),
        html=_writable("--html", values.pop("html", None)),
        is_quiet=values.pop("quiet", False),
    )
    values["reconnect"] = not values.pop("no_reconnect", False)
    values["url"] = address_of(values.get("url"), values.get("connection_string"), values.get("hub"))
    return Scenario(**{_FIELDS.get(name, name): value for name, value in values.items()}), outputs


def _writable(name: str, path: str | None) -> Path | None:
    """A report is written after minutes: whether that will work is found out before."""
    if path is None:
        return None
    file = Path(path)
    try:
        with file.open("ab"):
            pass
    except OSError as error:
        raise UsageFailed(f"{name}: {path} cannot be written: {error.strerror}; give another place.") from None
    return file
