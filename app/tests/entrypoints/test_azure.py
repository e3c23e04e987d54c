"""`meschain azure` as it is typed: what it prints, how it ends, and that its plans are those that are committed.

Azure cannot be had here and is played by a server of the tests, to which `DefaultAzureCredential` logs in as a machine
with a managed identity does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from app.tests.provisioning.fake_azure import GROUP, SUBSCRIPTION, FakeAzure, machine_in_azure
from typer.testing import CliRunner, Result

from meschain.entrypoints.cli.app import app

REPOSITORY = Path(__file__).parents[3]
FOLDER = REPOSITORY / "deploy" / "azure"
EXPECTED = REPOSITORY / "app" / "tests" / "provisioning" / "expected"
SECRETS = {
    name: f"never-seen-{name}-{'x' * 32}" for name in ("loginSecret", "databaseUrl", "opencartUrl", "upstreamCode")
}
WHERE = ("--subscription", SUBSCRIPTION, "--group", GROUP)


@pytest.fixture
def azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAzure]:
    """Azure, where nothing was made yet."""
    with machine_in_azure(tmp_path, monkeypatch) as fake:
        yield fake


def run(*arguments: str, stdin: str = "") -> Result:
    """A command; no error of it is a traceback."""
    result = CliRunner().invoke(app, ["azure", *arguments], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def deploying(verb: str, environment: str = "dev", *more: str, secrets: bool = True) -> list[str]:
    """`plan` or `apply` with everything that it needs; secrets come from standard input."""
    files = ["--templates", str(FOLDER), "--parameters", str(FOLDER / "parameters" / f"{environment}.json")]
    given = ["--secrets", "-"] if secrets else []
    return [verb, *WHERE, "--location", "westeurope", *files, *given, *more]


def run_with_secrets(arguments: Sequence[str]) -> Result:
    """A command that reads the secrets from standard input; it shows none."""
    result = run(*arguments, stdin=json.dumps(SECRETS))
    assert "never-seen" not in result.output
    return result


@pytest.mark.parametrize("environment", ["dev", "production"])
def test_a_plan_is_the_one_that_is_committed(environment: str) -> None:
    """When the templates change: read what changes in the plan, then write it there."""
    result = run_with_secrets(deploying("plan", environment))
    assert result.exit_code == 0
    assert result.output == (EXPECTED / f"plan-{environment}.txt").read_text(encoding="utf-8")


def test_apply_makes_the_calls_of_the_plan(azure: FakeAzure) -> None:
    azure.wait = {"Retry-After": "1"}
    planned = run_with_secrets(deploying("plan")).output
    result = run_with_secrets([*deploying("apply"), "--resource-manager", azure.address])
    assert result.exit_code == 0
    assert "vault = shop-vault" in result.output
    made = "\n\n".join(str(call) for call in azure.calls[:3]) + "\n"
    for secret in SECRETS.values():
        assert secret in made
        made = made.replace(secret, "(secret)")
    assert made == planned
    assert all(call.method == "GET" for call in azure.calls[3:])


def test_apply_says_which_secrets_stay(azure: FakeAzure) -> None:
    azure.wait = {"Retry-After": "1"}
    azure.group = {"location": "westeurope", "tags": {"meschain": "meschaindev"}}
    result = run(*deploying("apply", secrets=False), "--resource-manager", azure.address)
    assert result.exit_code == 0
    assert "loginSecret was not given; the vault keeps what it has." in result.output


def test_the_first_apply_without_secrets_is_refused(azure: FakeAzure) -> None:
    result = run(*deploying("apply", secrets=False), "--resource-manager", azure.address)
    assert result.exit_code == 1
    assert "The first deployment needs all secrets" in result.output
    assert azure.writes == []


def test_what_if_asks_azure(azure: FakeAzure) -> None:
    azure.group = {"location": "westeurope", "tags": {"meschain": "meschaindev"}}
    azure.changes = [{"resourceId": "/subscriptions/x", "changeType": "Create"}]
    result = run_with_secrets([*deploying("plan"), "--what-if", "--resource-manager", azure.address])
    assert result.exit_code == 0
    assert result.output == "Create /subscriptions/x\n"


def test_status_ends_well_where_all_is_well(azure: FakeAzure) -> None:
    azure.group = {"location": "westeurope", "tags": {"meschain": "meschaindev"}}
    outputs = {"vault": {"value": "shop-vault"}}
    azure.deployment = {"properties": {"provisioningState": "Succeeded", "outputs": outputs}}
    entry = {"id": "/x", "type": "Microsoft.Web/sites", "name": "app", "provisioningState": "Succeeded"}
    azure.resources = [entry | {"tags": {"meschain": "meschaindev"}}]
    result = run("status", *WHERE, "--resource-manager", azure.address)
    assert result.output.splitlines() == [
        "group shop in westeurope",
        "deployment Succeeded",
        "vault = shop-vault",
        "Microsoft.Web/sites  app  Succeeded",
    ]
    assert result.exit_code == 0
    azure.resources = [entry | {"tags": {}, "provisioningState": "Failed"}]
    result = run("status", *WHERE, "--resource-manager", azure.address)
    assert result.exit_code == 1
    assert "Microsoft.Web/sites  app  Failed  not ours" in result.output


def test_status_before_the_first_apply(azure: FakeAzure) -> None:
    result = run("status", *WHERE, "--resource-manager", azure.address)
    assert result.exit_code == 1
    assert result.output.startswith("meschain: Azure does not find it")


@pytest.mark.parametrize(("typed", "is_deleted"), [(GROUP, True), ("yes", False)])
def test_destroy_asks_for_the_name(azure: FakeAzure, typed: str, is_deleted: bool) -> None:
    azure.wait = {"Retry-After": "1"}
    azure.group = {"location": "westeurope", "tags": {"meschain": "meschaindev"}}
    azure.resources = [{"id": "/x", "type": "Microsoft.Web/sites", "name": "app", "tags": {"meschain": "meschaindev"}}]
    result = run("destroy", *WHERE, "--resource-manager", azure.address, stdin=f"{typed}\n")
    assert "Microsoft.Web/sites  app" in result.output
    assert result.exit_code == (0 if is_deleted else 1)
    assert (azure.group is None) == is_deleted


def test_destroy_can_be_told_not_to_ask(azure: FakeAzure) -> None:
    azure.wait = {"Retry-After": "1"}
    azure.group = {"location": "westeurope", "tags": {"meschain": "meschaindev"}}
    result = run("destroy", *WHERE, "--yes", "--resource-manager", azure.address)
    assert result.exit_code == 0
    assert azure.group is None


def test_secrets_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(json.dumps({"loginSecret": "never-seen"}))
    result = run(*deploying("plan", secrets=False), "--secrets", str(path))
    assert result.exit_code == 0
    assert result.output.count("(secret)") == 1
    assert "never-seen" not in result.output
    result = run(*deploying("plan", secrets=False), "--secrets", str(tmp_path / "none.json"))
    assert result.exit_code == 1
    assert "cannot be read: No such file or directory. Give the file with the secrets." in result.output


def test_a_wrong_parameter_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "parameters.json"
    path.write_text('{"parameters": {"colour": {"value": "red"}}}')
    where = [*WHERE, "--location", "westeurope", "--templates", str(FOLDER), "--parameters", str(path)]
    result = run("plan", *where)
    assert result.exit_code == 1
    assert result.output.startswith("meschain: ")
    assert "gives 'colour', which no template asks for" in result.output


def test_without_azures_libraries_it_says_how_to_get_them() -> None:
    program = (
        "import sys\n"
        "sys.modules['azure.core'] = None\n"
        "from meschain.entrypoints.cli import main\n"
        f"sys.argv = {['meschain', 'azure', 'status', *WHERE]!r}\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == "meschain: Azure's libraries are not installed; run `pip install 'meschain[azure]'`.\n"
