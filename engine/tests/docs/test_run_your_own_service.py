"""The page "Run your own Azure-compatible service": its program makes a service, its words are those of the code."""

from __future__ import annotations

import json
import re

from engine.tests.docs.pages import HOW_TO, run_page

from hubwire.azure.upstream_templates import read_emulator_settings
from hubwire.cli.service.options import OPTIONS
from hubwire.server.service import SignalRService
from hubwire.server.service_figures import ServiceFigures

PAGE = HOW_TO / "run-your-own-service.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_its_program_makes_a_service() -> None:
    service = run_page(PAGE)["service"]
    assert isinstance(service, SignalRService)
    assert service.options.maximum_hubs == 50
    assert [each.hub_pattern for each in service.upstream] == ["chat"]


def test_its_options_are_there() -> None:
    flags = {option.flag for option in OPTIONS.values()} | {
        "--config",
        "--help",
        "--connection-string",
        "--hub",
        "--user",
    }
    assert set(re.findall(r"--[a-z][a-z-]+", TEXT)) <= flags


def test_its_settings_are_read() -> None:
    block = re.search(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert block is not None
    assert len(read_emulator_settings(json.dumps(json.loads(block[1])).encode())) == 2


def test_its_figures_have_their_names() -> None:
    assert "connection_count" in ServiceFigures().numbers()
