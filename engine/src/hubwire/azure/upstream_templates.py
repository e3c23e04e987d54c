"""Where events of a service go: an ordered list of templates, of which the first that matches counts. Pure.

Reads the settings file of the official emulator. Hubs are in lower case everywhere, in patterns too; categories and
events are compared as they are written, as in the emulator (azure-serverless 4.1 and 6.2, 15).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import msgspec

MAXIMUM_SETTINGS_BYTES = 1024 * 1024
"""Largest settings file that is read: thousands of templates."""

_PLACES = ("hub", "category", "event")


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """How requests to an upstream say who sends them, besides their signature."""

    resource: str
    """Whom the token is for: its `aud`."""


@dataclass(frozen=True, slots=True)
class UpstreamTemplate:
    """One address, and the events that go there. Patterns: `*`, one name, or several with commas between."""

    url_template: str = field(repr=False)
    """An absolute address, in which `{hub}`, `{category}` and `{event}` stand for names. May hold a secret `code`."""
    hub_pattern: str = "*"
    category_pattern: str = "*"
    event_pattern: str = "*"
    auth: ManagedIdentity | None = None

    def __post_init__(self) -> None:
        """Raises: ValueError."""
        if "{@microsoft.keyvault(" in self.url_template.lower():
            raise ValueError(
                "An upstream template refers to Azure Key Vault, which is not read here; write the secret itself into "
                "the template, and keep the file readable for the service alone."
            )
        try:
            parts = urlsplit(self.url_template)
            is_address = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
            is_address = is_address and (parts.port is None or parts.port > 0)
        except ValueError:
            is_address = False
        if not is_address or any(each.isspace() or not each.isprintable() for each in self.url_template):
            raise ValueError(
                "An upstream template is no absolute http(s) address; give it as https://host/path, with {hub}, "
                "{category} and {event} where their names belong."
            )
        if "{event}" in parts.netloc:
            raise ValueError(
                "An upstream template has {event} in its host, so that any client could choose where its calls and its "
                "claims go; write it behind the host."
            )

    def matches(self, hub: str, category: str, event: str) -> bool:
        """Whether this event goes there."""
        return (
            _matches(self.hub_pattern.lower(), hub.lower())
            and _matches(self.category_pattern, category)
            and _matches(self.event_pattern, event)
        )

    def url(self, hub: str, category: str, event: str) -> str:
        """Return the address for this event. Names are escaped, so that none of them reaches beyond its place."""
        values = {"hub": hub.lower(), "category": category, "event": event}
        # In one pass: a name may look like a place itself.
        return "".join(_filled(self.url_template, values))


class UpstreamTemplates:
    """The list."""

    __slots__ = ("_templates",)

    def __init__(self, templates: Iterable[UpstreamTemplate] = ()) -> None:
        self._templates = tuple(templates)

    def __iter__(self) -> Iterator[UpstreamTemplate]:
        return iter(self._templates)

    def __len__(self) -> int:
        return len(self._templates)

    def match(self, hub: str, category: str, event: str) -> UpstreamTemplate | None:
        """Return where this event goes; None: nowhere."""
        for template in self._templates:
            if template.matches(hub, category, event):
                return template
        return None


def read_emulator_settings(data: bytes) -> UpstreamTemplates:
    """Read the emulator's `settings.json`; names of members are compared without regard to case.

    Raises: ValueError, which says what to change.
    """
    if len(data) > MAXIMUM_SETTINGS_BYTES:
        raise ValueError(f"The settings have more than {MAXIMUM_SETTINGS_BYTES} bytes; give fewer templates.")
    try:
        content: object = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ValueError(f"The settings are no JSON: {error}.") from error
    settings = _member(_members(content, "the settings"), "UpstreamSettings")
    templates = _member(_members(settings if settings is not None else {}, "UpstreamSettings"), "Templates")
    if templates is not None and not isinstance(templates, list):
        raise ValueError("Templates of the settings is no list; put the single template into one.")
    return UpstreamTemplates(_template(each) for each in templates or ())


def _template(content: object) -> UpstreamTemplate:
    members = _members(content, "a template")
    url = _text(members, "UrlTemplate")
    if not url:
        raise ValueError("A template of the settings has no UrlTemplate; give the address of the upstream.")
    return UpstreamTemplate(
        url,
        _text(members, "HubPattern") or "*",
        _text(members, "CategoryPattern") or "*",
        _text(members, "EventPattern") or "*",
        _auth(_member(members, "Auth")),
    )


def _auth(content: object) -> ManagedIdentity | None:
    if content is None:
        return None
    members = _members(content, "Auth")
    kind = _text(members, "Type") or "None"
    if kind.lower() == "none":
        return None
    if kind.lower() != "managedidentity":
        raise ValueError(f"Auth of a template has type {kind!r}; give None or ManagedIdentity.")
    identity = _member(members, "ManagedIdentity")
    resource = _text(_members(identity if identity is not None else {}, "ManagedIdentity"), "Resource")
    if not resource:
        raise ValueError("Auth of a template lacks ManagedIdentity.Resource; say whom its tokens are for.")
    return ManagedIdentity(resource)


def _members(content: object, what: str) -> Mapping[str, object]:
    if not isinstance(content, dict):
        raise ValueError(f"In the upstream settings {what} is no object; see the emulator's settings.json.")  # noqa: TRY004
    return {str(name).lower(): value for name, value in content.items()}


def _member(members: Mapping[str, object], name: str) -> object:
    return members.get(name.lower())


def _text(members: Mapping[str, object], name: str) -> str | None:
    value = _member(members, name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} of a template is no text; write it in quotes.")
    return value


def _matches(pattern: str, name: str) -> bool:
    return pattern in ("", "*") or any(part.strip() == name for part in pattern.split(","))


def _filled(template: str, values: Mapping[str, str]) -> Sequence[str]:
    pieces: list[str] = []
    rest = template
    while rest:
        found = [(rest.find(f"{{{name}}}"), name) for name in _PLACES if f"{{{name}}}" in rest]
        if not found:
            pieces.append(rest)
            break
        at, name = min(found)
        pieces += [rest[:at], quote(values[name], safe="", errors="replace")]
        rest = rest[at + len(name) + 2 :]
    return pieces
