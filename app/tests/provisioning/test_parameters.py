"""Parameters are checked before Azure is asked, and secrets show nowhere."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from meschain.provisioning import Parameters, ProvisioningError, read_parameters, read_secrets
from meschain.provisioning.parameters import MAXIMUM_SECRETS_BYTES

TEMPLATE = {
    "parameters": {
        "name": {"type": "string"},
        "sides": {"type": "array"},
        "activeSide": {"type": "string"},
        "allowedOrigins": {"type": "array"},
        "units": {"type": "int", "defaultValue": 1},
        "loginSecret": {"type": "secureString", "defaultValue": ""},
        "databaseUrl": {"type": "secureString", "defaultValue": ""},
        "upstreamCode": {"type": "secureString", "defaultValue": "", "metadata": {"optional": True}},
    }
}
VALUES: dict[str, Any] = {
    "name": "meschain",
    "sides": [{"name": "blue", "location": "westeurope"}],
    "activeSide": "blue",
    "allowedOrigins": ["https://admin.example.com"],
}


def read(folder: Path, secrets: dict[str, str] | None = None, **changed: Any) -> Parameters:
    """The usual values, some changed, from a file; None takes one out."""
    values = {name: value for name, value in (VALUES | changed).items() if value is not None}
    path = folder / "parameters.json"
    path.write_text(json.dumps({"parameters": {name: {"value": value} for name, value in values.items()}}))
    return read_parameters(TEMPLATE, path, secrets or {})


def test_values_and_secrets_are_sent_as_azure_takes_them(tmp_path: Path) -> None:
    sent = read(tmp_path, {"loginSecret": "hidden"}, units=3).to_send()
    assert sent == {name: {"value": value} for name, value in (VALUES | {"units": 3, "loginSecret": "hidden"}).items()}


def test_secrets_are_shown_as_a_mask_and_in_no_repr(tmp_path: Path) -> None:
    parameters = read(tmp_path, {"loginSecret": "hidden"})
    assert parameters.to_show().to_send()["loginSecret"] == {"value": "(secret)"}
    assert "databaseUrl" not in parameters.to_show().to_send()
    assert "hidden" not in repr(parameters)


def test_secrets_that_are_missing_are_told_but_not_optional_ones(tmp_path: Path) -> None:
    assert read(tmp_path, {"loginSecret": "hidden"}).missing_secrets == ("databaseUrl",)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"loginSecret": "hidden"}, "holds the secret loginSecret"),
        ({"colour": "red"}, "gives 'colour', which no template asks for"),
        ({"activeSide": None, "sides": None}, "lacks sides, activeSide"),
        ({"name": "MesChain"}, "3 to 15 lower-case letters"),
        ({"name": "meschain-shop"}, "3 to 15 lower-case letters"),
        ({"name": "m" * 16}, "3 to 15 lower-case letters"),
        ({"sides": ["blue"]}, "write sides as"),
        ({"sides": [{"name": "blue"}]}, "write sides as"),
        ({"sides": []}, "sides need different names"),
        ({"sides": VALUES["sides"] * 2}, "sides need different names"),
        ({"sides": [{"name": name, "location": "x"} for name in "abc"]}, "there are 3 sides; 2 can stand"),
        ({"sides": [{"name": "Blue", "location": "x"}]}, "sides need different names"),
        ({"activeSide": "green"}, "activeSide is none of the sides; write blue"),
        ({"allowedOrigins": ["*"]}, "takes no \\*"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_to_do(tmp_path: Path, changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(ProvisioningError, match=reason) as refused:
        read(tmp_path, **changed)
    assert "hidden" not in str(refused.value)


def test_a_value_that_is_not_written_as_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "parameters.json"
    path.write_text(json.dumps({"parameters": {"name": "meschain"}}))
    with pytest.raises(ProvisioningError, match="write name as"):
        read_parameters(TEMPLATE, path, {})


def test_a_secret_that_nobody_asks_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ProvisioningError, match="There is no secret loginSecrets; there are loginSecret, databaseUrl, "
    ):
        read(tmp_path, {"loginSecrets": "hidden"})


@pytest.mark.parametrize("code", ["a" * 31, "a" * 32 + "&b", "a" * 32 + "}"])
def test_a_code_that_would_break_the_address_is_refused(tmp_path: Path, code: str) -> None:
    with pytest.raises(ProvisioningError, match="upstreamCode stands in an address") as refused:
        read(tmp_path, {"upstreamCode": code})
    assert code not in str(refused.value)
    assert read(tmp_path, {"upstreamCode": "Aa0_-" * 8 + "=="}).secrets


@pytest.mark.parametrize("text", ["", "hidden", "[]", '{"loginSecret": 7}', '{"loginSecret": ""}'])
def test_secrets_that_are_no_object_of_texts_are_refused_unseen(text: str) -> None:
    with pytest.raises(ProvisioningError, match="must be a JSON object of texts") as refused:
        read_secrets(io.StringIO(text))
    assert "hidden" not in str(refused.value)


def test_secrets_are_read_up_to_a_limit() -> None:
    with pytest.raises(ProvisioningError, match="more than"):
        read_secrets(io.StringIO("x" * (MAXIMUM_SECRETS_BYTES + 1)))
