"""`meschain checklist pre|deploy|post`: the owner's list for moving over, asked of a running installation.

`pre` looks at what a start needs, `deploy` tries a running installation as its users do, `post` reads how it has fared
since. Tokens are made from the secret in the settings, so it runs where `serve` runs. What it sends goes to itself
alone: notifications of the users `service:checklist` and `service:checklist-sender`, acknowledged at once, and their
lines in the audit trail.
"""

from __future__ import annotations

import asyncio
import ssl
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import aiohttp
import typer

from hubwire.client import ClientError, HubConnection, InvocationError
from meschain.auth.claims import SERVICE_PREFIX
from meschain.domain.events import ADMIN_HUB, DASHBOARD_HUB, HUBS
from meschain.entrypoints.cli.reporting import ConfigOption, DataDirOption, reporting
from meschain.entrypoints.doctor import examine
from meschain.entrypoints.findings import GOOD, ODD, Finding, bad, good, odd, show
from meschain.entrypoints.installation import TRANSPORTS, WAIT_SECONDS, Installation, reached
from meschain.entrypoints.strain import CROWD, fail_over, many_connections
from meschain.settings import LoadedSettings, Settings, load_settings

CONNECT_MILLISECONDS: Final = 500
"""The owner's target for a connect: token, negotiate, WebSocket and handshake."""
MESSAGE_MILLISECONDS: Final = 50
"""The owner's target from a call to what it leads to at another client."""
_TRIES: Final = 10
_CERTIFICATE_DAYS: Final = 14
_VISITOR: Final = "checklist-visitor"
_NO_ADMINISTRATOR: Final = "needs an own account of an administrator (`meschain user add`); ask again."
_WHILE_AWAY: Final = "Checklist, while away"


class Phase(StrEnum):
    """When the list is asked."""

    PRE = "pre"
    DEPLOY = "deploy"
    POST = "post"


@reporting
def checklist(
    phase: Annotated[Phase, typer.Argument(help="pre: before a start; deploy: right after it; post: some time later.")],
    url: Annotated[
        str | None, typer.Option(help="Address of the installation that is asked; by default public_url.")
    ] = None,
    connections: Annotated[
        int, typer.Option(min=1, max=20_000, help="deploy: how many are opened at once; 1000 is the target.")
    ] = CROWD,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Ask the deployment list of a running installation: what holds, what does not, and what to do."""
    loaded = load_settings(config, {"data_dir": data_dir})
    findings = asyncio.run(ask(phase, loaded, url, connections))
    show(findings, f"`{phase}` is not done.", f"Everything of `{phase}` holds.")


async def ask(phase: Phase, loaded: LoadedSettings, url: str | None = None, connections: int = CROWD) -> list[Finding]:
    """The findings of one phase, in the order of the list.

    Args:
        connections: how many are opened at once, after a start.
    """
    if phase is Phase.PRE:
        return [*await examine(loaded), *await _before(loaded.settings)]
    async with reached(loaded.settings, url or loaded.settings.public_url) as live:
        checks = _DEPLOY if phase is Phase.DEPLOY else _POST
        found = [await _found(topic, check(live)) for topic, check in checks.items()]
        if phase is Phase.DEPLOY:
            found.append(await _found("many connections", many_connections(live, connections)))
        return found


# --- before ---


async def _before(settings: Settings) -> list[Finding]:
    return [await _found("certificate", _certificate(settings.public_url)), _alerting(settings), _way_back(settings)]


def _alerting(settings: Settings) -> Finding:
    ways = [name for name, used in (("mail", settings.smtp_url), ("webhooks", settings.alert_webhooks)) if used]
    if ways:
        return Finding("alerting", GOOD, f"alerts leave by {' and '.join(ways)}")
    return Finding(
        "alerting", ODD, "alerts show on pages alone; set smtp_url or alert_webhooks, or have Prometheus ask."
    )


def _way_back(settings: Settings) -> Finding:
    if settings.green_signalr:
        return Finding("way back", GOOD, "there are two sides; `meschain rollout rollback` leads back at once")
    return Finding("way back", ODD, "there is one side; what is changed is taken back by the settings and a restart.")


async def _certificate(url: str) -> Finding:
    parts = urlsplit(url)
    if parts.scheme != "https":
        return odd(f"{url} has none; browsers of others need https.")
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            _, writer = await asyncio.open_connection(
                parts.hostname, parts.port or 443, ssl=ssl.create_default_context(), server_hostname=parts.hostname
            )
    except ssl.SSLCertVerificationError as error:
        return bad(f"browsers refuse it ({error.verify_message}); put one there that they trust.")
    except (OSError, TimeoutError):
        return odd(f"nothing answers at {url} yet; ask again when the front listens.")
    certificate = writer.get_extra_info("peercert")
    writer.close()
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    days = (until - datetime.now(UTC)).days
    text = f"good until {until:%Y-%m-%d}, {days} days"
    return good(text) if days >= _CERTIFICATE_DAYS else bad(f"{text}; renew it before you move people here.")


# --- a running installation ---


async def _ready(live: Installation) -> Finding:
    status, answer = await live.read("/readyz")
    failed = [name for name, word in answer["checks"].items() if word != "ok"]
    if status == 200:
        return good(f"all of {', '.join(answer['checks'])}")
    return bad(f"{', '.join(failed)}; `meschain doctor` says what to do.")


async def _valid_credentials(live: Installation) -> Finding:
    for hub in HUBS:
        async with live.connection(hub, live.programs("checklist")):
            pass
    return good(f"they connect to {', '.join(HUBS)}")


async def _bad_credentials(live: Installation) -> Finding:
    token = live.programs("checklist")
    head, _, signature = token.rpartition(".")
    forged = f"{head}.{signature[::-1]}"
    cases = {
        "no token": (await live.negotiate(DASHBOARD_HUB, ""), 401),
        "a forged token": (await live.negotiate(DASHBOARD_HUB, forged), 401),
        "somebody else's id": (await live.negotiate(DASHBOARD_HUB, token, **{"x-user-id": "own:1"}), 403),
        "a higher role": (await live.negotiate(DASHBOARD_HUB, token, **{"x-user-role": "super_admin"}), 403),
    }
    wrong = [f"{name} is answered {status}, not {due}" for name, (status, due) in cases.items() if status != due]
    return bad("; ".join(wrong)) if wrong else good(f"refused: {', '.join(cases)}")


async def _every_transport(live: Installation) -> Finding:
    for transport in TRANSPORTS:
        async with live.connection(DASHBOARD_HUB, live.programs("checklist"), transports=(transport,)):
            pass
    return good(", ".join(TRANSPORTS))


async def _administrators_alone(live: Installation) -> Finding:
    async with live.connection(ADMIN_HUB, live.programs("checklist")) as client:
        try:
            await client.invoke("JoinAdminGroup", f"{SERVICE_PREFIX}checklist", "service")
        except InvocationError:
            pass
        else:
            return bad("a program may join the administrators' group; this must not be.")
    if live.other is None:
        return odd(
            "programs are kept out; for people make an account with a lower role (`meschain user add`), ask again."
        )
    role, token = live.other
    status = await live.negotiate(ADMIN_HUB, token)
    return (
        good(f"programs and the role {role} are kept out") if status == 403 else bad(f"{role} gets {status}, not 403")
    )


async def _connect_time(live: Installation) -> Finding:
    took = []
    for _ in range(_TRIES):
        began = time.perf_counter()
        async with live.connection(DASHBOARD_HUB, live.programs("checklist")):
            took.append((time.perf_counter() - began) * 1000)
    return _within("to connect", took, CONNECT_MILLISECONDS)


async def _message_time(live: Installation) -> Finding:
    async with _heard(live) as (client, heard), _sender(live) as sender:
        await _drained(client, heard)
        took = []
        for number in range(_TRIES):
            began = time.perf_counter()
            await sender.send("SendNotification", f"{SERVICE_PREFIX}checklist", {"message": f"Checklist {number}"})
            await _acknowledged(client, await _next(heard))
            took.append((time.perf_counter() - began) * 1000)
    return _within("from a call to the other client and its acknowledgement", took, MESSAGE_MILLISECONDS)


async def _recovery(live: Installation) -> Finding:
    async with _heard(live) as (client, heard):
        await _drained(client, heard)
    # It is away now, and what is sent to it waits.
    async with _sender(live) as sender:
        await sender.invoke("SendNotification", f"{SERVICE_PREFIX}checklist", {"message": _WHILE_AWAY})
    began = time.perf_counter()
    async with _heard(live) as (client, heard):
        message = await _next(heard)
        took = (time.perf_counter() - began) * 1000
        await _acknowledged(client, message)
    if message["message"] != _WHILE_AWAY:
        return bad("what was sent while nobody was connected did not come.")
    return good(f"what was sent meanwhile came {took:.0f} ms after the begin of coming back")


async def _dashboard(live: Installation) -> Finding:
    came: asyncio.Queue[Any] = asyncio.Queue()
    async with live.connection(ADMIN_HUB, live.programs("checklist")) as client:
        client.on("updateAdminDashboard", came.put_nowait)
        await client.invoke("HandleAdminCommand", "requestDashboardUpdate")
        data = await _next(came)
    lacking = [name for name in ("systemStatus", "performanceMetrics", "businessMetrics") if name not in data]
    return bad(f"it lacks {', '.join(lacking)}; see its log.") if lacking else good("it comes when it is asked for")


async def _timer(live: Installation) -> Finding:
    came: asyncio.Queue[Any] = asyncio.Queue()
    async with live.connection(DASHBOARD_HUB, live.programs("checklist")) as client:
        client.on("performanceData", came.put_nowait)
        await client.invoke("SubscribeToDashboard", f"{SERVICE_PREFIX}checklist", ["performance"])
        await _next(came)  # the present figures
        await _next(came)  # the timer's
    return good("figures come by themselves")


async def _presence(live: Installation) -> Finding:
    if live.administrator is None:
        return odd(_NO_ADMINISTRATOR)

    visitors = {_VISITOR}
    async with live.connection(DASHBOARD_HUB, live.programs(_VISITOR)):
        await live.until_online(visitors, is_online=True)
    await live.until_online(visitors, is_online=False)
    return good("who connects is shown, and who leaves is not any more")


async def _alerts(live: Installation) -> Finding:
    if live.administrator is None:
        return odd(_NO_ADMINISTRATOR)
    _, book = await live.read("/api/alerts?limit=500", live.administrator)
    standing = [each["message"] for each in book["alerts"] if each["rule"] and each["state"] != "resolved"]
    unknown = [each["name"] for each in book["rules"] if each["state"] == "unknown"]
    if standing:
        return bad(f"{len(standing)} stand: {'; '.join(standing[:3])}")
    if unknown:
        return odd(f"none stands; the figures of {', '.join(unknown)} cannot be read.")
    return good(f"none of {len(book['rules'])} rules has one")


async def _roll_back(live: Installation) -> Finding:
    if live.administrator is None:
        return odd(_NO_ADMINISTRATOR)
    _, report = await live.read("/api/rollout", live.administrator)
    if not report["hasGreen"]:
        return odd("there is one side; nothing to roll back to.")
    states = {each["state"] for each in report["history"]}
    if "rolled_back" in states:
        return good("tried")
    return odd("never tried; try it once before you need it: `meschain rollout start`, then `rollback`.")


async def _old_clients(live: Installation) -> Finding:
    if live.administrator is None:
        return odd(_NO_ADMINISTRATOR)
    _, report = await live.read("/api/legacy", live.administrator)
    if not report["listeners"]:
        return odd("nothing listens for them; set legacy_listeners if some are left.")
    ports = ", ".join(str(each["port"]) for each in report["listeners"])
    return good(f"served at {ports} beside the new ones; {len(report['pages'])} still come")


async def _figures(live: Installation) -> Finding:
    if live.administrator is None:
        return odd(_NO_ADMINISTRATOR)
    _, data = await live.read("/api/dashboard", live.administrator)
    figures, system = data["performanceMetrics"], data["systemStatus"]
    text = (
        f"API {system['apiHealth']}, database {system['databaseStatus']}, errors {figures['errorRate']:.2f} %, "
        f"answers in {figures['responseTime']:.0f} ms, up for {figures['uptime']:.0f} s"
    )
    if "error" in (system["apiHealth"], system["databaseStatus"]):
        return bad(f"{text}; the log has the errors.")
    return good(text)


async def _webhooks(live: Installation) -> Finding:
    if live.administrator is None:
        return odd(_NO_ADMINISTRATOR)
    _, inbox = await live.read("/api/inbox?limit=1", live.administrator)
    text = f"{inbox['waiting']} wait, {inbox['dead']} were given up"
    if inbox["dead"]:
        return bad(f"{text}; look at them: `meschain inbox list --status dead`.")
    return good(text)


_DEPLOY: Final[dict[str, Callable[[Installation], Awaitable[Finding]]]] = {
    "readiness": _ready,
    "valid credentials": _valid_credentials,
    "bad credentials": _bad_credentials,
    "transports": _every_transport,
    "administrators' messages": _administrators_alone,
    "connection time": _connect_time,
    "message time": _message_time,
    "recovery": _recovery,
    "dashboard": _dashboard,
    "timer": _timer,
    "presence": _presence,
    "old clients": _old_clients,
    "fail-over": fail_over,
}
_POST: Final[dict[str, Callable[[Installation], Awaitable[Finding]]]] = {
    "readiness": _ready,
    "figures": _figures,
    "alerts": _alerts,
    "webhooks": _webhooks,
    "roll-back": _roll_back,
    "fail-over": fail_over,
    "old clients": _old_clients,
    "connection time": _connect_time,
    "message time": _message_time,
    "recovery": _recovery,
}


# --- what the checks share ---


@asynccontextmanager
async def _heard(live: Installation) -> AsyncIterator[tuple[HubConnection, asyncio.Queue[Any]]]:
    """A connection and the notifications that it gets."""
    heard: asyncio.Queue[Any] = asyncio.Queue()
    client = live.connection(DASHBOARD_HUB, live.programs("checklist"))
    client.on("receiveNotification", heard.put_nowait)
    async with client:
        yield client, heard


@asynccontextmanager
async def _sender(live: Installation) -> AsyncIterator[HubConnection]:
    async with live.connection(DASHBOARD_HUB, live.programs("checklist-sender")) as sender:
        yield sender


async def _next(queue: asyncio.Queue[Any]) -> Any:
    async with asyncio.timeout(WAIT_SECONDS):
        return await queue.get()


async def _acknowledged(client: HubConnection, notification: Any) -> None:
    await client.invoke("AcknowledgeNotification", notification["id"])


async def _drained(client: HubConnection, heard: asyncio.Queue[Any]) -> None:
    """Acknowledge what an earlier list, cut off, has left behind."""
    while not heard.empty():
        await _acknowledged(client, heard.get_nowait())


async def _found(topic: str, check: Awaitable[Finding]) -> Finding:
    """What the check found, under its topic; an error of what it asked is a finding too."""
    try:
        found = await check
    except TimeoutError:
        found = bad(f"nothing came within {WAIT_SECONDS:.0f} s; the server's log may say why.")
    except (ClientError, aiohttp.ClientError, ValueError, KeyError) as error:
        found = bad(f"{str(error) or type(error).__name__}; see whether it answers there, and its log.")
    return Finding(topic, found.verdict, found.text)


def _within(what: str, took: Sequence[float], target: float) -> Finding:
    middle, worst = statistics.median(took), max(took)
    text = f"{middle:.1f} ms {what}, {worst:.1f} ms at most of {len(took)}; the target is {target:g} ms"
    return good(text) if middle < target else bad(f"{text}; look at the load of the machine and the way to it.")
