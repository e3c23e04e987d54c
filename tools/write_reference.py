"""Writes those tables of docs/reference/*.md that stand in the code, between their two `generated` comments.

`python tools/write_reference.py` writes them, `--check` fails when one is stale. Texts around the tables are written by
hand and stay. Needs the `meschain` distribution; starts no server and reads no settings.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, StrEnum
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
import typer
from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from typer.main import get_command

import hubwire.client
import hubwire.errors
import hubwire.testing.specs
from hubwire import options as options_module
from hubwire.azure.jwt import MAXIMUM_TOKEN_CHARACTERS as HUB_TOKEN_CHARACTERS
from hubwire.azure.rest_calls import MAXIMUM_GROUP_CHARACTERS, MAXIMUM_STREAM_CHARACTERS
from hubwire.azure.rest_execute import MAXIMUM_COMMANDS
from hubwire.azure.rest_filter import MAXIMUM_CHARACTERS, MAXIMUM_CLAUSES, MAXIMUM_DEPTH
from hubwire.azure.rest_guide import COMMON_ANSWERS, GUIDES, PARAMETERS
from hubwire.azure.rest_listing import MAXIMUM_PAGE
from hubwire.azure.routes import DATED_VERSIONS, ROUTES
from hubwire.cli import failures
from hubwire.cli.bench.limits import FIGURES, Unit
from hubwire.cli.command import parser as hubwire_parser
from hubwire.hub.methods import methods_of
from hubwire.options import (
    AzureHubsOptions,
    AzureOptions,
    BrokerOptions,
    ClusterOptions,
    ConnectionOptions,
    HubOptions,
    LiveTraceOptions,
    PropertyNames,
    RestOptions,
    ServerOptions,
    ServiceOptions,
    UpstreamOptions,
)
from hubwire.session import events as session_events
from hubwire.session import states as states_module
from hubwire.session.events import EndReason
from hubwire.session.states import TRANSITIONS, State
from hubwire.wire.nesting import MAXIMUM_NESTING
from meschain import alert_settings, legacy_settings
from meschain import settings as settings_module
from meschain.auth import issuers
from meschain.auth.api_keys import MOST_KEYS
from meschain.auth.login_tokens import MAXIMUM_TOKEN_CHARACTERS as LOGIN_TOKEN_CHARACTERS
from meschain.auth.passwords import MAXIMUM_WAITING
from meschain.auth.shop_sign_in import TICKET_SECONDS
from meschain.domain import events, payloads, publications
from meschain.domain.alert_rules import RULES
from meschain.domain.events import LARGEST_PAYLOAD_BYTES
from meschain.domain.roles import METRICS, PERMISSIONS, Operation, Role, hubs_of, may, visible_metrics
from meschain.entrypoints.cli.app import app
from meschain.http.login import MAXIMUM_BODY_BYTES as LOGIN_BODY_BYTES
from meschain.http.security import MAXIMUM_BODY_BYTES
from meschain.http.webhooks import MAXIMUM_BODY_BYTES as WEBHOOK_BODY_BYTES
from meschain.hubs import clients
from meschain.hubs.admin import AdminHub
from meschain.hubs.base import MesChainHub
from meschain.hubs.dashboard import DashboardHub
from meschain.hubs.marketplace import MarketplaceHub
from meschain.opencart.connection import POOL_SIZE, QUERY_SECONDS
from meschain.services.options import (
    AlertOptions,
    AlertOutboxOptions,
    EventOptions,
    InboxOptions,
    NotificationOptions,
    PublishingOptions,
    RetentionOptions,
    SyncOptions,
)
from meschain.services.webhook_json import MAXIMUM_DEPTH as WEBHOOK_DEPTH
from meschain.settings import ENV_PREFIX, Settings
from meschain.state.notifications import PENDING_LIMIT

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"
HUBS: tuple[type[MesChainHub[Any]], ...] = (AdminHub, MarketplaceHub, DashboardHub)
HUB_CLIENTS = (clients.AdminClient, clients.MarketplaceClient, clients.DashboardClient)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)


def one_line(text: str) -> str:
    """Documentation as a table's cell; a bare `<` would begin a tag."""
    parts = re.sub(r"\s+", " ", text).strip().replace("|", "\\|").split("`")
    return "`".join(part if index % 2 else part.replace("<", "&lt;") for index, part in enumerate(parts))


def first_paragraph(documented: object) -> str:
    text = inspect.getdoc(documented) or ""
    return one_line(text.partition("\n\n")[0].partition("\nArgs:")[0])


def field_docs(module: ModuleType) -> dict[str, dict[str, str]]:
    """The string literal below each attribute, by class."""
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for before, after in zip(node.body, node.body[1:], strict=False):
            target: ast.expr | None = before.target if isinstance(before, ast.AnnAssign) else None
            if isinstance(before, ast.Assign):  # a member of an enumeration
                target = before.targets[0]
            is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            if isinstance(target, ast.Name) and is_text:
                found.setdefault(node.name, {})[target.id] = one_line(str(after.value.value))  # type: ignore[attr-defined] # is_text
    return found


def camel(name: str) -> str:
    first, *rest = name.strip("_").split("_")
    return first + "".join(part.title() for part in rest)


# --- settings ---


def _values(field: FieldInfo) -> str:
    annotation = field.annotation
    given = (annotation, *get_args(annotation))
    choices = [get_args(item)[0] if get_origin(item) is Annotated else item for item in given if item is not type(None)]
    for choice in choices:
        if get_origin(choice) is Literal:
            return ", ".join(f"`{value}`" for value in get_args(choice))
    lowest = next((item for item in field.metadata if isinstance(item, Ge | Gt)), None)
    highest = next((item.le for item in field.metadata if isinstance(item, Le)), None)
    if isinstance(lowest, Gt):
        return f"number above {lowest.gt}" if highest is None else f"number above {lowest.gt}, at most {highest}"
    if isinstance(lowest, Ge):
        return f"number from {lowest.ge}" if highest is None else f"number, {lowest.ge} to {highest}"
    if annotation is bool:
        return "`true`, `false`"
    if SecretStr in choices:
        return "text, masked"
    if Path in choices:
        return "path"
    origin = get_origin(annotation)
    return "table" if origin is dict else "list" if origin is tuple else "text"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value) or "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "none" if value is None or value in ({}, "") else f"`{value}`"


def _fields(model: type[BaseModel], names: Iterable[str], docs: Mapping[str, str]) -> str:
    rows = (
        (f"`{name}`", _values(model.model_fields[name]), _default(model.model_fields[name]), docs.get(name, ""))
        for name in names
    )
    return table(("setting", "values", "default", "meaning"), rows)


def settings_tables() -> str:
    """One table for each group of `Settings`, whose headings are comments there."""
    docs = field_docs(settings_module)["Settings"]
    groups: list[tuple[str, list[str]]] = []
    for line in inspect.getsource(Settings).splitlines():
        if heading := re.fullmatch(r"    # --- (.+) ---", line):
            groups.append((heading[1], []))
        elif (attribute := re.match(r"    (\w+):", line)) and attribute[1] in Settings.model_fields:
            groups[-1][1].append(attribute[1])
    return "\n\n".join(f"## {name.capitalize()}\n\n{_fields(Settings, names, docs)}" for name, names in groups)


def sync_endpoint_table() -> str:
    model = settings_module.SyncEndpoint
    docs = {"url": "Address of the shop's program, http or https."} | field_docs(settings_module)["SyncEndpoint"]
    return _fields(model, model.model_fields, docs)


def alert_rules_table() -> str:
    """What each rule is by default."""
    rows = (
        (
            f"`{rule.name}`",
            rule.title,
            rule.unit or "–",
            f"{rule.threshold:g}",
            f"{rule.clear_at:g}",
            f"{rule.for_seconds:g} s",
            rule.level,
        )
        for rule in RULES.values()
    )
    return table(("rule", "figure", "unit", "threshold", "clear at", "for", "level"), rows)


def alert_rule_table() -> str:
    model = alert_settings.AlertRuleSettings
    return _fields(model, model.model_fields, field_docs(alert_settings)["AlertRuleSettings"])


def alert_webhook_table() -> str:
    model = alert_settings.AlertWebhook
    return _fields(model, model.model_fields, field_docs(alert_settings)["AlertWebhook"])


def token_issuer_table() -> str:
    model = issuers.TokenIssuer
    return _fields(model, model.model_fields, field_docs(issuers)["TokenIssuer"])


def legacy_listener_table() -> str:
    model = legacy_settings.LegacyListener
    return _fields(model, model.model_fields, field_docs(legacy_settings)["LegacyListener"])


def store_tables() -> str:
    """One table for each kind of store."""
    parts = []
    for name, model in settings_module.STORES.items():
        docs: dict[str, str] = {}
        for each in reversed(model.__mro__):
            if each.__module__.startswith("meschain.vendor_settings."):
                docs |= field_docs(importlib.import_module(each.__module__)).get(each.__name__, {})
        parts.append(f"### `{name}`\n\n{_fields(model, model.model_fields, docs)}")
    return "\n\n".join(parts)


# --- hubs ---


def hub_methods() -> str:
    hubs_by_method: dict[str, list[str]] = {}
    described: dict[str, tuple[str, str]] = {}
    for hub in HUBS:
        for name, method in sorted(methods_of(hub).items()):
            parameters = list(inspect.signature(method.function).parameters.values())[1:]
            words = (f"{camel(each.name)}{'' if each.default is each.empty else '?'}" for each in parameters)
            hubs_by_method.setdefault(name, []).append(hub.name)
            described[name] = (f"`{name}({', '.join(words)})`", first_paragraph(method.function))
    rows = ((written, _hubs(hubs_by_method[name]), text) for name, (written, text) in described.items())
    return table(("method", "hub", "what it does"), rows)


def _hubs(names: Sequence[str]) -> str:
    return "all" if len(names) == len(HUBS) else ", ".join(names)


def _ticks(names: Iterable[StrEnum], holds: Callable[[Role, Any], bool]) -> list[list[str]]:
    return [[f"`{name}`", *("yes" if holds(role, name) else "–" for role in Role)] for name in names]


def rights() -> str:
    return table(("operation", *Role), _ticks(Operation, may))


def roles() -> str:
    rows = (
        (
            f"`{role}`",
            ", ".join(hubs_of(role)),
            ", ".join(name for name in METRICS if name in visible_metrics(role)),
            ", ".join(f"`{permission}`" for permission in PERMISSIONS[role]),
        )
        for role in Role
    )
    return table(("role", "hubs, its default first", "metrics", "claim `permissions`"), rows)


def _targets(contract: type) -> dict[str, Callable[..., object]]:
    """Client methods of a contract by wire name, which stands in their decorator only."""
    found = {}
    for base in reversed(contract.__mro__):
        if base.__module__ != clients.__name__:
            continue
        definition = ast.parse(inspect.getsource(base)).body[0]
        assert isinstance(definition, ast.ClassDef)  # noqa: S101 - its source says class
        for method in definition.body:
            if isinstance(method, ast.AsyncFunctionDef):
                constant = re.search(r"events\.(\w+)", ast.unparse(method.decorator_list[0]))
                assert constant is not None, method.name  # noqa: S101 - names stand in domain.events
                found[str(getattr(events, constant[1]))] = getattr(base, method.name)
    return found


def event_list() -> str:
    hubs_by_target: dict[str, list[str]] = {}
    functions: dict[str, Callable[..., object]] = {}
    for hub, contract in zip(HUBS, HUB_CLIENTS, strict=True):
        for target, function in _targets(contract).items():
            hubs_by_target.setdefault(target, []).append(hub.name)
            functions[target] = function
    rows = []
    for target, function in functions.items():
        annotation = str(list(inspect.signature(function).parameters.values())[1].annotation)
        payload = re.findall(r"\w+", annotation)[0]
        rows.append(
            (
                f"`{target}`",
                _hubs(hubs_by_target[target]),
                f"[{payload}](#{payload.lower()})",
                first_paragraph(function),
            )
        )
    return table(("event", "hubs", "payload", "when"), rows)


def _type_name(kind: object) -> str:
    if isinstance(kind, msgspec.inspect.StructType):
        return f"[{kind.cls.__name__}](#{kind.cls.__name__.lower()})"
    if isinstance(kind, msgspec.inspect.ListType):
        return f"list of {_type_name(kind.item_type)}"
    if isinstance(kind, msgspec.inspect.DictType):
        return f"object of {_type_name(kind.value_type)}"
    if isinstance(kind, msgspec.inspect.LiteralType):
        return " ".join(f"`{value}`" for value in kind.values)
    if isinstance(kind, msgspec.inspect.UnionType):
        (only,) = (each for each in kind.types if not isinstance(each, msgspec.inspect.NoneType))
        return _type_name(only)
    names: dict[type, str] = {
        msgspec.inspect.StrType: "text",
        msgspec.inspect.IntType: "whole number",
        msgspec.inspect.FloatType: "number",
        msgspec.inspect.BoolType: "true or false",
        msgspec.inspect.DecimalType: "amount",
        msgspec.inspect.DateTimeType: "time",
        msgspec.inspect.AnyType: "anything",
    }
    return names[type(kind)]


def payload_tables() -> str:
    docs = field_docs(payloads)
    parts = []
    for cls in vars(payloads).values():
        if not (inspect.isclass(cls) and issubclass(cls, payloads.Payload)) or cls is payloads.Payload:
            continue
        described = msgspec.inspect.type_info(cls)
        assert isinstance(described, msgspec.inspect.StructType)  # noqa: S101 - every payload is one
        rows = (
            (f"`{field.encode_name}`", _type_name(field.type), docs.get(cls.__name__, {}).get(field.name, ""))
            for field in described.fields
        )
        text = first_paragraph(cls) if cls.__doc__ else ""
        parts += [f"### {cls.__name__}", *([text] if text else []), table(("field", "type", "meaning"), rows)]
    return "\n\n".join(parts)


def publication_tables() -> str:
    """The forms of `POST /api/publish`."""
    docs = field_docs(publications)
    shared = docs["_Publication"]
    parts = []
    for cls in get_args(publications.Publication):
        described = msgspec.inspect.type_info(cls)
        assert isinstance(described, msgspec.inspect.StructType)  # noqa: S101 - every form is one
        own = docs.get(cls.__name__, {})
        rows = [
            (
                f"`{field.encode_name}`",
                _type_name(field.type),
                "needed" if field.required else _default_of_field(field),
                own.get(field.name, shared.get(field.name, "")),
            )
            for field in sorted(described.fields, key=lambda field: not field.required)
        ]
        parts += [f"### {described.tag}", first_paragraph(cls), table(("field", "type", "default", "meaning"), rows)]
    return "\n\n".join(parts)


def _default_of_field(field: msgspec.inspect.Field) -> str:
    return f"`{field.default}`" if field.default not in ("", None, msgspec.NODEFAULT) else ""


# --- command line ---


def commands() -> str:
    root = get_command(app)
    return "\n\n".join(_command_parts(root, ["meschain"]))


def _command_parts(command: Any, path: list[str]) -> Iterable[str]:
    if hasattr(command, "list_commands"):
        context = typer.Context(command)
        for name in command.list_commands(context):
            yield from _command_parts(command.get_command(context, name), [*path, name])
        return
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option" and "--help" not in each.opts]
    words = [f"{each.name.upper()}{'…' if each.nargs == -1 else ''}" for each in arguments]
    written = [word if each.required else f"[{word}]" for word, each in zip(words, arguments, strict=True)]
    usage = " ".join([*path, *written])
    yield f"## `{usage}`"
    yield one_line(command.help or "")
    rows = [(f"`{word}`", one_line(each.help or "")) for word, each in zip(words, arguments, strict=True)]
    for each in options:
        default = "" if each.required or each.default in (None, False, (), "") else f" Default: `{each.default}`."
        required = " Required." if each.required else ""
        rows.append((f"`{each.opts[0]}`", f"{one_line(each.help or '')}{required}{default}"))
    yield table(("argument or option", "meaning"), rows)


def hubwire_commands() -> str:
    """The engine's own commands, from what reads their command line."""
    top = hubwire_parser()
    (choices,) = (action.choices for action in top._actions if isinstance(action, argparse._SubParsersAction))
    parts = []
    for name, command in choices.items():
        parts += [f"## `hubwire {name}`", one_line(command.description or "")]
        for group in command._action_groups:
            rows = [
                (f"`{(action.option_strings or [str(action.metavar)])[-1]}`", one_line(_help_of(action)))
                for action in group._group_actions
                if action.help and "--help" not in action.option_strings
            ]
            if rows:
                title = {"positional arguments": "argument", "options": "option"}.get(group.title or "", group.title)
                parts.append(table((str(title), "meaning"), rows))
    return "\n\n".join(parts)


def _help_of(action: argparse.Action) -> str:
    return (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")


def hubwire_exit_codes() -> str:
    docs = field_docs(failures)["ExitCode"]
    return table(("exit code", "meaning"), ((str(code.value), docs[code.name]) for code in failures.ExitCode))


def bench_figures() -> str:
    units = {Unit.SECONDS: "`us`, `ms`, `s`", Unit.COUNT: "number", Unit.RATE: "a second", Unit.PERCENT: "percent"}
    rows = ((f"`{name}`", units[unit], one_line(meaning)) for name, (unit, meaning) in FIGURES.items())
    return table(("figure", "unit", "meaning"), rows)


# --- options of the engine ---


def _option_default(value: object) -> str:
    if isinstance(value, Enum):
        return f"`{type(value).__name__}.{value.name}`"
    if isinstance(value, frozenset):
        return ", ".join(f"`{item}`" for item in sorted(value)) or "empty"
    if isinstance(value, float):
        return f"`{value:g}`"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"`{value:_}`"
    return "empty" if value == () else f"`{value}`"


def _options_table(cls: type) -> str:
    """The options that this class itself declares, not those that it inherits."""
    docs = field_docs(options_module)[cls.__name__]
    fields = [field for field in dataclasses.fields(cls) if field.name in docs]
    rows = ((f"`{field.name}`", _default_of(field), docs[field.name]) for field in fields)
    return table(("option", "default", "meaning"), rows)


def _default_of(field: dataclasses.Field[Any]) -> str:
    """The default; of options that are options again what they change of their own defaults."""
    if field.default_factory is dataclasses.MISSING:
        return _option_default(field.default)
    made = field.default_factory()
    changed = [each.name for each in dataclasses.fields(made) if getattr(made, each.name) != each.default]
    values = ", ".join(f"{name}={_option_default(getattr(made, name)).strip('`')}" for name in changed)
    return f"`{type(made).__name__}({values})`"


def property_names() -> str:
    docs = field_docs(options_module)["PropertyNames"]
    return table(
        ("value", "names of fields"), ((f"`PropertyNames.{each.name}`", docs[each.name]) for each in PropertyNames)
    )


# --- names of the engine ---


def public_names(package: ModuleType) -> str:
    """Every name that a package exports, with the first paragraph of its documentation."""
    names = getattr(package, "__all__", None) or [
        name for name, value in vars(package).items() if inspect.isclass(value) and value.__module__ == package.__name__
    ]
    return table(("name", "what it is"), ((f"`{name}`", _described(package, name)) for name in names))


def _described(package: ModuleType, name: str) -> str:
    value = getattr(package, name)
    if inspect.isclass(value) or inspect.isroutine(value):
        return first_paragraph(value)
    # An alias has no documentation of its own at run time: it stands below its assignment.
    for imported in ast.walk(ast.parse(inspect.getsource(package))):
        if isinstance(imported, ast.ImportFrom) and any(alias.name == name for alias in imported.names):
            source = inspect.getsource(importlib.import_module(str(imported.module)))
            found = re.search(rf'^{name} = .*?\n"""(.*?)"""', source, re.MULTILINE | re.DOTALL)
            return one_line(found[1]) if found else ""
    return ""


# --- flows of the engine ---


def states() -> str:
    """The state table as a diagram: each state, where it leads, and what it means."""
    arrows = [
        f"    {state.value} --> {following.value}: {step.value}"
        for state, steps in TRANSITIONS.items()
        for step, following in steps.items()
    ]
    diagram = "\n".join(["```mermaid", "stateDiagram-v2", f"    [*] --> {State.HANDSHAKE.value}", *arrows, "```"])
    docs = field_docs(states_module)["State"]
    return f"{diagram}\n\n{table(('state', 'meaning'), ((state.value, docs[state.name]) for state in State))}"


def end_reasons() -> str:
    docs = field_docs(session_events)["EndReason"]
    return table(("reason", "meaning"), ((f"`{each.value}`", docs[each.name]) for each in EndReason))


# --- operations ---


def retention() -> str:
    options = RetentionOptions()
    rows = (
        ("alerts", "alerts", options.alerts),
        ("activity", "activity", options.activity),
        ("audit", "the audit", options.audit),
        ("notifications", "acknowledged notifications; others stay for a year", options.notifications),
        ("sync_jobs", "ended sync jobs; the newest of each marketplace stays", options.sync_jobs),
        ("webhooks", "what marketplaces sent and was worked on, given up or dropped", options.webhooks),
        ("events", "events that were told; days: `event_hours`", options.events),
        ("connections", "connections that ended", options.connections),
        ("publications", "answers by `Idempotency-Key`", options.publications),
        ("legacy_use", "who used an old dialect", options.legacy_use),
        ("rollout_counts", "what happened on each side of a roll-out", options.rollout_counts),
    )
    return table(
        ("table", "rows", "days", "number"),
        ((f"`{name}`", what, f"{kept.days:g}", f"{kept.rows:,}") for name, what, kept in rows),
    )


def limits() -> str:
    hub, server, notice = HubOptions(), ServerOptions(), NotificationOptions()
    rows = (
        ("hub message from a client", f"{hub.maximum_receive_message_bytes} bytes", "the connection is closed"),
        ("waiting for one slow reader", f"{hub.outbox_limit_bytes} bytes", "cut off, reason `slow`; it may reconnect"),
        ("silence of a client", f"{hub.client_timeout_seconds:g} s", "closed with the reason `timeout`"),
        ("handshake", f"{hub.handshake_timeout_seconds:g} s", "closed with the reason `handshake`"),
        ("negotiated token not used yet", f"{server.connect_timeout_seconds:g} s", "the connect is answered with 404"),
        ("hub messages of one connection", f"{hub.messages_per_second} a second", "it is not read for a moment"),
        ("the same of one user", f"{hub.user_messages_per_second} a second", "the same"),
        ("time above either", f"{hub.message_rate_timeout_seconds:g} s", "closed with the reason `rate`"),
        ("connects from one address", f"{server.address_connects_per_second} a second", "429 with `Retry-After`"),
        ("lateness of the event loop", f"{server.maximum_lateness_seconds:g} s", "newcomers get 503"),
        ("waiting for all slow readers", f"{server.outbox_total_bytes} bytes", "the fullest is cut off, reason `slow`"),
        ("hub token", f"{HUB_TOKEN_CHARACTERS} characters", "`/api/negotiate` answers 413"),
        ("bearer token", f"{LOGIN_TOKEN_CHARACTERS} characters", "401"),
        ("request body; of a log-in", f"{MAXIMUM_BODY_BYTES}; {LOGIN_BODY_BYTES} bytes", "413"),
        ("webhook", f"{WEBHOOK_BODY_BYTES} bytes, {WEBHOOK_DEPTH} levels of JSON", "413; kept as a dead letter"),
        ("webhooks of one store within 10 s", f"{InboxOptions().store_hits}", "503, the marketplace comes again"),
        ("webhooks that wait to be stored", f"{InboxOptions().waiting_requests}", "the same"),
        ("attempts on a stored webhook", f"{InboxOptions().attempts}, some six hours", "it is on the dead-letter list"),
        ("log-ins waiting for their password hash", f"{MAXIMUM_WAITING}", "429 with `Retry-After`"),
        (
            "notifications of one user not acknowledged",
            f"{PENDING_LIMIT}",
            "the oldest that went out counts as delivered; refused when none went out",
        ),
        ("text of a notification", f"{notice.message_characters} characters", "`SendNotification` is refused"),
        ("payload of an event", f"{LARGEST_PAYLOAD_BYTES} bytes", "refused where it is made"),
        ("events replayed by one call", f"{EventOptions().replay}", "`more` in the answer; the client calls again"),
        ("text of an alert", f"{AlertOptions().message_characters} characters", "refused"),
        (
            "messages about alerts that wait",
            f"{AlertOutboxOptions().waiting}",
            "further ones do not leave; the book has all",
        ),
        (
            "syncs at once in each process (`syncs_per_process`)",
            f"{SyncOptions().parallel_jobs}",
            "further jobs wait as `queued`",
        ),
        ("silence of a rule", f"{AlertOptions().longest_silence_minutes} minutes", "400"),
        ("unfinished syncs of one marketplace (`syncs_per_marketplace`)", "1", "a further request joins it"),
        ("begins of a sync whose process is lost", f"{SyncOptions().attempts}", "the job fails"),
        ("sync without progress", f"{SyncOptions().step_timeout_seconds:g} s", "the job fails"),
        ("events in one request to `/api/publish`", f"{PublishingOptions().most_events}", "400"),
        ("keys of publishers that hold", f"{MOST_KEYS}", "`meschain key create` refuses"),
        ("way into the dashboards from the shop", f"{TICKET_SECONDS} s, once", "the log-in page"),
        ("connections to the shop's database", f"{2 * POOL_SIZE}", "further reads wait, then fail as if it were away"),
        ("statement on the shop's database", f"{QUERY_SECONDS} s", "stopped; the figure has no source this time"),
    )
    return table(("limit", "value", "when reached"), rows)


# --- the REST data plane ---


def rest_operations() -> str:
    rows = []
    for operation, guide in GUIDES.items():
        route = ROUTES[operation]
        v1 = str(route.v1_status) if route.v1_status else str(route.status) if route.since == DATED_VERSIONS[0] else "–"
        done = f"{route.status}" + (f"; 404 `{guide.absent}`" if guide.absent else "")
        parameters = ", ".join(f"`{name}`" for name in route.query)
        text = f"{guide.summary} {guide.remark}".strip()
        rows.append((f"{route.method} `{route.path}`", one_line(text), parameters, done, v1, route.since))
    return table(("operation", "what it does", "query", "answers", "in v1", "since"), rows)


def rest_parameters() -> str:
    rows = [(f"`{name}`", each.kind, one_line(each.meaning)) for name, each in PARAMETERS.items()]
    return table(("parameter", "where", "meaning"), rows)


def rest_errors() -> str:
    rows = [(str(status), f"`{code}`", one_line(meaning)) for status, code, meaning in COMMON_ANSWERS]
    return table(("status", "`x-ms-error-code`", "meaning"), rows)


def rest_limits() -> str:
    options = RestOptions()
    rows = (
        ("body of a request", f"{options.maximum_body_bytes:,} bytes by default", "413"),
        ("head of a request, address included", f"{options.maximum_head_bytes:,} bytes by default", "413"),
        ("time for a body", f"{options.body_timeout_seconds:g} s by default", "400, and the connection is closed"),
        ("hub with its application", "128 characters", "400"),
        ("group", f"{MAXIMUM_GROUP_CHARACTERS:,} characters", "400"),
        ("id of a stream", f"{MAXIMUM_STREAM_CHARACTERS} characters", "400"),
        ("token", f"{HUB_TOKEN_CHARACTERS:,} characters", "401"),
        ("nesting of a body", f"{MAXIMUM_NESTING} levels", "400"),
        ("filter", f"{MAXIMUM_CHARACTERS:,} characters", "400"),
        ("comparisons and functions in a filter", f"{MAXIMUM_CLAUSES}", "400"),
        ("parentheses and `not` in a filter", f"{MAXIMUM_DEPTH} levels", "400"),
        ("commands of `:execute`", f"{MAXIMUM_COMMANDS}", "400"),
        ("connections in a page of a list", f"{MAXIMUM_PAGE}", "400 for a larger `maxpagesize`"),
    )
    return table(("limit", "value", "above it"), rows)


GENERATORS: dict[str, Callable[[], str]] = {
    "server options": lambda: _options_table(ServerOptions),
    "connection options": lambda: _options_table(ConnectionOptions),
    "hub options": lambda: _options_table(HubOptions),
    "cluster options": lambda: _options_table(ClusterOptions),
    "broker options": lambda: _options_table(BrokerOptions),
    "live trace options": lambda: _options_table(LiveTraceOptions),
    "azure options": lambda: _options_table(AzureOptions),
    "service options": lambda: _options_table(ServiceOptions),
    "azure hubs options": lambda: _options_table(AzureHubsOptions),
    "upstream options": lambda: _options_table(UpstreamOptions),
    "rest options": lambda: _options_table(RestOptions),
    "rest operations": rest_operations,
    "rest parameters": rest_parameters,
    "rest errors": rest_errors,
    "rest limits": rest_limits,
    "property names": property_names,
    "names of hubwire": lambda: public_names(hubwire),
    "names of errors": lambda: public_names(hubwire.errors),
    "names of client": lambda: public_names(hubwire.client),
    "names of testing": lambda: public_names(hubwire.testing),
    "names of specs": lambda: public_names(hubwire.testing.specs),
    "states": states,
    "end reasons": end_reasons,
    "settings": settings_tables,
    "sync endpoint": sync_endpoint_table,
    "stores": store_tables,
    "token issuer": token_issuer_table,
    "legacy listener": legacy_listener_table,
    "hub methods": hub_methods,
    "rights": rights,
    "roles": roles,
    "events": event_list,
    "payloads": payload_tables,
    "publications": publication_tables,
    "commands": commands,
    "hubwire commands": hubwire_commands,
    "hubwire exit codes": hubwire_exit_codes,
    "figures of a load test": bench_figures,
    "alert rules": alert_rules_table,
    "alert rule": alert_rule_table,
    "alert webhook": alert_webhook_table,
    "retention": retention,
    "limits": limits,
}

_BLOCK = re.compile(r"(<!-- generated: ([a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str) -> str:
    """The page with fresh tables."""
    return _BLOCK.sub(lambda match: f"{match[1]}\n{GENERATORS[match[2]]()}\n\n{match[3]}", text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when a page is stale, write nothing")
    check = parser.parse_args().check
    stale = 0
    for page in sorted(REFERENCE.glob("*.md")):
        before = page.read_text(encoding="utf-8")
        after = filled(before)
        if after == before:
            continue
        stale += 1
        if check:
            print(f"{page.relative_to(REFERENCE.parents[1])} is stale; run python tools/write_reference.py")  # noqa: T201
        else:
            page.write_text(after, encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    assert ENV_PREFIX == "MESCHAIN_"  # noqa: S101 - the pages write it out
    sys.exit(main())
