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
    known, given = own_declared(), dict[str, dict[str, Any]]()
    for name, value in values.items():
        if name not in known:
            raise UserError("Unknown setting {name}; known: {known}.", name=name, known=", ".join(known))
        known[name].check(value, name)
        method, _, setting = name.partition(".")
        given.setdefault(method, {})[setting] = value
    return {method: own_kind(method)(**own) for method, own in given.items()}
