"""Puts the application together: the only place that knows which adapter stands behind which port, and the hosting."""

from meschain.bootstrap.application import DEMO_PEOPLE, SYNC_JOBS, Application, build
from meschain.bootstrap.hosting import ServiceProcess, reach_redis
from meschain.bootstrap.on_a_service import client_accesses, try_service
from meschain.bootstrap.preparation import prepare
from meschain.bootstrap.shop import DEMO_SHOP_FILE

__all__ = [
    "DEMO_PEOPLE",
    "DEMO_SHOP_FILE",
    "SYNC_JOBS",
    "Application",
    "ServiceProcess",
    "build",
    "client_accesses",
    "prepare",
    "reach_redis",
    "try_service",
]
