"""Failures of Azure's library as sentences with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)

from meschain.provisioning.errors import ProvisioningError


@contextmanager
def told_as_sentences() -> Iterator[None]:
    """Every failure of the library as a sentence with what to do."""
    try:
        yield
    except ClientAuthenticationError as error:
        raise ProvisioningError(
            f"Azure does not accept the log-in: {_first_line(error)} Run `az login`, or set the variables of a service "
            "principal."
        ) from None
    except ResourceNotFoundError as error:
        raise ProvisioningError(
            f"Azure does not find it: {_first_line(error)} Check --subscription and --group."
        ) from None
    except HttpResponseError as error:
        raise ProvisioningError(
            f"Azure refuses: {_first_line(error)} `meschain azure status` shows what stands."
        ) from None
    except (ServiceRequestError, ServiceResponseError) as error:
        raise ProvisioningError(
            f"Azure cannot be reached: {_first_line(error)} Check the network, then try again."
        ) from None


def _first_line(error: Exception) -> str:
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return line if line.endswith((".", "!", "?")) else f"{line}."
