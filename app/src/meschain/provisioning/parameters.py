"""Parameters of the templates: from a file that anybody may read, and from one with secrets.

What can be told before Azure is asked is told here: names that do not exist, values that are missing, secrets in the
wrong file, names that Azure would refuse after minutes. Knows no Azure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

from meschain.provisioning.errors import ProvisioningError
from meschain.provisioning.templates import read_json

NAME: Final = re.compile(r"[a-z][a-z0-9]{2,14}")
"""A storage account may have 24 lower-case letters and digits, and eight are the suffix; a vault also has a hyphen."""
SIDE: Final = re.compile(r"[a-z][a-z0-9]{0,15}")
MAXIMUM_SIDES: Final = 2
"""The one in use, and the one before or after it."""
UPSTREAM_CODE: Final = "upstreamCode"
CODE: Final = re.compile(r"[A-Za-z0-9_-]{32,}={0,2}")
"""Also what Azure makes as a system key."""
MASK: Final = "(secret)"
"""What a plan shows for a secret."""
MAXIMUM_SECRETS_BYTES: Final = 100 * 1024
"""A vault takes 25 KB for one secret; there are a few."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """Checked values for a template."""

    values: Mapping[str, Any]
    """Name -> value of those without secrets."""
    needed_secrets: tuple[str, ...]
    """Those that the template declares as secure, and not as optional."""
    secrets: Mapping[str, str] = field(repr=False)
    """Name -> value of the secrets that were given. The others stay in the vault as they are."""

    @property
    def missing_secrets(self) -> tuple[str, ...]:
        """Secrets that were not given; the first deployment needs all."""
        return tuple(name for name in self.needed_secrets if name not in self.secrets)

    def to_send(self) -> dict[str, dict[str, Any]]:
        """As the resource manager takes them, secrets included."""
        return {name: {"value": value} for name, value in {**self.values, **self.secrets}.items()}

    def to_show(self) -> Parameters:
        """The same with a mask in the place of every secret that was given."""
        return Parameters(self.values, self.needed_secrets, dict.fromkeys(self.secrets, MASK))


def read_parameters(template: Mapping[str, Any], path: Path, secrets: Mapping[str, str]) -> Parameters:
    """The values of a parameter file, with secrets from elsewhere, checked against the template.

    Raises:
        ProvisioningError: They do not fit the template or Azure's rules for names.
    """
    declared: Mapping[str, Mapping[str, Any]] = template["parameters"]
    secret_names = tuple(name for name, parameter in declared.items() if parameter["type"] == "secureString")
    given = read_json(path).get("parameters", {})
    values = {}
    for name, entry in given.items():
        if name in secret_names:
            raise ProvisioningError(f"{path} holds the secret {name}; give it by --secrets and take it out of there.")
        if name not in declared:
            raise ProvisioningError(f"{path} gives {name!r}, which no template asks for; take it out or correct it.")
        if not isinstance(entry, dict) or "value" not in entry:
            raise ProvisioningError(f'{path}: write {name} as {{"value": …}}.')
        values[name] = entry["value"]
    missing = [name for name, parameter in declared.items() if "defaultValue" not in parameter and name not in values]
    if missing:
        raise ProvisioningError(f"{path} lacks {', '.join(missing)}; add a value for each.")
    unknown = [name for name in secrets if name not in secret_names]
    if unknown:
        raise ProvisioningError(f"There is no secret {', '.join(unknown)}; there are {', '.join(secret_names)}.")
    _check(values, path)
    if UPSTREAM_CODE in secrets and not CODE.fullmatch(secrets[UPSTREAM_CODE]):
        raise ProvisioningError(f"{UPSTREAM_CODE} stands in an address; use letters, digits, - and _ only, 32 or more.")
    needed = tuple(name for name in secret_names if not declared[name].get("metadata", {}).get("optional", False))
    return Parameters(values, needed, secrets)


def read_secrets(source: TextIO) -> dict[str, str]:
    """A JSON object of names and texts. Raises: ProvisioningError, which repeats nothing of it."""
    text = source.read(MAXIMUM_SECRETS_BYTES + 1)
    if len(text) > MAXIMUM_SECRETS_BYTES:
        raise ProvisioningError(f"The secrets have more than {MAXIMUM_SECRETS_BYTES} characters; give nothing else.")
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = None
    if not isinstance(value, dict) or not all(isinstance(secret, str) and secret for secret in value.values()):
        raise ProvisioningError(
            'The secrets must be a JSON object of texts that are not empty, as in {"loginSecret": …}.'
        )
    return value


def _check(values: Mapping[str, Any], path: Path) -> None:
    if not NAME.fullmatch(str(values["name"])):
        raise ProvisioningError(f"{path}: name has 3 to 15 lower-case letters and digits, a letter first.")
    try:
        sides = [str(side["name"]) for side in values["sides"] if side["location"]]
    except (TypeError, KeyError):
        raise ProvisioningError(f'{path}: write sides as [{{"name": "blue", "location": "westeurope"}}].') from None
    if len(sides) > MAXIMUM_SIDES:
        raise ProvisioningError(f"{path}: there are {len(sides)} sides; {MAXIMUM_SIDES} can stand beside each other.")
    if not sides or len(set(sides)) < len(sides) or not all(SIDE.fullmatch(side) for side in sides):
        raise ProvisioningError(f"{path}: sides need different names of at most 16 lower-case letters and digits.")
    if values["activeSide"] not in sides:
        raise ProvisioningError(f"{path}: activeSide is none of the sides; write {' or '.join(sides)}.")
    if "*" in values["allowedOrigins"]:
        raise ProvisioningError(f"{path}: allowedOrigins takes no *, as browsers send credentials; write each origin.")
