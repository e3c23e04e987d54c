"""What the server does when a time is over, among it each limit that is one.

Trials wait for seconds and need little else, so all of a lane run side by side; each is reported by itself. No trial
looks at how long it took: what must come has to come, in any time that a slow machine may need.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import pytest
from compliance.checklist import ALL, POLLING, STREAMING, TRANSPORTS, WEBSOCKETS, shows
from compliance.raw.conftest import fast_only, is_for_lane, runs_on
from compliance.raw.judge import SMALL_BUFFER_BYTES, Judge, call, completion
from compliance.raw.notation import Message
from compliance.raw.peers import Peer, PollingPeer, WebSocketPeer
from compliance.raw.silent import is_cut, read_nothing
from compliance.raw.stateful import UNKNOWN_ID, ack, come_back, lose, refused, stateful
from compliance.raw.websocket import close_code
from compliance.server import ConformanceServer

CANCELED = b'{"error":"Handshake was canceled."}\x1e'
FAR_TOO_MUCH_BYTES = 24 * 1024 * 1024
"""More than the kernel keeps of what a process does not read, both ends together."""

Run = Callable[[Judge, str], Awaitable[None]]


@dataclass(frozen=True)
class Trial:
    """One combination of one behaviour."""

    run: Run
    over: str

    @property
    def name(self) -> str:
        return f"{getattr(self.run, '__name__', '')}-{self.over}"

    def is_for(self, lane: str) -> bool:
        return runs_on(lane, self.over) and is_for_lane(self.run, lane)


TRIALS: list[Trial] = []


def timed(*rows: str, over: Sequence[str]) -> Callable[[Run], Run]:
    """Make trials of a function, one for each combination, and say which rows they show."""

    def mark(run: Run) -> Run:
        TRIALS.extend(Trial(run, each) for each in over)
        return shows(*rows, over=over, together=True)(run)

    return mark


# Opening


@timed("handshake-timeout", "limit-handshake_timeout_seconds", over=ALL)
async def no_handshake_in_time_is_told_and_ended(judge: Judge, over: str) -> None:
    async def shake_not(*, begin: bool) -> None:
        async with judge.opened(over, "/limits") as peer:
            if begin:
                await peer.send_bytes(peer.handshake()[:-1])
            assert await peer.payload() == CANCELED
            assert await peer.payload() is None
            if isinstance(peer, WebSocketPeer):
                assert peer.close_code == 1000

    await asyncio.gather(shake_not(begin=False), shake_not(begin=True))


# Silence


@timed("client-timeout", "limit-client_timeout_seconds", over=ALL)
async def a_client_that_has_pinged_and_falls_silent_is_closed(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/limits") as peer:
        await peer.send({"type": 6})
        text = "ClientTimeout: Client hasn't sent a message/ping within the configured ClientTimeoutInterval."
        error = f"Connection closed with an error. {text}"
        assert await peer.end() == [{"type": 7, "error": error, "allowReconnect": True}]
        assert (await judge.events(peer.connection_id, "disconnected"))[-1] == f"disconnected {text}"


@timed("never-pinged", "keep-alive", "no-pings-on-polling", over=ALL)
async def a_client_that_has_never_pinged_may_be_silent(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/limits") as peer:
        await intervals(peer, 3)
        assert await peer.result("Echo", "still here") == "still here"


@timed("long-call-does-not-count", over=ALL)
async def a_client_whose_call_takes_long_may_be_silent(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/limits") as peer:
        gate = f"long-{peer.connection_id}"
        await peer.send({"type": 6}, call("Hold", gate, invocation_id="1"))
        await intervals(peer, 3)
        await judge.release(gate)
        assert await peer.receive() == completion("1", result=gate)


@timed("client-timeout", over=ALL)
async def a_client_that_goes_on_pinging_stays(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/limits") as peer:
        for _ in range(4):
            await peer.send({"type": 6})
            await intervals(peer, 1)
        assert await peer.result("Echo", "still here") == "still here"


async def intervals(peer: Peer, count: int) -> None:
    """See a ping in each; a client that polls gets none, however long it polls."""
    for _ in range(count):
        if isinstance(peer, PollingPeer):
            assert await peer.payload() == b""
        else:
            assert await peer.message() == {"type": 6}


@timed("transport-lost", "limit-disconnect_timeout_seconds", over=POLLING)
async def a_client_that_stops_to_poll_is_lost(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/limits") as peer:
        gate = f"unpolled-{peer.connection_id}"
        await peer.send(call("HoldCancellable", gate, invocation_id="1"))
        events = await judge.events(peer.connection_id, "disconnected")
        assert events[:-1] == ["connected", f"holding {gate}", f"canceled {gate}"]
        assert events[-1].startswith("disconnected ConnectionResetError: ")
        reply = await judge.request("GET", peer.target)
        assert (reply.status, reply.body) == UNKNOWN_ID


@timed("poll-timeout", "limit-poll_timeout_seconds", over=POLLING)
async def a_poll_that_waits_in_vain_is_an_empty_200_and_the_connection_lives(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/limits") as peer:
        assert isinstance(peer, PollingPeer)
        reply = await peer.poll()
        assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"", "0")
        assert reply.headers["content-type"] == "text/plain"
        assert await peer.result("Echo", "still here") == "still here"


@timed("limit-post-that-stops", "limit-disconnect_timeout_seconds", over=POLLING)
async def a_post_that_brings_no_more_is_given_up_and_the_next_has_its_turn(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/limits") as peer:
        data = peer.notation.write(call("Echo", "whole", invocation_id="1"))
        async with judge.requesting("POST", peer.target, {"Content-Length": str(len(data) + 1)}, data) as streams:
            assert await peer.receive() == completion("1", result="whole")
            posting = asyncio.create_task(peer.send(call("Echo", "next", invocation_id="2")))
            assert await peer.receive() == completion("2", result="next")
            await posting
            assert (await streams.reply()).status == 400


# Readers


@timed("slow-client", "limit-write_timeout_seconds", over=ALL)
async def a_reader_that_takes_nothing_for_too_long_is_cut(judge: Judge, over: str) -> None:
    peer = judge.peer(over, "/limits")
    await read_nothing(peer)
    if isinstance(peer, PollingPeer):
        await peer.send(call("Large", FAR_TOO_MUCH_BYTES, invocation_id="1"))
        streams = await judge.dial(receive_buffer_bytes=SMALL_BUFFER_BYTES)
        streams.stop_reading()
        streams.writer.write(judge.head("GET", peer.target))
    else:
        await peer.send({"type": 4, "invocationId": "s", "target": "Flood", "arguments": [30_000]})
    events = await judge.events(peer.connection_id, "disconnected")
    assert events[-1].startswith("disconnected WriteTimeout: ")
    await is_cut(judge, peer)


@timed("slow-raw-client", over=STREAMING)
async def a_raw_reader_that_takes_nothing_for_too_long_is_cut(judge: Judge, over: str) -> None:
    peer = judge.peer(over, "/flooding")
    await read_nothing(peer, is_raw=True)
    await peer.send_bytes(b"begin")
    assert "ended WriteTimeout" in await judge.events(peer.connection_id, "ended")
    await is_cut(judge, peer)


@fast_only
@timed("close-frame-missing", "limit-close_timeout_seconds", over=WEBSOCKETS)
async def a_client_that_does_not_answer_the_close_frame_is_cut(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/limits") as peer:
        assert isinstance(peer, WebSocketPeer)
        await peer.send(call("Abort"))
        assert await peer.message() == {"type": 7}
        frame = await peer.socket.frame()
        assert frame is not None
        assert close_code(frame) == 1000
        assert await peer.socket.frame() is None


# Answers of clients


@timed("result-late", "limit-client_result_timeout_seconds", over=ALL)
async def an_answer_that_comes_too_late_is_ignored(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/limits") as peer:
        await peer.send(call("AskCaller", "Result", invocation_id="0"))
        question = await peer.receive()
        answer = await peer.receive()
        assert answer["invocationId"] == "0"
        assert "Invocation canceled by the server." in answer["error"]
        question_id = question["invocationId"]
        await peer.send(completion(question_id, result=5), completion(question_id, error="x"))
        assert await peer.result("Echo", "still here") == "still here"


@timed("limit-calls-that-ask", over=ALL)
async def calls_that_wait_for_their_client_do_not_let_others_begin_without_end(judge: Judge, over: str) -> None:
    async with judge.connected(over, "/limits") as peer:
        await peer.send(*(call("AskWithin", "Result", 1, invocation_id=str(number)) for number in range(4)))
        # Two have let the next begin. The third may not, and no answer is read behind the fourth, which waits.
        assert [(await peer.receive())["type"] for _ in range(3)] == [1, 1, 1]
        messages = [await peer.receive() for _ in range(5)]
        assert sorted(each["invocationId"] for each in messages if each["type"] == 3) == ["0", "1", "2", "3"]
        assert messages[0]["type"] == 3  # the fourth asks only now


# Tokens


@timed("token-expires", over=TRANSPORTS)
async def a_connection_may_end_with_its_token_and_come_again(judge: Judge, over: str) -> None:
    headers = {"Authorization": f"Bearer {await judge.token('ann', 5)}"}  # until all of it below is done
    async with judge.connected(over, "/expiring", headers=headers) as peer:
        assert await peer.result("GetUserId") == "ann"
        assert await judge.events(peer.connection_id) == ["connected"]
        assert await peer.message() == {"type": 7, "allowReconnect": True}
        peer.headers = {"Authorization": f"Bearer {await judge.token('ann')}"}  # each poll needs one that is good
        assert await peer.end() == []
        assert await judge.events(peer.connection_id, "disconnected") == ["connected", "disconnected"]


# Stateful reconnect


@timed("stateful-ack", over=WEBSOCKETS)
async def the_server_acknowledges_some_time_after_a_message_and_not_each(judge: Judge, over: str) -> None:
    async with stateful(judge, over) as peer:
        for count, total in ((10, 10), (1, 11)):
            await peer.send(*(call("Echo", number, invocation_id="i") for number in range(count)))
            answers: list[Message] = []
            acks: list[Message] = []
            while len(answers) < count or acks[-1:] != [ack(total)]:
                message = await peer.receive()
                (answers if message["type"] == 3 else acks).append(message)
            assert len(acks) < 3  # on a busy machine the time may be over before the last call has its turn


@timed("stateful-lost-window", "limit-disconnect_timeout_seconds", over=WEBSOCKETS)
async def who_does_not_come_back_in_time_is_lost(judge: Judge, over: str) -> None:
    async with stateful(judge, over, "/limits") as peer:
        await lose(peer)
        events = await judge.events(peer.connection_id, "disconnected")
        assert events[-1].startswith("disconnected ConnectionResetError: ")
        assert await refused(judge, peer) == UNKNOWN_ID


@timed("trap-glued-to-handshake", over=WEBSOCKETS)
async def messages_do_not_wait_for_ever_behind_the_handshake(judge: Judge, over: str) -> None:
    async with stateful(judge, over, query="greet=hello", is_silent=True) as peer:
        assert await peer.message() == call("Greeting", "hello")


@timed("trap-silent-socket-ends", over=WEBSOCKETS)
async def a_new_socket_without_a_sequence_is_ended(judge: Judge, over: str) -> None:
    async with stateful(judge, over) as peer:
        assert await come_back(peer) == 1
        close = (await peer.end())[-1]
        assert (close["type"], close["allowReconnect"]) == (7, True)
        await judge.events(peer.connection_id, "disconnected")


# All of them


@pytest.fixture(scope="module")
def outcomes(
    served: tuple[str, ConformanceServer], request: pytest.FixtureRequest
) -> Mapping[Trial, BaseException | None]:
    """How the trials that were asked for have ended on this lane."""
    lane, server = served
    wanted = {
        item.callspec.params["trial"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.originalname == test_in_time.__name__
    }
    chosen = [trial for trial in TRIALS if trial in wanted and trial.is_for(lane)]

    async def run() -> list[BaseException | None]:
        judge = Judge(server, lane)
        try:
            trials = (trial.run(judge, trial.over) for trial in chosen)
            return [*await asyncio.gather(*trials, return_exceptions=True)]
        finally:
            await judge.leave()

    return dict(zip(chosen, asyncio.run(run()), strict=True))


@pytest.mark.parametrize("trial", [pytest.param(each, id=each.name) for each in TRIALS])
def test_in_time(trial: Trial, outcomes: Mapping[Trial, BaseException | None]) -> None:
    outcome = outcomes[trial]
    if outcome is not None:
        raise outcome
