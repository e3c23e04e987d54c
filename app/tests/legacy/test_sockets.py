from __future__ import annotations

import socket
from contextlib import closing

import pytest
from app.tests.legacy.desk import Rig

from meschain.legacy.admission import Admission
from meschain.legacy.sockets import CannotListen, Gate, Visitor, WebSocket
from meschain.legacy_settings import LegacyListener


def gate(port: int, host: str = "127.0.0.1") -> Gate:
    rig = Rig(listener=LegacyListener(port=port, host=host))
    admission = Admission(rig.listener, set(), rig.options)
    return Gate(
        "old",
        rig.listener,
        admission,
        rig.desk.proofs,
        lambda peer, _: peer,
        lambda _: False,
        None,
        lambda _: None,
        rig.options,
    )


async def nobody(_socket: WebSocket, _visitor: Visitor) -> None:
    """Takes nobody in."""


async def test_a_port_that_somebody_else_has_is_told_with_the_setting_to_correct() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=rf"port {port} .* legacy_listeners\.old"):
            await gate(port).open(nobody)


async def test_an_address_that_is_none_of_this_machine_is_told_too() -> None:
    for host in ("192.0.2.1", "no.such.host.invalid"):
        with pytest.raises(CannotListen, match=r"legacy_listeners\.old"):
            await gate(0, host).open(nobody)
