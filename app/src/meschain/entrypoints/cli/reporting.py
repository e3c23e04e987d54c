"""How commands end: exit codes, and errors as one readable line without a traceback. Knows no command.

| code | meaning |
|---|---|
| 0 | done |
| 1 | cannot be done: the text says why |
| 2 | the command line itself is wrong |
| 3 | the settings are wrong |
| 4 | a database cannot be used |
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, ParamSpec, TypeVar

import typer

from meschain.auth.api_keys import ApiKeyError
from meschain.auth.own_accounts import AccountError
from meschain.auth.passwords import WeakPassword
from meschain.auth.ports import AccountExists
from meschain.database_url import BadDatabaseUrl
from meschain.provisioning import ProvisioningError
from meschain.services.ports import ShopUnavailable
from meschain.settings import SettingsError
from meschain.state.database import StateUnavailable
from meschain.state.demo_file import DemoFileBroken

FAILED: Final = 1
BAD_SETTINGS: Final = 3
NO_DATABASE: Final = 4

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="TOML file with settings; MESCHAIN_CONFIG is the other way to name it."),
]
DataDirOption = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder of our own files, as given to `meschain serve`.")
]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class CommandFailed(Exception):
    """The command cannot do what was asked; the text says why and what to do."""


def reporting(command: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Turn the errors that a user can cause into a line on standard error and an exit code."""

    @functools.wraps(command)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            return command(*args, **kwargs)
        except SettingsError as error:
            raise _ended(error, BAD_SETTINGS) from None
        except (StateUnavailable, ShopUnavailable, BadDatabaseUrl) as error:
            raise _ended(error, NO_DATABASE) from None
        except (
            AccountError,
            AccountExists,
            ApiKeyError,
            WeakPassword,
            DemoFileBroken,
            ProvisioningError,
            CommandFailed,
        ) as error:
            raise _ended(error, FAILED) from None

    return run


def _ended(error: Exception, code: int) -> typer.Exit:
    for line in str(error).splitlines():
        typer.echo(f"meschain: {line}", err=True)
    return typer.Exit(code)
