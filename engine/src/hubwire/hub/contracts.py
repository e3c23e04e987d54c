"""Typed client contracts: what a hub may call on its clients, each wire name written once.

Knows no codec, no socket and no hosting: a call becomes one `EncodedMessage` for the data plane.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeAlias, cast

from hubwire.model import Audience
from hubwire.ports import DataPlane
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.messages import Invocation

if TYPE_CHECKING:
    # PEP 696 defaults exist in type checkers only: Python 3.11 has none and the engine needs no typing_extensions.
    # With the default a bare `Hub` means `Hub[ClientContract]`, also under mypy --strict.
    from typing_extensions import TypeVar

    ContractT = TypeVar("ContractT", bound="ClientContract", default="ClientContract")
else:
    from typing import TypeVar

    ContractT = TypeVar("ContractT", bound="ClientContract")

P = ParamSpec("P")
S = TypeVar("S", bound="ClientContract")
Declared: TypeAlias = Callable[Concatenate[S, P], Coroutine[Any, Any, None]]


class ClientContract:
    """The clients addressed, as an object with one method per target. Subclass it and decorate with `client_method`."""

    __slots__ = ("_audience", "_plane")

    def __init__(self, plane: DataPlane, audience: Audience) -> None:
        self._plane = plane
        self._audience = audience

    def send(self, target: str, *arguments: object) -> Coroutine[Any, Any, None]:
        """Call `target` on the clients; the awaited end means accepted for everybody, not delivered."""
        return self._plane.send(self._audience, EncodedMessage(Invocation(target, arguments)))


def client_method(name: str) -> Callable[[Declared[S, P]], Declared[S, P]]:
    """Declare a method of a client contract: calling it sends to target `name`. The body is never run.

    Args:
        name: the target as the clients registered it; some clients compare it with regard to case.
    """
    if not name or not isinstance(name, str):
        raise TypeError('client_method needs the wire name: @client_method("ReceiveMessage").')

    def declare(function: Declared[S, P]) -> Declared[S, P]:
        signature = inspect.signature(function)
        kinds = {parameter.kind for parameter in signature.parameters.values()}
        if inspect.Parameter.KEYWORD_ONLY in kinds or inspect.Parameter.VAR_KEYWORD in kinds:
            raise TypeError(f"Client method {name!r} takes keyword-only arguments; the wire has positions only.")

        @functools.wraps(function)
        def call(self: S, *arguments: Any, **named: Any) -> Coroutine[Any, Any, None]:
            # Binding checks the count and puts named and default arguments in their places.
            bound = signature.bind(self, *arguments, **named)
            bound.apply_defaults()
            return self.send(name, *bound.args[1:])

        # The wrapper keeps the declared signature, which a checker cannot see through *arguments.
        return cast(Declared[S, P], call)

    return declare
