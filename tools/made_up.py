"""A made-up language of longer words: what is not said in it is not translated, and what it breaks any language may.

python -m tools.made_up rtl > made_up.json
CLIPTTA_LANGUAGE=made_up.json python app.py
"""

import json
import re
import sys
from typing import Any

from cliptta_demo.languages.gather import all_words

OPENING, CLOSING = "⟦⟧"  # around every text
# What a translation leaves as it is: places, tags, entities, addresses, and what is typed.
KEPT = re.compile(r"(\{[^{}]*\}|<[^<>]+>|&#?\w+;|https?://\S+|\]\([^)]*\)|`[^`]*`)")
LETTERS = {
    "ltr": dict(zip("aceinosuyzACEINOSUYZ", "áçéíñóšúýžÁÇÉÍÑÓŠÚÝŽ", strict=True)),
    "rtl": dict(zip("abcdefghijklmnopqrstuvwxyz", "אבגדהוזחטיכלמנסעפצקרשתךםןף", strict=True)),
}
DOUBLED = re.compile("([aeiouyst])", re.IGNORECASE)


def made_up(text: str, direction: str) -> str:
    """The text with every other letter twice, in letters of its own, between marks."""
    words = [part if index % 2 else _spelt(part, direction) for index, part in enumerate(KEPT.split(text))]
    return f"{OPENING}{''.join(words)}{CLOSING}"


def _spelt(words: str, direction: str) -> str:
    longer = DOUBLED.sub(r"\1\1", words)
    return (longer.lower() if direction == "rtl" else longer).translate(str.maketrans(LETTERS[direction]))


def translation(direction: str) -> dict[str, Any]:
    """What a file of the language holds, in every text of package and scripts."""
    told = {
        text: made_up(words, direction) if isinstance(words, str) else [made_up(one, direction) for one in words]
        for text, words in all_words().items()
    }
    return {"code": "he" if direction == "rtl" else "cs", "direction": direction, "words": told}


if __name__ == "__main__":
    print(json.dumps(translation(sys.argv[1]), indent=1, ensure_ascii=False))
