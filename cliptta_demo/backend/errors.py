"""The one error class whose message is meant for the person at the page or the command line, and how it quotes."""

from __future__ import annotations

from typing import Any

LONGEST_QUOTE = 60  # characters: a sentence stays one, whatever was sent


class UserError(ValueError):
    """Something a person can fix. The message says what happened and what to do, in plain sentences."""


def quoted(value: Any) -> str:
    """A value as a sentence may show it: like ``repr``, but short; nothing in it hides, turns the text or fails."""
    if isinstance(value, str):
        value = value[: LONGEST_QUOTE + 1]
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, lists in lists without end
        return f"no {type(value).__name__} that can be shown"
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"
