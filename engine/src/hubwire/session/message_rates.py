"""What the connections of one hub may send: each by itself, and all of one user together. Pure: no clock, no socket."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from weakref import WeakValueDictionary

from hubwire.errors import TooManyMessages
from hubwire.options import HubOptions
from hubwire.rates import Rate, TokenBucket

PREPAID_MESSAGES = 64
"""Messages that a connection takes from its buckets at once, so that each by itself costs a comparison; no more than a
quarter of what they hold. The first are counted when they are used up: whoever only listens and pings has no buckets
for a quarter of an hour."""


MAXIMUM_USERS = 10_000
"""Users whose bucket is remembered although no connection uses it; those who came longest ago are forgotten first. Else
whoever has used it up would only have to connect again. 10,000: 3 MB."""


class MessageRates:
    """Makes the buckets of connections. Those of users live on for a while behind their last connection."""

    __slots__ = ("_of_connection", "_of_user", "_options", "_recent", "_users", "prepaid_messages")

    def __init__(self, options: HubOptions) -> None:
        self._options = options
        seconds = options.message_burst_seconds
        own, users = options.messages_per_second, options.user_messages_per_second
        self._of_connection = None if own is None else Rate.over(own, seconds)
        self._of_user = None if users is None else Rate.over(users, seconds)
        self._users: WeakValueDictionary[str, TokenBucket] = WeakValueDictionary()  # those that are used, or recent
        self._recent: OrderedDict[str, TokenBucket] = OrderedDict()
        bursts = [rate.burst for rate in (self._of_connection, self._of_user) if rate is not None]
        self.prepaid_messages = min(PREPAID_MESSAGES, *(int(burst) // 4 for burst in bursts)) if bursts else -1
        """How many a connection takes at once, the first before it has buckets; -1: any number, nothing is counted."""

    def buckets(self, user_id: str | None, now: float) -> tuple[TokenBucket, ...]:
        """The buckets of one more connection, from which its first messages are taken already."""
        buckets = []
        if self._of_connection is not None:
            buckets.append(TokenBucket(self._of_connection, now))
        if self._of_user is not None and user_id is not None:
            bucket = self._users.get(user_id)
            if bucket is None:
                bucket = self._users[user_id] = TokenBucket(self._of_user, now)
            self._recent[user_id] = bucket
            self._recent.move_to_end(user_id)
            if len(self._recent) > MAXIMUM_USERS:
                self._recent.popitem(last=False)
            buckets.append(bucket)
        for bucket in buckets:
            bucket.available(now)
            bucket.take(self.prepaid_messages)
        return tuple(buckets)

    def excess(self, short: Iterable[TokenBucket], now: float) -> TooManyMessages | None:
        """Say which of a connection's buckets has been short for too long; None: none of them."""
        timeout = self._options.message_rate_timeout_seconds
        for bucket in short:
            if now - bucket.short_since >= timeout:
                is_users = bucket.rate is self._of_user
                option = "user_messages_per_second" if is_users else "messages_per_second"
                return TooManyMessages(option, round(bucket.rate.per_second), timeout)
        return None
