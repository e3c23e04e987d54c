"""The one error of provisioning."""

from __future__ import annotations


class ProvisioningError(Exception):
    """Templates, parameters or Azure do not allow it; the text says why and what to do. Never repeats a secret."""
