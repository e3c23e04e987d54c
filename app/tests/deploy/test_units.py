"""Units and container files start the programs as these want to be started, and systemd takes them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # brings no types
from app.tests.docs.pages import REPOSITORY

from meschain.settings import Settings

UNITS = sorted((REPOSITORY / "deploy" / "systemd").glob("*.service"))
CONTAINER = REPOSITORY / "deploy" / "container"


def exec_start(unit: Path) -> list[str]:
    (line,) = re.findall(r"^ExecStart=(.*)$", unit.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return str(line).split()


def test_systemd_finds_nothing_to_say(tmp_path: Path) -> None:
    assert UNITS
    verify = shutil.which("systemd-analyze")
    assert verify is not None, "systemd-analyze is missing: run `tools/need.sh systemd`."
    names = []
    for unit in UNITS:
        program = tmp_path / Path(exec_start(unit)[0]).name
        program.write_text("#!/bin/sh\n", encoding="utf-8")
        program.chmod(0o755)
        text = unit.read_text(encoding="utf-8").replace(exec_start(unit)[0], str(program))
        names.append(tmp_path / unit.name.replace("@", "@first"))
        names[-1].write_text(text, encoding="utf-8")
    found = subprocess.run(
        [verify, "verify", "--man=no", "--recursive-errors=no", *map(str, names)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_runs_a_command_that_exists(unit: Path) -> None:
    program, *arguments = exec_start(unit)
    found = Path(sys.executable).with_name(Path(program).name)
    told = subprocess.run([found, arguments[0], "--help"], capture_output=True, text=True, check=True).stdout
    for option in re.findall(r"--[a-z-]+", " ".join(arguments)):
        assert option in told


def compose() -> dict[str, Any]:
    parsed = yaml.safe_load((CONTAINER / "compose.yaml").read_text(encoding="utf-8"))
    assert isinstance(parsed, dict)
    return parsed


def test_settings_of_the_containers_exist() -> None:
    names = {f"MESCHAIN_{name.upper()}" for name in Settings.model_fields}
    text = (CONTAINER / "Containerfile").read_text(encoding="utf-8")
    services = compose()["services"]
    given = {name for side in ("first", "second") for name in services[side]["environment"]}
    assert len(given) > 5
    assert given | set(re.findall(r"MESCHAIN_[A-Z_]+(?==)", text)) <= names


def test_the_image_is_made_of_what_is_there() -> None:
    text = (CONTAINER / "Containerfile").read_text(encoding="utf-8")
    copied = re.findall(r"^COPY (\S+)", text, flags=re.MULTILINE)
    assert copied == ["requirements/run.txt", "dist/*.whl"]
    assert (REPOSITORY / copied[0]).is_file()
    (required,) = re.findall(r"python:(\d+\.\d+)", text)
    project = tomllib.loads((REPOSITORY / "app" / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["requires-python"] == f">={required}"


def test_both_processes_are_the_same_but_for_where_they_are() -> None:
    services = compose()["services"]
    differing = {
        name
        for name in services["first"]["environment"]
        if services["first"]["environment"][name] != services["second"]["environment"][name]
    }
    assert differing == {"MESCHAIN_INTERNAL_HOST"}
