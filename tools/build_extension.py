"""Builds the OpenCart extension into zips that the shop's installer takes: `python tools/build_extension.py [FOLDER]`.

Writes `opencart-4/meschain.ocmod.zip` and `opencart-3/meschain.ocmod.zip`: the installer of 4.x names the extension's
folder after the file, so both have the same name. The same sources give the same bytes.
The installer of 4.x insists on a link, and the project has no address of its own: `install.json` says `#`.
"""

from __future__ import annotations

import json
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
SOURCES: Final = ROOT / "deploy/opencart"
FILE_NAME: Final = "meschain.ocmod.zip"
_MOMENT: Final = (2020, 1, 1, 0, 0, 0)
"""Of every entry; the time of a checkout is nobody's affair."""


def build(folder: Path) -> list[Path]:
    """Write both zips below the folder and return their paths."""
    library = _files(SOURCES / "library")
    texts = {name.removesuffix(".php"): content for name, content in _files(SOURCES / "language").items()}
    four = _files(SOURCES / "opencart-4")
    four["install.json"] = _with_version(four["install.json"])
    four |= {f"system/library/{name}": content for name, content in library.items()}
    four |= {f"admin/language/{language}/module/meschain.php": content for language, content in texts.items()}
    three = _files(SOURCES / "opencart-3")
    three |= {f"upload/system/library/meschain/{name}": content for name, content in library.items()}
    three |= {
        f"upload/admin/language/{language}/extension/module/meschain.php": content
        for language, content in texts.items()
    }
    return [
        _write(folder / "opencart-4" / FILE_NAME, four),
        _write(folder / "opencart-3" / FILE_NAME, three),
    ]


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def _with_version(install: bytes) -> bytes:
    version = tomllib.loads((ROOT / "app/pyproject.toml").read_text())["project"]["version"]
    return json.dumps({**json.loads(install), "version": version}, indent=2).encode() + b"\n"


def _write(path: Path, files: Mapping[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    folders = {f"{parent}/" for name in files for parent in PurePosixPath(name).parents if str(parent) != "."}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted({*folders, *files}):  # folders first: early 4.0 makes none that is not an entry of its own
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o40755 if name.endswith("/") else 0o100644) << 16
            archive.writestr(entry, files.get(name, b""))
    return path


if __name__ == "__main__":
    for built in build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist"):
        print(built.relative_to(Path.cwd()) if built.is_relative_to(Path.cwd()) else built)  # noqa: T201 - its output
