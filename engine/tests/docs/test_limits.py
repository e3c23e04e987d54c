"""The page "Limits" names options that exist, with their defaults; that each limit holds is shown where it is kept."""

from __future__ import annotations

import dataclasses
import re

import pytest
from engine.tests.docs.pages import REPOSITORY

from hubwire.options import HubOptions, ServerOptions
from hubwire.session.session import READ_AHEAD_BYTES
from hubwire.wire.nesting import MAXIMUM_NESTING

PAGE = (REPOSITORY / "docs" / "reference" / "limits.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| .+? \| `(\w+)` \| (.+?) \|", PAGE, re.MULTILINE)
WITHOUT_LIMIT = {"keep_alive_seconds", "drain_seconds"}
"""Figures that bound nothing of a client's."""


@pytest.mark.parametrize(("option", "figure"), ROWS)
def test_the_figures_are_the_defaults(option: str, figure: str) -> None:
    options = ServerOptions() if hasattr(ServerOptions(), option) else HubOptions()
    value = getattr(options, option)
    unit = {"_bytes": " bytes", "econds": " s"}.get(option[-6:], "")
    assert figure == ("none" if value is None else f"{value:,g}{unit}" if value < 1e6 else f"{value:,}{unit}")


def test_every_option_that_limits_is_there() -> None:
    figures = {
        field.name
        for options in (HubOptions(), ServerOptions())
        for field in dataclasses.fields(options)
        if field.name.startswith("maximum_") or field.name.endswith(("_seconds", "_bytes", "_items"))
    }
    assert {option for option, _ in ROWS} == figures - WITHOUT_LIMIT


def test_fixed_figures_are_those_of_the_code() -> None:
    assert f"| {READ_AHEAD_BYTES:,} bytes |" in PAGE
    assert f"| {MAXIMUM_NESTING} levels |" in PAGE
