"""`hubwire token` as its users run it."""

from __future__ import annotations

from pathlib import Path

import jwt
import pytest

from hubwire.cli import main

KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"
STRING = f"Endpoint=http://localhost;Port=8888;AccessKey={KEY};Version=1.0;"


@pytest.fixture
def connection(tmp_path: Path) -> str:
    path = tmp_path / "connection.txt"
    path.write_text(STRING + "\n", encoding="utf-8")
    return f"@{path}"


def test_a_client_token(connection: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["token", "client", "--connection-string", connection, "--hub", "Chat", "--user", "alice"]
    assert main([*command, "--claim", "role=admin", "--claim", "shops=[1,2]", "--lifetime", "5m"]) == 0
    payload = jwt.decode(capsys.readouterr().out.strip(), KEY, ["HS256"], {"verify_aud": False})
    assert payload["aud"] == "http://localhost/client/?hub=chat"
    assert (payload["asrs.s.uid"], payload["role"], payload["shops"]) == ("alice", "admin", [1, 2])
    assert payload["exp"] - payload["iat"] == 300


def test_a_rest_token(connection: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "rest", "--connection-string", connection, "--path", "/api/hubs/chat/:send"]) == 0
    payload = jwt.decode(capsys.readouterr().out.strip(), KEY, ["HS256"], {"verify_aud": False})
    assert payload["aud"] == "http://localhost/api/hubs/chat/:send"


def test_a_token_is_explained(connection: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "client", "--connection-string", connection, "--hub", "chat", "--user", "alice"]) == 0
    path = tmp_path / "token.txt"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    assert main(["token", "explain", "--connection-string", connection, f"@{path}"]) == 0
    told = capsys.readouterr().out
    assert '"asrs.s.uid": "alice"' in told
    assert "user:    alice" in told
    assert "has signed it" in told
    assert KEY not in told
    assert main(["token", "explain", f"@{path}"]) == 0
    assert "not checked" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("payload", "key", "says"),
    [
        ({"exp": 1, "aud": "a"}, KEY, "has expired"),
        ({"aud": "a"}, KEY, "has no exp"),
        ({"exp": 4_000_000_000, "aud": "a"}, "k" * 40, "has not signed it"),
    ],
)
def test_what_is_wrong_with_one(
    payload: dict[str, object], key: str, says: str, connection: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["token", "explain", "--connection-string", connection, jwt.encode(payload, key)]) == 1
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["explain", "abc"], "three parts"),
        (["explain", "W10.W10.a"], "no JSON objects"),
        (["client", "--hub", "my-chat"], "no hub name"),
        (["client", "--hub", "chat", "--claim", "role"], "NAME=VALUE"),
        (["client", "--hub", "chat", "--claim", "asrs.s.uid=root"], "reserved"),
        (["client", "--hub", "chat", "--lifetime", "soon"], "duration"),
        (["rest", "--path", "api"], "begin with a slash"),
        (["rest", "--path", "/api/hubs/chat?a=b"], "leave the query out"),
    ],
)
def test_what_makes_no_sense(
    arguments: list[str], says: str, connection: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = [] if arguments[0] == "explain" else ["--connection-string", connection]
    assert main(["token", *arguments, *more]) == 2
    assert says in capsys.readouterr().err


def test_a_connection_string_is_never_shown(capsys: pytest.CaptureFixture[str]) -> None:
    for text in (f"AccessKey={KEY}", f"Endpoint=ftp://a;AccessKey={KEY}", "Endpoint=http://a;AuthType=azure"):
        assert main(["token", "client", "--connection-string", text, "--hub", "chat"]) == 2
        assert KEY not in capsys.readouterr().err
