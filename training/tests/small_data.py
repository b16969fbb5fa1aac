"""Few pictures and few photographs, in the form of the real ones."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from cliptta_demo.backend.data.pictures import PICTURE_FOLDER, PictureWorld


def few_pictures(folder: Path, classes: Sequence[str], others: Sequence[str] = ()) -> PictureWorld:
    """Two sprites of each of the named classes and of each stranger group, and ``others``, by their names.

    The art is cut out of the shipped sheets into small ones of the same form, which ``PictureWorld.load`` reads.
    """
    folder.mkdir(parents=True)
    index, lists = (json.loads((PICTURE_FOLDER / name).read_text()) for name in ("index.json", "classes.json"))
    chosen = [sprite for name in classes for sprite in lists["classes"][name][:2]]
    chosen += [number for number, sprite in enumerate(index["sprites"]) if sprite[1] in others]
    for group in ("flags", "symbols", "letters"):
        chosen += [number for number, sprite in enumerate(index["sprites"]) if sprite[4] == group][:2]
    chosen = sorted(set(chosen))
    new = {old: number for number, old in enumerate(chosen)}
    for style, side in index["cells"].items():
        with Image.open(PICTURE_FOLDER / f"{style}.webp") as sheet:
            places = [(side * (old % index["columns"]), side * (old // index["columns"])) for old in chosen]
            cells = [np.asarray(sheet.crop((x, y, x + side, y + side)).convert("RGBA")) for x, y in places]
        Image.fromarray(np.concatenate(cells)).save(folder / f"{style}.webp", "WEBP", lossless=True, exact=True)
    sprites = [index["sprites"][old] for old in chosen]
    one_way = [new[old] for old in index["one_way"] if old in new]
    few = {"columns": 1, "cells": index["cells"], "sprites": sprites, "one_way": one_way}
    (folder / "index.json").write_text(json.dumps(few))
    kept = {name: [new[old] for old in lists["classes"][name] if old in new] for name in classes}
    (folder / "classes.json").write_text(json.dumps({"classes": kept, "near_strangers": {}}))
    return PictureWorld.load(folder)


def write_photos(
    path: Path, column: str, images: np.ndarray, labels: Sequence[int], metadata: dict[str, str] | None = None
) -> None:
    """A parquet file in the hub's layout: ``(N, H, W, 3)`` uint8 images in ``column`` {bytes, path}, and ``label``."""
    rows = []
    for pixels in images:
        data = io.BytesIO()
        Image.fromarray(pixels).save(data, "PNG")
        rows.append({"bytes": data.getvalue(), "path": None})
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({column: pa.array(rows, kind), "label": pa.array(labels, pa.int64())})
    pq.write_table(table.replace_schema_metadata(metadata), path)
