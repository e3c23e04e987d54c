"""What `meschain azure` does: templates, their parameters, and the calls to Azure's resource manager."""

from meschain.provisioning.errors import ProvisioningError
from meschain.provisioning.parameters import Parameters, read_parameters, read_secrets
from meschain.provisioning.templates import assemble

__all__ = ["Parameters", "ProvisioningError", "assemble", "read_parameters", "read_secrets"]
