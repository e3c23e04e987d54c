"""Names of fields that need not be spelled as declared (`PropertyNames.CAMEL_CASE`): `unitPrice` for `unit_price`.

Here is the rule, and the way in: keys of decoded dictionaries become the names that `msgspec.convert` knows. The way
out is `renaming`. Knows no codec and no hub. A name that a Struct sets itself (`rename=`, `field(name=)`) is its wire
name and wins; keys of dictionaries, TypedDicts included, are data and stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from msgspec import inspect

Rename: TypeAlias = Callable[[object], object]
"""Takes a decoded value and returns it with other keys; what has another shape than expected stays as it is."""

_LIST_LIKE = (inspect.ListType, inspect.SetType, inspect.FrozenSetType, inspect.VarTupleType, inspect.CollectionType)
_OBJECT = (inspect.StructType, inspect.DataclassType)
_Object: TypeAlias = inspect.StructType | inspect.DataclassType


def camel_case(name: str) -> str:
    """Return the name as JavaScript writes it: `unit_price` and `UnitPrice` become `unitPrice`, `URLPath` `urlPath`.

    A leading underscore stays; a trailing one, which keeps Python's keywords apart, goes.
    """
    words = [word for word in name.split("_") if word]
    if not words:
        return name
    first = words[0]
    # As the reference server: a leading run of capitals is one word, its last capital begins the next.
    capitals = len(first) - len(first.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    if capitals > 1 and capitals < len(first):
        capitals -= 1
    leading = name[: len(name) - len(name.lstrip("_"))]
    return (
        leading
        + first[:capitals].lower()
        + first[capitals:]
        + "".join(word[:1].upper() + word[1:] for word in words[1:])
    )


def folded(name: str) -> str:
    """Return what two spellings of one name have in common."""
    return name.replace("_", "").lower()


def field_names(annotation: object) -> Rename | None:
    """Return what gives the keys of values for this type their declared names, in any case and with or without
    underscores, at every depth; None when no dataclass or Struct is in it.

    The type is looked through once, here; the returned function does not change its argument. Two keys for one field:
    the last one counts, as with a key that comes twice.

    Raises: TypeError for a type that msgspec cannot convert to, and for fields that only such spellings tell apart.
    """
    return _rename(inspect.type_info(annotation), {})


def _rename(node: inspect.Type, memory: dict[int, Rename]) -> Rename | None:
    """Return the function for one type; `memory` has those of types that may contain themselves."""
    if not _holds_object(node, set()):
        return None
    known = memory.get(id(node))
    if known is not None:
        return known
    if isinstance(node, _OBJECT):
        return _object(node, memory)
    if isinstance(node, inspect.Metadata):
        return _rename(node.type, memory)
    if isinstance(node, _LIST_LIKE):
        return _items(_rename(node.item_type, memory))
    if isinstance(node, inspect.DictType):
        return _values(_rename(node.value_type, memory))
    if isinstance(node, inspect.TypedDictType):
        return _typed_dict(node, memory)
    if isinstance(node, inspect.TupleType):
        return _positions(node, node.item_types, memory)
    if isinstance(node, inspect.NamedTupleType):
        return _positions(node, [field.type for field in node.fields], memory)
    return _union(node, memory) if isinstance(node, inspect.UnionType) else None


def _holds_object(node: inspect.Type, seen: set[int]) -> bool:
    if isinstance(node, _OBJECT):
        return True
    if id(node) in seen:  # a type that contains itself
        return False
    seen.add(id(node))
    return any(_holds_object(part, seen) for part in _parts(node))


def _parts(node: inspect.Type) -> Sequence[inspect.Type]:
    if isinstance(node, inspect.Metadata):
        return (node.type,)
    if isinstance(node, _LIST_LIKE):
        return (node.item_type,)
    if isinstance(node, inspect.DictType):
        return (node.value_type,)
    if isinstance(node, inspect.TypedDictType | inspect.NamedTupleType):
        return [field.type for field in node.fields]
    if isinstance(node, inspect.TupleType):
        return node.item_types
    if isinstance(node, inspect.UnionType):
        return node.types
    return ()


def _object(node: _Object, memory: dict[int, Rename]) -> Rename:
    if isinstance(node, inspect.StructType) and node.array_like:
        tag: list[inspect.Type] = [] if node.tag is None else [inspect.AnyType()]
        return _positions(node, [*tag, *(field.type for field in node.fields)], memory)
    names: dict[str, str] = {}
    by_folded: dict[str, str] = {}
    wire_names = [field.encode_name for field in node.fields]
    if isinstance(node, inspect.StructType) and node.tag_field is not None:
        wire_names.append(node.tag_field)
    for wire_name in wire_names:
        other = by_folded.setdefault(folded(wire_name), wire_name)
        if other != wire_name:
            raise TypeError(
                f"{node.cls.__qualname__}: the fields {other!r} and {wire_name!r} differ only in case or underscores; "
                "rename one of them, or use PropertyNames.AS_DECLARED."
            )
        names[camel_case(wire_name)] = names[wire_name] = wire_name
    inner: dict[str, Rename] = {}

    def rename(value: object) -> object:
        if type(value) is not dict:
            return value
        renamed: dict[object, object] = {}
        for key, item in value.items():
            name = names.get(key)
            if name is None:
                name = by_folded.get(folded(key)) if isinstance(key, str) else None
                if name is None:
                    renamed[key] = item
                    continue
            field_rename = inner.get(name)
            renamed[name] = item if field_rename is None else field_rename(item)
        return renamed

    memory[id(node)] = rename  # before the fields, which may hold the same type again
    for field in node.fields:
        field_rename = _rename(field.type, memory)
        if field_rename is not None:
            inner[field.encode_name] = field_rename
    return rename


def _items(item_rename: Rename | None) -> Rename | None:
    if item_rename is None:
        return None

    def rename(value: object) -> object:
        return [item_rename(item) for item in value] if isinstance(value, list | tuple) else value

    return rename


def _values(value_rename: Rename | None) -> Rename | None:
    if value_rename is None:
        return None

    def rename(value: object) -> object:
        return {key: value_rename(item) for key, item in value.items()} if type(value) is dict else value

    return rename


def _typed_dict(node: inspect.TypedDictType, memory: dict[int, Rename]) -> Rename:
    inner: dict[object, Rename] = {}

    def rename(value: object) -> object:
        if type(value) is not dict:
            return value
        return {key: inner[key](item) if key in inner else item for key, item in value.items()}

    memory[id(node)] = rename
    inner.update(_by_name({field.encode_name: field.type for field in node.fields}, memory))
    return rename


def _by_name(types: Mapping[str, inspect.Type], memory: dict[int, Rename]) -> dict[str, Rename]:
    renames = {name: _rename(part, memory) for name, part in types.items()}
    return {name: rename for name, rename in renames.items() if rename is not None}


def _positions(node: inspect.Type, types: Sequence[inspect.Type], memory: dict[int, Rename]) -> Rename:
    renames: list[Rename | None] = []

    def rename(value: object) -> object:
        if not isinstance(value, list | tuple):
            return value
        items = list(value)
        for position, item_rename in enumerate(renames[: len(items)]):
            if item_rename is not None:
                items[position] = item_rename(items[position])
        return items

    memory[id(node)] = rename
    renames += [_rename(part, memory) for part in types]
    return rename


def _union(node: inspect.UnionType, memory: dict[int, Rename]) -> Rename:
    tagged: list[inspect.StructType] = []
    renames: list[Rename] = []
    for part in node.types:
        if isinstance(part, inspect.StructType) and part.tag is not None:
            tagged.append(part)
        elif (part_rename := _rename(part, memory)) is not None:
            # msgspec lets one type of a union be made of dictionaries and one of lists, so at most one of these acts.
            renames.append(part_rename)
    if len(tagged) > 1:
        renames.append(_tagged(tagged, memory))
    elif tagged and (only := _rename(tagged[0], memory)) is not None:
        renames.append(only)
    if len(renames) == 1:
        return renames[0]

    def rename(value: object) -> object:
        for part_rename in renames:
            value = part_rename(value)
        return value

    return rename


def _tagged(structs: Sequence[inspect.StructType], memory: dict[int, Rename]) -> Rename:
    """Several Structs that tell themselves apart by a tag; msgspec makes sure that its place is the same in all."""
    by_tag = {struct.tag: _rename(struct, memory) for struct in structs}
    tag_field = structs[0].tag_field or "type"
    folded_tag_field = folded(tag_field)

    def rename(value: object) -> object:
        tag: object = None
        if type(value) is dict:
            for key in value:  # the last one counts here too
                if isinstance(key, str) and (key == tag_field or folded(key) == folded_tag_field):
                    tag = value[key]
        elif isinstance(value, list | tuple) and value:
            tag = value[0]
        struct_rename = by_tag.get(tag) if isinstance(tag, str | int) else None
        return value if struct_rename is None else struct_rename(value)

    return rename
