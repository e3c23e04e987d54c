"""Data planes: the ways messages go out to the clients of a hub."""

from hubwire.plane.local import LocalDataPlane
from hubwire.plane.registry import Registry

__all__ = ["LocalDataPlane", "Registry"]
