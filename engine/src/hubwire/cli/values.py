"""Options of commands: one table each for the command line, the TOML file and the reference. Knows no command."""

from __future__ import annotations

import argparse
import difflib
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hubwire.cli.failures import UsageFailed

_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
MAXIMUM_FILE_BYTES = 64 * 1024 * 1024
"""Of a file with options or tokens."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option: `name` in a file, `--name` on the command line."""

    name: str
    read: Callable[[str, object], Any]
    """Returns the value of a text or a TOML value. Raises: UsageFailed."""
    metavar: str
    help: str
    is_repeated: bool = False

    @property
    def flag(self) -> str:
        """How the command line spells it."""
        return f"--{self.name.replace('_', '-')}"


def read_text(name: str, value: object) -> str:
    """Return a text that is not empty. Raises: UsageFailed."""
    if not isinstance(value, str) or not value:
        raise UsageFailed(f"{name} is {value!r}; give a text.")
    return value


def read_secret(name: str, value: object) -> str:
    """Return a text, or after an @ what a file holds. Raises: UsageFailed."""
    text = read_text(name, value)
    return read_file(name, text[1:]).strip() if text.startswith("@") else text


def read_number(name: str, value: object) -> float:
    """Return a finite number. Raises: UsageFailed."""
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UsageFailed(f"{name} is {value!r}; give a number.")
    return number


def read_integer(name: str, value: object) -> int:
    """Return a whole number. Raises: UsageFailed."""
    number = read_number(name, value)
    if number != int(number):
        raise UsageFailed(f"{name} is {value!r}; give a whole number.")
    return int(number)


def read_duration(name: str, value: object) -> float:
    """Return seconds. Raises: UsageFailed."""
    if isinstance(value, str):
        number = value.rstrip("smh")
        if factor := _SECONDS.get(value[len(number) :] or "s"):
            try:
                return read_number(name, number) * factor
            except UsageFailed:
                pass
        raise UsageFailed(f"{name} is {value!r}; give a duration like 30s, 500ms, 2m or 1h.")
    return read_number(name, value)


def read_words(name: str, value: object) -> tuple[str, ...]:
    """Return texts, also several with commas between. Raises: UsageFailed."""
    words = value if isinstance(value, list) else [value]
    return tuple(part.strip() for word in words for part in read_text(name, word).split(",") if part.strip())


def read_texts(name: str, value: object) -> tuple[str, ...]:
    """Return texts. Raises: UsageFailed."""
    return tuple(read_text(name, word) for word in (value if isinstance(value, list) else [value]))


def read_switch(name: str, value: object) -> bool:
    """Return true or false. Raises: UsageFailed."""
    if not isinstance(value, bool):
        raise UsageFailed(f"{name} is {value!r}; give true or false.")
    return value


def read_options_file(path: str, options: Mapping[str, Option], command: str) -> dict[str, Any]:
    """Return the values of a TOML file with options of a command. Raises: UsageFailed."""
    try:
        table: Mapping[str, object] = tomllib.loads(read_file("--config", path))
    except tomllib.TOMLDecodeError as error:
        raise UsageFailed(f"{path} is no TOML: {error}; mend that place.") from None
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name in options:
            values[name] = options[name].read(f"{path}: {name}", value)
        else:
            near = difflib.get_close_matches(name, options, 1)
            hint = f"did you mean {near[0]}?" if near else f"see hubwire {command} --help."
            raise UsageFailed(f"{path}: there is no option {name!r}; {hint}")
    return values


def read_file(name: str, path: str) -> str:
    """Return the text of a file that an option names. Raises: UsageFailed."""
    try:
        file = Path(path)
        if file.stat().st_size > MAXIMUM_FILE_BYTES:
            raise UsageFailed(f"{name}: {path} is larger than {MAXIMUM_FILE_BYTES} bytes; give a smaller file.")
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise UsageFailed(f"{name}: {path} cannot be read: {reason}; give a readable file.") from None


def add_groups(parser: argparse.ArgumentParser, groups: Mapping[str, Sequence[Option]]) -> None:
    """Tell a parser of the command line about options, and about the file that may hold them."""
    parser.add_argument("--config", metavar="FILE", help="a TOML file with options; those of the command line win")
    for title, options in groups.items():
        group = parser.add_argument_group(title)
        for option in options:
            help_text = option.help.replace("%", "%%")
            if option.read is read_switch:
                group.add_argument(option.flag, action="store_true", default=argparse.SUPPRESS, help=help_text)
            else:
                action = "append" if option.is_repeated else "store"
                group.add_argument(
                    option.flag, action=action, metavar=option.metavar, default=argparse.SUPPRESS, help=help_text
                )
