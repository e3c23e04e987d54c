"""The templates of a folder as the one template that is sent.

ARM takes one text. Ours has a file for each concern: where `main.json` links to one, its text is put in place of the
link. Nothing else is changed, so what is sent can be read in the files. Knows no Azure and no parameters' values.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from meschain.provisioning.errors import ProvisioningError

MAIN: Final = "main.json"
MAXIMUM_BYTES: Final = 4 * 1024 * 1024
"""4 MB: what the resource manager takes as a template."""


def assemble(folder: Path) -> dict[str, Any]:
    """`main.json` with the files that it links to inside.

    Raises:
        ProvisioningError: A file is missing, outside of the folder or no JSON, or the whole is too large.
    """
    template = read_json(folder / MAIN)
    template["resources"] = [_with_linked(resource, folder) for resource in template["resources"]]
    size = len(json.dumps(template).encode())
    if size > MAXIMUM_BYTES:
        raise ProvisioningError(f"The templates in {folder} have {size} bytes; Azure takes {MAXIMUM_BYTES} at most.")
    return template


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file. Raises: ProvisioningError."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProvisioningError(f"{path} does not exist; give the folder or file where it is.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProvisioningError(f"{path} cannot be read: {error}. Make it a readable file in UTF-8.") from None
    except json.JSONDecodeError as error:
        raise ProvisioningError(f"{path} is no JSON: {error}. Correct it there.") from None
    if not isinstance(value, dict):
        raise ProvisioningError(f"{path} holds no JSON object; it must begin with {{.")
    return value


def _with_linked(resource: dict[str, Any], folder: Path) -> dict[str, Any]:
    properties = resource.get("properties", {})
    link = properties.get("templateLink")
    if link is None:
        return resource
    path = folder / link["relativePath"]
    if path.resolve().parent != folder.resolve():
        raise ProvisioningError(f"{folder / MAIN} links to {path}; templates stand in one folder.")
    kept = {name: value for name, value in properties.items() if name != "templateLink"}
    return {**resource, "properties": {**kept, "template": read_json(path)}}
