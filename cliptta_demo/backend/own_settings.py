"""Settings that belong to a single method, named METHOD.SETTING wherever a person names them."""

from collections.abc import Mapping
from typing import Any

from cliptta_demo.backend.declare import Declared, Setting, settings_of
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.registry import all_methods


def own_kind(method: str) -> type[Declared] | None:
    """The dataclass of a method's own settings; None where it has none."""
    return getattr(all_methods().get(method), "own", None)


def own_declared() -> dict[str, Setting]:
    """METHOD.SETTING → declaration, of all methods' own settings: so they are named wherever a person names them."""
    found = ((method, own_kind(method)) for method in all_methods())
    return {f"{method}.{name}": item for method, own in found if own for name, item in settings_of(own).items()}


def name_for(method: str, setting: str) -> str | None:
    """What a method goes by: METHOD.SETTING where it has one of this name, else the common one; None: neither."""
    if f"{method}.{setting}" in own_declared():
        return f"{method}.{setting}"
    return setting if setting in all_methods()[method].uses else None


def build_own(values: Mapping[str, Any]) -> dict[str, Declared]:
    """Method → its own settings, from METHOD.SETTING → value.

    Raises:
        UserError: a method or setting that there is not, or a value that is none of its setting's.
    """
    given: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        method, _, setting = name.partition(".")
        if own_kind(method) is None:
            raise UserError("{name} is no setting: {method} has none of its own.", name=name, method=method)
        given.setdefault(method, {})[setting] = value
    return {method: _build(method, own) for method, own in given.items()}


def _build(method: str, values: Mapping[str, Any]) -> Declared:
    kind = own_kind(method)
    known = settings_of(kind)
    if unknown := values.keys() - known:
        names = [", ".join(f"{method}.{name}" for name in sorted(part)) for part in (unknown, known)]
        raise UserError("Unknown setting {unknown}; known: {known}.", unknown=names[0], known=names[1])
    for name, value in values.items():
        known[name].check(value, f"{method}.{name}")
    return kind(**values)
