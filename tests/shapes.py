"""Whether what came out of JSON is of a type: a small checker of ``TypedDict`` and what may be in one."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict


def faults(value: Any, kind: Any, place: str) -> list[str]:
    """Where a value out of JSON is not of this type."""
    if get_origin(kind) in (Union, UnionType):
        return min((faults(value, one, place) for one in get_args(kind)), key=len)
    if is_typeddict(kind):
        hints = get_type_hints(kind)
        if not isinstance(value, dict) or set(value) != set(hints):
            return [f"{place} has {list(value) if isinstance(value, dict) else value}, not {list(hints)}"]
        return [fault for name in value for fault in faults(value[name], hints[name], f"{place}.{name}")]
    origin, parts = get_origin(kind), get_args(kind)
    if origin is dict and isinstance(value, dict):
        return [fault for name, one in value.items() for fault in faults(one, parts[1], f"{place}.{name}")]
    if origin is list and isinstance(value, list):
        return [fault for one in value for fault in faults(one, parts[0], f"{place}[]")]
    if origin is tuple and isinstance(value, list) and len(value) == len(parts):
        return [fault for one, part in zip(value, parts, strict=True) for fault in faults(one, part, f"{place}[]")]
    plain = {float: (float, int), int: int, str: str, bool: bool, NoneType: NoneType}.get(kind, ())
    right = isinstance(value, plain) and (kind is bool or not isinstance(value, bool))
    return [] if right else [f"{place} is {value!r}, not {kind}"]
