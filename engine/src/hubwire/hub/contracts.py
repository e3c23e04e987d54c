"""Typed client contracts: what a hub may call on its clients, each wire name written once.

Knows no codec, no socket and no hosting: a call becomes one `EncodedMessage`, or one question, for the data plane.
"""

from __future__ import annotations

import functools
import inspect
import logging
import typing
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeAlias, cast, overload

from hubwire.errors import ClientResultError, LocalProtocolError
from hubwire.hub.conversion import Conversion, ConversionError, conversion_to
from hubwire.hub.ongoing import BEFORE_ASKING
from hubwire.model import Audience, AudienceKind, Features
from hubwire.options import PropertyNames
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
R = TypeVar("R")
S = TypeVar("S", bound="ClientContract")
Declared: TypeAlias = Callable[Concatenate[S, P], Coroutine[Any, Any, R]]

_log = logging.getLogger("hubwire.hub")

_QUESTION = "__hubwire_question__"


class ClientContract:
    """The clients addressed, as an object with one method per target. Subclass it and decorate with `client_method`."""

    __slots__ = ("_audience", "_plane", "_property_names")

    def __init__(
        self, plane: DataPlane, audience: Audience, property_names: PropertyNames = PropertyNames.AS_DECLARED
    ) -> None:
        self._plane = plane
        self._audience = audience
        self._property_names = property_names

    def send(self, target: str, *arguments: object) -> Coroutine[Any, Any, None]:
        """Call `target` on the clients; the awaited end means accepted for everybody, not delivered."""
        return self._plane.send(self._audience, EncodedMessage(Invocation(target, arguments)))

    def send_together(self, calls: Sequence[tuple[str, Sequence[object]]]) -> Coroutine[Any, Any, None]:
        """Call several targets, at least one, each with its arguments: as `send` one after the other, but cheaper.

        Where the server holds the connections itself, they share one frame per connection; elsewhere they go one by
        one. A call that cannot be written keeps the others from being sent too.

        Raises: ValueError without a call.
        """
        messages = [EncodedMessage(Invocation(target, arguments)) for target, arguments in calls]
        return self._plane.send(self._audience, EncodedMessage.together(messages))

    @overload
    async def ask(self, target: str, *arguments: object, timeout_seconds: float | None = None) -> Any: ...
    @overload
    async def ask(
        self, target: str, *arguments: object, result_type: type[R], timeout_seconds: float | None = None
    ) -> R: ...
    @overload
    async def ask(
        self, target: str, *arguments: object, result_type: UnionType, timeout_seconds: float | None = None
    ) -> Any: ...
    async def ask(
        self, target: str, *arguments: object, result_type: Any = Any, timeout_seconds: float | None = None
    ) -> Any:
        """Call `target` on the one client addressed and return what it answers. Not possible in `Hub.connected`.

        While a hub method waits here, the next call of its connection may begin. Some clients (signalrcore) never
        answer, so that each question has a time limit.

        Args:
            result_type: what the answer is converted to, as arguments of hub methods are; left out, it stays as
                decoded. A checker knows what a union or another special form gives only from a `client_method`.
            timeout_seconds: None: the hub's `HubOptions.client_result_timeout_seconds`.

        Raises:
            ConnectionGone: there is no such connection, or it ended before it answered.
            ClientResultTimeout: it did not answer in time.
            ClientResultError: it answered with an error, whose text this has, or with something else than expected.
            LocalProtocolError: `Hub.connected` still runs, or this way of hosting has no client results.
            TypeError: more than one connection is addressed, or maybe none.
        """
        conversion = conversion_to(result_type, self._property_names)
        return await self._ask(target, arguments, conversion, timeout_seconds)

    async def _ask(
        self, target: str, arguments: tuple[object, ...], conversion: Conversion, timeout_seconds: float | None
    ) -> Any:
        audience = self._audience
        if audience.kind is not AudienceKind.CONNECTIONS or len(audience.names) != 1 or audience.excluded:
            raise TypeError(
                f"Only one connection can be asked for a result ({target!r}); "
                "use clients.client(connection_id) or clients.caller."
            )
        if Features.CLIENT_RESULTS not in self._plane.features:
            raise LocalProtocolError(
                f"Asking clients for results ({target!r}) needs Features.CLIENT_RESULTS, which this way of hosting has "
                "not; let the client call a hub method with its answer."
            )
        BEFORE_ASKING.get()()
        result = await self._plane.invoke(audience.names[0], target, arguments, timeout_seconds)
        try:
            return conversion.one(result)
        except ConversionError as error:
            _log.debug("The result of %s on connection %s does not fit: %s", target, audience.names[0], error)
            # Passed on, this text reaches another client: it says nothing of the types or the value.
            raise ClientResultError(f"The client's result of '{target}' is not of the expected type.") from error


@dataclass(frozen=True, slots=True)
class Question:
    """A method of a contract that asks for a result."""

    name: str
    function: Callable[..., object]

    def conversion(self, property_names: PropertyNames) -> Conversion:
        """What the result goes through. Raises: TypeError when the return annotation cannot be converted to."""
        try:
            return conversion_to(_return_type(self.function), property_names)
        except TypeError as error:
            raise TypeError(f"Client method {self.name!r}: {error}; annotate its return with another type.") from error


def client_method(
    name: str, *, timeout_seconds: float | None = None
) -> Callable[[Declared[S, P, R]], Declared[S, P, R]]:
    """Declare a method of a client contract: calling it sends to target `name`. The body is never run.

    With another return annotation than None it asks, as `ClientContract.ask` does: the answer, converted to that type,
    is what it returns, and only one connection can be addressed. Let its body be `raise NotImplementedError`, because
    mypy takes `...` for a forgotten `return`.

    Args:
        name: the target as the clients registered it; some clients compare it with regard to case.
        timeout_seconds: of a method that asks, how long it waits. None: the hub's
            `HubOptions.client_result_timeout_seconds`.
    """
    if not name or not isinstance(name, str):
        raise TypeError('client_method needs the wire name: @client_method("ReceiveMessage").')

    def declare(function: Declared[S, P, R]) -> Declared[S, P, R]:
        signature = inspect.signature(function)
        kinds = {parameter.kind for parameter in signature.parameters.values()}
        if inspect.Parameter.KEYWORD_ONLY in kinds or inspect.Parameter.VAR_KEYWORD in kinds:
            raise TypeError(f"Client method {name!r} takes keyword-only arguments; the wire has positions only.")
        question = None if _returns_nothing(signature.return_annotation) else Question(name, function)
        if question is None and timeout_seconds is not None:
            raise TypeError(f"Client method {name!r} has a timeout but returns nothing; annotate what it returns.")

        @functools.wraps(function)
        def call(self: S, *arguments: Any, **named: Any) -> Coroutine[Any, Any, Any]:
            # Binding checks the count and puts named and default arguments in their places.
            bound = signature.bind(self, *arguments, **named)
            bound.apply_defaults()
            if question is None:
                return self.send(name, *bound.args[1:])
            conversion = question.conversion(self._property_names)
            return self._ask(name, bound.args[1:], conversion, timeout_seconds)

        setattr(call, _QUESTION, question)
        # The wrapper keeps the declared signature, which a checker cannot see through *arguments.
        return cast(Declared[S, P, R], call)

    return declare


def questions_of(contract: type[ClientContract]) -> Iterator[Question]:
    """The methods of a contract that ask for results."""
    for attribute in dict.fromkeys(name for owner in reversed(contract.__mro__) for name in vars(owner)):
        question = getattr(getattr(contract, attribute, None), _QUESTION, None)
        if isinstance(question, Question):
            yield question


def _returns_nothing(annotation: object) -> bool:
    # Under `from __future__ import annotations` annotations are text, and names in it may be defined only later.
    return annotation in (None, inspect.Signature.empty, type(None)) or annotation == "None"


@functools.cache  # once for each declaration in a program
def _return_type(function: Callable[..., object]) -> Any:
    try:
        return typing.get_type_hints(function, include_extras=True)["return"]
    except (NameError, TypeError) as error:
        raise TypeError(
            f"an annotation cannot be resolved ({error}), use names that exist at module level when the program runs"
        ) from error
