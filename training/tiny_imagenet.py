"""Tiny ImageNet for training and for measuring: photographs of 200 kinds at 64 pixels, and what the kinds are called.

Read from ``tiny-imagenet-train.parquet`` and ``tiny-imagenet-val.parquet``: columns ``image`` {bytes, path} and
``label``, WordNet ids (``wnids``) and synonyms (``names``) as JSON in the schema's metadata.
"""

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cliptta_demo.backend.data.presets import readable

SIDE = 64
TRAINING = "tiny-imagenet-train.parquet"
VALIDATION = "tiny-imagenet-val.parquet"


@dataclass(frozen=True)
class PhotoKind:
    """One kind of thing in the photographs.

    Attributes:
        word: what captions of the data set say, OpenAI's word: the name that the demo's preset gives the class.
        names: all names in small letters, WordNet's first one first, ``word`` among them.
    """

    word: str
    names: tuple[str, ...]


def read_kinds(parquet: Path) -> tuple[PhotoKind, ...]:
    """The kinds of a parquet file, in the order of its labels."""
    import pyarrow.parquet  # only training and measuring need it

    metadata = pyarrow.parquet.read_schema(parquet).metadata
    words = readable(tuple(json.loads(metadata[b"wnids"])))
    kinds = []
    for word, synonyms in zip(words, json.loads(metadata[b"names"]), strict=True):
        names = [name.strip().lower() for name in synonyms.split(",")]
        kinds.append(PhotoKind(word, tuple(dict.fromkeys([*names, word.lower()]))))
    return tuple(kinds)


def load_tiny_imagenet(parquet: Path, cache: Path | None = None) -> tuple[Tensor, Tensor]:
    """Reads the photographs.

    Args:
        parquet: one of the two files.
        cache: a file that keeps the decoded photographs between two runs, 12 kB each, read when needed.

    Returns:
        ``(N, 3, 64, 64)`` uint8 images and ``(N,)`` int64 labels.
    """
    import pyarrow.parquet

    if cache is not None and cache.exists():
        saved = torch.load(cache, weights_only=True, mmap=True)
        return saved["images"], saved["labels"]
    table = pyarrow.parquet.read_table(parquet)
    labels = torch.tensor(table.column("label").to_pylist(), dtype=torch.int64)
    images = torch.empty(len(labels), 3, SIDE, SIDE, dtype=torch.uint8)
    place = 0
    for chunk in table.column("image").chunks:
        for item in chunk.field("bytes"):
            pixels = np.array(Image.open(io.BytesIO(item.as_py())).convert("RGB"))
            images[place] = torch.from_numpy(pixels).permute(2, 0, 1)
            place += 1
    if cache is not None:
        partial = cache.with_suffix(".partial")
        torch.save({"images": images, "labels": labels}, partial)
        partial.replace(cache)
    return images, labels
