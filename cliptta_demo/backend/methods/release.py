"""Whose definition of a method is meant, where its authors' release and CLIPTTA's comparison differ."""

from __future__ import annotations

from cliptta_demo.backend.declare import Declared

RELEASES = {"authors": "Its authors'", "cliptta": "CLIPTTA's comparison"}


class Released(Declared):
    """Base of the own settings of a method that has such a choice, as its field ``release``."""

    @property
    def by_authors(self) -> bool:
        """Whether it is that of the method's authors; without a choice it is."""
        return getattr(self, "release", "authors") == "authors"
