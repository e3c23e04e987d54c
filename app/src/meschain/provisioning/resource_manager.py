"""Azure's resource manager through Azure's own library: a resource group, the deployment in it, and what it made.

The only file that talks to Azure. Every answer becomes a value of ours, every failure a `ProvisioningError`. What a
group holds is told apart by the tag `meschain`: a group without it is never written to, and never deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Self

from azure.core.credentials import TokenCredential
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.polling import LROPoller
from azure.core.rest import HttpRequest
from azure.mgmt.resource.deployments import DeploymentsMgmtClient
from azure.mgmt.resource.deployments.models import Deployment, DeploymentExtended, DeploymentWhatIf, ErrorResponse
from azure.mgmt.resource.resources import ResourceManagementClient

from meschain.provisioning.azure_errors import told_as_sentences
from meschain.provisioning.calls import Call, NoCredential, Recorder
from meschain.provisioning.errors import ProvisioningError
from meschain.provisioning.parameters import Parameters
from meschain.provisioning.status import ResourceState, Status

TAG: Final = "meschain"
"""On the group and on everything in it that we made; its value is the parameter `name`."""
DEPLOYMENT: Final = "meschain"
"""The same name each time: the deployment of a group is the last one."""
POLL_SECONDS: Final = 5
"""How often a long operation is asked for, where Azure does not say: it takes minutes, and people wait."""
PROGRESS_SECONDS: Final = 10.0
"""Often enough that nobody thinks it hangs."""
_HEALTH_VERSION: Final = "2025-05-01"
"""Of Microsoft.ResourceHealth, which the library has no method for."""
_MADE_BY_AZURE: Final = frozenset(
    {
        ("microsoft.alertsmanagement/smartdetectoralertrules", "failure anomalies"),
        ("microsoft.insights/actiongroups", "application insights smart detection"),
    }
)
"""Type and beginning of the name of what comes with Application Insights, without our tag."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to provision."""

    subscription: str
    group: str
    address: str | None = None
    """Of the resource manager, where it is not the public cloud's."""


class ResourceManager:
    """One resource group, as `meschain azure` sees it."""

    def __init__(
        self,
        target: Target,
        credential: TokenCredential,
        *,
        progress_seconds: float = PROGRESS_SECONDS,
        **options: Any,
    ) -> None:
        """
        Args:
            target: Where the group is, or shall be.
            credential: Who asks.
            progress_seconds: How often a long operation says that it goes on.
            options: Of both of Azure's clients, as in `polling_interval`.
        """
        self._target = target
        self._progress_seconds = progress_seconds
        options.setdefault("polling_interval", POLL_SECONDS)
        if target.address is not None:
            options["credential_scopes"] = [f"{target.address.rstrip('/')}/.default"]
        self._resources = ResourceManagementClient(credential, target.subscription, target.address, **options)
        self._deployments = DeploymentsMgmtClient(credential, target.subscription, target.address, **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Close what is connected."""
        self._resources.close()
        self._deployments.close()

    def apply(
        self, location: str, template: Mapping[str, Any], parameters: Parameters, progress: Callable[[str], None]
    ) -> Mapping[str, str]:
        """Make the group and deploy into it; the outputs.

        Raises:
            ProvisioningError: The group is not ours, a first deployment lacks secrets, or Azure refuses.
        """
        with told_as_sentences():
            try:
                tags = self._group_tags()
            except ResourceNotFoundError:
                if parameters.missing_secrets:
                    raise ProvisioningError(
                        f"The first deployment needs all secrets; give {', '.join(parameters.missing_secrets)} "
                        "by --secrets too."
                    ) from None
                tags = {}
            self._put_group(location, {**tags, TAG: parameters.values["name"]})
            deploying = self._deploy(template, parameters)
            try:
                self._wait(deploying, "deploying", progress)
                return _outputs(deploying.result())
            except HttpResponseError:
                failures = self._failures()
                if failures:
                    raise ProvisioningError("\n".join(("The deployment failed.", *failures))) from None
                raise

    def what_if(self, template: Mapping[str, Any], parameters: Parameters) -> tuple[str, ...]:
        """What Azure says that a deployment would change, a line for each resource.

        Raises:
            ProvisioningError: There is no such group yet, or Azure refuses.
        """
        with told_as_sentences():
            self._group_tags()
            body = DeploymentWhatIf({"properties": _properties(template, parameters)})
            found = (
                self._deployments.deployments.begin_what_if(self._target.group, DEPLOYMENT, body).result().properties
            )
            changes = (found.changes if found else None) or ()
            return tuple(sorted(f"{_word(change.change_type)} {change.resource_id}" for change in changes))

    def status(self) -> Status:
        """Raises: ProvisioningError."""
        with told_as_sentences():
            group = self._resources.resource_groups.get(self._target.group)
            try:
                deployment = self._deployments.deployments.get(self._target.group, DEPLOYMENT)
            except ResourceNotFoundError:
                return Status(group.location, "", (), {}, self._states())
            state = _word(deployment.properties.provisioning_state) if deployment.properties else ""
            return Status(group.location, state, self._failures(), _outputs(deployment), self._states())

    def destroy(self, progress: Callable[[str], None]) -> None:
        """Delete the group with everything in it.

        Raises:
            ProvisioningError: It is not ours, holds things that are not, or Azure refuses.
        """
        with told_as_sentences():
            self._group_tags()
            foreign = [f"{state.kind} {state.name}" for state in self._states() if not state.is_ours]
            if foreign:
                raise ProvisioningError(
                    f"{self._target.group} also holds {', '.join(foreign)}; move or delete that first, "
                    "as it would go with the group."
                )
            deleting = self._resources.resource_groups.begin_delete(self._target.group)
            self._wait(deleting, "deleting", progress)
            deleting.result()

    def _wait(self, operation: LROPoller[Any], doing: str, progress: Callable[[str], None]) -> None:
        operation.wait(self._progress_seconds)
        while not operation.done():
            progress(f"still {doing}")
            operation.wait(self._progress_seconds)

    def _group_tags(self) -> dict[str, str]:
        """Raises: ResourceNotFoundError; ProvisioningError where the group is somebody else's."""
        tags = dict(self._resources.resource_groups.get(self._target.group).tags or {})
        if TAG not in tags:
            raise ProvisioningError(
                f"The resource group {self._target.group} was not made by `meschain azure apply`: it has no tag {TAG}. "
                "Name another one."
            )
        return tags

    def _put_group(self, location: str, tags: Mapping[str, str]) -> None:
        body = {"location": location, "tags": dict(tags)}
        self._resources.resource_groups.create_or_update(self._target.group, body)

    def _deploy(self, template: Mapping[str, Any], parameters: Parameters) -> LROPoller[DeploymentExtended]:
        body = Deployment({"properties": _properties(template, parameters)})
        return self._deployments.deployments.begin_create_or_update(self._target.group, DEPLOYMENT, body)

    def _failures(self) -> tuple[str, ...]:
        found = []
        for operation in self._deployments.deployment_operations.list(self._target.group, DEPLOYMENT):
            step = operation.properties
            if step is None or step.provisioning_state != "Failed" or step.target_resource is None:
                continue
            error = step.status_message.error if step.status_message else None
            for reason in _reasons(error) if error else ["no reason given"]:
                found.append(f"{step.target_resource.resource_type} {step.target_resource.resource_name}: {reason}")
        return tuple(found)

    def _states(self) -> tuple[ResourceState, ...]:
        health = self._health()
        listed = self._resources.resources.list_by_resource_group(self._target.group, expand="provisioningState")
        states = []
        for resource in listed:
            kind, name = str(resource.type), str(resource.name)
            is_ours = TAG in (resource.tags or {}) or any(
                kind.lower() == made and name.lower().startswith(beginning) for made, beginning in _MADE_BY_AZURE
            )
            state = str(resource.provisioning_state or "")
            states.append(ResourceState(kind, name, state, health.get(str(resource.id).lower(), ""), is_ours))
        return tuple(sorted(states, key=lambda state: (state.kind, state.name)))

    def _health(self) -> dict[str, str]:
        """Id of a resource in lower case -> how Azure finds it; those that it watches only."""
        target = self._target
        address: str | None = (
            f"{{endpoint}}/subscriptions/{target.subscription}/resourceGroups/{target.group}"
            f"/providers/Microsoft.ResourceHealth/availabilityStatuses?api-version={_HEALTH_VERSION}"
        )
        found = {}
        while address:
            answer = self._resources.send_request(HttpRequest("GET", address))
            if answer.status_code != 200:
                return {}  # Without the right to read health the rest is still worth showing.
            page = answer.json()
            for entry in page["value"]:
                resource_id = entry["id"].lower().partition("/providers/microsoft.resourcehealth/")[0]
                found[resource_id] = entry["properties"]["availabilityState"]
            address = page.get("nextLink")
        return found


def plan(target: Target, location: str, template: Mapping[str, Any], parameters: Parameters) -> tuple[Call, ...]:
    """The calls that `apply` makes where there is nothing yet, in order, with masks for secrets; none is made."""
    recorder = Recorder()
    shown = parameters.to_show()
    manager = ResourceManager(target, NoCredential(), transport=recorder)
    return (
        recorder.record(manager._group_tags),
        recorder.record(lambda: manager._put_group(location, {TAG: shown.values["name"]})),
        recorder.record(lambda: manager._deploy(template, shown)),
    )


def _properties(template: Mapping[str, Any], parameters: Parameters) -> dict[str, Any]:
    return {"mode": "Incremental", "template": template, "parameters": parameters.to_send()}


def _reasons(error: ErrorResponse) -> Iterator[str]:
    """The innermost errors: of a linked template that failed, the outer one says only that something did."""
    if not error.details:
        yield f"{error.code}: {error.message}"
    for detail in error.details or ():
        yield from _reasons(detail)


def _word(value: object) -> str:
    """As Azure writes it: the library makes enumerations of the words that it knows."""
    return str(value.value if isinstance(value, Enum) else value)


def _outputs(deployment: DeploymentExtended) -> dict[str, str]:
    outputs = deployment.properties.outputs if deployment.properties else None
    found = {}
    for name, output in sorted((outputs or {}).items()):
        value = output["value"]
        found[name] = ", ".join(value) if isinstance(value, list) else str(value)
    return found
