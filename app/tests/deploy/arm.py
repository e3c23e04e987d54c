"""Reads ARM templates as the resource manager does before it makes anything, so that tests see what they come to.

A stand-in for a third party that cannot be had here. It knows the functions that our templates use and no others; what
only Azure knows (keys, host names, identities) stays a `Reference` that says where it would come from.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
GROUP = "shop"
ROOT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|\d+|[A-Za-z_]\w*|[(),.\[\]])")


@dataclass(frozen=True)
class Reference:
    """Something that only Azure knows, such as `reference(id).hostName`."""

    text: str
    resource_id: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Node:
    """A part of an expression: a literal, a call of a function, or a member of something."""

    kind: str
    value: Any
    parts: tuple[Node, ...] = ()


@dataclass
class Resource:
    """A resource as it would be asked for."""

    id: str
    kind: str
    name: str
    version: str
    body: dict[str, Any]
    module: str
    depends_on: set[str] = field(default_factory=set)
    """Ids in the same module."""


def is_expression(value: object) -> bool:
    """Whether ARM would evaluate that text."""
    return isinstance(value, str) and value.startswith("[") and value.endswith("]") and not value.startswith("[[")


def parse(text: str) -> Node:
    """The tree of an expression with its brackets. Raises: ValueError."""
    inner = text[1:-1]
    tokens = _TOKEN.findall(inner)
    if re.sub(_TOKEN, "", inner).strip():
        raise ValueError(f"{text} is no expression")
    node, rest = _parse(tokens, 0)
    if rest != len(tokens):
        raise ValueError(f"{text} goes on after its end")
    return node


def _parse(tokens: Sequence[str], at: int) -> tuple[Node, int]:
    token = tokens[at]
    at += 1
    if token.startswith("'"):
        node = Node("literal", token[1:-1].replace("''", "'"))
    elif token.isdigit():
        node = Node("literal", int(token))
    else:
        if tokens[at] != "(":
            raise ValueError(f"{token} is not called")
        arguments, at = [], at + 1
        while tokens[at] != ")":
            argument, at = _parse(tokens, at)
            arguments.append(argument)
            at += tokens[at] == ","
        node, at = Node("call", token, tuple(arguments)), at + 1
    while at < len(tokens) and tokens[at] in ".[":
        if tokens[at] == ".":
            node, at = Node("member", tokens[at + 1], (node,)), at + 2
        else:
            index, at = _parse(tokens, at + 1)
            if tokens[at] != "]":
                raise ValueError("an index is not closed")
            node, at = Node("index", None, (node, index)), at + 1
    return node, at


def expressions(value: object) -> Iterator[Node]:
    """Every expression in a template, however deep; templates inside of it are not entered."""
    if isinstance(value, str):
        if is_expression(value):
            yield parse(value)
    elif isinstance(value, list):
        for item in value:
            yield from expressions(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name != "template":
                yield from expressions(item)


def calls(node: Node) -> Iterator[Node]:
    """Every call of a function in an expression."""
    if node.kind == "call":
        yield node
    for part in node.parts:
        yield from calls(part)


class Scope:
    """One template with its parameters: what expressions in it mean."""

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, Any], module: str = "main") -> None:
        self.template = template
        self.module = module
        self._given = dict(parameters)
        self._copies: dict[str, int] = {}
        self._current = 0
        self._variables: dict[str, Any] = dict(template.get("variables", {}))
        for copied in self._variables.pop("copy", ()):
            self._variables[copied["name"]] = {"copy!": copied}

    def resources(self) -> list[Resource]:
        """What the template asks for, with what stands in templates inside of it."""
        found: list[Resource] = []
        groups: dict[str, list[str]] = {}
        for declared in self.template["resources"]:
            copy = declared.get("copy")
            for index in range(self.value(copy["count"]) if copy else 1):
                self._current = index
                if not self.value(declared.get("condition", True)):
                    continue
                found += self._resource(declared)
                if copy:
                    groups.setdefault(copy["name"], []).append(
                        next(r.id for r in found[::-1] if r.module == self.module)
                    )
        self._current = 0
        for resource in found:
            if resource.module == self.module:
                resource.depends_on = {
                    each for name in resource.body.get("dependsOn", ()) for each in groups.get(name, [name])
                }
        return found

    def outputs(self) -> dict[str, Any]:
        """The values of the outputs."""
        found = {}
        for name, output in self.template.get("outputs", {}).items():
            copy = output.get("copy")
            if copy is None:
                found[name] = self.value(output["value"])
                continue
            found[name] = [self._at(index, copy["input"]) for index in range(self.value(copy["count"]))]
        return found

    def _at(self, index: int, value: object) -> Any:
        self._current = index
        try:
            return self.value(value)
        finally:
            self._current = 0

    def _resource(self, declared: Mapping[str, Any]) -> list[Resource]:
        nested = declared.get("properties", {}).get("template")
        outer = {name: value for name, value in declared.items() if name not in {"copy", "condition", "properties"}}
        properties = {name: value for name, value in declared.get("properties", {}).items() if name != "template"}
        body = self.value(outer) | {"properties": self.value(properties)}
        scope = body.get("scope", "")
        resource_id = scope + _resource_id(body["type"], *body["name"].split("/")).removeprefix(ROOT if scope else "")
        own = Resource(resource_id, body["type"], body["name"], body["apiVersion"], body, self.module)
        if nested is None:
            return [own]
        given = {name: each["value"] for name, each in body["properties"]["parameters"].items()}
        return [own, *Scope(nested, given, body["name"]).resources()]

    def value(self, value: Any) -> Any:
        """A part of the template with its expressions worked out."""
        if is_expression(value):
            return self._work_out(parse(value))
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            found = {name: self.value(item) for name, item in value.items() if name not in {"copy", "copy!"}}
            for copied in value.get("copy", ()):
                found[copied["name"]] = self._copied(copied)
            return self._copied(value["copy!"]) if "copy!" in value else found
        return value

    def _copied(self, copied: Mapping[str, Any]) -> list[Any]:
        found = []
        for index in range(self.value(copied["count"])):
            self._copies[copied["name"]] = index
            found.append(self.value(copied["input"]))
        return found

    def _work_out(self, node: Node) -> Any:
        if node.kind == "literal":
            return node.value
        if node.kind == "call":
            if node.value == "if":
                test, yes, no = node.parts
                return self._work_out(yes if self._work_out(test) else no)
            return self._call(node.value, [self._work_out(part) for part in node.parts])
        of = self._work_out(node.parts[0])
        member = node.value if node.kind == "member" else self._work_out(node.parts[1])
        return Reference(f"{of.text}.{member}", of.resource_id) if isinstance(of, Reference) else of[member]

    def _call(self, name: str, arguments: list[Any]) -> Any:
        match name, arguments:
            case "parameters", [wanted]:
                if wanted in self._given:
                    return self._given[wanted]
                return self.value(self.template["parameters"][wanted]["defaultValue"])
            case "variables", [wanted]:
                return self.value(self._variables[wanted])
            case "copyIndex", []:
                return self._current
            case "copyIndex", [wanted]:
                return self._copies[wanted]
            case (("reference" | "listKeys"), [of, *_]):
                return Reference(f"{name}({of})", of)
        return _FUNCTIONS[name](*arguments)


def _resource_id(kind: str, *names: str) -> str:
    provider, *kinds = kind.split("/")
    assert len(kinds) == len(names), f"{kind} has {len(kinds)} names, not {names}"
    return f"{ROOT}/providers/{provider}/" + "/".join(f"{kind}/{name}" for kind, name in zip(kinds, names, strict=True))


def _format(text: str, *values: Any) -> str:
    return text.format(*values)


def _string(value: Any) -> str:
    """Text as it is, objects as JSON, truth values in .NET's spelling."""
    if isinstance(value, dict):
        return json.dumps(value, default=str, separators=(",", ":"))
    return str(value)


def _unique(*values: str) -> str:
    digest = hashlib.sha256("|".join(values).encode()).digest()
    return "".join("abcdefghijklmnopqrstuvwxyz234567"[byte % 32] for byte in digest[:13])


def _union(*values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item for value in values for name, item in value.items()}


def _object(*words: Any) -> dict[str, Any]:
    return dict(zip(words[::2], words[1::2], strict=True))


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "concat": lambda *lists: [item for each in lists for item in each],
    "createArray": lambda *items: list(items),
    "createObject": _object,
    "empty": lambda value: not value,
    "environment": lambda: {"suffixes": {"keyvaultDns": ".vault.azure.net", "storage": "core.windows.net"}},
    "equals": lambda one, other: one == other,
    "format": _format,
    "guid": lambda *values: f"guid-{_unique(*values)}",
    "join": lambda items, between: between.join(items),
    "length": len,
    "not": lambda value: not value,
    "null": lambda: None,
    "resourceGroup": lambda: {"id": ROOT, "location": "westeurope"},
    "resourceId": _resource_id,
    "startsWith": lambda text, beginning: text.startswith(beginning),
    "string": _string,
    "subscription": lambda: {"tenantId": "11111111-1111-1111-1111-111111111111"},
    "subscriptionResourceId": lambda kind, name: f"/subscriptions/{SUBSCRIPTION}/providers/{kind}/{name}",
    "take": lambda text, count: text[:count],
    "toLower": lambda text: text.lower(),
    "toUpper": lambda text: text.upper(),
    "true": lambda: True,
    "union": _union,
    "uniqueString": _unique,
}
