"""The Python worker: finds the functions of an app and calls them with what their bindings carry.

HTTP calls and timers pass the converters of the azure-functions library. It has none for generic triggers: those of the
worker hand over texts and take texts, numbers, lists and objects back, and so does this. Knows no socket.
"""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import Morsel, SimpleCookie
from typing import Any

import azure.functions as func
from azure.functions.decorators.core import Trigger
from azure.functions.decorators.utils import StringifyEnumJsonEncoder
from azure.functions.http import HttpRequestConverter, HttpResponseConverter
from azure.functions.meta import Datum
from azure.functions.timer import TimerRequestConverter


@dataclass(frozen=True)
class HttpCall:
    """What the host hands to the worker for an HTTP function."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    parameters: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class HttpResult:
    """What the worker hands back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    cookies: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class IndexedFunction:
    """A function as the host knows it: what `function.json` would say, and the callable."""

    name: str
    trigger: Mapping[str, Any]
    bindings: list[Mapping[str, Any]]
    call: Any


class Worker:
    """Indexes an app when it is made. Raises: ValueError for functions that the worker would refuse."""

    def __init__(self, app: func.FunctionApp) -> None:
        self.functions = {function.name: function for function in map(_indexed, app.get_functions())}

    def by_trigger(self, type_: str) -> list[IndexedFunction]:
        return [function for function in self.functions.values() if function.trigger["type"] == type_]

    async def call_http(self, name: str, call: HttpCall) -> HttpResult:
        """Call an HTTP function. Raises: whatever it raises."""
        request = HttpRequestConverter.decode(
            Datum(
                {
                    "method": Datum(call.method, "string"),
                    "url": Datum(call.url, "string"),
                    "headers": {key: Datum(value, "string") for key, value in call.headers.items()},
                    "query": {key: Datum(value, "string") for key, value in call.query.items()},
                    "params": {key: Datum(value, "string") for key, value in call.parameters.items()},
                    "body": Datum(call.body, "bytes"),
                },
                "http",
            ),
            trigger_metadata={},
        )
        answer = HttpResponseConverter.encode(await self._call(name, request), expected_type=func.HttpResponse)
        value: dict[str, Any] = answer.value
        return HttpResult(
            int(value["status_code"].value),
            [(key, datum.value) for key, datum in value["headers"].items()],
            value["body"].value,
            [text for cookie in value["cookies"] or () for text in _cookies(cookie)],
        )

    async def call_timer(self, name: str, *, past_due: bool = False) -> None:
        """Let a timer function run to its end. Raises: whatever it raises."""
        status = {"Last": "", "Next": "", "LastUpdated": ""}
        text = json.dumps({"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": past_due})
        await self._call(name, TimerRequestConverter.decode(Datum(text, "json"), trigger_metadata={}))

    async def call_generic(self, name: str, value: str) -> object:
        """Call a function with a generic trigger; what it returns, as it reaches the host in JSON.

        Raises: whatever it raises; NotImplementedError for a result that the worker does not pass on.
        """
        result = await self._call(name, value)
        if isinstance(result, bool):
            return int(result)  # the worker looks for whole numbers first
        if result is None or isinstance(result, str | int | float | list | dict):
            return json.loads(json.dumps(result))
        raise NotImplementedError(f"the worker passes on no {type(result).__name__}")

    async def _call(self, name: str, argument: object) -> object:
        function = self.functions[name]
        return await function.call(**{function.trigger["name"]: argument})


def _indexed(function: Any) -> IndexedFunction:
    """What the worker learns and checks while it indexes. Raises: ValueError."""
    name: str = function.get_function_name()
    definition = json.loads(json.dumps(function.get_dict_repr(), cls=StringifyEnumJsonEncoder))
    (trigger,) = (each.get_dict_repr() for each in function.get_bindings() if isinstance(each, Trigger))
    call = function.get_user_function()
    bindings: list[Mapping[str, Any]] = definition["bindings"]
    bound = {binding["name"] for binding in bindings} - {"$return"}
    parameters = set(inspect.signature(call).parameters) - {"context"}
    if bound != parameters:
        raise ValueError(f"{name} has the bindings {sorted(bound)} and the parameters {sorted(parameters)}")
    if not inspect.iscoroutinefunction(call):
        raise ValueError(f"{name} is no coroutine function: it would be given a thread")
    typing.get_type_hints(call)  # the worker reads them, so they must be readable
    return IndexedFunction(name, json.loads(json.dumps(trigger, cls=StringifyEnumJsonEncoder)), bindings, call)


def _cookies(cookie: SimpleCookie) -> list[str]:
    """As the host writes what the worker's message carries of a cookie."""
    return [_cookie(name, morsel) for name, morsel in cookie.items()]


def _cookie(name: str, morsel: Morsel[str]) -> str:
    parts = [f"{name}={morsel.value}"]
    parts += [f"{key}={morsel[key]}" for key in ("expires", "max-age", "domain", "path", "samesite") if morsel[key]]
    parts += [key for key in ("secure", "httponly") if morsel[key]]
    return "; ".join(parts)
