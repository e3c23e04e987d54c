"""The command line: what each command does, how it ends, and that passwords and secrets stay where they belong."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from secrets import token_urlsafe

import pytest
from app.tests.services.inbox_specs import delivery
from typer.testing import CliRunner, Result

from meschain.auth.api_keys import ApiKey, ApiKeys, InvalidApiKey
from meschain.auth.keys import LOGIN_KEYS, Secrets
from meschain.auth.login_tokens import LoginTokens
from meschain.auth.own_accounts import OwnAccounts
from meschain.auth.passwords import Passwords
from meschain.domain.publications import PublisherRights
from meschain.domain.roles import Identity, Role
from meschain.entrypoints.cli.app import app
from meschain.services.clock import SystemClock
from meschain.services.ports import AuditEntry
from meschain.services.webhook_ports import Arrival, Status
from meschain.state.accounts import SqlAccountStore
from meschain.state.api_keys import SqlApiKeyStore
from meschain.state.audit import SqlAuditStore
from meschain.state.database import Database
from meschain.state.demo_file import demo_credentials
from meschain.state.events import SqlEventStore
from meschain.state.inbox import SqlInboxStore

PASSWORD = "correct horse battery"
SECRET = "kP3vX9rTq2LmN8sYw5Bz7HcJf4Dg6AeU"


class Shell:
    """Runs commands against a data folder of their own."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._runner = CliRunner()

    def run(self, *arguments: str, stdin: str = "") -> Result:
        result = self._runner.invoke(app, arguments, input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return result

    def add(self, username: str, role: str, *more: str) -> Result:
        return self.run("user", "add", username, "--role", role, "--password-stdin", *more, stdin=f"{PASSWORD}\n")

    def audit(self) -> Sequence[AuditEntry]:
        """What was done, the newest first."""

        async def work() -> Sequence[AuditEntry]:
            database = await Database.open(f"sqlite:///{self.data_dir}/demo.db")
            try:
                return await SqlAuditStore(database, SystemClock()).entries(limit=99)
            finally:
                await database.close()

        return asyncio.run(work())

    def log_in(self, username: str, password: str) -> Identity | None:
        """What a log-in finds in the database afterwards."""

        async def work() -> Identity | None:
            database = await Database.open(f"sqlite:///{self.data_dir}/demo.db")
            try:
                return await OwnAccounts(SqlAccountStore(database), Passwords()).authenticate(username, password)
            finally:
                await database.close()

        return asyncio.run(work())

    def verify(self, key: str) -> ApiKey:
        """The key in the database. Raises: InvalidApiKey."""

        async def work() -> ApiKey:
            database = await Database.open(f"sqlite:///{self.data_dir}/demo.db")
            try:
                return await ApiKeys(SqlApiKeyStore(database), SystemClock()).verify(key)
            finally:
                await database.close()

        return asyncio.run(work())


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    for name in os.environ:
        if name.upper().startswith("MESCHAIN_"):
            monkeypatch.delenv(name)
    data_dir = tmp_path / "data"
    monkeypatch.setenv("MESCHAIN_DATA_DIR", str(data_dir))
    return Shell(data_dir)


def test_an_account_is_added_changed_and_shut(shell: Shell) -> None:
    assert "no accounts" in shell.run("user", "list").output
    added = shell.add(
        "Ada", "marketplace_manager", "--marketplace", "n11", "--marketplace", "amazon", "--name", "Ada L."
    )
    assert (added.exit_code, added.output) == (
        0,
        "Added Ada as marketplace_manager of the demo: opencart_url is not set.\n",
    )
    identity = shell.log_in("ada", PASSWORD)
    assert identity is not None
    assert (identity.name, identity.role, identity.marketplaces) == (
        "Ada L.",
        Role.MARKETPLACE_MANAGER,
        ("amazon", "n11"),
    )
    assert shell.run("user", "set-role", "ADA", "viewer").output == "Ada is viewer now.\n"
    assert shell.run("user", "grant", "ada", "ebay").output == "Ada has ebay now.\n"
    assert "seven" not in shell.run("user", "grant", "ada", "all").output
    assert shell.run("user", "grant", "ada", "none").output == "Ada has no marketplace now.\n"
    assert shell.run("user", "disable", "ada").exit_code == 0
    assert shell.log_in("ada", PASSWORD) is None
    listed = shell.run("user", "list").output.splitlines()
    assert listed[1].split() == ["Ada", "own", "viewer", "-", "disabled", "Ada", "L."]
    assert shell.run("user", "enable", "ada").exit_code == 0
    assert shell.run("user", "password", "ada", "--password-stdin", stdin="another good one\n").exit_code == 0
    assert shell.log_in("ada", PASSWORD) is None
    assert shell.log_in("ada", "another good one") is not None


def test_the_role_of_a_shops_admin_needs_no_password(shell: Shell) -> None:
    result = shell.run("user", "add", "boss", "--role", "admin", "--source", "opencart")
    assert result.exit_code == 0
    assert shell.run("user", "set-role", "boss", "viewer", "--source", "opencart").exit_code == 0
    assert shell.run("user", "set-role", "boss", "viewer").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "stdin", "text"),
    [
        (("user", "add", "ada", "--role", "emperor", "--password-stdin"), PASSWORD, "no role 'emperor'"),
        (("user", "add", "ada", "--role", "service", "--password-stdin"), PASSWORD, "no role 'service'"),
        (("user", "add", "ada", "--role", "admin", "--password-stdin"), "short", "less than 10 characters"),
        (("user", "add", "ada", "--role", "admin", "--password-stdin"), "", "password is empty"),
        (("user", "add", "ada", "--role", "admin"), "", "--password-stdin"),
        (("user", "add", "a:b", "--role", "admin", "--password-stdin"), PASSWORD, "user name"),
        (("user", "add", "ada", "--role", "admin", "--source", "ldap", "--password-stdin"), PASSWORD, "no source"),
        (
            ("user", "add", "ada", "--role", "admin", "--marketplace", "gittigidiyor", "--password-stdin"),
            PASSWORD,
            "no such marketplace",
        ),
        (("user", "set-role", "bob", "admin"), "", "no account 'bob'"),
        (("user", "disable", "bob"), "", "no account 'bob'"),
        (("user", "grant", "bob", "n11"), "", "no account 'bob'"),
        (("user", "password", "bob", "--password-stdin"), PASSWORD, "no account 'bob'"),
        (("token", "bob"), "", "no account 'bob'"),
        (("token",), "", "--service NAME"),
        (("token", "ada", "--service", "erp"), "", "--service NAME"),
        (("token", "--service", "ERP!"), "", "name of a service"),
        (("token", "--service", "erp", "--lifetime", "soon"), "", "no lifetime"),
        (("token", "--service", "erp", "--lifetime", "400d"), "", "a year at most"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_code_1(
    shell: Shell, arguments: tuple[str, ...], stdin: str, text: str
) -> None:
    result = shell.run(*arguments, stdin=stdin)
    assert result.exit_code == 1
    assert text in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("meschain: ")
    assert result.stdout == ""


def test_the_data_folder_of_serve_can_be_named(shell: Shell, tmp_path: Path) -> None:
    elsewhere = str(tmp_path / "elsewhere")
    assert shell.add("ayse", "admin", "--data-dir", elsewhere).exit_code == 0
    assert "ayse" not in shell.run("user", "list").output
    assert "ayse" in shell.run("user", "list", "--data-dir", elsewhere).output
    assert shell.run("user", "disable", "ayse", "--data-dir", elsewhere).exit_code == 0
    assert shell.run("token", "--service", "importer", "--data-dir", elsewhere).exit_code == 0
    assert elsewhere in shell.run("config", "check", "--data-dir", elsewhere).output


def test_a_name_is_taken_once(shell: Shell) -> None:
    shell.add("ada", "admin")
    again = shell.add("ADA", "admin")
    assert again.exit_code == 1
    assert "already" in again.stderr


@pytest.mark.parametrize(
    "arguments", [("user", "add", "ada", "--password", PASSWORD), ("nonsense",), ("user", "grant", "ada")]
)
def test_a_wrong_command_line_is_code_2(shell: Shell, arguments: tuple[str, ...]) -> None:
    assert shell.run(*arguments).exit_code == 2


def test_a_shops_accounts_are_not_the_demos(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "of the demo: opencart_url is not set" in shell.add("ada", "viewer").stdout
    monkeypatch.setenv("MESCHAIN_OPENCART_URL", "mysql://reader:x@127.0.0.1:9/shop")
    monkeypatch.setenv("MESCHAIN_SECRET", token_urlsafe(48))
    listed = shell.run("user", "list")
    assert "There are no accounts" in listed.stdout


def test_wrong_settings_are_code_3(shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MESCHAIN_PRT", "1")
    for arguments in (("config", "check"), ("user", "list"), ("token", "--service", "erp")):
        result = shell.run(*arguments)
        assert result.exit_code == 3
        assert "did you mean MESCHAIN_PORT?" in result.stderr
    monkeypatch.delenv("MESCHAIN_PRT")
    missing = shell.run("config", "check", "--config", str(tmp_path / "none.toml"))
    assert missing.exit_code == 3
    assert "none.toml" in missing.stderr


def test_a_database_that_cannot_be_reached_is_code_4(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESCHAIN_DATABASE_URL", "mysql://me:hunter2@127.0.0.1:9/state")
    result = shell.run("user", "list")
    assert result.exit_code == 4
    assert "127.0.0.1:9" in result.stderr
    assert "hunter2" not in result.output


def test_a_broken_demo_file_says_what_to_do(shell: Shell) -> None:
    shell.data_dir.mkdir()
    (shell.data_dir / "demo.json").write_text("{")
    result = shell.run("token", "--service", "erp")
    assert result.exit_code == 1
    assert "delete it" in result.stderr


def test_a_token_of_a_user_and_of_a_service(shell: Shell) -> None:
    shell.add("ada", "admin")
    user_token = shell.run("token", "ada").stdout.strip()
    service_token = shell.run("token", "--service", "erp", "--lifetime", "30d").stdout.strip()
    clock = SystemClock()
    tokens = LoginTokens(Secrets(demo_credentials(shell.data_dir).secret).keys(LOGIN_KEYS), clock)
    user, service = tokens.verify(user_token), tokens.verify(service_token)
    assert (user.identity.name, user.identity.role, user.session_id) == ("ada", Role.ADMIN, None)
    assert service.identity == Identity("service:erp", "erp", Role.SERVICE)
    assert 3500 < (user.expires_at - clock.now()).total_seconds() <= 3600
    assert 29.9 < (service.expires_at - clock.now()).total_seconds() / 86_400 <= 30


def test_a_shops_tokens_are_signed_by_its_own_secret(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESCHAIN_OPENCART_URL", "mysql://reader:hunter2@127.0.0.1:9/shop")
    assert shell.run("token", "--service", "erp").exit_code == 3
    monkeypatch.setenv("MESCHAIN_SECRET", SECRET)
    token = shell.run("token", "--service", "erp").stdout.strip()
    LoginTokens(Secrets(SECRET).keys(LOGIN_KEYS), SystemClock()).verify(token)
    assert not (shell.data_dir / "demo.json").exists()


def test_a_disabled_account_gets_no_token(shell: Shell) -> None:
    shell.add("ada", "admin")
    shell.run("user", "disable", "ada")
    result = shell.run("token", "ada")
    assert result.exit_code == 1
    assert "meschain user enable ada" in result.stderr


def test_a_key_is_made_shown_without_its_secret_and_revoked(shell: Shell) -> None:
    made = shell.run("key", "create", "till", "--kind", "inventory", "--marketplace", "shop", "--marketplace", "n11")
    assert made.exit_code == 0
    key = made.stdout.strip()
    assert shell.verify(key).rights == PublisherRights("till", ("inventory",), ("shop", "n11"))
    listed = shell.run("key", "list").stdout
    assert "shop, n11" in listed
    assert "active" in listed
    assert key not in listed
    key_id = key.split("_")[1]
    assert "refused from now on" in shell.run("key", "revoke", key_id).stdout
    assert "revoked" in shell.run("key", "list").stdout
    with pytest.raises(InvalidApiKey):
        shell.verify(key)


def test_what_is_done_in_a_shell_is_audited_without_secrets(shell: Shell) -> None:
    shell.add("ada", "admin")
    shell.run("user", "password", "ada", "--password-stdin", stdin=f"{PASSWORD} 2\n")
    shell.run("user", "disable", "nobody")
    key = shell.run("key", "create", "till", "--kind", "order", "--marketplace", "shop").stdout.strip()
    shell.run("key", "revoke", key.split("_")[1])
    token = shell.run("token", "ada").stdout.strip()
    entries = shell.audit()
    assert [(entry.action, entry.outcome.partition(":")[0]) for entry in reversed(entries)] == [
        ("AddAccount", "ok"),
        ("SetPassword", "ok"),
        ("DisableAccount", "refused"),
        ("CreateKey", "ok"),
        ("RevokeKey", "ok"),
        ("IssueToken", "ok"),
    ]
    assert {entry.user_id.partition(":")[0] for entry in entries} == {"shell"}
    assert not any(secret in repr(entries) for secret in (PASSWORD, key, token))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("create", "Till", "--kind", "order"), "lower-case"),
        (("create", "till", "--kind", "party"), "party: no such kind"),
        (("create", "till", "--kind", "order", "--marketplace", "amazn"), "amazn: no such marketplace"),
        (("revoke", "0123"), "There is no key"),
    ],
)
def test_a_key_that_cannot_be_made_or_revoked_is_code_1(shell: Shell, arguments: tuple[str, ...], text: str) -> None:
    result = shell.run("key", *arguments)
    assert result.exit_code == 1
    assert text in result.stderr


def test_without_keys_the_list_says_how_to_make_one(shell: Shell) -> None:
    assert "meschain key create" in shell.run("key", "list").stdout


def test_config_check_shows_sources_and_masks_secrets(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESCHAIN_OPENCART_URL", "mysql://reader:hunter2@db/shop")
    monkeypatch.setenv("MESCHAIN_SECRET", SECRET)
    result = shell.run("config", "check")
    assert result.exit_code == 0
    assert SECRET not in result.output
    assert "hunter2" not in result.output
    lines = {line.split()[0]: line.split() for line in result.output.splitlines() if line}
    assert lines["opencart_url"][1:] == ["mysql://reader:***@db/shop", "environment", "MESCHAIN_OPENCART_URL"]
    assert lines["secret"][1] == "***"
    assert lines["port"][1:] == ["8000", "default"]


def test_help_names_every_command(shell: Shell) -> None:
    result = shell.run("--help")
    assert result.exit_code == 0
    for command in ("serve", "doctor", "user", "key", "token", "config"):
        assert command in result.output


ADDED = "Added ada as admin of the demo: opencart_url is not set.\n"


def test_the_installed_command(tmp_path: Path) -> None:
    """As an operator runs it: another process, a pipe for the password, errors on standard error."""
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("MESCHAIN_")}
    environment["MESCHAIN_DATA_DIR"] = str(tmp_path / "data")
    program = str(Path(sys.executable).with_name("meschain"))

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *arguments], input=stdin, capture_output=True, text=True, env=environment, timeout=60, check=False
        )

    added = run("user", "add", "ada", "--role", "admin", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert (added.returncode, added.stdout, added.stderr) == (0, ADDED, "")
    again = run("user", "add", "ada", "--role", "admin", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr.count("\n") == 1
    token = run("token", "ada")
    assert (token.returncode, token.stderr, token.stdout.count(".")) == (0, "", 2)


class TestInbox:
    """`meschain inbox`: deliveries that are stored already."""

    @pytest.fixture
    def stored(self, shell: Shell) -> Shell:
        async def work() -> None:
            database = await Database.open(f"sqlite:///{shell.data_dir}/demo.db")
            try:
                clock = SystemClock()
                store = SqlInboxStore(database, clock, SqlEventStore(database, clock))
                await store.add([Arrival(delivery("a", body=b'{"buyer": "Ada"}'), Status.DEAD, "orderId is missing")])
                await store.add([Arrival(delivery("b"))])
            finally:
                await database.close()

        shell.data_dir.mkdir(parents=True, exist_ok=True)
        asyncio.run(work())
        return shell

    def test_the_list_says_what_waits_and_why(self, stored: Shell) -> None:
        listed = stored.run("inbox", "list")
        assert listed.exit_code == 0
        assert "orderId is missing" in listed.output
        assert "1 wait, 1 were given up." in listed.output
        assert "Ada" not in listed.output
        assert "waiting" not in stored.run("inbox", "list", "--status", "dead").output
        assert stored.run("inbox", "list", "--status", "odd").exit_code == 1

    def test_one_is_shown_with_its_body(self, stored: Shell) -> None:
        shown = stored.run("inbox", "show", "1")
        assert (shown.exit_code, "Ada" in shown.output, "webhook-id: a" in shown.output) == (0, True, True)
        assert stored.run("inbox", "show", "9").exit_code == 1

    def test_one_or_all_are_replayed(self, stored: Shell) -> None:
        assert stored.run("inbox", "replay", "1").exit_code == 0
        assert "2 wait, 0 were given up." in stored.run("inbox", "list").output
        assert stored.run("inbox", "replay", "--dead").output == "0 deliveries are worked on again.\n"
        for arguments in ((), ("1", "--dead"), ("9",)):
            assert stored.run("inbox", "replay", *arguments).exit_code == 1

    def test_one_is_dropped(self, stored: Shell) -> None:
        assert stored.run("inbox", "drop", "1").exit_code == 0
        assert "Ada" not in stored.run("inbox", "show", "1").output
        assert stored.run("inbox", "replay", "1").exit_code == 1
        assert stored.run("inbox", "drop", "9").exit_code == 1


class TestRollout:
    """`meschain rollout`, with a green side in the environment."""

    @pytest.fixture
    def rolling(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
        monkeypatch.setenv("MESCHAIN_GREEN_SIGNALR", f"Endpoint=https://green.example.com;AccessKey={SECRET};")
        return shell

    def test_the_dial_is_turned_and_turned_back(self, rolling: Shell) -> None:
        assert "everybody is on blue" in rolling.run("rollout", "status").output
        started = rolling.run("rollout", "start", "--role", "admin", "--user", "own:7", "--shadow")
        assert "version 1: running, 0 % of the users on green, and admin, own:7" in started.output
        assert "1 % of the users" in rolling.run("rollout", "advance").output
        assert "40 % of the users" in rolling.run("rollout", "advance", "--to", "40").output
        assert "version 4: held" in rolling.run("rollout", "hold").output
        back = rolling.run("rollout", "rollback", "--reason", "enough seen")
        assert (back.exit_code, "rolled_back" in back.output, "enough seen" in back.output) == (0, True, True)
        status = rolling.run("rollout", "status").output
        assert "green  0 connections" in status
        assert "shadow 0 events compared" in status
        assert "before: version 4 held at 40 %" in status

    def test_what_cannot_be_done_is_said(self, rolling: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        for arguments in (("advance",), ("hold",), ("rollback",), ("start", "--role", "boss")):
            assert rolling.run("rollout", *arguments).exit_code == 1
        monkeypatch.delenv("MESCHAIN_GREEN_SIGNALR")
        assert "MESCHAIN_GREEN_SIGNALR" in rolling.run("rollout", "start").output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("Board 1", "--role", "admin"), "name of a page"),
        (("board", "--role", "service"), "no role"),
        (("board", "--role", "admin", "--marketplace", "gittigidiyor"), "not a marketplace"),
        (("board", "--role", "admin", "--lifetime", "for ever"), "no lifetime"),
    ],
)
def test_a_link_for_an_old_page_that_makes_no_sense_is_refused(
    shell: Shell, arguments: tuple[str, ...], expected: str
) -> None:
    refused = shell.run("legacy", "link", *arguments)
    assert refused.exit_code == 1
    assert expected in refused.output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("first",), "legacy_listeners has none"),
        (("first", "--per-second", "0"), "Invalid value for '--per-second'"),
    ],
)
def test_a_recall_that_makes_no_sense_is_refused(shell: Shell, arguments: tuple[str, ...], expected: str) -> None:
    refused = shell.run("legacy", "recall", *arguments)
    assert refused.exit_code != 0
    assert expected in refused.output
