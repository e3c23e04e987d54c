"""Who takes part: how each stack is started and what the generator says to it. Knows no measurement.

The peers are in `bench/peers`, each written as its own documentation shows. `ours` pays for everything that a hub
connection has: negotiate on a socket of its own, a signed token per client, the hub handshake.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hubwire.azure.jwt import ClientTokens
from lab.scenario import Scenario
from server import HUB

BENCH = Path(__file__).parent.parent
PROGRAMS = BENCH.parent / "build" / "bench"

OURS = "ours"
LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a client says. Texts as the generator takes them: \\xNN stands for a byte."""

    broadcast: str
    """Causes a broadcast; `{size}` stands for the bytes of its payload."""
    echo: str
    """A call; %d in it is its place among those in flight."""
    echo_expects: str
    path: str = "/"
    first: str | None = None
    """Said after the upgrade; answered by one message."""
    first_messagepack: str | None = None
    greeting: bool = False
    """The server speaks first."""
    ping: tuple[str, str] | None = None
    """A ping that is a data frame, and the answer."""
    join: tuple[str, str] | None = None
    """Joins the group `half`; the second says that this member is not meant by broadcasts."""
    broadcast_group: str | None = None
    fill: tuple[str, str] | None = None
    """Joins the group of slow readers; sends `{size}` bytes to that group."""
    negotiate: str | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """A command to run on a port, and the tokens that its clients need."""

    command: Sequence[str]
    tokens: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Stack:
    name: str
    dialect: Dialect
    start: Callable[[int, Scenario], Started]
    """Given the port."""
    packages: tuple[str, ...] = ()
    """Python packages whose versions belong into results."""
    node_packages: tuple[str, ...] = ()

    def can_serve(self, scenario: Scenario) -> bool:
        return scenario.receivers == "all" or self.dialect.broadcast_group is not None


def _ours(port: int, scenario: Scenario) -> Started:
    key = secrets.token_urlsafe(32)
    signer = ClientTokens([key], [f"http://127.0.0.1:{port}"])
    coming = int(scenario.churn_per_second * (scenario.seconds + 15))
    tokens = [signer.sign(HUB, user_id=f"user{number}") for number in range(scenario.connections + 1 + coming)]
    return Started([sys.executable, str(BENCH / "server.py"), str(port), f"--key={key}"], tokens)


def _limit(port: int, scenario: Scenario) -> Started:
    return Started([str(PROGRAMS / "limit"), str(port), str(scenario.payload_bytes)])


def _node(file: str) -> Callable[[int, Scenario], Started]:
    return lambda port, _: Started(["node", str(BENCH / "peers" / file), str(port)])


def _python(file: str) -> Callable[[int, Scenario], Started]:
    return lambda port, _: Started([sys.executable, str(BENCH / "peers" / file), str(port)])


def _invocation(target: str, arguments: str, call: str = "") -> str:
    named = f'"invocationId":"{call}",' if call else ""
    return f'{{"type":1,{named}"target":"{target}","arguments":[{arguments}]}}\\x1e'


HUB_DIALECT = Dialect(
    broadcast=_invocation("Broadcast", "{size}"),
    echo=_invocation("Echo", "42", "%d"),
    echo_expects='"result":42',
    path=f"/client/?hub={HUB}",
    first='{"protocol":"json","version":1}\\x1e',
    first_messagepack='{"protocol":"messagepack","version":1}\\x1e',
    join=(_invocation("JoinGroup", '"half",false', "1"), _invocation("JoinGroup", '"half",true', "1")),
    broadcast_group=_invocation("BroadcastGroup", '"half",{size}'),
    fill=(_invocation("JoinGroup", '"slow",false', "1"), _invocation("BroadcastGroup", '"slow",{size}')),
    negotiate=f"/client/negotiate?hub={HUB}&negotiateVersion=1",
)
_SOCKET_IO_DIALECT = Dialect(
    broadcast='42["broadcast",{size}]',
    echo='42%d["echo",42]',
    echo_expects="[42]",
    path="/socket.io/?EIO=4&transport=websocket",
    first="40",
    greeting=True,
    ping=("2", "3"),
    join=('420["join","half",false]', '420["join","half",true]'),
    broadcast_group='42["broadcastGroup","half",{size}]',
)
_PLAIN_DIALECT = Dialect(broadcast="B{size}", echo="echo %d 42", echo_expects="42")

STACKS: dict[str, Stack] = {
    stack.name: stack
    for stack in (
        Stack(OURS, HUB_DIALECT, _ours, ("hubwire", "uvicorn", "uvloop", "websockets", "httptools", "msgspec")),
        # Plain C answers a handshake, so that connecting is as many round trips as it can be at least.
        Stack(
            LIMIT,
            Dialect(broadcast="B", echo="echo %d 42", echo_expects="42", first=HUB_DIALECT.first),
            _limit,
        ),
        Stack("socket.io", _SOCKET_IO_DIALECT, _node("socketio.mjs"), node_packages=("socket.io",)),
        Stack("ws", _PLAIN_DIALECT, _node("ws.mjs"), node_packages=("ws",)),
        Stack("python-socketio", _SOCKET_IO_DIALECT, _python("socketio_python.py"), ("python-socketio", "uvicorn")),
        Stack("uvicorn-websockets", _PLAIN_DIALECT, _python("uvicorn_websockets.py"), ("uvicorn", "websockets")),
    )
}
