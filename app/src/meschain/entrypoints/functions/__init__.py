"""The application as an Azure Functions app (Python v2 programming model); `deploy/functions` is what is deployed."""

from meschain.entrypoints.functions.app import make_function_app
from meschain.entrypoints.functions.instance import Instance

__all__ = ["Instance", "make_function_app"]
