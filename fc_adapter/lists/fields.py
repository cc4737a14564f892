"""Which fields of pydantic are lists, and under which names they come.

A list with a validator that runs before pydantic's own is not counted, nor is JSON: such a validator usually splits at
commas itself, and JSON has commas of its own.
"""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Sequence
from typing import Annotated, Any, Union, get_args, get_origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_LISTS = (Sequence, list, tuple, set, frozenset, deque)
_UNIONS = (Union, getattr(types, "UnionType", Union))
_EARLY_MARKS = {"BeforeValidator", "Json", "PlainValidator", "WrapValidator"}
_EARLY_MODES = {"before", "plain", "wrap"}


def is_list(annotation: Any) -> bool:
    """Whether an annotation is a list, a set or a tuple, or one of several choices is."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return is_list(get_args(annotation)[0])
    if origin in _UNIONS:
        return any(map(is_list, get_args(annotation)))
    kind = origin or annotation
    return isinstance(kind, type) and issubclass(kind, _LISTS) and not issubclass(kind, (str, bytes))


def model_of(annotation: Any) -> Any:
    """The model that an annotation is, as it stands, annotated or optional; None for anything else."""
    if get_origin(annotation) is Annotated:
        return model_of(get_args(annotation)[0])
    if get_origin(annotation) in _UNIONS:
        return next(filter(None, map(model_of, get_args(annotation))), None)
    return annotation if hasattr(annotation, "model_fields") else None


def is_read_early(info: Any) -> bool:
    """Whether something of its own reads the value of a field before pydantic splits it into what it is."""
    return _has_mark(info.metadata) or _has_mark(_parts(info.annotation))


def _has_mark(values: Any) -> bool:
    return any((value if isinstance(value, type) else type(value)).__name__ in _EARLY_MARKS for value in values)


def _parts(annotation: Any) -> Iterator[Any]:
    """What an annotation is made of, at any depth."""
    for part in (*getattr(annotation, "__metadata__", ()), *get_args(annotation)):
        yield part
        yield from _parts(part)


def fields_of(model: Any) -> Iterator[tuple[str, Any, bool]]:
    """The fields of a model: the name, the ``FieldInfo``, and whether it is read early."""
    validators = model.__pydantic_decorators__.field_validators.values()
    early: set[str] = set()
    for each in validators:
        if each.info.mode in _EARLY_MODES:
            early.update(each.info.fields)
    for name, info in model.model_fields.items():
        yield name, info, bool(early & {name, "*"}) or is_read_early(info)


def aliases_of(info: Any) -> set[str]:
    """The names that a field has besides its own."""
    alias = info.validation_alias
    choices = getattr(alias, "choices", [alias])
    return {each for each in (info.alias, *choices) if isinstance(each, str)}


def lists_of(model: Any) -> set[str]:
    """The names under which the lists in a model come."""
    by_name = model.model_config.get("populate_by_name") or model.model_config.get("validate_by_name")
    names: set[str] = set()
    for name, info, is_early in fields_of(model):
        if is_list(info.annotation) and not is_early:
            aliases = aliases_of(info)
            names |= {name, *aliases} if by_name or not aliases else aliases
    return names
