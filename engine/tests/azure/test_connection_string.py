"""Connection strings are read as the service's own tools read them, and show no secret."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.azure.connection_string import AuthType, ConnectionString, InvalidConnectionString

KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFG="
SECRET = "s3cret~of;nobody".replace(";", "")
AT = "Endpoint=https://shop.service.signalr.net"

ENDPOINTS = {
    "canonical": (f"{AT};AccessKey={KEY};Version=1.0;", "https://shop.service.signalr.net"),
    "emulator": (f"Endpoint=http://localhost;Port=8888;AccessKey={KEY};Version=1.0;", "http://localhost:8888"),
    "any case, spaces, empty segments": (
        f" ;ENDPOINT = HTTPS://Shop.Example ;; accesskey = {KEY} ; ",
        "https://shop.example",
    ),
    "slashes at the end": (f"Endpoint=https://shop.example///;AccessKey={KEY}", "https://shop.example"),
    "a port of its own": (f"Endpoint=http://shop.example:8080;AccessKey={KEY}", "http://shop.example:8080"),
    "a port that overrides": (f"Endpoint=http://shop.example:1;Port=2;AccessKey={KEY}", "http://shop.example:2"),
    "the usual port": (f"Endpoint=https://shop.example;Port=443;AccessKey={KEY}", "https://shop.example"),
    "an IPv6 host": (f"Endpoint=http://[::1];Port=8888;AccessKey={KEY}", "http://[::1]:8888"),
    "unknown names and text without =": (f"{AT};Color=red;what;AccessKey={KEY}", "https://shop.service.signalr.net"),
    "a version with a name": (f"{AT};AccessKey={KEY};Version=1.0-preview", "https://shop.service.signalr.net"),
}


@pytest.mark.parametrize("name", ENDPOINTS)
def test_the_endpoint_is_read(name: str) -> None:
    text, endpoint = ENDPOINTS[name]
    parsed = ConnectionString.parse(text)
    assert (parsed.endpoint, parsed.access_key, parsed.auth_type) == (endpoint, KEY, AuthType.ACCESS_KEY)
    assert (parsed.client_url, parsed.server_url) == (endpoint, endpoint)


def test_clients_and_servers_may_go_elsewhere_and_tokens_stay_with_the_endpoint() -> None:
    parsed = ConnectionString.parse(
        f"{AT}:8443/;AccessKey={KEY};ClientEndpoint=https://gate.example/x/;ServerEndpoint=http://inside.example:81"
    )
    assert parsed.client_url == "https://gate.example/x"
    assert parsed.server_url == "http://inside.example:81"
    assert parsed.audience_url == "https://shop.service.signalr.net"


def test_the_audience_of_an_ipv6_host_keeps_its_brackets() -> None:
    assert ConnectionString.parse(f"Endpoint=http://[::1]:8888;AccessKey={KEY}").audience_url == "http://[::1]"


AUTHORIZATIONS = {
    "none": (f"AccessKey={KEY}", AuthType.ACCESS_KEY),
    "an unknown one": (f"AuthType=something;AccessKey={KEY}", AuthType.ACCESS_KEY),
    "the chain": ("AuthType=Azure", AuthType.DEFAULT),
    "the system's identity": ("AuthType=azure.msi", AuthType.MANAGED_IDENTITY),
    "an identity by name": ("AuthType=AZURE.MSI;ClientId=c", AuthType.MANAGED_IDENTITY),
    "an application's secret": ("AuthType=azure.app;ClientId=c;TenantId=t;ClientSecret=s", AuthType.APPLICATION),
    "an application's certificate": ("AuthType=azure.app;ClientId=c;TenantId=t;ClientCert=p", AuthType.APPLICATION),
    "the same as documented": ("AuthType=azure.app;ClientId=c;TenantId=t;ClientCertPath=p", AuthType.APPLICATION),
    "the old word, nothing": ("AuthType=aad", AuthType.MANAGED_IDENTITY),
    "the old word, an identity": ("AuthType=aad;ClientId=c", AuthType.MANAGED_IDENTITY),
    "the old word, no secret": ("AuthType=aad;ClientId=c;TenantId=t", AuthType.MANAGED_IDENTITY),
    "the old word, an application": ("AuthType=aad;ClientId=c;TenantId=t;ClientSecret=s", AuthType.APPLICATION),
}


@pytest.mark.parametrize("name", AUTHORIZATIONS)
def test_the_kind_of_credential_is_read(name: str) -> None:
    text, auth_type = AUTHORIZATIONS[name]
    parsed = ConnectionString.parse(f"{AT};{text}")
    assert parsed.auth_type is auth_type
    assert parsed.client_id == ("c" if "ClientId" in text else None)
    assert parsed.tenant_id == ("t" if "TenantId" in text else None)
    assert parsed.client_secret == ("s" if "ClientSecret" in text else None)
    assert parsed.client_certificate_path == ("p" if "ClientCert" in text else None)


REFUSED = {
    "blank": (" ", "is blank"),
    "one segment": (f"Endpoint=https://{SECRET}", "has no Endpoint"),
    "no endpoint": (f"AccessKey={SECRET};Version=1.0", "has no Endpoint"),
    "an empty endpoint": (f"Endpoint=;AccessKey={SECRET}", "has no Endpoint"),
    "a relative endpoint": (f"Endpoint={SECRET};AccessKey={SECRET}", "Endpoint is no absolute address"),
    "another scheme": (f"Endpoint=ftp://{SECRET};AccessKey={SECRET}", "Endpoint is no absolute address"),
    "no host": (f"Endpoint=https://;AccessKey={SECRET}", "Endpoint is no absolute address"),
    "a log-in": (f"Endpoint=https://a:{SECRET}@h;AccessKey={SECRET}", "Endpoint is no absolute address"),
    "a bad port in it": (f"Endpoint=https://h:x;AccessKey={SECRET}", "Endpoint is no absolute address"),
    "no place for clients": (f"{AT};ClientEndpoint=h;AccessKey={SECRET}", "ClientEndpoint is no absolute address"),
    "no place for servers": (f"{AT};ServerEndpoint=h;AccessKey={SECRET}", "ServerEndpoint is no absolute address"),
    "port 0": (f"{AT};Port=0;AccessKey={SECRET}", "Port is no number"),
    "port 65536": (f"{AT};Port=65536;AccessKey={SECRET}", "Port is no number"),
    "a negative port": (f"{AT};Port=-1;AccessKey={SECRET}", "Port is no number"),
    "a port in other digits": (f"{AT};Port=٨٨;AccessKey={SECRET}", "Port is no number"),
    "version 2": (f"{AT};Version=2.0;AccessKey={SECRET}", "Version is not supported"),
    "no key": (f"{AT};Version=1.0", "has no AccessKey"),
    "an empty key": (f"{AT};AccessKey=", "has no AccessKey"),
    "an unknown credential without key": (f"{AT};AuthType=azure.magic;ClientSecret={SECRET}", "has no AccessKey"),
    "an application without id": (f"{AT};AuthType=azure.app;TenantId=t;ClientSecret={SECRET}", "no ClientId"),
    "an application without tenant": (f"{AT};AuthType=azure.app;ClientId=c;ClientSecret={SECRET}", "no TenantId"),
    "an application without proof": (f"{AT};AuthType=azure.app;ClientId=c;TenantId=t", "neither ClientSecret"),
    "a name twice": (f"{AT};AccessKey={SECRET};accesskey={SECRET}", "has AccessKey twice"),
    "a secret for a name, twice": (f"{AT};{SECRET}=;{SECRET}=", "has a name twice"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_with_its_reason_and_without_values(name: str) -> None:
    text, reason = REFUSED[name]
    with pytest.raises(InvalidConnectionString, match=reason) as caught:
        ConnectionString.parse(text)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_secrets_are_not_shown() -> None:
    parsed = ConnectionString.parse(
        f"{AT};AuthType=azure.app;ClientId=c;TenantId=t;ClientSecret={SECRET};AccessKey={KEY}"
    )
    assert SECRET not in f"{parsed} {parsed!r}"
    assert KEY not in f"{parsed} {parsed!r}"


@given(st.text(max_size=40).map(lambda value: f"Endpoint={value};AccessKey={SECRET};Port={value}") | st.text())
def test_whatever_is_given_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidConnectionString):
        assert ConnectionString.parse(text).audience_url.startswith(("http://", "https://"))
