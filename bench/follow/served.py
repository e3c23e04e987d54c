"""`meschain serve` on a shop, with accounts for those who listen."""

from __future__ import annotations

import http.client
import json
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jwt
from app.tests.program import Program, free_port

from meschain.auth.keys import LOGIN_KEYS
from meschain.auth.login_tokens import LoginTokens
from meschain.auth.own_accounts import own_identity
from meschain.domain.roles import Role
from meschain.entrypoints.cli.state import open_state
from meschain.settings import load_settings
from meschain.state.demo_file import signing_secrets

_LOG_IN_SECONDS = 12 * 3600


@dataclass(frozen=True, slots=True)
class LogIn:
    """Somebody's."""

    token: str
    user_id: str
    password: str


@dataclass
class ServedShop(Program):
    """The application as an operator would run it, on SQLite and defaults."""

    folder: Path
    shop_url: str
    capture: str
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self._config = self.folder / "meschain.toml"
        self._config.write_text(
            f"""
opencart_url = "{self.shop_url}"
capture = "{self.capture}"
data_dir = "{self.folder / "data"}"
secret = "{secrets.token_urlsafe(48)}"
log_level = "warning"
connections_per_address = 20000
negotiations_per_user = 100000
negotiations_per_address = 100000
port = {self.port}
"""
        )

    @property
    def pid(self) -> int:
        """Of the running server."""
        assert self.process is not None
        return self.process.pid

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def state(self) -> Path:
        """Its own database."""
        return self.folder / "data" / "meschain.db"

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "meschain", "serve", "--config", str(self._config)]

    @property
    def log_path(self) -> Path:
        return self.folder / "serve.log"

    @property
    def ready_url(self) -> str:
        return f"{self.url}/readyz"

    async def add_accounts(self, wanted: Mapping[str, tuple[Role, Sequence[str]]]) -> Mapping[str, LogIn]:
        """Accounts by name, each with a role and its marketplaces, logged in for all of a run."""
        found: dict[str, LogIn] = {}
        async with open_state(load_settings(self._config).settings) as state:
            tokens = LoginTokens(signing_secrets(state.settings).keys(LOGIN_KEYS), state.clock)
            for username, (role, marketplaces) in wanted.items():
                password = secrets.token_urlsafe(16)
                account = await state.accounts.add(username, role, marketplaces, password=password)
                token = tokens.issue(own_identity(account), _LOG_IN_SECONDS)
                user_id: str = jwt.decode(token, options={"verify_signature": False})["sub"]
                found[username] = LogIn(token, user_id, password)
        return found

    def hub_path(self, log_in: LogIn, hub: str) -> str:
        """Where one of that user's clients goes: path and query, a token among it. Raises: OSError."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        path = f"/api/negotiate?hub={hub}&negotiateVersion=1"
        connection.request("POST", path, headers={"Authorization": f"Bearer {log_in.token}"})
        answer = connection.getresponse()
        found = json.load(answer)
        connection.close()
        if answer.status != 200:
            raise ConnectionError(f"negotiate answered {answer.status}: {found}")
        query = found["url"].partition("?")[2]
        return f"/client/?{query}&access_token={found['accessToken']}"
