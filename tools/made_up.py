"""A made-up language of longer words: what is not said in it is not translated, and what it breaks any language may.

python -m tools.made_up rtl > made_up.po
CLIPTTA_LANGUAGE=made_up.po python app.py
"""

import re
import sys

from babel.messages.catalog import Catalog

from cliptta_demo.languages import gather

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


def translation(direction: str) -> str:
    """A catalogue of the language, with every text of package and scripts."""
    catalogue = Catalog(locale="he" if direction == "rtl" else "cs", project="Made up")
    for message in gather.template():
        if message.id:
            keys = [message.id] if isinstance(message.id, str) else list(message.id)
            said = [made_up(key, direction) for key in keys]
            said += [said[-1]] * (catalogue.num_plurals - len(said) if message.pluralizable else 0)
            catalogue.add(message.id, said[0] if not message.pluralizable else tuple(said[: catalogue.num_plurals]))
    return gather.written(catalogue)


if __name__ == "__main__":
    print(translation(sys.argv[1]))
