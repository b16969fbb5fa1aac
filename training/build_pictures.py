"""Packs openly licensed emoji art into the atlases under ``assets/pictures``.

The art and the words come from the npm registry, the vector art is drawn with a pip package:

    npm install emoji-datasource-google@16.0.0 emoji-datasource-twitter@16.0.0 \\
        @lobehub/fluent-emoji-3d@1.1.0 openmoji@17.0.0 emojibase-data@17.0.0
    pip install resvg-py==0.5.0
    python -m training.build_pictures --packages node_modules --out assets/pictures

Writes one lossy WebP with transparency per style, ``index.json`` (every sprite with its words) and
``classes.json`` (class name -> sprite ids). The same packages give the same files.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from cliptta_demo.backend.errors import UserError
from training.picture_classes import (
    CIFAR_WORDS,
    CLASSES,
    FALSE_WORDS,
    NEAR_STRANGERS,
    ONE_WAY_WORDS,
)
from training.picture_sources import (
    PACKAGES,
    Emoji,
    art_style,
    fit_to_cell,
    list_emoji,
    open_style,
    package_version,
)

# Side of a cell: the sheets hold 64-pixel art, more would only be blur; the other two are larger at source.
CELLS = {"noto": 64, "twemoji": 64, "fluent": 80, "openmoji": 80}
COLUMNS = 44
QUALITY = 82
ALPHA_QUALITY = 70
LARGEST_SIDE = 16383  # WebP's limit
BUDGET_BYTES = 8_000_000


def pack(cells: list[np.ndarray]) -> Image.Image:
    """Lay (cell, cell, 4) uint8 pictures out row by row, ``COLUMNS`` to a row."""
    side = cells[0].shape[0]
    rows = -(-len(cells) // COLUMNS)
    if max(rows, COLUMNS) * side > LARGEST_SIDE:
        raise ValueError(f"cell: {side} pixels make an atlas of more than {LARGEST_SIDE} pixels")
    sheet = np.zeros((rows * side, COLUMNS * side, 4), np.uint8)
    for i, cell in enumerate(cells):
        row, column = divmod(i, COLUMNS)
        sheet[row * side : (row + 1) * side, column * side : (column + 1) * side] = cell
    return Image.fromarray(sheet, "RGBA")


def resolve(classes: dict[str, tuple[str, ...]], emoji: list[Emoji]) -> dict[str, list[int]]:
    """Class name -> sprite ids, from class name -> emoji names. Raises ``ValueError`` for an unknown name."""
    number = {entry.name: i for i, entry in enumerate(emoji)}
    missing = sorted({name for names in classes.values() for name in names} - set(number))
    if missing:
        raise ValueError(f"classes: no emoji in all four styles named {', '.join(missing)}")
    return {title: [number[name] for name in names] for title, names in classes.items()}


def _with_class_words(emoji: list[Emoji], classes: dict[str, list[int]]) -> list[Emoji]:
    """Gives each sprite of a class the class name as a keyword, and takes the names of other classes away."""
    extra: dict[int, set[str]] = {}
    for title, members in classes.items():
        for member in members:
            extra.setdefault(member, set()).update({title, CIFAR_WORDS.get(title, title)})
    false = {i: set(classes) for i in extra}

    def words(i: int, e: Emoji) -> tuple[str, ...]:
        kept = set(e.keywords) - false.get(i, set(FALSE_WORDS.get(e.name, ())))
        return tuple(sorted((kept | extra.get(i, set())) - {e.name}))

    return [Emoji(e.key, e.name, words(i, e), e.group, e.split) for i, e in enumerate(emoji)]


def _write_json(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def build(packages: Path, out: Path) -> dict[str, int]:
    """Build everything; returns file name -> bytes. Raises ``UserError`` when a package is missing."""
    out.mkdir(parents=True, exist_ok=True)
    readers = {style: open_style(packages, style) for style in CELLS}
    emoji = [e for e in list_emoji(packages) if all(e.key in style for style in readers.values())]
    classes, strangers = resolve(CLASSES, emoji), resolve(NEAR_STRANGERS, emoji)
    emoji = _with_class_words(emoji, classes | strangers)
    for style, side in CELLS.items():
        sheet = pack([fit_to_cell(readers[art_style(style, e)][e.key](), side) for e in emoji])
        sheet.save(out / f"{style}.webp", quality=QUALITY, alpha_quality=ALPHA_QUALITY, method=6)
    one_way = [i for i, e in enumerate(emoji) if e.split != "train" or any(w in e.name for w in ONE_WAY_WORDS)]
    head = {
        "columns": COLUMNS,
        "cells": CELLS,
        "packages": {name: f"{package}@{package_version(packages, package)}" for name, package in PACKAGES.items()},
        "one_way": one_way,
        "fields": ["codepoint", "name", "keywords", "group", "split"],
    }
    rows = [json.dumps([e.key, e.name, ",".join(e.keywords), e.group, e.split], ensure_ascii=False) for e in emoji]
    joined = ",\n".join(rows)
    _write_json(out / "index.json", json.dumps(head)[:-1] + f', "sprites": [\n{joined}\n]}}')
    lists = {"classes": classes, "near_strangers": strangers}
    parts = [
        json.dumps(part) + ": {\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in members.items()) + "\n}"
        for part, members in lists.items()
    ]
    _write_json(out / "classes.json", "{\n" + ",\n".join(parts) + "\n}")
    return {file.name: file.stat().st_size for file in sorted(out.iterdir()) if file.is_file()}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, required=True, help="the node_modules folder")
    parser.add_argument("--out", type=Path, default=Path("assets/pictures"))
    arguments = parser.parse_args()
    try:
        sizes = build(arguments.packages, arguments.out)
    except UserError as error:
        parser.error(str(error))
    for name, size in sizes.items():
        print(f"{name:16} {size / 1e6:6.2f} MB")
    total = sum(sizes.values())
    print(f"{'all':16} {total / 1e6:6.2f} MB")
    if total > BUDGET_BYTES:
        parser.exit(1, f"out: {total} bytes is more than the {BUDGET_BYTES} that the package may carry\n")


if __name__ == "__main__":
    main()
