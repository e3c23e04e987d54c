"""What is read out of the connection strings, and each way in which they cannot be used."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from pydantic import SecretStr

from meschain.bootstrap import build
from meschain.bootstrap.on_a_service import client_origins, service_endpoints
from meschain.settings import Settings, SettingsError

KEY = secrets.token_urlsafe(33)
WEST = f"Endpoint=https://west.example.com;AccessKey={KEY};Version=1.0;"
EAST = f"Endpoint=https://east.example.com:8443;AccessKey={KEY};ClientEndpoint=https://live.example.com/east/"


def settings(data_dir: Path, **strings: str) -> Settings:
    named = {name.replace("_", ":"): SecretStr(text) for name, text in strings.items()}
    return Settings(data_dir=data_dir, azure_signalr=named)


def test_pages_may_go_where_clients_are_sent_to(tmp_path: Path) -> None:
    given = settings(tmp_path, west_primary=WEST, east_secondary=EAST)
    assert client_origins(given) == ["https://west.example.com", "https://live.example.com"]
    assert [(each.name, each.type.value) for each in service_endpoints(given)] == [
        ("west", "primary"),
        ("east", "secondary"),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Endpoint=https://west.example.com;Version=1.0", r"azure_signalr \(west\) is wrong: .* no AccessKey"),
        ("Endpoint=https://west.example.com;AccessKey=short", "azure_signalr cannot be used: .* 32 bytes"),
        ("Endpoint=https://west.example.com;AuthType=azure", "azure_signalr names no AccessKey"),
    ],
)
async def test_what_cannot_be_used_is_refused_when_it_is_put_together(data_dir: Path, text: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        async with build(settings(data_dir, west=text)):
            pass
