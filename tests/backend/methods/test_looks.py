"""Methods that are shown together differ in colour and in symbol, for whoever looks and on whatever ground."""

import itertools
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from paths import ROOT

from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.registry import COLOURS, METHODS, SYMBOLS, looks, share_out
from cliptta_demo.backend.settings import AdaptationSettings

ASSETS = ROOT / "assets"
# What each kind of colour vision makes of linear RGB (Machado et al. 2009, full severity).
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "deuteranopia": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "tritanopia": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def palettes() -> dict[str, dict[str, str]]:
    """Light and dark: the style sheet's colours by their names."""
    sheet = (ASSETS / "look.css").read_text(encoding="utf-8")
    blocks = re.findall(r"\{([^}]*--panel:[^}]*)\}", sheet)
    found = [dict(re.findall(r"--(?:m-)?([\w-]+): (#[0-9a-f]{6});", block)) for block in blocks]
    return dict(zip(("light", "dark"), found, strict=True))


def linear(colour: str) -> np.ndarray:
    """Linear RGB, 0 to 1."""
    share = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB; a distance of about 2 is just seen."""
    xyz = TO_XYZ @ np.clip(rgb, 0, 1) / (0.9505, 1, 1.089)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("ground", ["light", "dark"])
def test_all_colours_stand_out_and_apart(ground: str) -> None:
    palette = palettes()[ground]
    texts = ["ink", "muted", "link", "stranger", *(f"{name}-t" for name in COLOURS)]
    # WCAG 2.2: graphical objects, which lie on the page, and text, which lies anywhere.
    pairs = [(name, "page", 3) for name in COLOURS]
    pairs += [(text, below, 4.5) for text, below in itertools.product(texts, ("page", "panel", "field"))]
    for above, below, least in pairs:
        dark, light = sorted(TO_XYZ[1] @ linear(palette[part]) for part in (above, below))
        assert (light + 0.05) / (dark + 0.05) >= least, (above, below)
    for (kind, seen), pair in itertools.product(VISION.items(), itertools.combinations(COLOURS, 2)):
        one, other = (lab(seen @ linear(palette[name])) for name in pair)
        assert np.linalg.norm(one - other) > 10, (kind, pair)


def test_every_symbol_has_an_outline() -> None:
    sheet = (ASSETS / "panels.css").read_text(encoding="utf-8")
    outlines = dict(re.findall(r"\.marker\.([\w-]+) \{ clip-path: ([^;]+);", sheet))
    assert set(outlines) == set(SYMBOLS)
    assert len(set(outlines.values())) == len(SYMBOLS)


def test_who_wants_the_same_gets_another() -> None:
    offered = ("a", "b", "c", "d", "e", "f")
    assert share_out(["a", "b", "c"], offered) == ["a", "b", "c"]
    assert share_out(["b", "b", "a", "b"], offered) == ["b", "c", "a", "d"]
    assert share_out(["x", "b", "y"], offered) == ["a", "b", "c"]
    assert len(set(share_out(["c"] * 6, offered))) == 6
    assert share_out(["a"] * 8, offered)[:6] == [*offered]
    shown = looks(names := ("zero-shot", "tent", "cliptta", "cliptta-oce"))
    assert [look.colour for look in shown.values()] == ["grey", "vermilion", "blue", "green"]
    assert {look.symbol for look in shown.values()} == {METHODS[name].symbol for name in names}


@pytest.mark.parametrize("path", sorted(ASSETS.glob("*.js")) + sorted(ASSETS.glob("*.css")), ids=lambda path: path.name)
def test_scripts_and_style_sheets_hold_no_methods_name(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for name in METHODS:
        written = rf"""["'`]{name}["'`]|--m-{name}\b|[\s{{,]{name}: |\.{name}\.length"""
        assert re.findall(written, text) == []


@pytest.mark.parametrize("kind", METHODS.values(), ids=METHODS)
def test_what_a_method_says_of_itself_makes_sense(kind: type[Method]) -> None:
    assert kind.sentence.endswith(".")
    assert (kind.colour in COLOURS, kind.symbol in SYMBOLS) == (True, True)
    assert set(kind.uses) <= {field.name for field in fields(AdaptationSettings)}
    assert bool(kind.uses) == kind.adapts
