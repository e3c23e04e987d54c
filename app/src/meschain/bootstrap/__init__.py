"""Puts the application together: the only place that knows which adapter stands behind which port, and the hosting."""

from meschain.bootstrap.application import DEMO_PEOPLE, Application, Work, build
from meschain.bootstrap.shop import DEMO_SHOP_FILE

__all__ = ["DEMO_PEOPLE", "DEMO_SHOP_FILE", "Application", "Work", "build"]
