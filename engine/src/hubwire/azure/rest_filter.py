"""Filters of `:execute`: a subset of OData's, as a function that tells whether a connection matches.

    condition  = conjunction { "or" conjunction }
    conjunction = term { "and" term }
    term       = "not" ( "(" condition ")" | function | "not" ... ) | "(" condition ")" | function | comparison
    function   = ( "startswith" | "endswith" | "contains" ) "(" operand "," operand ")"
    comparison = operand ( "eq" | "ne" ) operand | operand "in" ( "groups" | "(" operand { "," operand } ")" )
    operand    = "userId" | "connectionId" | text | "null"

A text stands in single quotes, a quote in it twice. Words and properties are read in any case; users, connections and
groups are compared as they are. A connection without a user has the user id null, which begins and contains nothing.
As in the service `not` binds more tightly than a comparison, which therefore needs parentheses behind it.

Knows no data plane: which connections are in the groups that a filter names is told to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from hubwire.azure.rest_errors import RestError, invalid
from hubwire.model import Connected

MAXIMUM_CHARACTERS = 8_192
"""Of a filter: half of what a head may have."""
MAXIMUM_CLAUSES = 100
"""Comparisons and functions in a filter: the service's documentation warns of more."""
MAXIMUM_DEPTH = 32
"""Parentheses and `not` inside each other: nobody writes so many, and the interpreter's own limit is never met."""

_Groups = Mapping[str, AbstractSet[str]]
_Condition = Callable[[Connected, _Groups], bool]
_Operand = Callable[[Connected], str | None]

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|[A-Za-z]+|[(),]|\Z|(.))", re.DOTALL)
_END = ""

_FUNCTIONS: Mapping[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": str.__contains__,
}


@dataclass(frozen=True, slots=True, eq=False)
class Filter:
    """A filter that was read."""

    groups: frozenset[str]
    """Those that it names."""
    matches: _Condition
    """Whether a connection matches, told which connection ids are in each of the groups."""


def parse_filter(text: str) -> Filter:
    """Raises: RestError, which names the place."""
    if len(text) > MAXIMUM_CHARACTERS:
        raise invalid(f"The filter has more than {MAXIMUM_CHARACTERS} characters; use several calls.", "filter")
    parser = _Parser(text)
    matches = parser.condition(0)
    if parser.next != _END:
        raise parser.unexpected("and, or, or the end")
    return Filter(frozenset(parser.groups), matches)


class _Parser:
    """Recursive descent; `next` is what comes, texts with their quotes."""

    def __init__(self, text: str) -> None:
        self.groups: set[str] = set()
        self._text = text
        self._end = 0
        self._start = 0
        self._clauses = 0
        self.next = ""
        self._advance()

    def condition(self, depth: int) -> _Condition:
        if depth > MAXIMUM_DEPTH:
            raise invalid(f"The filter is nested deeper than {MAXIMUM_DEPTH} levels; write it flatter.", "filter")
        alternatives = [self._conjunction(depth)]
        while self._take("or"):
            alternatives.append(self._conjunction(depth))
        if len(alternatives) == 1:
            return alternatives[0]
        return lambda connection, groups: any(each(connection, groups) for each in alternatives)

    def _conjunction(self, depth: int) -> _Condition:
        terms = [self._term(depth)]
        while self._take("and"):
            terms.append(self._term(depth))
        if len(terms) == 1:
            return terms[0]
        return lambda connection, groups: all(each(connection, groups) for each in terms)

    def _term(self, depth: int) -> _Condition:
        if self._take("not"):
            if depth > MAXIMUM_DEPTH:
                raise invalid(f"The filter is nested deeper than {MAXIMUM_DEPTH} levels; write it flatter.", "filter")
            if self._word not in ("not", "(", *_FUNCTIONS):
                raise self.unexpected("a function, or a comparison in parentheses")
            negated = self._term(depth + 1)
            return lambda connection, groups: not negated(connection, groups)
        if self._take("("):
            condition = self.condition(depth + 1)
            self._expect(")")
            return condition
        self._clauses += 1
        if self._clauses > MAXIMUM_CLAUSES:
            raise invalid(f"The filter has more than {MAXIMUM_CLAUSES} clauses; use several calls.", "filter")
        test = _FUNCTIONS.get(self._word)
        return self._comparison() if test is None else self._function(test)

    def _function(self, test: Callable[[str, str], bool]) -> _Condition:
        self._advance()
        self._expect("(")
        whole = self._operand()
        self._expect(",")
        part = self._operand()
        self._expect(")")

        def matches(connection: Connected, groups: _Groups) -> bool:
            first, second = whole(connection), part(connection)
            return first is not None and second is not None and test(first, second)

        return matches

    def _comparison(self) -> _Condition:
        text = _unquoted(self.next)
        left = self._operand()
        if self._take("eq"):
            right = self._operand()
            return lambda connection, groups: left(connection) == right(connection)
        if self._take("ne"):
            right = self._operand()
            return lambda connection, groups: left(connection) != right(connection)
        if not self._take("in"):
            raise self.unexpected("eq, ne or in")
        if self._take("("):
            choices = [self._operand()]
            while self._take(","):
                choices.append(self._operand())
            self._expect(")")
            return lambda connection, groups: left(connection) in [choice(connection) for choice in choices]
        if text is None or not self._take("groups"):
            raise self.unexpected("a list in parentheses, or groups behind a text")
        self.groups.add(text)
        return lambda connection, groups: connection.connection_id in groups[text]

    def _operand(self) -> _Operand:
        text = _unquoted(self.next)
        if text is not None:
            self._advance()
            return lambda connection: text
        if self._take("userid"):
            return lambda connection: connection.user_id
        if self._take("connectionid"):
            return lambda connection: connection.connection_id
        if self._take("null"):
            return lambda connection: None
        raise self.unexpected("userId, connectionId, a text in single quotes or null")

    @property
    def _word(self) -> str:
        return self.next.lower()

    def _take(self, token: str) -> bool:
        if self._word != token:
            return False
        self._advance()
        return True

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise self.unexpected(repr(token))

    def _advance(self) -> None:
        found = _TOKEN.match(self._text, self._end)
        if found is not None:
            self.next, self._start, self._end = found[1], found.start(1), found.end()
        if found is None or found[2] is not None:
            raise self.unexpected("a word, a text in single quotes, a parenthesis or a comma")

    def unexpected(self, wanted: str) -> RestError:
        return invalid(
            f"The filter cannot be read at character {self._start + 1}, where {wanted} is expected; there are and, or, "
            "not, eq, ne, in, startswith, endswith and contains, for userId, connectionId and groups.",
            "filter",
        )


def _unquoted(token: str) -> str | None:
    """What a text says, None for any other token."""
    return token[1:-1].replace("''", "'") if token.startswith("'") else None
