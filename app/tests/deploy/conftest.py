"""Shops on a MariaDB for the tests of the extension: the fixtures of the shop's own tests."""

from __future__ import annotations

from app.tests.opencart.conftest import make_world, mariadb

__all__ = ["make_world", "mariadb"]
