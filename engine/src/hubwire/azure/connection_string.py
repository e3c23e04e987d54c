"""Connection strings of Azure SignalR Service: `Endpoint=https://…;AccessKey=…;Version=1.0;`. Pure; knows no network.

Read as the service's own tools read them. No error and no `repr` shows a key or a secret, nor any value: who puts the
parts into a wrong order would find a key in the log.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

_VERSION = re.compile(r"1\.\d+(?:[\w.-]+)?")
_CERTIFICATE = ("clientcert", "clientcertpath")  # the first is read by the service's tools, the second is documented


class AuthType(enum.Enum):
    """What a connection string lets in with."""

    ACCESS_KEY = "access key"
    """The service's primary or secondary key."""
    DEFAULT = "azure"
    """Entra: whatever azure-identity's chain finds on this machine."""
    MANAGED_IDENTITY = "azure.msi"
    """Entra: the identity of the machine; that of `client_id`, or the system's."""
    APPLICATION = "azure.app"
    """Entra: a service principal with a secret or a certificate."""


class InvalidConnectionString(ValueError):
    """A connection string that cannot be used. The text names what is wrong and shows no values."""


@dataclass(frozen=True, slots=True)
class ConnectionString:
    """Where a service is and what lets the application in. Addresses have no slash at their end."""

    endpoint: str
    """`https://name.service.signalr.net`, with the port if it is not the scheme's own."""
    auth_type: AuthType = AuthType.ACCESS_KEY
    access_key: str | None = field(default=None, repr=False)
    client_endpoint: str | None = None
    """Where clients go instead, for example to a proxy."""
    server_endpoint: str | None = None
    """Where the application's own requests go instead."""
    client_id: str | None = None
    tenant_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    client_certificate_path: str | None = None

    @classmethod
    def parse(cls, text: str) -> ConnectionString:
        """Read one. Names are compared without regard to case; unknown ones are ignored, as is what has no `=`.

        Raises: InvalidConnectionString, which shows no value of it.
        """
        values = _values(text)
        port = _port(values.get("port"))
        if (version := values.get("version")) is not None and not _VERSION.fullmatch(version):
            raise InvalidConnectionString(
                "The connection string's Version is not supported; write Version=1.0, or leave it out."
            )
        auth_type = _auth_type(values)
        endpoint = _address("Endpoint", values["endpoint"], port)
        clients = values.get("clientendpoint")
        servers = values.get("serverendpoint")
        parsed = cls(
            endpoint,
            auth_type,
            values.get("accesskey") or None,
            None if clients is None else _address("ClientEndpoint", clients),
            None if servers is None else _address("ServerEndpoint", servers),
            values.get("clientid") or None,
            values.get("tenantid") or None,
            values.get("clientsecret") or None,
            next((values[name] for name in _CERTIFICATE if values.get(name)), None),
        )
        _check_credentials(parsed)
        return parsed

    @property
    def client_url(self) -> str:
        """The base of the address that clients are given."""
        return self.client_endpoint or self.endpoint

    @property
    def server_url(self) -> str:
        """The base of the addresses that the application itself calls."""
        return self.server_endpoint or self.endpoint

    @property
    def audience_url(self) -> str:
        """The base that tokens are signed for: scheme and host of `endpoint` without port, as the service's tools do.

        Never that of `client_endpoint` or `server_endpoint`, behind which the service knows nothing of them.
        """
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{_host(parts)}"


def _values(text: str) -> Mapping[str, str]:
    """What the text says, by names in lower case."""
    if not text.strip():
        raise InvalidConnectionString(
            "The connection string is blank; copy it from the service's page 'Keys', or from `hubwire service`."
        )
    segments = [segment for segment in text.split(";") if segment.strip()]
    values: dict[str, str] = {}
    for segment in segments:
        name, equals, value = segment.partition("=")  # at the first only: keys end in some
        if not equals:
            continue
        name = name.strip()
        if name.lower() in values:
            shown = _KNOWN.get(name.lower(), "a name")
            raise InvalidConnectionString(f"The connection string has {shown} twice; leave one out.")
        values[name.lower()] = value.strip()
    if len(segments) < 2 or not values.get("endpoint"):
        raise InvalidConnectionString(
            "The connection string has no Endpoint; it reads Endpoint=https://…;AccessKey=…;Version=1.0;"
        )
    return values


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 5 or not 1 <= int(text) <= 65535:
        raise InvalidConnectionString("The connection string's Port is no number from 1 to 65535; correct it.")
    return int(text)


def _address(name: str, text: str, port: int | None = None) -> str:
    """The address without slashes at its end, and with the port in place of its own."""
    try:
        parts = urlsplit(text.rstrip("/"))
        own_port = parts.port
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    scheme = parts.scheme.lower()
    is_plain = not parts.query and not parts.fragment and parts.username is None
    if scheme not in ("http", "https") or not parts.hostname or not is_plain or any(map(str.isspace, text)):
        raise InvalidConnectionString(
            f"The connection string's {name} is no absolute address; write it as https://host[:port]."
        )
    port = port or own_port
    is_usual = port is None or port == {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{_host(parts)}{'' if is_usual else f':{port}'}{parts.path}"


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host


def _auth_type(values: Mapping[str, str]) -> AuthType:
    given = values.get("authtype", "").lower()
    if given == "aad":  # the old way to say it: by what else is there
        has_proof = any(values.get(name) for name in ("clientsecret", *_CERTIFICATE))
        is_application = values.get("clientid") and values.get("tenantid") and has_proof
        return AuthType.APPLICATION if is_application else AuthType.MANAGED_IDENTITY
    return _ENTRA.get(given, AuthType.ACCESS_KEY)  # whatever is not known asks for a key, as in the service's tools


def _check_credentials(parsed: ConnectionString) -> None:
    if parsed.auth_type is AuthType.ACCESS_KEY and not parsed.access_key:
        raise InvalidConnectionString(
            "The connection string has no AccessKey; add it, or write AuthType=azure, azure.msi or azure.app for Entra."
        )
    if parsed.auth_type is AuthType.APPLICATION:
        for name, value in (("ClientId", parsed.client_id), ("TenantId", parsed.tenant_id)):
            if not value:
                raise InvalidConnectionString(f"The connection string has AuthType=azure.app and no {name}; add it.")
        if not parsed.client_secret and not parsed.client_certificate_path:
            raise InvalidConnectionString(
                "The connection string has AuthType=azure.app and neither ClientSecret nor ClientCertPath; add one."
            )


_ENTRA = {kind.value: kind for kind in AuthType if kind is not AuthType.ACCESS_KEY}
_KNOWN = MappingProxyType(
    {
        name.lower(): name
        for name in (
            "Endpoint",
            "AccessKey",
            "Version",
            "Port",
            "ClientEndpoint",
            "ServerEndpoint",
            "AuthType",
            "ClientId",
            "TenantId",
            "ClientSecret",
            "ClientCert",
            "ClientCertPath",
        )
    }
)
