"""The page "Limits" names options that exist, with their defaults; that each limit holds is shown where it is kept."""

from __future__ import annotations

import dataclasses
import re

import pytest
from engine.tests.docs.pages import REPOSITORY

from hubwire.azure.data_plane import MAXIMUM_GROUP_CHARACTERS
from hubwire.options import AzureOptions, BrokerOptions, ClusterOptions, HubOptions, LiveTraceOptions, ServerOptions
from hubwire.session.session import READ_AHEAD_BYTES
from hubwire.wire.nesting import MAXIMUM_NESTING

PAGE = (REPOSITORY / "docs" / "reference" / "limits.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| .+? \| `(\w+)` \| (.+?) \|", PAGE, re.MULTILINE)
ALL = (HubOptions(), ServerOptions(), ClusterOptions(), BrokerOptions(), LiveTraceOptions())
WITHOUT_LIMIT = {"keep_alive_seconds", "drain_seconds", "announce_seconds", "health_check_seconds"}
"""Figures that bound nothing."""


@pytest.mark.parametrize(("option", "figure"), ROWS)
def test_the_figures_are_the_defaults(option: str, figure: str) -> None:
    value = next(getattr(options, option) for options in ALL if hasattr(options, option))
    unit = {"_bytes": " bytes", "econds": " s"}.get(option[-6:], "")
    assert figure == ("none" if value is None else f"{value:,g}{unit}" if value < 1e6 else f"{value:,}{unit}")


def test_every_option_that_limits_is_there() -> None:
    figures = {
        field.name
        for options in ALL
        for field in dataclasses.fields(options)
        if field.name.startswith("maximum_")
        or field.name.endswith(("_seconds", "_bytes", "_items", "_events", "_per_second"))
    }
    assert {option for option, _ in ROWS} == figures - WITHOUT_LIMIT


def test_fixed_figures_are_those_of_the_code() -> None:
    assert f"| {READ_AHEAD_BYTES:,} bytes |" in PAGE
    assert f"| {MAXIMUM_NESTING} levels |" in PAGE


def test_the_figures_of_requests_to_azure_are_the_defaults() -> None:
    rows = re.findall(r"^\| .+? \| `AzureOptions\.(\w+)` \| (.+?) \|", PAGE, re.MULTILINE)
    for option, figure in rows:
        value = getattr(AzureOptions(), option)
        assert figure == f"{value:,g}{' s' if option.endswith('_seconds') else ''}"
    names = {field.name for field in dataclasses.fields(AzureOptions)}
    assert {option for option, _ in rows} == names - {
        "keep_alive_seconds",
        "retry_delay_seconds",
        "token_lifetime_seconds",
        "messages_as_json",
        "trace_messages",
        "health_check_seconds",
        "health_retry_seconds",
    }
    assert f"a group's name has {MAXIMUM_GROUP_CHARACTERS:,} characters" in PAGE
