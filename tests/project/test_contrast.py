"""The tokens of the look: texts stand out on each surface, in both schemes."""

import re
from itertools import product

import pytest

from cliptta_demo.places import ASSETS

SURFACES = ("page", "panel", "field")
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#\w{6});", block))
    for block in re.split(r"@media screen", (ASSETS / "look.css").read_text())[:2]
)


def luminance(colour: str) -> float:
    """WCAG's relative luminance of a colour."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return sum(weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_texts_stand_out_on_each_surface(tokens: dict[str, str]) -> None:
    texts = ["ink", "muted", "link", "stranger", *(name for name in tokens if name.endswith("-t"))]
    assert len(texts) == 12
    for text, surface in product(texts, SURFACES):
        low, high = sorted((luminance(tokens[text]), luminance(tokens[surface])))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (text, surface)
