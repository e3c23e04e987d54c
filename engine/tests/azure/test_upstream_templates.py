"""Templates: the first that matches, names escaped, the emulator's file as it is."""

from __future__ import annotations

import json
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.azure.upstream_templates import (
    MAXIMUM_SETTINGS_BYTES,
    ManagedIdentity,
    UpstreamTemplate,
    UpstreamTemplates,
    read_emulator_settings,
)

URL = "http://localhost:7071/runtime/webhooks/signalr"
EMULATOR = {
    "UpstreamSettings": {
        "Templates": [{"UrlTemplate": URL, "EventPattern": "*", "HubPattern": "*", "CategoryPattern": "*"}]
    }
}


@pytest.mark.parametrize(
    ("patterns", "event", "matches"),
    [
        (("*", "*", "*"), ("chat", "messages", "Say"), True),
        (("", "", ""), ("chat", "messages", "Say"), True),
        (("chat", "*", "*"), ("chat", "messages", "Say"), True),
        (("Chat", "*", "*"), ("cHAT", "messages", "Say"), True),
        (("other", "*", "*"), ("chat", "messages", "Say"), False),
        (("other, chat", "*", "*"), ("chat", "messages", "Say"), True),
        (("*", "messages", "*"), ("chat", "messages", "Say"), True),
        (("*", "connections", "*"), ("chat", "messages", "connected"), False),
        (("*", "Messages", "*"), ("chat", "messages", "Say"), False),
        (("*", "*", "connected,disconnected"), ("chat", "connections", "disconnected"), True),
        (("*", "*", "Say"), ("chat", "messages", "say"), False),
        (("*", "*", "Sa"), ("chat", "messages", "Say"), False),
        (("*", "*", "Say*"), ("chat", "messages", "Say"), False),
        (("*", "*", "*,x"), ("chat", "messages", "Say"), False),
    ],
)
def test_patterns(patterns: tuple[str, str, str], event: tuple[str, str, str], matches: bool) -> None:
    assert UpstreamTemplate(URL, *patterns).matches(*event) is matches


def test_the_first_that_matches_counts() -> None:
    first, second = UpstreamTemplate(f"{URL}/1", "chat"), UpstreamTemplate(f"{URL}/2")
    templates = UpstreamTemplates([first, second])
    assert templates.match("chat", "messages", "x") is first
    assert templates.match("other", "messages", "x") is second
    assert UpstreamTemplates([first]).match("other", "messages", "x") is None


@pytest.mark.parametrize(
    ("template", "event", "url"),
    [
        ("http://h/{hub}/{category}/{event}", ("Chat", "messages", "Say"), "http://h/chat/messages/Say"),
        ("http://h/{event}?code=x", ("c", "m", "a/b?c=d#e&f"), "http://h/a%2Fb%3Fc%3Dd%23e%26f?code=x"),
        ("http://h/{event}{event}", ("c", "m", "ü"), "http://h/%C3%BC%C3%BC"),
        ("http://h/{hub}/{event}", ("c", "m", "{hub}"), "http://h/c/%7Bhub%7D"),
        ("http://h/{other}", ("c", "m", "e"), "http://h/{other}"),
        ("https://{hub}.example.com/", ("c", "m", "e"), "https://c.example.com/"),
    ],
)
def test_names_are_escaped_in_their_places(template: str, event: tuple[str, str, str], url: str) -> None:
    assert UpstreamTemplate(template).url(*event) == url


@given(st.text(min_size=1))
def test_no_name_reaches_beyond_its_place(event: str) -> None:
    parts = urlsplit(UpstreamTemplate("http://h/a/{event}?code=secret").url("chat", "messages", event))
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("http", "h", "code=secret", "")
    assert parts.path.count("/") == 2
    assert unquote(parts.path[3:]) == event.encode(errors="replace").decode()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h/x",
        "/x",
        "ftp://h/x",
        "http://",
        "http:///x",
        "http://h:x/",
        "http://h:99999/",
        "http://h/a b",
        "http://h/\n",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="no absolute http"):
        UpstreamTemplate(url)


@pytest.mark.parametrize("url", ["http://{event}/x", "https://a.{event}:80/", "http://u:{event}@h/"])
def test_no_client_chooses_the_host(url: str) -> None:
    with pytest.raises(ValueError, match="behind the host"):
        UpstreamTemplate(url)


def test_a_key_vault_reference_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"Key Vault.*write the secret itself"):
        UpstreamTemplate("https://h/x?code={@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s/)}")


def test_the_secret_of_an_address_is_not_shown() -> None:
    assert "secret" not in repr(UpstreamTemplate("https://h/x?code=secret"))


def test_the_emulators_file_is_read_as_it_is() -> None:
    for data in (json.dumps(EMULATOR), json.dumps(EMULATOR, indent=2), "\ufeff" + json.dumps(EMULATOR)):
        (template,) = read_emulator_settings(data.encode())
        assert template == UpstreamTemplate(URL)


def test_every_member_counts_and_case_does_not() -> None:
    template = {
        "urlTemplate": URL,
        "HUBPATTERN": "chat",
        "categoryPattern": "messages",
        "eventPattern": "a,b",
        "auth": {"type": "ManagedIdentity", "managedIdentity": {"resource": "api://app"}},
    }
    data = json.dumps({"upstreamsettings": {"templates": [template, {"UrlTemplate": URL, "Auth": {"Type": "None"}}]}})
    first, second = read_emulator_settings(data.encode())
    assert first == UpstreamTemplate(URL, "chat", "messages", "a,b", ManagedIdentity("api://app"))
    assert second == UpstreamTemplate(URL)


@pytest.mark.parametrize(
    "data", [b"{}", b'{"UpstreamSettings":{}}', b'{"UpstreamSettings":{"Templates":[]}}', b'{"Logging":1}']
)
def test_a_file_without_templates_has_none(data: bytes) -> None:
    assert len(read_emulator_settings(data)) == 0


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"[]", "no object"),
        (b'{"UpstreamSettings":[]}', "no object"),
        (b'{"UpstreamSettings":{"Templates":{}}}', "no list"),
        (b'{"UpstreamSettings":{"Templates":["x"]}}', "no object"),
        (b'{"UpstreamSettings":{"Templates":[{}]}}', "no UrlTemplate"),
        (b'{"UpstreamSettings":{"Templates":[{"UrlTemplate":1}]}}', "no text"),
        (b'{"UpstreamSettings":{"Templates":[{"UrlTemplate":"x"}]}}', "no absolute http"),
        (
            b'{"UpstreamSettings":{"Templates":[{"UrlTemplate":"http://h","Auth":{"Type":"Basic"}}]}}',
            "has type 'Basic'",
        ),
        (
            b'{"UpstreamSettings":{"Templates":[{"UrlTemplate":"http://h","Auth":{"Type":"ManagedIdentity"}}]}}',
            "Resource",
        ),
        (b" " * (MAXIMUM_SETTINGS_BYTES + 1), "more than"),
        (b"[" * 100_000, "no JSON"),
    ],
)
def test_what_cannot_be_read_says_what_to_change(data: bytes, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        read_emulator_settings(data)
