"""What is asked of the resource manager, through Azure's own library, and what becomes of its answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from app.tests.provisioning.fake_azure import GROUP, SUBSCRIPTION, FakeAzure, machine_in_azure
from azure.identity import ManagedIdentityCredential

from meschain.provisioning import Parameters, ProvisioningError
from meschain.provisioning.resource_manager import ResourceManager, Target, plan
from meschain.provisioning.status import ResourceState

TEMPLATE = {"resources": [], "parameters": {"name": {"type": "string"}, "loginSecret": {"type": "secureString"}}}
SECRET = "never to be seen"
PARAMETERS = Parameters({"name": "meschain"}, ("loginSecret",), {"loginSecret": SECRET})
OURS = {"location": "westeurope", "tags": {"meschain": "meschain", "cost": "shop"}}
ROOT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"


def resource(kind: str, name: str, **more: Any) -> dict[str, Any]:
    """An entry of the list of a group's resources."""
    entry = {"id": f"{ROOT}/providers/{kind}/{name}", "type": kind, "name": name, "location": "westeurope"}
    return entry | {"tags": {"meschain": "meschain"}, "provisioningState": "Succeeded"} | more


def failed(*messages: str) -> dict[str, Any]:
    """A step of a deployment, with a template of its own, that failed."""
    target = {"id": ROOT, "resourceType": "Microsoft.Resources/deployments", "resourceName": "functions"}
    details = [{"code": "Conflict", "message": message} for message in messages]
    outer = {"code": "DeploymentFailed", "message": "At least one resource deployment operation failed."}
    error = {"error": {**outer, "details": [{**outer, "details": details}]}}
    return {"id": "1", "properties": {"provisioningState": "Failed", "targetResource": target, "statusMessage": error}}


@pytest.fixture
def azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAzure]:
    """Azure, where nothing was made yet."""
    with machine_in_azure(tmp_path, monkeypatch) as fake:
        yield fake


@pytest.fixture
def manager(azure: FakeAzure) -> Iterator[ResourceManager]:
    """Connected to the fake, as a machine with a managed identity is to Azure."""
    target = Target(SUBSCRIPTION, GROUP, azure.address)
    with ManagedIdentityCredential() as credential, ResourceManager(target, credential, polling_interval=0) as manager:
        yield manager


def silent(_text: str) -> None:
    """Nobody listens to the progress."""


def test_apply_makes_the_calls_of_the_plan(azure: FakeAzure, manager: ResourceManager) -> None:
    planned = plan(Target(SUBSCRIPTION, GROUP), "westeurope", TEMPLATE, PARAMETERS)
    outputs = manager.apply("westeurope", TEMPLATE, PARAMETERS, silent)
    *before, deployment = azure.calls[:3]
    assert [str(call) for call in before] == [str(call) for call in planned[:2]]
    assert str(deployment).replace(SECRET, "(secret)") == str(planned[2])
    assert [call.method for call in azure.writes] == ["PUT", "PUT"]
    assert azure.polls == 2, "waited until it was there"
    assert outputs == {"signalRHosts": "a.example, b.example", "vault": "shop-vault"}


def test_a_long_operation_says_that_it_goes_on(azure: FakeAzure) -> None:
    azure.wait = {"Retry-After": "1"}
    told: list[str] = []
    target = Target(SUBSCRIPTION, GROUP, azure.address)
    with (
        ManagedIdentityCredential() as credential,
        ResourceManager(target, credential, progress_seconds=0.01) as manager,
    ):
        manager.apply("westeurope", TEMPLATE, PARAMETERS, told.append)
    assert set(told) == {"still deploying"}


def test_a_plan_calls_nobody_and_shows_no_secret(azure: FakeAzure) -> None:
    calls = plan(Target(SUBSCRIPTION, GROUP, azure.address), "westeurope", TEMPLATE, PARAMETERS)
    assert azure.calls == []
    assert SECRET not in "\n".join(map(str, calls))


def test_tags_of_others_on_the_group_are_kept(azure: FakeAzure, manager: ResourceManager) -> None:
    azure.group = OURS
    manager.apply("westeurope", TEMPLATE, PARAMETERS, silent)
    assert azure.writes[0].body == OURS


def test_a_later_apply_needs_no_secrets(azure: FakeAzure, manager: ResourceManager) -> None:
    azure.group = OURS
    manager.apply("westeurope", TEMPLATE, Parameters({"name": "meschain"}, ("loginSecret",), {}), silent)
    assert azure.writes[1].body["properties"]["parameters"] == {"name": {"value": "meschain"}}


def test_the_first_apply_needs_all_secrets(azure: FakeAzure, manager: ResourceManager) -> None:
    with pytest.raises(ProvisioningError, match="first deployment needs all secrets; give loginSecret"):
        manager.apply("westeurope", TEMPLATE, Parameters({"name": "meschain"}, ("loginSecret",), {}), silent)
    assert azure.writes == []


def test_a_group_of_somebody_else_is_not_touched(azure: FakeAzure, manager: ResourceManager) -> None:
    azure.group = {"location": "westeurope", "tags": {"cost": "theirs"}}
    for act in (
        lambda: manager.apply("westeurope", TEMPLATE, PARAMETERS, silent),
        lambda: manager.destroy(silent),
        lambda: manager.what_if(TEMPLATE, PARAMETERS),
    ):
        with pytest.raises(ProvisioningError, match="was not made by `meschain azure apply`"):
            act()
    assert azure.writes == []


def test_a_deployment_that_fails_tells_which_steps_did(azure: FakeAzure, manager: ResourceManager) -> None:
    azure.failing = {"code": "DeploymentFailed", "message": "At least one resource deployment operation failed."}
    azure.operations = [failed("The name is taken.", "So is the other.")]
    with pytest.raises(ProvisioningError) as refused:
        manager.apply("westeurope", TEMPLATE, PARAMETERS, silent)
    assert str(refused.value).splitlines() == [
        "The deployment failed.",
        "Microsoft.Resources/deployments functions: Conflict: The name is taken.",
        "Microsoft.Resources/deployments functions: Conflict: So is the other.",
    ]
    assert SECRET not in str(refused.value)


def test_a_deployment_that_fails_without_steps_tells_what_azure_says(
    azure: FakeAzure, manager: ResourceManager
) -> None:
    azure.failing = {"code": "InvalidTemplate", "message": "It is not valid."}
    with pytest.raises(ProvisioningError, match=r"Azure refuses: .*It is not valid\..* `meschain azure status`"):
        manager.apply("westeurope", TEMPLATE, PARAMETERS, silent)


def test_what_if_tells_the_changes(azure: FakeAzure, manager: ResourceManager) -> None:
    azure.group = OURS
    azure.changes = [
        {"resourceId": f"{ROOT}/providers/b", "changeType": "Modify"},
        {"resourceId": f"{ROOT}/providers/a", "changeType": "Create"},
    ]
    assert manager.what_if(TEMPLATE, PARAMETERS) == (f"Create {ROOT}/providers/a", f"Modify {ROOT}/providers/b")
    assert [call.method for call in azure.writes] == ["POST"], "it asks, and changes nothing"


def test_status_tells_state_health_and_whose_it_is(azure: FakeAzure, manager: ResourceManager) -> None:
    azure.group = OURS
    azure.deployment = {"properties": {"provisioningState": "Failed", "outputs": {}}}
    azure.operations = [failed("The name is taken.")]
    azure.resources = [
        resource("Microsoft.Web/sites", "app", provisioningState="Failed"),
        resource("Microsoft.SignalRService/SignalR", "blue"),
        resource("Microsoft.Insights/actiongroups", "Application Insights Smart Detection", tags=None),
        resource("Microsoft.Compute/disks", "theirs", tags={"cost": "theirs"}),
    ]
    azure.health = [
        {
            "id": f"{ROOT.lower()}/providers/microsoft.signalrservice/signalr/blue"
            "/providers/Microsoft.ResourceHealth/availabilityStatuses/current",
            "properties": {"availabilityState": "Available"},
        },
        {
            "id": f"{ROOT}/providers/Microsoft.Web/sites/app"
            "/providers/Microsoft.ResourceHealth/availabilityStatuses/current",
            "properties": {"availabilityState": "Unavailable"},
        },
    ]
    status = manager.status()
    assert (status.location, status.deployment, status.outputs) == ("westeurope", "Failed", {})
    assert status.failures == ("Microsoft.Resources/deployments functions: Conflict: The name is taken.",)
    assert status.resources == (
        ResourceState("Microsoft.Compute/disks", "theirs", "Succeeded", "", False),
        ResourceState("Microsoft.Insights/actiongroups", "Application Insights Smart Detection", "Succeeded", "", True),
        ResourceState("Microsoft.SignalRService/SignalR", "blue", "Succeeded", "Available", True),
        ResourceState("Microsoft.Web/sites", "app", "Failed", "Unavailable", True),
    )


def test_status_does_without_health_where_it_may_not_be_read(azure: FakeAzure, manager: ResourceManager) -> None:
    azure.group, azure.health = OURS, None
    azure.resources = [resource("Microsoft.Web/sites", "app")]
    status = manager.status()
    assert status.deployment == ""
    assert status.resources == (ResourceState("Microsoft.Web/sites", "app", "Succeeded", "", True),)


def test_destroy_deletes_the_group_and_waits(azure: FakeAzure, manager: ResourceManager) -> None:
    azure.group = OURS
    azure.resources = [resource("Microsoft.Web/sites", "app"), resource("Microsoft.Web/serverfarms", "plan")]
    manager.destroy(silent)
    assert [(call.method, call.body) for call in azure.writes] == [("DELETE", None)]
    assert azure.group is None


def test_destroy_spares_a_group_that_holds_something_else(azure: FakeAzure, manager: ResourceManager) -> None:
    azure.group = OURS
    azure.resources = [resource("Microsoft.Web/sites", "app"), resource("Microsoft.Sql/servers", "theirs", tags={})]
    with pytest.raises(ProvisioningError, match=r"also holds Microsoft\.Sql/servers theirs; move or delete"):
        manager.destroy(silent)
    assert azure.writes == []


def test_what_is_not_there_is_told(manager: ResourceManager) -> None:
    with pytest.raises(ProvisioningError, match=r"does not find it: .*'shop' could not be found.*Check --subscription"):
        manager.status()


def test_a_log_in_that_is_refused_is_told(azure: FakeAzure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "guessed")
    target = Target(SUBSCRIPTION, GROUP, azure.address)
    with (
        ManagedIdentityCredential() as stranger,
        ResourceManager(target, stranger) as manager,
        pytest.raises(ProvisioningError, match=r"does not accept the log-in: .*az login"),
    ):
        manager.status()


def test_a_network_without_azure_is_told(azure: FakeAzure) -> None:
    nobody = Target(SUBSCRIPTION, GROUP, "https://127.0.0.1:9")
    with (
        ManagedIdentityCredential() as credential,
        ResourceManager(nobody, credential, retry_total=0) as manager,
        pytest.raises(ProvisioningError, match="cannot be reached"),
    ):
        manager.status()
