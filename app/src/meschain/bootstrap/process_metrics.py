"""What `/metrics` says of a process as one of several: its name, whether it does the background work, whom it knows."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Gauge

from meschain.bootstrap.hub_place import Hubs
from meschain.services.lease import WorkLease


def show_process(registry: CollectorRegistry, node_id: str, hubs: Hubs, lease: WorkLease) -> None:
    """Register the gauges; they are read when they are scraped."""
    name = Gauge("meschain_node", "1, with the name and the id of the process.", ("node", "process"), registry=registry)
    name.labels(node_id, str(os.getpid())).set(1)
    held = Gauge("meschain_background_work", "1 in the process that does the background work.", registry=registry)
    held.set_function(lambda: float(lease.is_held))
    nodes = Gauge("meschain_nodes", "Processes of the service that this one knows, itself included.", registry=registry)
    nodes.set_function(lambda: float(len(hubs.nodes) or 1))
