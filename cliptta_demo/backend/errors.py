"""The errors whose message is meant for a person, and how it quotes: values, names of a visitor's files."""

from typing import Any

from cliptta_demo.languages import Text, say

LONGEST_QUOTE = 60  # characters: a sentence stays one, whatever was sent
LONGEST_NAME = 80  # characters of a name shown


class UserError(ValueError):
    """Something a person can fix. The message says what happened and what to do, in plain sentences.

    It keeps the English text and what fills it, another error or :class:`Text` too: ``str`` says it.
    """

    def __init__(self, text: str, /, **values: Any) -> None:
        super().__init__(Text(text, **values))

    def __str__(self) -> str:
        return say(self.args[0])


class DoesNotFit(UserError):
    """Memory ran out, in however small pieces the work was done."""


def quoted(value: Any) -> str:
    """A value as a sentence may show it: like ``repr``, but short; nothing in it hides, turns the text or fails."""
    if isinstance(value, str):
        value = value[: LONGEST_QUOTE + 1]
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, lists in lists without end
        return Text("no {kind} that can be shown", kind=type(value).__name__)
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"


def printable(name: str) -> str:
    """Without control characters and broken Unicode; of a long one the middle is left out."""
    shown = "".join(letter for letter in name if letter.isprintable()).strip()
    return shown if len(shown) <= LONGEST_NAME else f"{shown[: LONGEST_NAME - 20]}…{shown[-15:]}"


def base_name(path: str) -> str:
    """The last part of a path of any system, :func:`printable`; never empty."""
    return printable(path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]) or say("A file without a name")
