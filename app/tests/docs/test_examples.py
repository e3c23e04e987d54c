"""The programs of the how-to pages, run as they stand there against the running application."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from app.tests.conftest import Site, running_site
from app.tests.docs.pages import DOCS, REPOSITORY, block, blocks
from app.tests.program import free_port
from pydantic import SecretStr

from meschain.auth.api_keys import ApiKeys
from meschain.auth.issuers import TokenIssuer
from meschain.auth.keys import LOGIN_KEYS
from meschain.auth.login_tokens import LoginTokens
from meschain.bootstrap import DEMO_SHOP_FILE
from meschain.domain.roles import Identity, Role
from meschain.services.clock import SystemClock
from meschain.settings import SyncEndpoint
from meschain.state.api_keys import SqlApiKeyStore
from meschain.state.database import Database
from meschain.state.demo_file import signing_secrets
from meschain.state.events import SqlEventStore

TIMEOUT_SECONDS = 60
HOW_TO = DOCS / "how-to"


def random_secret() -> SecretStr:
    return SecretStr(secrets.token_urlsafe(40))


async def output_of(command: list[str], **variables: str) -> str:
    """What the program prints; it must end well."""
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **variables}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(TIMEOUT_SECONDS):
        written, _ = await process.communicate()
    assert process.returncode == 0, written.decode()
    return written.decode()


async def test_a_stock_client_connects_by_the_documented_lines(site: Site, tmp_path: Path) -> None:
    node = shutil.which("node")
    modules = REPOSITORY / "web" / "node_modules"
    if node is None or not modules.is_dir():
        pytest.fail("This test needs Node and web/node_modules; `make test` brings both.")
    scripts = [each.text for each in blocks(HOW_TO / "connect-a-page.md") if each.language == "js"]
    (script,) = [text for text in scripts if "@microsoft/signalr" in text]
    (tmp_path / "node_modules").symlink_to(modules)
    (tmp_path / "example.mjs").write_text(script, encoding="utf-8")
    # A stock client follows to public_url, which is this machine's name here.
    account = {"PANEL_USER": "superadmin", "PANEL_PASSWORD": site.passwords["superadmin"]}
    printed = await output_of([node, str(tmp_path / "example.mjs")], PANEL=site.settings.public_url, **account)
    token = (await site.login("superadmin"))["accessToken"]
    _, data = await site.get("/api/dashboard", token)
    assert f"orders today: {data['businessMetrics']['dailyTransactions']}" in printed


async def test_a_program_publishes_by_the_documented_lines(site: Site) -> None:
    stock_keeper = Identity("service:stock-keeper", "stock-keeper", Role.SERVICE)
    tokens = LoginTokens(signing_secrets(site.settings).keys(LOGIN_KEYS), SystemClock())
    session = await site.login("manager")
    async with site.connected(session["accessToken"], "MesChainMarketplaceHub") as client:
        await client.invoke("JoinMarketplaceGroup", "trendyol", session["userId"])
        script = block(HOW_TO / "connect-a-page.md", "python")
        variables = {"PANEL": site.url, "PANEL_TOKEN": tokens.issue(stock_keeper, 60)}
        assert await output_of([sys.executable, "-c", script], **variables) == "published\n"
        update = await client.received("inventoryUpdate")
    assert (update["productId"], update["quantity"]) == (42, 7)


@pytest.mark.parametrize("language", ["python", "php", "sh"])
async def test_the_shop_publishes_by_the_documented_lines(site: Site, tmp_path: Path, language: str) -> None:
    (script,) = [
        each.text
        for each in blocks(HOW_TO / "publish-from-the-shop.md")
        if each.language == language and "meschain key" not in each.text
    ]
    name = {"python": "example.py", "php": "example.php", "sh": "example.sh"}[language]
    (tmp_path / name).write_text(script, encoding="utf-8")
    for publisher in ("publishers/meschain_publisher.py", "opencart/library/meschain_publisher.php"):
        shutil.copy(REPOSITORY / "deploy" / publisher, tmp_path)
    database = await Database.open(site.settings.state_url)
    _, key = await ApiKeys(SqlApiKeyStore(database), SystemClock()).create("till", ["inventory", "alert"], ["shop"])
    program = {"python": sys.executable, "php": shutil.which("php"), "sh": "sh"}[language]
    assert program is not None, "PHP is missing; tools/need.sh php brings it."
    variables = {"MESCHAIN": site.url, "MESCHAIN_KEY": key, "MESCHAIN_SPOOL": str(tmp_path / "spool")}
    printed = await output_of([program, str(tmp_path / name)], **variables)
    assert printed == "arrived\n" or '"accepted":1' in printed
    rows = await SqlEventStore(database, SystemClock()).behind(0, 1_000)
    await database.close()
    kinds = [row.event.kind for row in rows if row.event.event_id.startswith("publish:till:")]
    assert kinds == (["inventory", "alert"] if language == "python" else ["inventory"])


async def test_a_shop_issues_tokens_by_the_documented_lines(data_dir: Path) -> None:
    secret = random_secret()
    issuer = TokenIssuer(issuer="shop", audience="meschain", algorithms=("HS256",), secret=secret)
    script = block(HOW_TO / "accounts-and-tokens.md", "python")
    async with running_site(data_dir, token_issuers=(issuer,)) as site:
        token = await output_of([sys.executable, "-c", script], ISSUER_SECRET=secret.get_secret_value())
        status, session = await site.get("/api/session", token.strip())
    assert (status, session["role"], session["marketplaces"]) == (200, "marketplace_manager", ["n11"])


@asynccontextmanager
async def shop_program(secret: SecretStr) -> AsyncIterator[str]:
    """The shop's side as documented, as a process; yields its address once it answers."""
    port = free_port()
    script = block(HOW_TO / "sync-endpoint.md", "python")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script),
        env={**os.environ, "SYNC_SECRET": secret.get_secret_value(), "SYNC_PORT": str(port)},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                except OSError:
                    await asyncio.sleep(0.05)  # another process has no condition to wait for
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.parametrize("genuine", [True, False])
async def test_a_shop_syncs_by_the_documented_lines(data_dir: Path, genuine: bool) -> None:
    secret = random_secret()
    async with shop_program(secret) as url:
        endpoint = SyncEndpoint(url=url, secret=secret if genuine else random_secret())
        async with running_site(
            data_dir,
            opencart_url=SecretStr(f"sqlite:///{data_dir / DEMO_SHOP_FILE}"),
            secret=random_secret(),
            sync_endpoints={"n11": endpoint},
        ) as site:
            await site.application.accounts.add("owner", Role.ADMIN, password="a long passphrase")
            body = {"username": "owner", "password": "a long passphrase"}
            async with site.http.post(f"{site.url}/api/login", json=body) as answer:
                token = (await answer.json())["accessToken"]
            async with site.connected(token) as client:
                await client.invoke("HandleAdminCommand", "triggerSync", {"marketplace": "n11"})
                ended = await client.received("marketplaceSyncUpdate", lambda update: update["completed"])
    assert ended["status"] == ("success" if genuine else "error")
    assert ended["processed"] == (20 if genuine else 0)
    assert genuine or "401" in ended["message"]
