"""The data plane of one node among several: what is not held here goes through the broker. Knows no broker's kind.

Messages for all, groups and users always go through the broker and come back, also to this node: so every node sees
them in one order. Messages for a connection held here do not, unless what this node sent before is still on its way.
Changes of groups, closes and questions keep to the same order.

While the broker is away, whatever concerns connections held here goes on, and everything else raises
`BrokerUnavailable` without having done a part. While too much waits for it, what goes out is refused in the same way,
and what has to keep its order behind that waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence

from hubwire.errors import BrokerUnavailable, ClientResultTimeout, ConnectionGone, NodeTimeout
from hubwire.model import Audience, AudienceKind, Connected, Member, MemberKind
from hubwire.options import ALL_PROTOCOLS, HubOptions
from hubwire.plane import subjects
from hubwire.plane.bus import Bus
from hubwire.plane.envelope import (
    Delivery,
    Ending,
    Envelope,
    Forget,
    GroupChange,
    Listing,
    Mark,
    Presence,
    Question,
    Reply,
)
from hubwire.plane.listing import PAGE_SIZE, check_limit, joined, listed, pack_page, unpack_page
from hubwire.plane.local import SLICE_SIZE, LocalDataPlane
from hubwire.plane.questions import make_failure, make_question, make_result, read_question, read_result
from hubwire.plane.registry import Registry
from hubwire.plane.requests import Requests
from hubwire.plane.subjects import HubSubjects
from hubwire.ports import Line
from hubwire.wire.codec import Codec
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.protocols import hub_protocols

_NOBODY = Audience(AudienceKind.CONNECTIONS)

_ROOM_SECONDS = 0.01
"""How often is looked whether the broker takes something again. 10 ms: a full buffer is gone through in about that."""


class ClusterDataPlane:
    """Implements `DataPlane` for one hub, and `LineRegistry` for the connections of it that this node holds."""

    def __init__(
        self,
        bus: Bus,
        hub: str,
        options: HubOptions | None = None,
        codecs: Mapping[str, Codec] | None = None,
    ) -> None:
        """Prepare a plane for `Bus.add`. All nodes give a hub the same options.

        Args:
            codecs: those of its connections; None: what the options say.
        """
        options = options or HubOptions()
        self.local = LocalDataPlane(Registry(self._watch))
        """Delivers what arrives here."""
        self.features = self.local.features
        self.subjects = HubSubjects(bus.options.namespace, hub)
        self._registry = self.local.registry
        self._bus = bus
        self._own = self.subjects.node(bus.node_id)
        codecs = codecs or hub_protocols(options.protocols, options.property_names)
        self._codecs = {name: codec.shared for name, codec in codecs.items()}
        # For values that pass between nodes, whatever clients may choose: MessagePack first, it knows more types.
        self._value_codecs = hub_protocols(ALL_PROTOCOLS, options.property_names)
        self._by_richness = [self._value_codecs[name] for name in ("messagepack", "json")]
        self._ask_seconds = options.client_result_timeout_seconds
        self._requests = Requests(bus.clock, bus.options.maximum_requests)
        self._asking: dict[tuple[str, int], asyncio.Task[None]] = {}  # questions of other nodes to clients held here
        self._posted = 0
        self._sent = 0
        self._arrived = 0
        self._marked = 0
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._joining: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing of the hub is here and nothing is expected: this node may forget it."""
        is_joining = self._joining is not None and not self._joining.done()
        return not (is_joining or len(self._registry) or len(self._requests) or self._asking or self._waiters)

    def leave(self) -> None:
        """Hear no more answers; for one that is idle and removed from its bus."""
        self._bus.broker.unsubscribe(self._own)

    async def until_arrived(self) -> None:
        """Return when everything that was published for this hub until now has reached the connections held here.

        Also what others have published: a mark that is published now comes behind all of it.
        """
        if len(self._registry):
            self._sent += 1
            await self._until_own_arrived()

    # LineRegistry

    def attach(self, line: Line) -> Awaitable[None] | None:
        self._registry.attach(line)
        return self._bus.broker.settled()

    def detach(self, line: Line) -> None:
        self._registry.detach(line)

    # DataPlane

    async def send(self, audience: Audience, message: EncodedMessage) -> None:
        if audience.kind is AudienceKind.CONNECTIONS:
            here, elsewhere = self._parted(audience)
            if elsewhere.names:
                await self._publish(elsewhere, self._delivery(elsewhere, message))
            if here.names:
                await self._until_own_arrived()
                await self.local.send(here, message)
            return
        await self._publish(audience, self._delivery(audience, message))

    async def add_to_group(self, group: str, member: Member) -> None:
        await self._change("join", group, member)

    async def remove_from_group(self, group: str, member: Member) -> None:
        await self._change("leave", group, member)

    async def remove_from_all_groups(self, member: Member) -> None:
        await self._change("leave_all", "", member)

    async def close(self, audience: Audience, reason: str | None = None, *, allow_reconnect: bool = False) -> None:
        if audience.kind is AudienceKind.CONNECTIONS:
            here, elsewhere = self._parted(audience)
            if elsewhere.names:
                await self._publish(elsewhere, self._ending(elsewhere, reason, allow_reconnect))
            if here.names:
                await self._until_own_arrived()
                await self.local.close(here, reason, allow_reconnect=allow_reconnect)
            return
        await self._publish(audience, self._ending(audience, reason, allow_reconnect))

    async def exists(self, audience: Audience) -> bool:
        """As the port. Raises: NodeTimeout, BrokerUnavailable."""
        if self._registry.has_any(audience):
            return True
        # What is known here is known; others are asked about the rest.
        names = tuple(name for name in audience.names if name not in audience.excluded)
        if audience.kind is AudienceKind.CONNECTIONS:
            audience = Audience(audience.kind, names)
        to = self.subjects.of(audience)
        if not to:
            return False
        excluded = tuple(audience.excluded)

        def send(number: int) -> Awaitable[int]:
            return self._bus.publish(to, Presence(self._bus.node_id, number, excluded))

        await self._until_joined()
        replies = await self._requests.ask(b"", send, self._bus.options.answer_timeout_seconds, _is_there)
        return any(map(_is_there, replies))

    async def members(self, audience: Audience, *, after: str = "", limit: int | None = None) -> list[Connected]:
        """As the port. Raises: NodeTimeout, BrokerUnavailable, also for connections that are held here."""
        check_limit(limit)
        await self._until_joined()
        to = self.subjects.of(audience)
        excluded = tuple(audience.excluded)
        found: list[Connected] = []
        has_more = bool(to)
        while has_more:
            size = PAGE_SIZE if limit is None else min(PAGE_SIZE, limit - len(found))
            listing = (excluded, after.encode("utf-8", "surrogatepass"), size)

            def send(number: int, listing: tuple[tuple[str, ...], bytes, int] = listing) -> Awaitable[int]:
                return self._bus.publish(to, Listing(self._bus.node_id, number, *listing))

            replies = await self._requests.ask(b"", send, self._bus.options.answer_timeout_seconds)
            complete, has_more = joined([unpack_page(reply.value) for reply in replies], size)
            found += complete
            if limit is not None and len(found) >= limit:
                return found[:limit]
            if has_more:
                after = found[-1].connection_id
        return found

    async def invoke(
        self, connection_id: str, target: str, arguments: Sequence[object], timeout_seconds: float | None = None
    ) -> object:
        """As the port. Raises: BrokerUnavailable beside."""
        if connection_id in self._registry:
            await self._until_own_arrived()
            return await self.local.invoke(connection_id, target, arguments, timeout_seconds)
        seconds = self._ask_seconds if timeout_seconds is None else timeout_seconds
        subject = self.subjects.one(AudienceKind.CONNECTIONS, connection_id)
        request = 0

        def send(number: int) -> Awaitable[int]:
            nonlocal request
            request = number
            origin = self._bus.node_id
            question = make_question(self._by_richness, origin, number, target, arguments, timeout_seconds)
            return self._bus.publish([subject], question)

        await self._until_joined()
        try:
            # The node that holds the connection keeps the time; ours is for its failure.
            replies = await self._requests.ask(subject, send, seconds + self._bus.options.answer_timeout_seconds)
        except asyncio.CancelledError:
            if request:
                self._bus.tell([subject], Forget(self._bus.node_id, request))
            raise
        except NodeTimeout:
            raise ClientResultTimeout(connection_id, target, seconds) from None
        if not replies:
            raise ConnectionGone(connection_id, had_been_asked=False)
        return read_result(self._value_codecs, replies[0], connection_id, target)

    # BusMember

    def joined(self) -> None:
        self._bus.broker.subscribe(self._own)
        waiting = self._bus.broker.settled()  # None before the bus starts, which waits for all together
        if waiting is not None:
            self._joining = self._bus.run(_until(waiting))

    def received(self, kind: bytes, name: bytes, envelope: Envelope) -> Awaitable[None] | None:
        match envelope:
            case Delivery():
                audience = subjects.audience(kind, name, frozenset(envelope.excluded))
                self._note_own(envelope)
                message = self._message(envelope)
                receivers = self.local.send_at_once(audience, message)
                if receivers is None:
                    return self.local.send(audience, message)
                return self._give_way(receivers)
            case Ending():
                audience = subjects.audience(kind, name, frozenset(envelope.excluded))
                self._note_own(envelope)
                return self.local.close(audience, envelope.reason, allow_reconnect=envelope.allow_reconnect)
            case Mark():
                self._note(envelope.number)
            case Reply():
                self._requests.answer(envelope)
            case Presence():
                there = self._registry.has_any(subjects.audience(kind, name, frozenset(envelope.excluded)))
                self._reply(envelope.origin, Reply(envelope.request, "true" if there else "false"))
            case Listing():
                lines = self._registry.lines(subjects.audience(kind, name, frozenset(envelope.excluded)))
                self._bus.run(self._list(lines, envelope))
            case GroupChange():
                member_kind = MemberKind.USER if kind == subjects.USER else MemberKind.CONNECTION
                member = Member(member_kind, name.decode("utf-8", "surrogatepass"))
                self._apply(envelope.change, envelope.group.decode("utf-8", "surrogatepass"), member)
                waiting = self._bus.broker.settled() if envelope.change == "join" else None
                if waiting is None:
                    self._reply(envelope.origin, Reply(envelope.request, "done"))
                else:
                    self._bus.run(self._acknowledge(envelope, waiting))
            case Question():
                key = (envelope.origin, envelope.request)
                connection_id = name.decode("utf-8", "surrogatepass")
                task = self._asking[key] = self._bus.run(self._answer(connection_id, envelope))
                task.add_done_callback(lambda _: self._asking.pop(key, None))
            case Forget():
                asking = self._asking.get((envelope.origin, envelope.request))
                if asking is not None:
                    asking.cancel()
            case _:
                pass  # the directory's
        return None

    def lost(self) -> None:
        self._requests.fail("it was lost before other nodes had answered")
        # What was on its way to ourselves will not come; nothing has to wait for it any more.
        self._note(self._sent)

    def restored(self, seconds: float) -> None:
        return

    def node_gone(self, node_id: str) -> None:
        for (origin, _), task in list(self._asking.items()):
            if origin == node_id:
                task.cancel()
        waiting = [(number, subject) for number, subject in self._requests.waiting() if subject]
        if waiting:
            self._bus.run(self._find_those_gone(waiting))

    def _give_way(self, receivers: int) -> Awaitable[None] | None:
        """Many messages that came in together are one long fan-out: yield after each slice of them too."""
        self._posted += receivers
        if self._posted < SLICE_SIZE:
            return None
        self._posted = 0
        return asyncio.sleep(0)

    # Sending

    def _parted(self, audience: Audience) -> tuple[Audience, Audience]:
        """Connections held here, and the others."""
        if len(audience.names) == 1 and audience.names[0] in self._registry:
            return audience, _NOBODY  # a reply to the caller
        names = [name for name in dict.fromkeys(audience.names) if name not in audience.excluded]
        here = tuple(name for name in names if name in self._registry)
        elsewhere = tuple(name for name in names if name not in self._registry)
        return Audience(AudienceKind.CONNECTIONS, here), Audience(AudienceKind.CONNECTIONS, elsewhere)

    def _delivery(self, audience: Audience, message: EncodedMessage) -> Delivery:
        payloads: dict[str, bytes] = {}
        failures: dict[str, str] = {}
        for name, codec in self._codecs.items():
            try:
                payloads[name] = message.payload(codec)
            except Exception as error:  # noqa: BLE001 - encoding runs user objects; connections end as they would alone
                failures[name] = f"{type(error).__name__}: {error}"
        return Delivery(self._bus.node_id, self._next(audience), tuple(audience.excluded), payloads, failures)

    def _ending(self, audience: Audience, reason: str | None, allow_reconnect: bool) -> Ending:
        excluded = tuple(audience.excluded)
        return Ending(self._bus.node_id, self._next(audience), excluded, reason, allow_reconnect)

    def _next(self, audience: Audience) -> int:
        """The number of something that will come back; 0: it will not, or more than once."""
        return self._sent + 1 if len(audience.names) <= 1 and self._registry.has_any(audience) else 0

    async def _publish(self, audience: Audience, envelope: Delivery | Ending) -> None:
        comes_back = envelope.number or (len(audience.names) > 1 and self._registry.has_any(audience))
        taken = self._bus.publish(self.subjects.of(audience), envelope)
        if comes_back:  # counted once it was taken
            self._sent += 1
        await taken

    async def _until_own_arrived(self) -> None:
        """Return when what this node sent before has been delivered to the connections held here."""
        target = self._sent
        if self._joining is not None:
            await self._until_joined()
        while self._arrived < target and self._bus.broker.is_available:
            if self._is_marked(target):
                arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiters.append((target, arrived))
                await arrived
            else:
                await self._bus.clock.sleep(_ROOM_SECONDS)  # it takes what waits, or is lost

    async def _until_joined(self) -> None:
        """Return when answers reach this node: a hub that was made a moment ago may not be subscribed yet."""
        if self._joining is not None:
            await asyncio.wait((self._joining,))
            self._joining = None

    def _is_marked(self, target: int) -> bool:
        """Whether a mark comes back behind everything up to this number; sends one unless the broker refuses it.

        The counted messages themselves might have met no subscription.
        """
        if self._marked < target:
            try:
                self._bus.publish([self._own], Mark(target))
            except BrokerUnavailable:
                return False
            self._marked = target
        return True

    def _note_own(self, envelope: Delivery | Ending) -> None:
        if envelope.number and envelope.origin == self._bus.node_id:
            self._note(envelope.number)

    def _note(self, number: int) -> None:
        """Everything up to this number has arrived; who waits for it goes on in a later turn."""
        self._arrived = max(self._arrived, number)
        if self._waiters:
            for waiter in self._waiters:
                if waiter[0] <= self._arrived and not waiter[1].done():
                    waiter[1].set_result(None)
            self._waiters = [waiter for waiter in self._waiters if not waiter[1].done()]

    def _message(self, delivery: Delivery) -> EncodedMessage:
        payloads = {self._codecs[name]: payload for name, payload in delivery.payloads.items() if name in self._codecs}
        failures: dict[str, str] = delivery.failures
        return EncodedMessage.received(
            payloads,
            {self._codecs[name]: ValueError(text) for name, text in failures.items() if name in self._codecs}
            if failures
            else {},
        )

    # Groups

    async def _change(self, change: str, group: str, member: Member) -> None:
        if member.kind is MemberKind.CONNECTION and member.id in self._registry:
            await self._until_own_arrived()
            self._apply(change, group, member)
            if change == "join" and (waiting := self._bus.broker.settled()) is not None:
                await waiting
            return
        subject = self.subjects.member(member)

        def send(number: int) -> Awaitable[int]:
            envelope = GroupChange(self._bus.node_id, number, change, subjects.encoded(group))
            return self._bus.publish([subject], envelope)

        await self._until_joined()
        await self._requests.ask(b"", send, self._bus.options.answer_timeout_seconds)

    def _apply(self, change: str, group: str, member: Member) -> None:
        match change:
            case "join":
                self._registry.join(group, member)
            case "leave":
                self._registry.leave(group, member)
            case "leave_all":
                self._registry.leave_all(member)

    async def _acknowledge(self, change: GroupChange, waiting: Awaitable[None]) -> None:
        """Say that a join is done once messages for the group arrive here."""
        await waiting
        self._reply(change.origin, Reply(change.request, "done"))

    def _reply(self, origin: str, reply: Reply) -> None:
        if origin == self._bus.node_id:
            self._requests.answer(reply)
        else:
            self._bus.tell([self.subjects.node(origin)], reply)

    # Questions

    async def _answer(self, connection_id: str, question: Question) -> None:
        try:
            asked = read_question(self._value_codecs, question)
            result = await self.local.invoke(connection_id, asked.target, asked.arguments, question.timeout_seconds)
        except Exception as error:  # noqa: BLE001 - whatever it is goes back to whoever asked
            reply = make_failure(question.request, error)
        else:
            reply = make_result(self._by_richness, question.request, result)
        self._reply(question.origin, reply)

    async def _list(self, lines: Sequence[Line], listing: Listing) -> None:
        page = await listed(lines, listing.after.decode("utf-8", "surrogatepass"), listing.limit)
        self._reply(listing.origin, Reply(listing.request, "listed", value=pack_page(page)))

    async def _find_those_gone(self, waiting: Sequence[tuple[int, bytes]]) -> None:
        """After the end of a node: end the questions to connections that nobody holds any more."""
        for number, subject in waiting:
            try:
                # A question that nobody has asked: who holds the connection ignores it, and is counted.
                if not await self._bus.publish([subject], Forget(self._bus.node_id, -1)):
                    self._requests.answer(Reply(number, "gone"))
            except BrokerUnavailable:
                return  # all of them have failed with it

    def _watch(self, kind: AudienceKind, name: str, is_first: bool) -> None:
        subject = self.subjects.one(kind, name)
        if is_first:
            self._bus.broker.subscribe(subject)
        else:
            self._bus.broker.unsubscribe(subject)


def _is_there(reply: Reply) -> bool:
    return reply.outcome == "true"


async def _until(settled: Awaitable[None]) -> None:
    await settled
