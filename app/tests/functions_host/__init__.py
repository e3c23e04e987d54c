"""A stand-in for the Azure Functions host and its Python worker, which cannot be had here.

It indexes the function app, and decodes and encodes what functions get and give, by the azure-functions library's own
metadata and converters. What the library does not hold (routes, timers, the trigger of SignalR) follows what Microsoft
publishes of the host; tests of that part prove no more than that we and this stand-in agree.
"""

from app.tests.functions_host.host import FunctionsHost, functions_host
from app.tests.functions_host.worker import HttpCall, Worker

__all__ = ["FunctionsHost", "HttpCall", "Worker", "functions_host"]
