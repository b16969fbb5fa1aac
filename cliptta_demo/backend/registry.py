"""The methods by name, in the order in which they are offered. A method's file registers it; nothing else lists it.

Settings ask the registry, and methods are built on settings: so it loads, when it is asked, what registers itself.
"""

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any, TypeVar

from cliptta_demo.backend.declare import Declared, choice
from cliptta_demo.languages import Text, say

Kind = TypeVar("Kind", bound=type)

REFERENCE = "zero-shot"  # always runs: deterioration and improvement are measured against it
METHODS: dict[str, Any] = {}  # to its class, a methods.base.Method
FACTS = ("name", "label", "sentence", "paper", "family", "colour", "symbol")  # that each class says of itself
# What a method goes by, and how that is said to people; others may come from outside.
FAMILIES = {
    "yardstick": Text("Yardstick"),
    "entropy": Text("Surer of each image"),
    "captions": Text("Image and caption"),
    "memory": Text("Memory and teacher"),
    "redundancy": Text("Features kept apart"),
    "training-free": Text("Nothing learnt"),
    "single": Text("One image at a time"),
    "strangers": Text("Known or stranger"),
}
# Whose definition of a method is meant, where its authors' release and CLIPTTA's comparison differ.
RELEASES = {"authors": Text("Its authors'"), "cliptta": Text("CLIPTTA's comparison")}


def all_methods() -> Mapping[str, Any]:
    """``METHODS`` with all in it, loaded where they aren't yet."""
    import_module("cliptta_demo.backend.methods")
    return METHODS


def method_names() -> tuple[str, ...]:
    """All methods, in the order in which they are offered."""
    return tuple(all_methods())


def register(kind: Kind) -> Kind:
    """Offers a method everywhere: page, links, API, command line, tables, bench. Usable as a decorator, from anywhere.

    Raises:
        ValueError: the class leaves something unsaid, the year of its paper too; or another one has the name.
    """
    if unsaid := [fact for fact in FACTS if fact not in dir(kind)]:
        raise ValueError(f"{kind.__qualname__} does not say its {', '.join(unsaid)}; see the class Method.")
    if not re.search(r"\b(19|20)\d\d$", kind.paper):
        raise ValueError(f"The paper of {kind.__qualname__} is {kind.paper!r}; its year must stand at its end.")
    other = METHODS.setdefault(kind.name, kind)
    if other is not kind:
        raise ValueError(f"name is {kind.name!r}; {other.__qualname__} is registered under it already.")
    return kind


def definition(method: str, help: str, **others: str) -> Any:
    """The field ``release`` of a method's own settings: whose definition it follows; ``others``: further ones."""
    return choice(
        "authors",
        RELEASES | others,
        "a method is its authors'",
        label=Text("Definition"),
        help=help,
        mark=lambda own: say("{method} as by {release}", method=method, release=own.by),
    )


class Released(Declared):
    """Base of the own settings of a method that has such a choice, as its field ``release``."""

    @property
    def by_authors(self) -> bool:
        """Whether it is that of the method's authors; without a choice it is."""
        return getattr(self, "release", "authors") == "authors"

    @property
    def by(self) -> str:
        """Whose definition it is, in the word that the curves are marked with."""
        return say("authors") if self.by_authors else self.release
