"""Database addresses as people write them, and as the async drivers want them. Pure; opens nothing."""

from __future__ import annotations

from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

_DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "mysql": "mysql+asyncmy",
    "mariadb": "mysql+asyncmy",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}

SCHEMES: Final = "sqlite:///file, mysql://, mariadb:// or postgresql://"
"""What an address may begin with, for messages."""


class BadDatabaseUrl(ValueError):
    """Not the address of a database that we can use. The text never repeats the address: it may hold a password."""


def async_url(address: str) -> URL:
    """The address with its async driver: `mysql://…` becomes `mysql+asyncmy://…`; MySQL is spoken to in utf8mb4.

    Raises: BadDatabaseUrl.
    """
    try:
        url = make_url(address)
    except ArgumentError:
        raise BadDatabaseUrl(f"This is not a database address; write {SCHEMES} ….") from None
    family = url.drivername.partition("+")[0]
    driver = _DRIVERS.get(family)
    if driver is None:
        raise BadDatabaseUrl(f"{family!r} is not a database that we know; write {SCHEMES} ….")
    if family != "sqlite" and not url.host:
        raise BadDatabaseUrl(f"The database address names no host; write {family}://user:password@host/name.")
    if family != "sqlite" and not url.database:
        raise BadDatabaseUrl(f"The database address names no database; write {family}://user:password@host/name.")
    url = url.set(drivername=driver)
    if driver == "mysql+asyncmy" and "charset" not in url.query:
        url = url.update_query_dict({"charset": "utf8mb4"})
    return url


def without_password(address: str) -> str:
    """The address for people to read: the password is `***`, and query values are left out."""
    try:
        url = make_url(address)
    except ArgumentError:
        return "***"
    return url.set(query={}).render_as_string(hide_password=True)
