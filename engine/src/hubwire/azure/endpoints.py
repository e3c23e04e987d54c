"""Several services that act as one: which they are, which are well, and which of them a client is sent to.

Pure but for its random numbers; the requests about health are made in `endpoint`.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol, TypeVar

from hubwire.azure.connection_string import ConnectionString


class EndpointType(enum.Enum):
    """What a service is for."""

    PRIMARY = "primary"
    """Takes clients."""
    SECONDARY = "secondary"
    """Takes clients while no primary one is well; what is published goes to it always."""


@dataclass(frozen=True, slots=True)
class ServiceEndpoint:
    """One service of several."""

    connection: ConnectionString
    name: str = ""
    """For the log, and for whoever chooses."""
    type: EndpointType = EndpointType.PRIMARY
    region: str | None = None
    """Clients that want this region are sent here before others."""
    weight: int = 1
    """Its share of new clients among those that are as good. 0: none, for example before it is taken away."""

    def __post_init__(self) -> None:
        """Raises: ValueError."""
        if self.weight < 0:
            raise ValueError(f"The weight of endpoint {self.name!r} is {self.weight!r}; give a whole number from 0.")

    @classmethod
    def parse(cls, key: str, connection_string: str) -> ServiceEndpoint:
        """Read one of a configuration as ASP.NET has it: `name`, `name:primary` or `name:secondary`, `__` for `:` too.

        Raises: InvalidConnectionString; ValueError for another word behind the name.
        """
        name, _, kind = key.replace("__", ":").partition(":")
        try:
            endpoint_type = EndpointType(kind.lower() or EndpointType.PRIMARY.value)
        except ValueError:
            raise ValueError(
                f"The endpoint {key!r} is of no known kind; write name:primary or name:secondary."
            ) from None
        return cls(ConnectionString.parse(connection_string), name, endpoint_type)


class Candidate(Protocol):
    """What is chosen among."""

    @property
    def settings(self) -> ServiceEndpoint:
        """Which service it is."""

    @property
    def is_healthy(self) -> bool:
        """Whether it answers."""


CandidateT = TypeVar("CandidateT", bound=Candidate)


def choose(candidates: Sequence[CandidateT], region: str | None, random: Random) -> CandidateT:
    """Return where the next client goes: by weight among the best that there are.

    The best are healthy and primary, and of these those of the region, if there are any. When no primary one is well,
    it is the secondary ones' turn; when none at all is, all count as well, since the client may see more than we do.

    Args:
        candidates: one at least.
    """
    healthy = [each for each in candidates if each.is_healthy] or list(candidates)
    for kind in EndpointType:
        of_kind = [each for each in healthy if each.settings.type is kind]
        weighted = [each for each in of_kind if each.settings.weight] if kind is EndpointType.PRIMARY else of_kind
        near = [each for each in weighted if region is not None and each.settings.region == region]
        if best := near or weighted:
            weights = [each.settings.weight or 1 for each in best]
            return random.choices(best, weights)[0]
    return random.choice(healthy)  # only those without any weight are left
