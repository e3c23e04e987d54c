"""The listening server of an application, and what is looked at before there is one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from app.tests.conftest import Site

from hubwire import HubServer, ServerOptions
from meschain.bootstrap.own_sockets import FastLane
from meschain.entrypoints.cli.reporting import CommandFailed
from meschain.entrypoints.running import check_room, server_for
from meschain.settings import Settings

TOO_MANY = 10**12
"""Connections; no system gives a process so many descriptors."""


def test_more_connections_than_a_process_can_hold_are_refused_before_anything_is_opened(tmp_path: Path) -> None:
    check_room(Settings(data_dir=tmp_path))
    check_room(Settings(data_dir=tmp_path, maximum_connections=1))
    with pytest.raises(CommandFailed, match=f"{TOO_MANY} connections do not fit: .* Lower "):
        check_room(Settings(data_dir=tmp_path, maximum_connections=TOO_MANY))


async def test_a_server_that_could_not_hold_its_connections_is_not_made(site: Site) -> None:
    listener = FastLane(HubServer(ServerOptions(maximum_connections=TOO_MANY)))
    application = replace(site.application, listener=listener)
    with pytest.raises(CommandFailed, match="connections do not fit"):
        server_for(application, site.settings)
