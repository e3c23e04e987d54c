"""Puts together what is deployed: the function app, the two wheels, and requirements that name both by their hashes.

Usage: `python deploy/functions/package.py WHEELS FOLDER`. The folder is made anew; its content is what
`func azure functionapp publish` or a zip deployment takes, dependencies being installed by Azure (remote build).
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
DEPLOYED: Final = ("function_app.py", "host.json", ".funcignore")


def make_package(wheels: Path, folder: Path) -> None:
    """Fill the folder. Raises: ValueError unless there is one wheel of each distribution."""
    found = [_only(wheels, name) for name in ("hubwire", "meschain")]
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "wheels").mkdir(parents=True)
    for name in DEPLOYED:
        shutil.copyfile(HERE / name, folder / name)
    requirements = (HERE / "requirements.txt").read_text(encoding="utf-8")
    for wheel in found:
        shutil.copyfile(wheel, folder / "wheels" / wheel.name)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        requirements += f"./wheels/{wheel.name} \\\n    --hash=sha256:{digest}\n"
    (folder / "requirements.txt").write_text(requirements, encoding="utf-8")


def _only(wheels: Path, name: str) -> Path:
    found = list(wheels.glob(f"{name}-*.whl"))
    if len(found) != 1:
        raise ValueError(
            f"{wheels} holds {len(found)} wheels of {name}; build one by `make wheels` in an empty folder."
        )
    return found[0]


if __name__ == "__main__":
    make_package(Path(sys.argv[1]), Path(sys.argv[2]))
