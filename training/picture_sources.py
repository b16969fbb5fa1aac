"""Reads emoji art and Unicode's words for it out of npm packages. Used only by ``build_pictures``."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from cliptta_demo.backend.errors import UserError

PACKAGES = {
    "noto": "emoji-datasource-google",
    "twemoji": "emoji-datasource-twitter",
    "fluent": "@lobehub/fluent-emoji-3d",
    "openmoji": "openmoji",
    "words": "emojibase-data",
}
# Emoji that are not in Microsoft's open release of Fluent Emoji, although the package has pictures of them:
# country flags, figures of several people, and things that show a trade mark. Noto's art stands in for them.
NOT_OPEN_FLUENT = {
    "people with bunny ears",
    "people wrestling",
    "people holding hands",
    "women holding hands",
    "woman and man holding hands",
    "men holding hands",
    "kiss",
    "couple with heart",
    "family",
    "paperclip",
    "technologist",
    "video game",
    "red triangle pointed up",
}
NOT_OPEN_FLUENT_PREFIX = "flag: "
SHEET_PADDING = 1  # transparent pixels around every picture of an emoji-datasource sheet
SHEET_PICTURE = 64
VECTOR_SIZE = 256  # side at which vector art is drawn before it is reduced to a cell

# Letters or digits that Unicode has in other groups: left out, since the model must not learn to read.
WRITTEN = {"hundred points", "ZZZ", "mahjong red dragon"}
RUDE = {"middle finger"}
# Parts of Unicode's group "symbols" that show letters, digits or whole words.
LETTER_SUBGROUPS = {"keycap", "alphanum"}


@dataclass(frozen=True)
class Emoji:
    """One emoji before packing. ``key`` is the lower-case code point sequence without variation selectors."""

    key: str
    name: str
    keywords: tuple[str, ...]
    group: str
    split: str


def package_version(packages: Path, package: str) -> str:
    """Version of an installed npm package. Raises ``UserError`` when it is not installed."""
    manifest = packages / package / "package.json"
    if not manifest.is_file():
        raise UserError(f"packages: {package} is not installed under {packages}; see build_pictures --help.")
    return str(json.loads(manifest.read_text(encoding="utf-8"))["version"])


def _key(code: str) -> str:
    return code.lower().replace("-fe0f", "")


def _is_gendered_twin(key: str, known: set[str]) -> bool:
    """True for the woman/man form of an emoji that has a neutral form with nearly the same art."""
    parts = key.split("-")
    if parts[-1] in {"2640", "2642"} and len(parts) > 1:
        return True
    person_form = "-".join(["1f9d1", *parts[1:]])
    return parts[0] in {"1f468", "1f469"} and len(parts) > 1 and person_form in known


def _split(group: str, subgroup: str) -> str:
    if subgroup in LETTER_SUBGROUPS:
        return "letters"
    return group if group in {"flags", "symbols"} else "train"


def list_emoji(packages: Path) -> list[Emoji]:
    """All emoji with a group, in Unicode's order: no skin tones, no gendered twins, no family line-ups."""
    root = packages / PACKAGES["words"]
    meta = json.loads((root / "meta" / "groups.json").read_text(encoding="utf-8"))
    entries = json.loads((root / "en" / "data.json").read_text(encoding="utf-8"))
    known = {_key(entry["hexcode"]) for entry in entries}
    chosen: list[tuple[int, Emoji]] = []
    for entry in entries:
        if "group" not in entry:
            continue
        group = meta["groups"][str(entry["group"])]
        subgroup = meta["subgroups"][str(entry["subgroup"])]
        key, label = _key(entry["hexcode"]), str(entry["label"])
        is_line_up = subgroup == "family" and ":" in label
        if group == "component" or label in WRITTEN | RUDE or is_line_up or _is_gendered_twin(key, known):
            continue
        name = label.lower()
        keywords = tuple(sorted({str(tag).lower() for tag in entry.get("tags", ())} - {name}))
        chosen.append((entry["order"], Emoji(key, name, keywords, group, _split(group, subgroup))))
    return [emoji for _, emoji in sorted(chosen, key=lambda pair: pair[0])]


def _sheet_reader(packages: Path, package: str, folder: str) -> dict[str, Callable[[], Image.Image]]:
    """Pictures of one emoji-datasource sheet: full colour, the 'clean' sheet has no art of other vendors."""
    root = packages / package
    sheet = Image.open(root / "img" / folder / "sheets-clean" / "64.png").convert("RGBA")
    step = SHEET_PICTURE + 2 * SHEET_PADDING
    readers: dict[str, Callable[[], Image.Image]] = {}
    for entry in json.loads((root / "emoji.json").read_text(encoding="utf-8")):
        if not entry[f"has_img_{folder}"]:
            continue
        left = entry["sheet_x"] * step + SHEET_PADDING
        top = entry["sheet_y"] * step + SHEET_PADDING
        box = (left, top, left + SHEET_PICTURE, top + SHEET_PICTURE)
        readers[_key(entry["unified"])] = lambda box=box: sheet.crop(box)
    return readers


def _draw_vector(path: Path) -> Image.Image:
    import resvg_py  # only the build script needs it

    svg = path.read_text(encoding="utf-8")
    data = resvg_py.svg_to_bytes(svg_string=svg, width=VECTOR_SIZE, height=VECTOR_SIZE)
    return Image.open(io.BytesIO(bytes(data))).convert("RGBA")


def open_style(packages: Path, style: str) -> dict[str, Callable[[], Image.Image]]:
    """For one style: emoji key -> function that returns its RGBA picture."""
    package = PACKAGES[style]
    package_version(packages, package)
    if style in {"noto", "twemoji"}:
        return _sheet_reader(packages, package, "google" if style == "noto" else "twitter")
    if style == "fluent":
        files = sorted((packages / package / "assets").glob("*.webp"))
        return {_key(file.stem): lambda file=file: Image.open(file).convert("RGBA") for file in files}
    files = sorted((packages / package / "color" / "svg").glob("*.svg"))
    return {_key(file.stem): lambda file=file: _draw_vector(file) for file in files}


def art_style(style: str, emoji: Emoji) -> str:
    """The style whose art is packed for ``emoji`` into the atlas of ``style``: itself, but for the gaps above."""
    is_gap = emoji.name in NOT_OPEN_FLUENT or emoji.name.startswith(NOT_OPEN_FLUENT_PREFIX)
    return "noto" if style == "fluent" and is_gap else style


def fit_to_cell(picture: Image.Image, cell: int, margin: int = 1) -> np.ndarray:
    """Crop to what is visible, scale to fill the cell, centre.

    Args:
        picture: RGBA.
        cell: side of the result in pixels.
        margin: transparent pixels kept on every side.

    Returns:
        (cell, cell, 4) uint8, colour not multiplied by alpha, edge colour spread under the transparent part.
    """
    pixels = np.asarray(picture, dtype=np.float32) / 255.0
    visible = pixels[..., 3] > 0.02
    rows, columns = np.flatnonzero(visible.any(1)), np.flatnonzero(visible.any(0))
    if not len(rows):
        raise ValueError("picture: nothing visible in it")
    pixels = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = pixels.shape[:2]
    scale = (cell - 2 * margin) / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    alpha = pixels[..., 3:]
    # Resampling must not mix in the meaningless colour of transparent pixels.
    premultiplied = np.concatenate([pixels[..., :3] * alpha, alpha], axis=-1)
    planes = [
        np.asarray(Image.fromarray(premultiplied[..., i], "F").resize(size, Image.Resampling.LANCZOS)) for i in range(4)
    ]
    canvas = np.zeros((cell, cell, 4), np.float32)
    left, top = (cell - size[0]) // 2, (cell - size[1]) // 2
    canvas[top : top + size[1], left : left + size[0]] = np.stack(planes, -1).clip(0, None)
    return (_spread_colour(canvas) * 255.0 + 0.5).astype(np.uint8)


def _spread_colour(premultiplied: np.ndarray) -> np.ndarray:
    """Straight colour; transparent pixels take the colour of the nearest visible ones, level by level."""
    # The filter overshoots at edges, colour and alpha together: divide first, clip afterwards.
    alpha = premultiplied[..., 3:]
    colour, weight = premultiplied[..., :3].copy(), alpha.copy()
    result = colour / np.maximum(weight, 1e-6)
    filled = weight[..., 0] > 0.02
    while not filled.all():
        padded_colour = np.pad(colour, ((1, 1), (1, 1), (0, 0)))
        padded_weight = np.pad(weight, ((1, 1), (1, 1), (0, 0)))
        size = colour.shape[0]
        shifts = [(y, x) for y in range(3) for x in range(3)]
        colour = sum(padded_colour[y : y + size, x : x + size] for y, x in shifts) / 9.0
        weight = sum(padded_weight[y : y + size, x : x + size] for y, x in shifts) / 9.0
        fresh = ~filled & (weight[..., 0] > 1e-5)
        result[fresh] = (colour / np.maximum(weight, 1e-6))[fresh]
        filled |= fresh
    return np.concatenate([result, alpha], axis=-1).clip(0, 1)
