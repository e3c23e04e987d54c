"""The templates in deploy/azure: what they ask Azure for, and that it fits together.

Azure itself cannot be had here. `arm.py` works the templates out as the resource manager would; what comes of it is
held against tables written by hand from the reference of each resource and from the service's own rules.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from app.tests.deploy.arm import ROOT, Reference, Resource, Scope, calls, expressions

from meschain.domain.events import ADMIN_HUB, DASHBOARD_HUB, MARKETPLACE_HUB
from meschain.provisioning import assemble, read_parameters

FOLDER = Path(__file__).parents[3] / "deploy" / "azure"
FILES = sorted(FOLDER.glob("*.json"))
ENVIRONMENTS = ("dev", "production")
SECRETS = {name: f"secret-{name}" for name in ("loginSecret", "databaseUrl", "opencartUrl", "upstreamCode", "redisUrl")}

VERSIONS = {
    "Microsoft.Authorization/roleAssignments": "2022-04-01",
    "Microsoft.Insights/actionGroups": "2023-01-01",
    "Microsoft.Insights/autoscaleSettings": "2022-10-01",
    "Microsoft.Insights/components": "2020-02-02",
    "Microsoft.Insights/diagnosticSettings": "2021-05-01-preview",
    "Microsoft.Insights/metricAlerts": "2018-03-01",
    "Microsoft.KeyVault/vaults": "2023-07-01",
    "Microsoft.KeyVault/vaults/secrets": "2023-07-01",
    "Microsoft.OperationalInsights/workspaces": "2023-09-01",
    "Microsoft.Resources/deployments": "2022-09-01",
    "Microsoft.SignalRService/signalR": "2024-03-01",
    "Microsoft.Storage/storageAccounts": "2023-05-01",
    "Microsoft.Storage/storageAccounts/blobServices": "2023-05-01",
    "Microsoft.Storage/storageAccounts/blobServices/containers": "2023-05-01",
    "Microsoft.Web/serverfarms": "2024-04-01",
    "Microsoft.Web/sites": "2024-04-01",
}
"""Type -> the version that we write for. diagnosticSettings never had one that is no preview."""

NAMES = {
    "Microsoft.Authorization/roleAssignments": r"guid-[a-z2-7]{13}",
    "Microsoft.Insights/actionGroups": r"[a-z][a-z0-9-]{0,259}",
    "Microsoft.Insights/autoscaleSettings": r"[a-z][a-z0-9-]{0,259}",
    "Microsoft.Insights/components": r"[a-z][a-z0-9-]{0,259}",
    "Microsoft.Insights/diagnosticSettings": r"[a-z]+",
    "Microsoft.Insights/metricAlerts": r"[a-z][a-z0-9-]{0,259}",
    "Microsoft.KeyVault/vaults": r"[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]",
    "Microsoft.KeyVault/vaults/secrets": r"[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]/[a-zA-Z0-9-]{1,127}",
    "Microsoft.OperationalInsights/workspaces": r"[a-zA-Z0-9][a-zA-Z0-9-]{2,61}[a-zA-Z0-9]",
    "Microsoft.Resources/deployments": r"[a-zA-Z0-9._()-]{1,64}",
    "Microsoft.SignalRService/signalR": r"[a-zA-Z][a-zA-Z0-9-]{1,61}[a-zA-Z0-9]",
    "Microsoft.Storage/storageAccounts": r"[a-z0-9]{3,24}",
    "Microsoft.Storage/storageAccounts/blobServices": r"[a-z0-9]{3,24}/default",
    "Microsoft.Storage/storageAccounts/blobServices/containers": r"[a-z0-9]{3,24}/default/[a-z0-9][a-z0-9-]{2,62}",
    "Microsoft.Web/serverfarms": r"[a-zA-Z0-9-]{1,60}",
    "Microsoft.Web/sites": r"[a-zA-Z0-9][a-zA-Z0-9-]{0,58}[a-zA-Z0-9]",
}
"""Type -> what Azure takes as a name."""

PROPERTIES = {
    "Microsoft.Authorization/roleAssignments": "roleDefinitionId principalId principalType",
    "Microsoft.Insights/actionGroups": "groupShortName enabled emailReceivers",
    "Microsoft.Insights/autoscaleSettings": "name enabled targetResourceUri profiles",
    "Microsoft.Insights/components": "Application_Type WorkspaceResourceId DisableLocalAuth",
    "Microsoft.Insights/diagnosticSettings": "workspaceId logs metrics",
    "Microsoft.Insights/metricAlerts": "description severity enabled scopes evaluationFrequency windowSize "
    "autoMitigate criteria actions",
    "Microsoft.KeyVault/vaults": "tenantId sku enableRbacAuthorization enableSoftDelete softDeleteRetentionInDays "
    "enablePurgeProtection publicNetworkAccess",
    "Microsoft.KeyVault/vaults/secrets": "value contentType",
    "Microsoft.OperationalInsights/workspaces": "sku retentionInDays",
    "Microsoft.Resources/deployments": "mode expressionEvaluationOptions parameters",
    "Microsoft.SignalRService/signalR": "features liveTraceConfiguration resourceLogConfiguration cors serverless "
    "upstream networkACLs publicNetworkAccess disableLocalAuth disableAadAuth tls",
    "Microsoft.Storage/storageAccounts": "accessTier allowBlobPublicAccess allowSharedKeyAccess minimumTlsVersion "
    "supportsHttpsTrafficOnly publicNetworkAccess",
    "Microsoft.Storage/storageAccounts/blobServices": "",
    "Microsoft.Storage/storageAccounts/blobServices/containers": "publicAccess",
    "Microsoft.Web/serverfarms": "reserved",
    "Microsoft.Web/sites": "serverFarmId httpsOnly functionAppConfig siteConfig",
}
"""Type -> properties that it has and we use."""

ROLES = {
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
}
"""Of Azure's own roles, by their fixed ids."""

METRICS = {
    "ConnectionQuotaUtilization": {"Minimum", "Maximum", "Average"},
    "ServerLoad": {"Minimum", "Maximum", "Average"},
    "SystemErrors": {"Maximum"},
    "ConnectionCloseCount": {"Total"},
}
"""Metric of the service -> aggregations that mean something for it."""

CLOSE_CATEGORIES = {
    "Normal",
    "Throttled",
    "PingTimeout",
    "NoAvailableServerConnection",
    "InvokeUpstreamFailed",
    "SlowClient",
    "HandshakeError",
    "ServerConnectionNotFound",
    "ServerConnectionClosed",
    "ServiceTransientError",
    "BadRequest",
    "ClosedByAppServer",
    "ServiceReload",
    "ServiceModeSwitched",
    "Unauthorized",
}
"""Why a connection ended, as the metric tells it."""

UNITS = {
    "Standard_S1": [*range(1, 11), *range(20, 101, 10)],
    "Premium_P1": [*range(1, 11), *range(20, 101, 10)],
    "Premium_P2": [*range(100, 1001, 100)],
}
"""Tier -> numbers of units that can be had."""


def values_of(environment: str) -> dict[str, Any]:
    """What a parameter file gives."""
    given = json.loads((FOLDER / "parameters" / f"{environment}.json").read_text(encoding="utf-8"))["parameters"]
    return {name: entry["value"] for name, entry in given.items()}


def worked_out(environment: str, **changed: Any) -> Scope:
    """The whole template with the parameters of an environment, some of them changed."""
    return Scope(assemble(FOLDER), values_of(environment) | SECRETS | changed)


def only(resources: list[Resource], kind: str) -> dict[str, Any]:
    """The one resource of a type."""
    (found,) = (resource.body for resource in resources if resource.kind == kind)
    return found


def ids_in(value: object) -> Iterator[str]:
    """Every resource of our group that is mentioned anywhere in a value."""
    if isinstance(value, Reference):
        yield value.resource_id
    elif isinstance(value, str) and value.startswith(ROOT):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from ids_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from ids_in(item)


# --- each file by itself ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_declared_is_used_and_what_is_used_is_declared(path: Path) -> None:
    template = json.loads(path.read_text(encoding="utf-8"))
    used: dict[str, set[str]] = {"parameters": set(), "variables": set()}
    for expression in expressions(template):
        for call in calls(expression):
            if call.value in used:
                used[call.value].add(call.parts[0].value)
    variables = set(template.get("variables", {})) - {"copy"}
    variables |= {copied["name"] for copied in template.get("variables", {}).get("copy", ())}
    assert used["parameters"] == set(template["parameters"])
    assert used["variables"] == variables


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_template_is_one_by_its_outside(path: Path) -> None:
    template = json.loads(path.read_text(encoding="utf-8"))
    assert template["$schema"].endswith("/2019-04-01/deploymentTemplate.json#")
    assert template["metadata"]["description"]
    assert set(template) <= {"$schema", "contentVersion", "metadata", "parameters", "variables", "resources", "outputs"}
    for parameter in template["parameters"].values():
        assert parameter["type"] in {"string", "secureString", "int", "bool", "array", "object"}
        assert path.stem != "main" or parameter["metadata"]["description"]


def test_a_module_gets_exactly_the_parameters_that_it_declares() -> None:
    for resource in assemble(FOLDER)["resources"]:
        assert set(resource["properties"]["parameters"]) == set(resource["properties"]["template"]["parameters"])


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_secrets_are_secure_parameters_without_defaults() -> None:
    for path in FILES:
        for name, parameter in json.loads(path.read_text(encoding="utf-8"))["parameters"].items():
            is_secret = name in SECRETS
            assert (parameter["type"] == "secureString") == is_secret, name
            assert not is_secret or parameter.get("defaultValue", "") == ""


def test_secrets_go_to_the_vault_and_nowhere_else() -> None:
    scope = worked_out("production")
    found = [
        resource
        for resource in scope.resources()
        if resource.kind != "Microsoft.Resources/deployments"
        and any(secret in json.dumps(resource.body, default=str) for secret in SECRETS.values())
    ]
    assert sorted(resource.body["properties"]["value"] for resource in found) == sorted(SECRETS.values())
    assert {resource.kind for resource in found} == {"Microsoft.KeyVault/vaults/secrets"}
    outputs = json.dumps(scope.outputs(), default=str)
    assert "listKeys" not in outputs
    assert not any(secret in outputs for secret in SECRETS.values())


def test_keys_of_the_service_are_read_into_the_vault_only() -> None:
    for path in FILES:
        for resource in json.loads(path.read_text(encoding="utf-8"))["resources"]:
            reads_keys = any(call.value == "listKeys" for each in expressions(resource) for call in calls(each))
            assert reads_keys == (path.stem in {"signalr", "functions"} and resource["type"].endswith("/secrets"))


def test_a_secret_that_is_not_given_stays_as_it_is() -> None:
    kept = {
        resource.name.split("/")[1]
        for resource in worked_out("production", loginSecret="").resources()
        if "/secrets" in resource.kind
    }
    assert "login-secret" not in kept
    assert {
        "database-url",
        "opencart-url",
        "upstream-code",
        "redis-url",
        "signalr-blue",
        "signalr-green",
        "signalr-endpoints",
    } == kept


# --- all of it together ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_types_versions_names_and_properties_are_known(environment: str) -> None:
    for resource in worked_out(environment).resources():
        assert resource.version == VERSIONS[resource.kind], resource.kind
        assert re.fullmatch(NAMES[resource.kind], resource.name), resource.name
        assert set(resource.body["properties"]) <= set(PROPERTIES[resource.kind].split()), resource.kind


def test_the_longest_names_fit() -> None:
    sides = [{"name": "a" * 16, "location": "westeurope"}, {"name": "b" * 16, "location": "westeurope"}]
    for resource in worked_out("production", name="m" * 15, sides=sides, activeSide="a" * 16).resources():
        assert re.fullmatch(NAMES[resource.kind], resource.name), resource.name


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_resource_is_declared_twice(environment: str) -> None:
    ids = [resource.id for resource in worked_out(environment).resources()]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_whatever_is_mentioned_is_declared_and_made_before(environment: str) -> None:
    resources = worked_out(environment).resources()
    declared = {resource.id: resource for resource in resources}
    before = {resource.id: resource.depends_on for resource in resources}

    def all_before(resource_id: str) -> set[str]:
        return {deeper for each in before[resource_id] for deeper in ({each} | all_before(each))}

    modules = {resource.name: resource.id for resource in resources if resource.module == "main"}
    for resource in resources:
        assert resource.depends_on <= {other.id for other in resources if other.module == resource.module}
        if resource.module == "main":
            continue
        earlier = {declared[each].name for each in all_before(modules[resource.module])}
        for mentioned in set(ids_in(resource.body["properties"])) | set(ids_in(resource.body.get("scope"))):
            other = declared[mentioned]
            in_time = (
                mentioned in all_before(resource.id) if other.module == resource.module else other.module in earlier
            )
            assert in_time or mentioned == resource.id, f"{resource.id} before {mentioned}"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_children_are_made_after_their_parents(environment: str) -> None:
    resources = worked_out(environment).resources()
    for resource in resources:
        if resource.kind.startswith("Microsoft.Storage") and "/" in resource.name:
            assert resource.id.rsplit("/", 2)[0] in resource.depends_on


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_what_lists_show_carries_our_tag(environment: str) -> None:
    for resource in worked_out(environment).resources():
        if resource.body.get("location"):
            assert resource.body["tags"]["meschain"] == values_of(environment)["name"], resource.kind


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_parameter_files_fit(environment: str) -> None:
    template = assemble(FOLDER)
    path = FOLDER / "parameters" / f"{environment}.json"
    values = read_parameters(template, path, {}).values
    for name, parameter in template["parameters"].items():
        if name in values and "allowedValues" in parameter:
            assert values[name] in parameter["allowedValues"]
    units = UNITS[values["signalRSku"]]
    assert {values["unitsMinimum"], values["unitsMaximum"], values["peak"]["unitsMinimum"]} <= set(units)
    assert values["unitsMinimum"] <= values["peak"]["unitsMinimum"] <= values["unitsMaximum"]


def test_units_are_those_that_can_be_had() -> None:
    parameters = assemble(FOLDER)["parameters"]
    every = sorted({unit for units in UNITS.values() for unit in units})
    assert parameters["signalRSku"]["allowedValues"] == list(UNITS)
    assert parameters["unitsMinimum"]["allowedValues"] == every
    assert parameters["unitsMaximum"]["allowedValues"] == every


# --- SignalR ---------------------------------------------------------------------------------------------------------


def service(**changed: Any) -> dict[str, Any]:
    """The SignalR service of production with one side."""
    sides = [{"name": "blue", "location": "westeurope"}]
    return only(worked_out("production", **{"sides": sides} | changed).resources(), "Microsoft.SignalRService/signalR")


def test_the_service_is_serverless() -> None:
    body = service()
    features = {feature["flag"]: feature["value"] for feature in body["properties"]["features"]}
    assert features == {"ServiceMode": "Serverless", "EnableConnectivityLogs": "true", "EnableMessagingLogs": "false"}
    assert body["kind"] == "SignalR"
    assert body["identity"] == {"type": "SystemAssigned"}
    assert body["sku"] == {"name": "Premium_P1", "capacity": 2}
    assert 1 <= body["properties"]["serverless"]["connectionTimeoutInSeconds"] <= 120


def test_browsers_of_the_pages_may_connect_and_need_no_certificate() -> None:
    properties = service()["properties"]
    assert properties["cors"] == {"allowedOrigins": values_of("production")["allowedOrigins"]}
    assert properties["tls"] == {"clientCertEnabled": False}
    assert properties["networkACLs"]["defaultAction"] == "Deny"
    assert properties["networkACLs"]["publicNetwork"] == {"allow": ["ClientConnection", "RESTAPI", "Trace"]}
    assert properties["disableLocalAuth"] is False, "clients' tokens are signed with a key"


def test_events_of_our_hubs_go_to_the_function_app() -> None:
    (template,) = service()["properties"]["upstream"]["templates"]
    assert template["hubPattern"] == ",".join(hub.lower() for hub in (ADMIN_HUB, MARKETPLACE_HUB, DASHBOARD_HUB))
    assert (template["categoryPattern"], template["eventPattern"], template["auth"]) == ("*", "*", {"type": "None"})
    assert re.fullmatch(
        r"https://meschain-functions-[a-z2-7]{8}\.azurewebsites\.net/api/upstream"
        r"\?code=\{@Microsoft\.KeyVault\(SecretUri=https://meschain-[a-z2-7]{8}\.vault\.azure\.net/secrets/upstream-code/\)\}",
        template["urlTemplate"],
    )


def test_live_trace_is_asked_for() -> None:
    assert service()["properties"]["liveTraceConfiguration"]["enabled"] == "false"
    assert service(liveTrace=True)["properties"]["liveTraceConfiguration"]["enabled"] == "true"


def stored(**changed: Any) -> dict[str, str]:
    """Secret of the vault -> its value."""
    return {
        resource.name.split("/")[1]: str(resource.body["properties"]["value"])
        for resource in worked_out("production", **changed).resources()
        if resource.kind == "Microsoft.KeyVault/vaults/secrets"
    }


def key_of(side: str, key: str) -> str:
    """Where a connection string comes from."""
    return rf"listKeys\(\S+/signalR/meschain-{side}-[a-z2-7]{{8}}\)\.{key}ConnectionString"


@pytest.mark.parametrize("key", ["primary", "secondary"])
def test_the_key_in_use_lies_in_the_vault(key: str) -> None:
    found = stored(signalRKey=key)
    for side in ("blue", "green"):
        assert re.search(key_of(side, key), found[f"signalr-{side}"])


@pytest.mark.parametrize(("active", "other"), [("blue", "green"), ("green", "blue")])
def test_the_application_gets_all_sides_with_the_active_one_first(active: str, other: str) -> None:
    endpoints = json.loads(stored(activeSide=active)["signalr-endpoints"])
    assert set(endpoints) == {f"{active}:primary", f"{other}:secondary"}
    assert re.fullmatch(key_of(active, "primary"), endpoints[f"{active}:primary"])
    assert re.fullmatch(key_of(other, "primary"), endpoints[f"{other}:secondary"])


def test_one_side_is_a_primary_one() -> None:
    alone = stored(sides=[{"name": "blue", "location": "westeurope"}])
    assert set(json.loads(alone["signalr-endpoints"])) == {"blue:primary"}
    assert "signalr-green" not in alone


def test_sides_differ_in_name_region_and_key_alone() -> None:
    blue, green = (
        resource.body
        for resource in worked_out("production").resources()
        if resource.kind == "Microsoft.SignalRService/signalR"
    )
    assert blue["properties"] == green["properties"]
    assert (blue["sku"], blue["identity"]) == (green["sku"], green["identity"])
    assert (blue["tags"]["side"], green["tags"]["side"]) == ("blue", "green")
    assert (blue["location"], green["location"]) == ("westeurope", "northeurope")


def test_the_service_reads_one_secret_and_the_functions_all() -> None:
    granted = {
        (
            resource.module,
            ROLES[resource.body["properties"]["roleDefinitionId"].rsplit("/", 1)[1]],
            scope.rsplit("/", 2)[1],
        )
        for resource in worked_out("production").resources()
        if resource.kind == "Microsoft.Authorization/roleAssignments" and (scope := resource.body["scope"])
    }
    assert granted == {
        ("signalr-blue", "Key Vault Secrets User", "secrets"),
        ("signalr-green", "Key Vault Secrets User", "secrets"),
        ("functions", "Key Vault Secrets User", "vaults"),
        ("functions", "Storage Blob Data Owner", "storageAccounts"),
        ("functions", "Storage Queue Data Contributor", "storageAccounts"),
        ("functions", "Storage Table Data Contributor", "storageAccounts"),
        ("functions", "Monitoring Metrics Publisher", "components"),
    }


# --- scaling and alerts ----------------------------------------------------------------------------------------------


def autoscale(**changed: Any) -> list[dict[str, Any]]:
    """Profiles of one side's autoscale, none where there is no autoscale."""
    sides = [{"name": "blue", "location": "westeurope"}]
    resources = worked_out("production", **{"sides": sides} | changed).resources()
    found = [each.body["properties"] for each in resources if each.kind == "Microsoft.Insights/autoscaleSettings"]
    return [profile for properties in found for profile in properties["profiles"]]


def test_autoscale_is_for_premium_only() -> None:
    assert autoscale()
    assert not autoscale(signalRSku="Standard_S1")


def test_a_peak_begins_and_ends_on_its_days() -> None:
    begin, end = autoscale()
    assert begin["name"] == "peak"
    assert json.loads(end["name"]) == {"name": "Auto created default scale condition", "for": "peak"}
    assert begin["recurrence"]["schedule"]["hours"] == [8]
    assert end["recurrence"]["schedule"]["hours"] == [19]
    for part in ("days", "timeZone", "minutes"):
        assert begin["recurrence"]["schedule"][part] == end["recurrence"]["schedule"][part]
    assert begin["capacity"] == {"minimum": "4", "maximum": "20", "default": "4"}
    assert end["capacity"] == {"minimum": "2", "maximum": "20", "default": "2"}


def test_without_peak_days_one_profile_holds_always() -> None:
    (always,) = autoscale(peak=values_of("production")["peak"] | {"days": []})
    assert "recurrence" not in always
    assert always["capacity"] == {"minimum": "2", "maximum": "20", "default": "2"}


def test_rules_lie_within_what_azure_takes_and_do_not_chase_each_other() -> None:
    for profile in autoscale():
        thresholds: dict[str, dict[str, int]] = {}
        for rule in profile["rules"]:
            trigger, action = rule["metricTrigger"], rule["scaleAction"]
            assert "Maximum" in METRICS[trigger["metricName"]]
            assert trigger["timeGrain"] == "PT1M"
            assert int(trigger["timeWindow"][2:-1]) >= 5
            assert int(action["cooldown"][2:-1]) >= 1
            assert action["type"] == "ServiceAllowedNextValue"
            thresholds.setdefault(trigger["metricName"], {})[action["direction"]] = trigger["threshold"]
        assert set(thresholds) == {"ConnectionQuotaUtilization", "ServerLoad"}
        for metric in thresholds.values():
            assert metric["Decrease"] * 2 <= metric["Increase"], "a unit less of two would ask for one more at once"


def test_alerts_watch_what_the_service_and_the_functions_tell() -> None:
    watched = {}
    for resource in worked_out("production", sides=[{"name": "blue", "location": "westeurope"}]).resources():
        if resource.kind == "Microsoft.Insights/metricAlerts":
            properties = resource.body["properties"]
            (criterion,) = properties["criteria"]["allOf"]
            watched[criterion["metricName"]] = criterion
            assert properties["evaluationFrequency"] == "PT1M"
            assert properties["actions"] == [
                {"actionGroupId": f"{ROOT}/providers/Microsoft.Insights/actionGroups/meschain-alerts"}
            ]
    assert watched.pop("requests/failed")["metricNamespace"] == "microsoft.insights/components"
    assert set(watched) == set(METRICS)
    for metric, criterion in watched.items():
        assert criterion["timeAggregation"] in METRICS[metric]
        assert criterion["metricNamespace"] == "Microsoft.SignalRService/SignalR"
    (dimension,) = watched["ConnectionCloseCount"]["dimensions"]
    assert dimension["name"] == "ConnectionCloseCategory"
    assert set(dimension["values"]) < CLOSE_CATEGORIES
    assert not {"Normal", "PingTimeout"} & set(dimension["values"]), "closed browser tabs are no alarm"


def test_alerts_are_sent_to_people() -> None:
    group = only(worked_out("production").resources(), "Microsoft.Insights/actionGroups")
    assert len(group["properties"]["groupShortName"]) <= 12
    assert [each["emailAddress"] for each in group["properties"]["emailReceivers"]] == ["operations@example.com"]


# --- function app, storage, vault ------------------------------------------------------------------------------------


def settings(**changed: Any) -> dict[str, Any]:
    """The function app's settings."""
    site = only(worked_out("production", **changed).resources(), "Microsoft.Web/sites")
    return {each["name"]: each["value"] for each in site["properties"]["siteConfig"]["appSettings"]}


def test_the_function_app_runs_our_python() -> None:
    site = only(worked_out("production").resources(), "Microsoft.Web/sites")
    configuration = site["properties"]["functionAppConfig"]
    assert configuration["runtime"] == {"name": "python", "version": "3.11"}
    assert configuration["scaleAndConcurrency"]["alwaysReady"] == [
        {"name": "http", "instanceCount": 2},
        {"name": "function:background", "instanceCount": 1},
    ]
    assert configuration["deployment"]["storage"]["authentication"] == {"type": "SystemAssignedIdentity"}
    assert configuration["deployment"]["storage"]["value"].endswith(".blob.core.windows.net/packages")
    assert site["properties"]["httpsOnly"] is True
    assert site["properties"]["siteConfig"]["cors"] == {
        "allowedOrigins": values_of("production")["allowedOrigins"],
        "supportCredentials": True,
    }
    assert site["identity"] == {"type": "SystemAssigned"}


def test_secret_settings_are_references_to_the_vault() -> None:
    found = {
        name: re.sub(r"[a-z2-7]{8};", "…;", value) for name, value in settings().items() if "KeyVault" in str(value)
    }
    reference = "@Microsoft.KeyVault(VaultName=meschain-…;SecretName={})"
    assert found == {
        "AzureSignalRConnectionString": reference.format("signalr-blue"),
        "Azure__SignalR__Endpoints__blue__Primary": reference.format("signalr-blue"),
        "Azure__SignalR__Endpoints__green__Primary": reference.format("signalr-green"),
        "MESCHAIN_AZURE_SIGNALR": reference.format("signalr-endpoints"),
        "MESCHAIN_SECRET": reference.format("login-secret"),
        "MESCHAIN_DATABASE_URL": reference.format("database-url"),
        "MESCHAIN_OPENCART_URL": reference.format("opencart-url"),
        "MESCHAIN_UPSTREAM_CODE": reference.format("upstream-code"),
    }


def test_what_a_setting_refers_to_is_in_the_vault_before_the_app_is_made() -> None:
    resources = worked_out("production").resources()
    (app,) = (each for each in resources if each.module == "main" and each.name == "functions")
    secrets = {
        each.name.split("/")[1]: each.module for each in resources if each.kind == "Microsoft.KeyVault/vaults/secrets"
    }
    earlier = {each.rsplit("/", 1)[1] for each in app.depends_on}
    for name in re.findall(r"SecretName=([a-z-]+)\)", str(settings())):
        assert secrets[name] in earlier | {"vault", "functions"}, name
    assert {"signalr-blue", "signalr-green", "storage"} == earlier, "the vault comes before the sides"


def test_a_flex_consumption_app_has_no_settings_of_the_older_plans() -> None:
    assert not {"FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_EXTENSION_VERSION", "AzureWebJobsStorage"} & set(settings())
    assert not any(name.startswith("WEBSITE_") for name in settings())


def test_redis_is_there_when_asked_for() -> None:
    assert "MESCHAIN_REDIS_URL" not in settings()
    assert "SecretName=redis-url)" in settings(hasRedis=True)["MESCHAIN_REDIS_URL"]


def test_the_active_side_is_where_bindings_send() -> None:
    assert "SecretName=signalr-green)" in settings(activeSide="green")["AzureSignalRConnectionString"]


def test_storage_and_vault_are_reached_by_identity() -> None:
    resources = worked_out("production").resources()
    account = only(resources, "Microsoft.Storage/storageAccounts")["properties"]
    assert account["allowSharedKeyAccess"] is False
    assert account["allowBlobPublicAccess"] is False
    assert account["minimumTlsVersion"] == "TLS1_2"
    vault = only(resources, "Microsoft.KeyVault/vaults")["properties"]
    assert vault["enableRbacAuthorization"] is True
    assert vault["enablePurgeProtection"] is True
    unprotected = only(worked_out("dev").resources(), "Microsoft.KeyVault/vaults")["properties"]
    assert unprotected["enablePurgeProtection"] is None, "false is refused once it was true; null leaves it"
