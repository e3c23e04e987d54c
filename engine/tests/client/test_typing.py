"""What a type checker knows of calls; checked by mypy, never run."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, assert_type

from hubwire.client import HubConnection


async def _results(connection: HubConnection) -> None:
    assert_type(await connection.invoke("Method", 1, "x"), Any)
    assert_type(await connection.invoke("Method", result_type=int), int)
    assert_type(await connection.invoke("Method", result_type=list[int]), list[int])
    assert_type(await connection.invoke("Method", result_type=int | None), Any)
    assert_type(connection.stream("Method"), AsyncGenerator[Any, None])
    assert_type(connection.stream("Method", 5, item_type=str), AsyncGenerator[str, None])


async def _handlers(connection: HubConnection) -> None:
    @connection.on("Order")
    async def order(number: int) -> str:
        return str(number)

    @connection.on_closed
    def closed(error: BaseException | None) -> None: ...

    # A decorator that loses the type would make every later call of the function unchecked.
    assert_type(await order(5), str)
    closed(None)


def test_there_is_something_to_check() -> None:
    assert {_results, _handlers}
