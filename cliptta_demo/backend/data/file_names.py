"""Names of files of a visitor's, as they are shown: safe to print, and short."""

from __future__ import annotations

LONGEST_NAME = 80  # characters of a name shown


def printable(name: str) -> str:
    """Without control characters and broken Unicode; of a long one the middle is left out."""
    shown = "".join(letter for letter in name if letter.isprintable()).strip()
    return shown if len(shown) <= LONGEST_NAME else f"{shown[: LONGEST_NAME - 20]}…{shown[-15:]}"


def base_name(path: str) -> str:
    """The last part of a path of any system, :func:`printable`; never empty."""
    return printable(path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]) or "A file without a name"
