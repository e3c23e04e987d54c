"""The template of the Functions app names settings and functions that there are."""

from __future__ import annotations

import re
from pathlib import Path

from meschain.entrypoints.functions import make_function_app
from meschain.entrypoints.functions.http import UPSTREAM_ROUTE
from meschain.entrypoints.functions.triggers import CONNECTION_SETTING
from meschain.settings import ENV_PREFIX, KEYS, Settings

DEPLOY = Path(__file__).parents[3] / "deploy"
TEMPLATE = (DEPLOY / "azure" / "functions.json").read_text(encoding="utf-8")


def test_every_setting_of_ours_exists() -> None:
    names = set(re.findall(rf'"({ENV_PREFIX}[A-Z_]+)', TEMPLATE))
    assert {name.removeprefix(ENV_PREFIX).lower() for name in names} <= set(KEYS)
    assert f"{ENV_PREFIX}AZURE_SIGNALR" in names


def test_the_extension_finds_its_connection_string() -> None:
    assert f'"{CONNECTION_SETTING}"' in TEMPLATE


def test_what_is_kept_ready_is_a_function() -> None:
    functions = {function.get_function_name() for function in make_function_app().get_functions()}
    ready = set(re.findall(r"'function:(\w+)'", TEMPLATE))
    assert ready
    assert ready <= functions


def test_the_service_calls_the_upstream_function() -> None:
    main = (DEPLOY / "azure" / "main.json").read_text(encoding="utf-8")
    assert f'"/{UPSTREAM_ROUTE}"' in main
    assert Settings().upstream_path == f"/{UPSTREAM_ROUTE}"
