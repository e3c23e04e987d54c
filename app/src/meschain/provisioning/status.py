"""What stands in a resource group, as values. Knows no Azure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ResourceState:
    """One resource of the group."""

    kind: str
    """Its type, as in Microsoft.Web/sites."""
    name: str
    state: str
    """As in Succeeded or Failed; empty where Azure tells none."""
    health: str
    """As in Available or Unavailable; empty where Azure tells none."""
    is_ours: bool

    @property
    def is_well(self) -> bool:
        """Whether nothing says that it is not."""
        return self.state in {"", "Succeeded"} and self.health in {"", "Available", "Unknown"}


@dataclass(frozen=True, slots=True)
class Status:
    """What stands in the group."""

    location: str
    deployment: str
    """State of the last deployment; empty: there was none."""
    failures: tuple[str, ...]
    """What its failed steps say."""
    outputs: Mapping[str, str]
    resources: tuple[ResourceState, ...]

    @property
    def is_well(self) -> bool:
        """Whether the last deployment went through and every resource is well."""
        return self.deployment == "Succeeded" and all(resource.is_well for resource in self.resources)
