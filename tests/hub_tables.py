"""Data sets for a hub on localhost: parquet files whose pictures say which row they are."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hub_stand_in import Hub, Repository
from PIL import Image

IMAGE = "image"
ANIMALS = ("cat", "dog", "sea_lion")


def picture(value: int, label: int = 0, size: int = 8, kind: str = "PNG") -> bytes:
    """A plain picture whose red and green say which row and label it has."""
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), (value % 256, label, value // 256)).save(buffer, kind)
    return buffer.getvalue()


def parquet(cells: dict, image: str = "image", kinds: dict | None = None, rows_per_group: int = 10) -> bytes:
    """A parquet file as the hub has them: columns and their cells, ``image``'s are made.

    ``kinds``: column → ``IMAGE``, the names of class labels, or a type, for the metadata that `datasets` writes.
    """
    count = len(next(column for column in cells.values() if column is not None))
    images = [{"bytes": picture(row), "path": f"{row}.png"} for row in range(count)]
    content = pa.table({name: images if name == image else column for name, column in cells.items()})
    if kinds:
        features = {name: _feature(kind) for name, kind in kinds.items()}
        content = content.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    buffer = io.BytesIO()
    pq.write_table(content, buffer, row_group_size=rows_per_group)
    return buffer.getvalue()


def _feature(kind: str | Sequence[str]) -> dict:
    if kind == IMAGE:
        return {"_type": "Image"}
    return {"dtype": kind, "_type": "Value"} if isinstance(kind, str) else {"names": list(kind), "_type": "ClassLabel"}


def table(labels: list, *, names=None, image="image", label="label", extra=None) -> bytes:
    """With a column of labels; ``names``: of their classes."""
    kinds = {image: IMAGE, label: names} if names else None
    return parquet({image: None, label: labels, **(extra or {})}, image, kinds)


def publish(hub: Hub, name: str, files: dict[str, bytes | Path], front_matter: dict | None = None, **more) -> None:
    hub.repositories["dataset", name] = Repository(files, front_matter or {}, **more)


def everything(source, order: str = "shuffled", seed: int = 0, step: int = 7):
    """(which row, label) of the whole stream, in batches of ``step``."""
    rows, labels = [], []
    for start in range(0, source.length(), step):
        images = source.take(start, step, 8, order, seed, source.length())
        rows += (images.pixels[:, 0, 0, 0].int() + 256 * images.pixels[:, 2, 0, 0].int()).tolist()
        labels += images.labels.tolist()
    return rows, labels
