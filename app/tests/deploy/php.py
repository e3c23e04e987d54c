"""PHP's command line, from Debian's package."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

LIBRARY = Path(__file__).parents[3] / "deploy/opencart/library"
"""What both the extension and shops without it use."""
SECONDS = 60


def php_command(script: Path, *arguments: str) -> list[str]:
    """Raises: RuntimeError when PHP is missing."""
    php = shutil.which("php")
    if php is None:
        raise RuntimeError("php is missing; install it: tools/need.sh php")
    return [php, "-d", "display_errors=stderr", str(script), *arguments]


def run_php(script: Path, *arguments: str, given: object) -> Any:
    """Run a script on JSON and return the JSON that it printed.

    Raises: RuntimeError when PHP is missing; AssertionError with what it said, when it failed.
    """
    result = subprocess.run(
        php_command(script, *arguments),
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, ""), result.stdout + result.stderr
    return json.loads(result.stdout)
