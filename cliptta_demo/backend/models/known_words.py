"""Which words the built-in model has met in training, with photographs or with drawings; it knows no others."""

import json
from collections.abc import Iterable
from functools import cache

from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.models.loading import TINY_DIRECTORY

WORDS_FILE = TINY_DIRECTORY / "words.json"  # written by ``python -m training.known_words``


@cache
def known_words() -> tuple[frozenset[str], frozenset[str]]:
    """Those that the shipped weights met with photographs, and with drawings; in small letters, as in captions."""
    words = json.loads(WORDS_FILE.read_text(encoding="utf-8"))
    return frozenset(words["photographs"]), frozenset(words["drawings"])


def split_by_knowledge(names: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of some class names, those known from drawings alone, and those never met; both in their order.

    One that is known in the singular is known in the plural.
    """
    photographs, drawings = known_words()
    drawn, never = [], []
    for name in names:
        word = " ".join(display_name(name).lower().split())
        forms = {word, word.removesuffix("s"), word.removesuffix("es")}
        if not forms & photographs:
            (drawn if forms & drawings else never).append(name)
    return tuple(drawn), tuple(never)
