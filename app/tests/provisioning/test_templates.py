"""Templates of a folder become the one that is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meschain.provisioning import ProvisioningError, assemble
from meschain.provisioning.templates import MAXIMUM_BYTES


def write(folder: Path, name: str, value: object) -> None:
    """A file of JSON."""
    (folder / name).write_text(json.dumps(value), encoding="utf-8")


def linked(path: str) -> dict[str, Any]:
    """A template that links to another."""
    return {
        "parameters": {},
        "resources": [{"type": "T", "properties": {"mode": "M", "templateLink": {"relativePath": path}}}],
    }


def test_a_linked_file_stands_in_the_place_of_the_link(tmp_path: Path) -> None:
    write(tmp_path, "main.json", linked("part.json"))
    write(tmp_path, "part.json", {"resources": [{"type": "U"}]})
    (resource,) = assemble(tmp_path)["resources"]
    assert resource == {"type": "T", "properties": {"mode": "M", "template": {"resources": [{"type": "U"}]}}}


def test_a_resource_without_a_link_stays_as_it_is(tmp_path: Path) -> None:
    write(tmp_path, "main.json", {"resources": [{"type": "T"}]})
    assert assemble(tmp_path) == {"resources": [{"type": "T"}]}


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    folder.mkdir()
    write(tmp_path, "secret.json", {})
    write(folder, "main.json", linked("../secret.json"))
    with pytest.raises(ProvisioningError, match="templates stand in one folder"):
        assemble(folder)


def test_a_template_that_azure_would_not_take_is_refused_here(tmp_path: Path) -> None:
    write(tmp_path, "main.json", {"resources": [], "metadata": "x" * MAXIMUM_BYTES})
    with pytest.raises(ProvisioningError, match="bytes; Azure takes"):
        assemble(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "does not exist"), (b"\xff", "cannot be read"), (b"{", "is no JSON"), (b"[]", "holds no JSON object")],
)
def test_a_file_that_is_no_template_is_named(tmp_path: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "main.json").write_bytes(content)
    with pytest.raises(ProvisioningError, match=rf"main\.json {reason}"):
        assemble(tmp_path)
