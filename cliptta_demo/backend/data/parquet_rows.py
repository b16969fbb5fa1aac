"""What is in some parquet files: their columns, the label of each row, the layout of the images. No image is read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cliptta_demo.backend.data.folder import UNLABELLED
from cliptta_demo.backend.data.parquet_file import (
    DEFAULT_LIMITS,
    Chunk,
    ParquetLimits,
    measure,
    open_parquet,
    refuse,
    size,
)
from cliptta_demo.backend.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from cliptta_demo.backend.data.presets import HubDataset

LABEL_COLUMNS = ("label", "labels", "fine_label", "class", "class_name", "target", "category", "y")
IMAGE_COLUMNS = ("image", "img", "picture", "photo", "pixel_values", "jpg", "png")
_LABELS_AT_ONCE = 65_536


@dataclass(frozen=True, eq=False)
class Rows:
    """Where the images of some parquet files are, and what they show.

    Attributes:
        files: the files; image_column: the column of encoded images.
        group_file, group_number, group_bytes: ``(G,)`` for each row group its file, its number there, its bytes.
        group_rows: ``(G,)`` how many of its rows to read at once; group_large: ``(G,)`` whether that takes much memory.
        row_group, row_in_group: ``(N,)`` int32 for each row its row group and place there.
        labels: ``(N,)`` int32 into ``class_names``, or ``UNLABELLED``.
        name: of the data set, for messages.
    """

    files: tuple[Path, ...]
    image_column: str
    group_file: np.ndarray
    group_number: np.ndarray
    group_bytes: np.ndarray
    group_rows: np.ndarray
    group_large: np.ndarray
    row_group: np.ndarray
    row_in_group: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    name: str = "The data set"


def split_columns(schema: pa.Schema, features: Mapping[str, Any], dataset: HubDataset) -> tuple[str, str]:
    """(image column, label column): as the data set says, as its metadata says, or by their usual names and types.

    Raises:
        UserError: no such column.
    """
    import pyarrow as pa

    def holds_images(kind: pa.DataType) -> bool:
        inner = kind.field("bytes").type if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0 else kind
        return pa.types.is_binary(inner)

    images = [field.name for field in schema if holds_images(field.type)]
    told = [dataset.image_column, *(name for name, words in features.items() if words is None), *IMAGE_COLUMNS, *images]
    image = next((name for name in told if name in images), None)
    labels = [field.name for field in schema if pa.types.is_integer(field.type) or pa.types.is_string(field.type)]
    told = [dataset.label_column, *(name for name, words in features.items() if words), *LABEL_COLUMNS]
    label = next((name for name in told if name in labels), None)
    if image is None or label is None:
        missing = "images" if image is None else "labels"
        raise UserError(
            f"{dataset.repository} has no column of {missing} that is known here (it has: "
            f"{', '.join(schema.names)[:200]}). Choose a data set for image classification."
        )
    return image, label


def features_of_file(schema: pa.Schema, name: str) -> dict[str, tuple[str, ...] | None]:
    """Column → class names (of labels) or None (of images), from what `datasets` writes into a parquet file.

    Raises:
        UserError: more metadata than can be read; ``name`` is the data set's.
    """
    text = (schema.metadata or {}).get(b"huggingface", b"")
    if len(text) > DEFAULT_LIMITS.max_features_bytes:
        raise refuse(name, f"{size(len(text))} of metadata", size(DEFAULT_LIMITS.max_features_bytes))
    features = None
    with suppress(KeyError, ValueError, TypeError, RecursionError):
        features = json.loads(text)["info"]["features"]
    found: dict[str, tuple[str, ...] | None] = {}
    for column, feature in features.items() if isinstance(features, dict) else ():
        kind = feature.get("_type") if isinstance(feature, dict) else None
        names = feature.get("names") if kind == "ClassLabel" else None
        if names and isinstance(names, list):
            found[column] = tuple(map(str, names))
        elif kind == "Image":
            found[column] = None
    return found


def read_rows(
    files: Sequence[Path],
    image_column: str,
    label_column: str,
    class_names: Sequence[str] = (),
    where: tuple[str, str] | None = None,
    name: str = "The data set",
    limits: ParquetLimits = DEFAULT_LIMITS,
) -> Rows:
    """Reads labels and layout of parquet files, after what that takes has been found to be within the limits.

    Args:
        files: in order; all with the same columns.
        class_names: in the order of integer labels; () numbers them, or takes the sorted texts of a text column.
        where: (column, value) that a row must have; name: of the data set, for messages.

    Raises:
        UserError: beyond the limits, a label that has no name, or no row at all.
        OSError, ValueError, LookupError: a damaged file.
    """
    labels = _Labels(name, tuple(class_names), limits)
    groups: list[tuple[int, int, int, int, bool]] = []
    row_group, row_in_group, numbers = [], [], []
    seen = pages = 0
    texts = [label_column, *([where[0]] if where else [])]
    for index, path in enumerate(files):
        with open_parquet(path, name, limits, texts=texts) as file:
            if where and where[0] not in file.schema_arrow.names:
                raise UserError(f"{name} has no column {where[0]!r} any more. Choose another data set.")
            if seen + file.metadata.num_rows > limits.max_rows:
                raise refuse(name, f"{seen + file.metadata.num_rows:,} rows", f"{limits.max_rows:,}")
            for number in range(file.num_row_groups):
                wanted_columns = [f"{image_column}.bytes", f"{image_column}.path", image_column]
                images = measure(file, path, number, wanted_columns, name, limits.max_pages - pages, limits)
                pages += sum(chunk.pages for chunk in images)
                described = measure(file, path, number, texts, name, limits.max_pages - pages, limits)
                pages += sum(chunk.pages for chunk in described)
                count = _check_chunks(images, described, seen, name, limits)
                places, found = _read_labels(file, number, label_column, where, labels)
                row_group.append(np.full(len(found), len(groups), np.int32))
                row_in_group.append(places)
                numbers.append(found)
                large = any(chunk.block > limits.free_block_bytes for chunk in images)
                stored, at_once = sum(chunk.stored for chunk in images), min(chunk.rows for chunk in images)
                groups.append((index, number, stored, at_once, large))
                seen += count
    if not sum(map(len, numbers)):
        raise UserError(f"{name} has no rows of this kind. Choose another split or data set.")
    names, final = labels.finish(np.concatenate(numbers))
    group_file, group_number, group_bytes, group_rows, group_large = np.asarray(groups).T
    return Rows(
        tuple(files),
        image_column,
        group_file,
        group_number,
        group_bytes,
        group_rows,
        group_large.astype(bool),
        np.concatenate(row_group),
        np.concatenate(row_in_group),
        final,
        names,
        name,
    )


def _check_chunks(images: list[Chunk], labels: list[Chunk], seen: int, name: str, limits: ParquetLimits) -> int:
    """How many rows a row group has, after everything that it holds has been found to be within the limits."""
    rows = labels[0].values
    if seen + rows > limits.max_rows:
        raise refuse(name, f"{seen + rows:,} rows", f"{limits.max_rows:,}")
    if not images or any(chunk.values != rows for chunk in (*images, *labels)):
        raise ValueError("columns of different lengths")
    for chunk in labels:
        if chunk.total > limits.max_label_bytes:
            raise refuse(name, f"{size(chunk.total)} of labels in one row group", size(limits.max_label_bytes))
        if chunk.names > limits.max_names:
            raise refuse(name, f"{chunk.names:,} different labels", f"{limits.max_names:,}")
    for chunk in images:
        if chunk.block > limits.max_block_bytes:
            raise refuse(name, f"a block of images of {size(chunk.block)}", size(limits.max_block_bytes))
        if chunk.block > max(limits.free_block_bytes, limits.max_inflation * chunk.packed):
            has = f"a block of images of {size(chunk.block)} that is {size(chunk.packed)} in its file"
            raise refuse(name, has, f"{size(limits.free_block_bytes)}, or {limits.max_inflation} times the latter,")
        if chunk.names > limits.max_rows:
            raise refuse(name, f"{chunk.names:,} images in one row group", f"{limits.max_rows:,}")
    return rows


def _read_labels(
    file: pq.ParquetFile, group: int, column: str, where: tuple[str, str] | None, labels: _Labels
) -> tuple[np.ndarray, np.ndarray]:
    """(places in the row group, raw numbers) of the rows wanted."""
    columns = [column, *([where[0]] if where else [])]
    places, numbers, start = [np.empty(0, np.int32)], [np.empty(0, np.int32)], 0
    for batch in file.iter_batches(_LABELS_AT_ONCE, row_groups=[group], columns=columns, use_threads=False):
        wanted = np.arange(len(batch)) if not where else np.flatnonzero(_equals(batch.column(where[0]), where[1]))
        numbers.append(labels.numbers(batch.column(column))[wanted])
        places.append((start + wanted).astype(np.int32))
        start += len(batch)
    return np.concatenate(places), np.concatenate(numbers)


def _equals(array: pa.Array, text: str) -> np.ndarray:
    """Which cells of a dictionary of texts are this text; none of any other kind of column."""
    import pyarrow as pa

    if not pa.types.is_dictionary(array.type):
        return np.zeros(len(array), bool)
    place = array.dictionary.index(text).as_py()
    return _whole(array.indices) == place if place >= 0 else np.zeros(len(array), bool)


def _whole(array: pa.Array) -> np.ndarray:
    """int64, -1 where a cell is empty, without an object for any cell."""
    import pyarrow as pa

    return np.asarray(array.cast(pa.int64(), safe=False).fill_null(-1))


class _Labels:
    """Numbers for labels: whole numbers stay, texts are numbered as they come; -1 for none."""

    def __init__(self, name: str, class_names: tuple[str, ...], limits: ParquetLimits) -> None:
        self.name, self.class_names, self.limits = name, class_names, limits
        if len(class_names) > limits.max_names:
            raise refuse(name, f"{len(class_names):,} class names", f"{limits.max_names:,}")
        self._check_lengths(max(map(len, class_names), default=0))
        self.places: dict[str, int] = {}

    def numbers(self, array: pa.Array) -> np.ndarray:
        """``(N,)`` int32."""
        import pyarrow as pa

        if not pa.types.is_dictionary(array.type):
            found = _whole(array)
            if len(found):
                self._check_range(int(found.min()), int(found.max()))
            return found.astype(np.int32)
        import pyarrow.compute  # takes a quarter of a second

        words = array.dictionary
        if len(words) > self.limits.max_names:
            raise refuse(self.name, f"{len(words):,} different labels", f"{self.limits.max_names:,}")
        self._check_lengths(pa.compute.max(pa.compute.utf8_length(words)).as_py() or 0)
        table = [self.places.setdefault(word, len(self.places)) for word in words.to_pylist()]
        if len(self.places) > self.limits.max_names:
            raise refuse(self.name, f"{len(self.places):,} different labels", f"{self.limits.max_names:,}")
        return np.asarray([*table, -1], np.int32)[_whole(array.indices)]

    def finish(self, numbers: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
        """(class names, ``(N,)`` int32 into them or ``UNLABELLED``)."""
        known = numbers >= 0
        names = self.class_names
        if self.places and known.any():
            used = np.unique(numbers[known])
            words = list(self.places)
            shown = [words[number] for number in used]
            if not (names and set(shown) <= set(names)):
                names = tuple(sorted(shown))
            place = {text: index for index, text in enumerate(names)}
            table = np.zeros(len(words), np.int32)
            table[used] = [place[word] for word in shown]
            numbers = np.where(known, table[numbers], UNLABELLED).astype(np.int32)
        return names, np.where(known, numbers, UNLABELLED).astype(np.int32)

    def _check_lengths(self, longest: int) -> None:
        if longest > self.limits.max_name_length:
            has = f"a class name of {longest:,} characters"
            raise refuse(self.name, has, f"{self.limits.max_name_length}")

    def _check_range(self, smallest: int, largest: int) -> None:
        """-1 is a test split without labels."""
        most = len(self.class_names) or self.limits.max_names
        if smallest < -1 or largest >= most:
            wrong = smallest if smallest < -1 else largest
            names = f"there are {len(self.class_names)} class names in {self.name}"
            bound = names if self.class_names else f"those of {self.name} may be 0 to {most - 1:,}"
            raise UserError(f"A label is {wrong}, but {bound}. Choose another split or data set.")
