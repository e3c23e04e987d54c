"""What the checklist asks about strain: whether many connect at once, and who goes on when somebody fails.

Nothing is made to fail here: what is looked at is whether somebody is there to go on.
"""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import AsyncExitStack
from typing import Final

from hubwire.client import ClientError, HubConnection
from hubwire.server.descriptors import check_descriptors
from meschain.auth.ports import AccessUnavailable
from meschain.bootstrap import client_accesses
from meschain.domain.events import DASHBOARD_HUB
from meschain.entrypoints.findings import BAD, GOOD, ODD, Finding, bad, good, odd
from meschain.entrypoints.installation import WAIT_SECONDS, Installation, program
from meschain.settings import Settings, SettingsError

TARGET: Final = 1_000
"""The owner's target of connections at once."""
CROWD: Final = 200
"""Connections that are tried unless somebody says otherwise: few enough for a site that is in use."""
_OF_ONE_PROGRAM: Final = 50
"""Connections under one name: fewer than one user may negotiate in a minute."""
_AT_ONCE: Final = 50
"""That connect at the same time."""
_MORE: Final = "see maximum_connections, connections_per_address, negotiations_per_address and the limit of open files."
_LOOKS_PER_PROCESS: Final = 10
"""So that each of those behind one port, or one front, is met."""


async def many_connections(live: Installation, count: int) -> Finding:
    """Open so many, see that each hears the timer, and that all are gone afterwards."""
    check_descriptors(None)  # ours are as many
    names = [f"checklist-crowd-{number}" for number in range(math.ceil(count / _OF_ONE_PROGRAM))]
    turn = asyncio.Semaphore(_AT_ONCE)
    heard = [asyncio.Event() for _ in range(count)]

    async with AsyncExitStack() as stack:

        async def enter(number: int) -> None:
            name = names[number % len(names)]
            client = live.connection(DASHBOARD_HUB, live.programs(name))
            client.on("performanceData", lambda _data: heard[number].set())
            async with turn:
                await stack.enter_async_context(client)
                await client.invoke("SubscribeToDashboard", program(name).user_id, ["performance"])

        began = time.perf_counter()
        came = await asyncio.gather(*(enter(number) for number in range(count)), return_exceptions=True)
        took = time.perf_counter() - began
        failures = [error for error in came if error is not None]
        if len(failures) == count:
            raise failures[0]
        if failures:
            return bad(f"{len(failures)} of {count} could not connect: {failures[0]}; {_MORE}")
        for event in heard:
            event.clear()  # the present figures, which each asked for
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await asyncio.gather(*(event.wait() for event in heard))
        except TimeoutError:
            missing = sum(not event.is_set() for event in heard)
            return bad(f"{missing} of {count} connections heard nothing; look at the load of the machine and its log.")
    text = f"{count} were open within {took:.1f} s, and each heard the timer"
    if live.administrator is not None:
        await live.until_online(set(names), is_online=False)
        text += "; all are gone again"
    return _with_room(live.settings, text, count)


def _with_room(settings: Settings, text: str, count: int) -> Finding:
    if not settings.azure_signalr:  # else the service has the limit
        of_one = settings.maximum_connections or check_descriptors(None)
        room = None if of_one is None else of_one * settings.workers
        if room is not None:
            text += f"; there is room for {room:,}"
            if room < TARGET:
                return odd(f"{text}, less than the target of {TARGET:,}: see maximum_connections and `ulimit -n`.")
    if count < TARGET:
        return good(f"{text}; for the target, in a quiet hour: --connections {TARGET}")
    return good(text)


async def fail_over(live: Installation) -> Finding:
    """Whether another process, and another service, is there to go on."""
    found = [await _processes(live)]
    for setting in ("azure_signalr", "green_signalr"):
        if getattr(live.settings, setting):
            found.append(await _services(live, setting))
    worst = max(found, key=lambda each: (GOOD, ODD, BAD).index(each.verdict))
    return Finding("", worst.verdict, "; ".join(each.text for each in found))


async def _processes(live: Installation) -> Finding:
    looks = _LOOKS_PER_PROCESS * max(2, live.settings.workers)
    # A connection each: the next one may be another process's.
    answers = [await live.read("/readyz", Connection="close") for _ in range(looks)]
    unready = sum(status != 200 for status, _ in answers)
    if unready:
        return bad(f"{unready} of {looks} times a process was not ready: `meschain doctor` says what to do")
    nodes = {answer["node"] for _, answer in answers}
    if len(nodes) == 1:
        return odd("one process answers, and nothing is live while it starts again: set workers and redis_url")
    if "redis" not in answers[0][1]["checks"] and not live.settings.azure_signalr:
        return bad(f"{len(nodes)} processes answer and do not hear each other: give all of them the same redis_url")
    return good(f"{len(nodes)} processes answer; when one ends, another does its background work within 10 s")


async def _services(live: Installation, setting: str) -> Finding:
    try:
        accesses = await client_accesses(live.settings, setting, DASHBOARD_HUB, program("checklist"))
        for access in accesses.values():
            async with HubConnection(access.url, access_token=access.access_token):
                pass
    except (SettingsError, AccessUnavailable, ClientError) as error:
        return bad(f"a client does not get in by {setting} ({error}): compare key, addresses and upstream template")
    text = f"clients get in by {setting} at {', '.join(accesses)}"
    if len(accesses) == 1 and not live.settings.green_signalr:
        return odd(f"{text}, and nowhere else when it fails: name a second one")
    return good(text)
