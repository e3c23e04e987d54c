"""What is deployed to Azure Functions: that it installs by its hashes, and that its files agree with each other."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from app.tests.packaging.conftest import REPOSITORY, Installed

from meschain.entrypoints.functions.triggers import CONNECTION_SETTING
from meschain.settings import ENV_PREFIX, KEYS

PROJECT = REPOSITORY / "deploy" / "functions"


def package(wheels: Path, folder: Path) -> Path:
    program = [sys.executable, str(PROJECT / "package.py"), str(wheels), str(folder)]
    subprocess.run(program, check=True, capture_output=True, text=True)
    return folder


@pytest.mark.timeout(600)
def test_the_package_installs_by_its_hashes_and_its_functions_are_found(installed: Installed, tmp_path: Path) -> None:
    folder = package(installed.wheels["hubwire"].parent, tmp_path / "package")
    pip = [str(installed.programs / "pip"), "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    subprocess.run([*pip, "-r", "requirements.txt"], cwd=folder, check=True, capture_output=True)
    found = subprocess.run(
        [str(installed.programs / "python"), "-c", "import function_app as f; print(len(f.app.get_functions()))"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    assert int(found.stdout) > 20
    assert {path.name for path in folder.iterdir()} - {"__pycache__"} == {
        ".funcignore",
        "function_app.py",
        "host.json",
        "requirements.txt",
        "wheels",
    }


def test_wheels_are_named_by_what_they_hold(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name in ("hubwire-1-py3-none-any.whl", "meschain-1-py3-none-any.whl"):
        (wheels / name).write_bytes(name.encode())
    folder = package(wheels, tmp_path / "package")
    requirements = (folder / "requirements.txt").read_text(encoding="utf-8")
    digest = hashlib.sha256(b"meschain-1-py3-none-any.whl").hexdigest()
    assert f"./wheels/meschain-1-py3-none-any.whl \\\n    --hash=sha256:{digest}\n" in requirements


def test_a_folder_without_one_wheel_of_each_is_refused(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failure:
        package(tmp_path, tmp_path / "package")
    assert "holds 0 wheels of hubwire" in failure.value.stderr


def test_versions_are_those_that_the_tests_ran_with() -> None:
    tested = pins(REPOSITORY / "requirements" / "dev.txt")
    assert pins(PROJECT / "requirements.txt") <= tested
    assert any(pin.startswith("azure-functions==") for pin in tested)


def test_the_settings_template_names_settings_that_exist_and_holds_no_secret() -> None:
    values = json.loads((PROJECT / "local.settings.json.example").read_text(encoding="utf-8"))["Values"]
    ours = {name.removeprefix(ENV_PREFIX).lower() for name in values if name.startswith(ENV_PREFIX)}
    assert ours <= set(KEYS)
    assert CONNECTION_SETTING in values
    for name in (CONNECTION_SETTING, "MESCHAIN_AZURE_SIGNALR"):
        assert "AccessKey=<" in values[name]
    for name in ("MESCHAIN_SECRET", "MESCHAIN_UPSTREAM_CODE"):
        assert values[name].startswith("<")


def pins(path: Path) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+(?:\[[^\]]*\])?==[^\s\\]+)", path.read_text(encoding="utf-8"), re.MULTILINE))
