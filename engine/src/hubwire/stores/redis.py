"""User-group memberships in Redis or Valkey: for a service of several processes.

Two sorted sets for each user of a hub: groups by expiry, and those that are kept up to a number of them by the order of
their updates. Each change is one script, which Redis runs whole. The sets expire an hour after their last membership.
What was answered outlives a restart of Redis as far as Redis itself is told to keep its data (`appendonly yes`).
"""

from __future__ import annotations

import urllib.parse

from hubwire.clock import Clock
from hubwire.options import BrokerOptions
from hubwire.stores.redis_commands import RedisCommands

EXPIRED_KEPT_SECONDS = 3_600
"""How long what expired is known; see the port."""

_PUT = """
local groups, order = KEYS[1], KEYS[2]
local group, expires_at, now, kept, known = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
redis.call('ZADD', groups, expires_at, group) -- first, for here Redis looks whether there is memory
redis.call('ZREMRANGEBYSCORE', groups, '-inf', '(' .. string.format('%.17g', tonumber(now) - known))
if kept then
  local last = redis.call('ZRANGE', order, -1, -1, 'WITHSCORES')
  redis.call('ZADD', order, (tonumber(last[2]) or 0) + 1, group)
  local too_many = redis.call('ZCARD', order) - kept
  if too_many > 0 then
    local first = redis.call('ZPOPMIN', order, too_many)
    for index = 1, #first, 2 do
      local ends = redis.call('ZSCORE', groups, first[index])
      if ends and tonumber(ends) > tonumber(now) then
        redis.call('ZADD', groups, now, first[index])
      end
    end
  end
else
  redis.call('ZREM', order, group)
end
local last = tonumber(redis.call('ZRANGE', groups, -1, -1, 'WITHSCORES')[2]) or tonumber(now)
local seconds = string.format('%d', math.max(1, math.ceil(last - tonumber(now)) + known))
redis.call('EXPIRE', groups, seconds)
redis.call('EXPIRE', order, seconds)
return 1
"""

_REMOVE = """
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
"""


class RedisMembershipStore:
    """Implements `MembershipStore`."""

    def __init__(
        self,
        url: str,
        options: BrokerOptions | None = None,
        *,
        namespace: str = "hubwire",
        clock: Clock | None = None,
    ) -> None:
        """Prepare a store; it connects when it starts.

        Args:
            url: `redis://[user:password@]host[:port][/database]`, `rediss://` for TLS, `unix://` for a socket. It is
                never logged.
            namespace: begins all keys, as `ClusterOptions.namespace` begins all subjects.

        Raises: ValueError for an address that cannot be one.
        """
        self._commands = RedisCommands(url, options, clock=clock)
        self._namespace = namespace

    def __repr__(self) -> str:
        return f"RedisMembershipStore({self._commands.address})"

    async def start(self) -> None:
        await self._commands.start()

    async def stop(self) -> None:
        await self._commands.stop()

    async def put(
        self, hub: str, user_id: str, group: str, *, now: float, expires_at: float, kept: int | None = None
    ) -> None:
        arguments = (_bytes(group), repr(expires_at), repr(now), "" if kept is None else kept, EXPIRED_KEPT_SECONDS)
        await self._commands.ask("EVAL", _PUT, 2, *self._keys(hub, user_id), *arguments)

    async def remove(self, hub: str, user_id: str, group: str) -> None:
        await self._commands.ask("EVAL", _REMOVE, 2, *self._keys(hub, user_id), _bytes(group))

    async def remove_all(self, hub: str, user_id: str) -> None:
        await self._commands.ask("DEL", *self._keys(hub, user_id))

    async def find(self, hub: str, user_id: str, group: str) -> float | None:
        expires_at = await self._commands.ask("ZSCORE", self._keys(hub, user_id)[0], _bytes(group))
        return float(expires_at) if isinstance(expires_at, bytes) else None

    async def of_user(self, hub: str, user_id: str) -> dict[str, float]:
        found = await self._commands.ask("ZRANGE", self._keys(hub, user_id)[0], 0, -1, "WITHSCORES")
        if not isinstance(found, list):
            return {}
        return {
            group.decode("utf-8", "surrogatepass"): float(expires_at)
            for group, expires_at in zip(found[::2], found[1::2], strict=True)
        }

    def _keys(self, hub: str, user_id: str) -> tuple[bytes, bytes]:
        # The hub is quoted, so that it holds no colon; the user is the rest, of any text.
        rest = f":{urllib.parse.quote(hub, safe='')}:".encode() + _bytes(user_id)
        prefix = f"{self._namespace}:".encode()
        return prefix + b"groups" + rest, prefix + b"kept" + rest


def _bytes(text: str) -> bytes:
    """Any text, also halves of surrogate pairs, compared byte by byte."""
    return text.encode("utf-8", "surrogatepass")
