"""Words for ImageNet's classes: OpenAI's, from its work on CLIP, which captions are written with."""

from __future__ import annotations

import re
from collections import Counter

_WORDNET = re.compile(r"n\d{8}")
# OpenAI's list says "missile" and "sunglasses" twice. In a data set that has both, these get ImageNet's own word.
_OWN_WORDS = {"n04008634": "projectile", "n04355933": "sunglass"}


def readable(names: tuple[str, ...]) -> tuple[str, ...]:
    """ImageNet's WordNet numbers and lists of synonyms become words, no two the same; other names stay."""
    synonyms = len(names) == 1000 and names[0].startswith("tench,")  # "tench, Tinca tinca", the 1,000 in their order
    if not synonyms and not (names and all(_WORDNET.fullmatch(name) for name in names)):
        return names
    from open_clip import IMAGENET_CLASSNAMES
    from timm.data import ImageNetInfo

    ids = ImageNetInfo("imagenet-1k").label_names()
    words = dict(zip(ids, IMAGENET_CLASSNAMES, strict=True))
    numbers = tuple(ids) if synonyms else names
    counts = Counter(words.get(number) for number in numbers)
    return tuple(
        _OWN_WORDS[number] if number in _OWN_WORDS and counts[words[number]] > 1 else words.get(number, number)
        for number in numbers
    )
