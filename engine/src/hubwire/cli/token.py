"""`hubwire token`: signs tokens from a connection string, and explains one. For finding faults; asks no service."""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import sys
import time
from typing import Any

from hubwire.cli.failures import CommandFailed, ExitCode, UsageFailed
from hubwire.cli.values import read_duration, read_secret

DESCRIPTION = """\
Sign tokens as applications do, or say what one is and whether a service would take it.
"""
EPILOG = """\
examples:
  hubwire token client --connection-string @connection.txt --hub chat --user alice
  hubwire token rest --connection-string @connection.txt --path /api/hubs/chat/users/alice/:send
  hubwire token explain --connection-string @connection.txt TOKEN      @FILE reads the token from a file, - from input

exit codes: 0 signed, or the token is good; 1 the service would refuse it; 2 the command line.
"""
_LIFETIME_SECONDS = 3600.0


class _Refused(CommandFailed):
    """The token is not good."""

    code = ExitCode.LIMITS_FAILED


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "token",
        help="sign a token for a service, or explain one",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    kinds = parser.add_subparsers(title="what", metavar="WHAT", required=True)
    client = kinds.add_parser("client", help="let a client into a hub", allow_abbrev=False)
    client.add_argument("--hub", required=True, metavar="NAME", help="the hub")
    client.add_argument("--user", metavar="ID", help="who it is (default: nobody in particular)")
    client.add_argument(
        "--claim", action="append", default=[], metavar="NAME=VALUE", help="a claim; JSON, or else a text"
    )
    client.set_defaults(run=sign_client)
    rest = kinds.add_parser("rest", help="call an operation of the REST data plane", allow_abbrev=False)
    rest.add_argument("--path", required=True, metavar="PATH", help="from /api on, escaped, without query")
    rest.set_defaults(run=sign_rest)
    explain = kinds.add_parser("explain", help="decode a token and check it", allow_abbrev=False)
    explain.add_argument("token", metavar="TOKEN", help="the token; @FILE reads it from a file, - from the input")
    explain.set_defaults(run=explain_token)
    for each in (client, rest, explain):
        each.add_argument(
            "--connection-string",
            required=each is not explain,
            metavar="TEXT",
            help="Endpoint=…;AccessKey=…; best @FILE, because other users of this machine see the command line",
        )
    for each in (client, rest):
        each.add_argument("--lifetime", default=None, metavar="TIME", help="how long it is good (default: 1h)")


def sign_client(arguments: argparse.Namespace) -> int:
    """Print a client token. Raises: UsageFailed."""
    from hubwire.azure.jwt import ClientTokens

    endpoint, key = _parsed(arguments.connection_string)
    try:
        token = ClientTokens([key], [endpoint]).sign(
            arguments.hub,
            user_id=arguments.user,
            claims=dict(_claim(each) for each in arguments.claim),
            lifetime_seconds=_lifetime(arguments),
        )
    except ValueError as error:
        raise UsageFailed(str(error)) from None
    sys.stdout.write(token + "\n")
    return 0


def sign_rest(arguments: argparse.Namespace) -> int:
    """Print a token of the REST data plane. Raises: UsageFailed."""
    from hubwire.azure.rest_tokens import RestTokens

    if not arguments.path.startswith("/") or "?" in arguments.path:
        raise UsageFailed(f"--path is {arguments.path!r}; let it begin with a slash, and leave the query out.")
    endpoint, key = _parsed(arguments.connection_string)
    try:
        token, _ = RestTokens([key], [endpoint], lifetime_seconds=_lifetime(arguments)).sign(arguments.path)
    except ValueError as error:
        raise UsageFailed(str(error)) from None
    sys.stdout.write(token + "\n")
    return 0


def explain_token(arguments: argparse.Namespace) -> int:
    """Print what a token says. Raises: UsageFailed; what ends the command with 1 where it is not good."""
    token = sys.stdin.read().strip() if arguments.token == "-" else read_secret("TOKEN", arguments.token)  # noqa: S105
    header, payload = _decoded(token)
    sys.stdout.write(json.dumps({"header": header, "payload": payload}, indent=2, ensure_ascii=False) + "\n")
    expires_at = payload.get("exp")
    now = time.time()
    if not isinstance(expires_at, int | float) or isinstance(expires_at, bool):
        raise _Refused("It has no exp; the service refuses it. Sign it with one.")
    left = expires_at - now
    sys.stdout.write(f"for:     {payload.get('aud')}\n")
    sys.stdout.write(f"user:    {next((payload[name] for name in _USER_CLAIMS if name in payload), None)}\n")
    sys.stdout.write(f"expires: {'in' if left > 0 else 'was'} {abs(left):.0f} s{'' if left > 0 else ' ago'}\n")
    if arguments.connection_string is None:
        sys.stdout.write("key:     not checked; give --connection-string\n")
    else:
        _check_key(token, arguments.connection_string)
    if left <= 0:
        raise _Refused("It has expired; sign another one.")
    return 0


_USER_CLAIMS = ("asrs.s.uid", "nameid", "sub")


def _check_key(token: str, connection_string: str) -> None:
    from hubwire.azure import hmac_jwt

    _, key = _parsed(connection_string)
    try:
        hmac_jwt.read(token, [key.encode()])
    except hmac_jwt.InvalidToken as error:
        raise _Refused(
            f"The key of the connection string has not signed it: {error} The key is used as it is written, "
            "never base64-decoded."
        ) from None
    sys.stdout.write("key:     the connection string's has signed it\n")


def _decoded(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        parts = [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in token.split(".")[:2]]
        header, payload = parts
    except (ValueError, binascii.Error):
        raise UsageFailed("That is no token: give three parts of base64url with dots between.") from None
    if not isinstance(header, dict) or not isinstance(payload, dict):
        raise UsageFailed("That is no token: its parts are no JSON objects.")
    return header, payload


def _parsed(text: str) -> tuple[str, str]:
    """Return the address that tokens are for, and the key. Raises: UsageFailed."""
    from hubwire.azure.connection_string import ConnectionString

    try:
        parsed = ConnectionString.parse(read_secret("--connection-string", text))
    except ValueError as error:
        raise UsageFailed(f"--connection-string: {error}") from None
    if parsed.access_key is None:
        raise UsageFailed("--connection-string has no AccessKey; tokens of Microsoft Entra are made by its own tools.")
    return parsed.audience_url, parsed.access_key


def _claim(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageFailed(f"--claim is {text!r}; give NAME=VALUE.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _lifetime(arguments: argparse.Namespace) -> float:
    return _LIFETIME_SECONDS if arguments.lifetime is None else read_duration("--lifetime", arguments.lifetime)
