"""How often one address and one user may negotiate. Knows no token."""

from __future__ import annotations

from meschain.auth.throttle import SlidingLimit, network_of


class NegotiateThrottle:
    """Two limits: by address before the token is looked at, by user after."""

    def __init__(self, per_user: SlidingLimit, per_address: SlidingLimit) -> None:
        self._per_user = per_user
        self._per_address = per_address

    def from_address(self, address: str) -> None:
        """Raises: Throttled."""
        self._per_address.hit(network_of(address))

    def by_user(self, user_id: str) -> None:
        """Raises: Throttled."""
        self._per_user.hit(user_id)
