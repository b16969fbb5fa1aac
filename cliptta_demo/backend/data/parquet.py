"""Labelled images in parquet files, read on demand: memory does not grow with the data set.

Only labels are kept in memory. Images are read row group by row group, as a batch asks for them.

The shuffle is *windowed*: row groups in a seeded order, cut into windows of at most ``WINDOW_BYTES``, rows shuffled
within each window. A data set below that size (CIFAR-10, PACS) is one window: a full shuffle. In a larger one that
is sorted by class, a batch sees the classes of some hundred row groups from anywhere in it. The order depends on the
seed and the files alone.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from cliptta_demo.backend.data.decode import DEFAULT_LIMITS, ImageLimits, decode_image, stack_images
from cliptta_demo.backend.data.folder import UNLABELLED
from cliptta_demo.backend.data.selection import select_classes
from cliptta_demo.backend.data.sources import Images
from cliptta_demo.backend.errors import UserError

if TYPE_CHECKING:
    from cliptta_demo.backend.data.presets import HubDataset

WINDOW_BYTES = 256 * 2**20  # of compressed images; at worst, so much is read for one batch
LABEL_COLUMNS = ("label", "labels", "fine_label", "class", "class_name", "target", "category", "y")
IMAGE_COLUMNS = ("image", "img", "picture", "photo", "pixel_values", "jpg", "png")
ORDERS_KEPT = 2  # permutations remembered by a source


@dataclass(frozen=True, eq=False)
class Rows:
    """Where the images of some parquet files are, and what they show.

    Attributes:
        files: the files; image_column: the column of encoded images.
        group_file, group_number, group_bytes: ``(G,)`` for each row group its file, its number there, its bytes.
        row_group, row_in_group: ``(N,)`` int32 for each row its row group and place there.
        labels: ``(N,)`` int32 into ``class_names``, or ``UNLABELLED``.
        name: of the data set, for messages.
    """

    files: tuple[Path, ...]
    image_column: str
    group_file: np.ndarray
    group_number: np.ndarray
    group_bytes: np.ndarray
    row_group: np.ndarray
    row_in_group: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    name: str = "The data set"


def split_columns(path: Path, features: Mapping[str, Any], dataset: HubDataset) -> tuple[str, str]:
    """(image column, label column): as the data set says, as its metadata says, or by their usual names and types."""
    import pyarrow as pa
    import pyarrow.parquet

    schema = pyarrow.parquet.read_schema(path)

    def holds_images(name: str) -> bool:
        kind = schema.field(name).type
        inner = kind.field("bytes").type if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0 else kind
        return pa.types.is_binary(inner) or pa.types.is_large_binary(inner)

    def holds_labels(name: str) -> bool:
        kind = schema.field(name).type
        return pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)

    images = [name for name in schema.names if holds_images(name)]
    told = [dataset.image_column, *(name for name, words in features.items() if words is None), *IMAGE_COLUMNS, *images]
    image = next((name for name in told if name in images), None)
    labels = [name for name in schema.names if holds_labels(name)]
    told = [dataset.label_column, *(name for name, words in features.items() if words), *LABEL_COLUMNS]
    label = next((name for name in told if name in labels), None)
    if image is None or label is None:
        missing = "images" if image is None else "labels"
        raise UserError(
            f"{dataset.repository} has no column of {missing} that is known here (it has: "
            f"{', '.join(schema.names)[:200]}). Choose a data set for image classification."
        )
    return image, label


def read_rows(
    files: Sequence[Path],
    image_column: str,
    label_column: str,
    class_names: Sequence[str] = (),
    where: tuple[str, str] | None = None,
) -> Rows:
    """Reads labels and layout of parquet files; no image is touched.

    Args:
        files: in order; all with the same columns.
        class_names: in the order of integer labels; () numbers them, or takes the sorted texts of a text column.
        where: (column, value) that a row must have.

    Raises:
        UserError: a label that has no name, or no row at all.
    """
    import pyarrow.parquet as pq

    columns = [label_column, *([where[0]] if where else [])]
    group_file, group_number, group_bytes, row_group, row_in_group, raw = [], [], [], [], [], []
    for index, path in enumerate(files):
        with pq.ParquetFile(path) as file:
            if where and where[0] not in file.schema_arrow.names:
                raise UserError(f"The data set has no column {where[0]!r} any more. Choose another data set.")
            for number in range(file.num_row_groups):
                table = file.read_row_group(number, columns=columns)
                wanted = np.arange(table.num_rows)
                if where:
                    wanted = np.flatnonzero(np.asarray(table.column(where[0]).to_pylist(), object) == where[1])
                labels = np.asarray(table.column(label_column).to_pylist(), object)[wanted]
                row_group.append(np.full(len(wanted), len(group_file), np.int32))
                row_in_group.append(wanted.astype(np.int32))
                raw.append(labels)
                group_file.append(index)
                group_number.append(number)
                group_bytes.append(_image_bytes(file.metadata.row_group(number), image_column))
    labels = np.concatenate(raw) if raw else np.empty(0, object)
    if not len(labels):
        raise UserError("The data set has no rows of this kind. Choose another split or data set.")
    names, numbers = _number_labels(labels, tuple(class_names))
    return Rows(
        tuple(files),
        image_column,
        np.asarray(group_file),
        np.asarray(group_number),
        np.asarray(group_bytes),
        np.concatenate(row_group),
        np.concatenate(row_in_group),
        numbers,
        names,
    )


def _image_bytes(group: Any, image_column: str) -> int:
    columns = [group.column(index) for index in range(group.num_columns)]
    return sum(c.total_compressed_size for c in columns if c.path_in_schema.split(".")[0] == image_column)


def _number_labels(labels: np.ndarray, names: tuple[str, ...]) -> tuple[tuple[str, ...], np.ndarray]:
    known = np.array([label is not None and label != -1 for label in labels])  # -1: a test split without labels
    numbers = np.full(len(labels), UNLABELLED, np.int32)
    if not known.any():
        return names, numbers
    if isinstance(labels[known][0], str):
        order = names if names and set(labels[known]) <= set(names) else tuple(sorted(set(labels[known])))
        place = {text: index for index, text in enumerate(order)}
        numbers[known] = [place[text] for text in labels[known]]
        return (names if len(names) == len(order) else order), numbers
    numbers[known] = labels[known].astype(np.int64)
    largest, smallest = int(numbers[known].max()), int(numbers[known].min())
    if smallest < 0 or largest > 100_000 or (names and largest >= len(names)):
        raise UserError(f"A label is {smallest if smallest < 0 else largest}, but there are {len(names)} class names.")
    return names, numbers


class ParquetSource:
    """Images of parquet files as a source, each image once; see the module's text for the order.

    Args:
        rows: from :func:`read_rows`.
        class_names: only these of the classes, in this order; None takes all. Where the data set brings no names,
            names for its labels 0, 1, ….
        label: gives every image this label; None keeps the data set's.
        templates: captions that suit the data set.
        limits: caps of one image.
    """

    def __init__(
        self,
        rows: Rows,
        class_names: Sequence[str] | None = None,
        *,
        label: int | None = None,
        templates: tuple[str, ...] | None = None,
        limits: ImageLimits = DEFAULT_LIMITS,
    ) -> None:
        self.rows = rows
        self.label = label
        self.templates = templates
        self.limits = limits
        self.class_names, self.chosen, self.labels = _choose_classes(rows, class_names, label is not None)
        self._orders: OrderedDict[tuple[str, int], np.ndarray] = OrderedDict()

    def length(self) -> int | None:
        return len(self.chosen)

    def take(self, start: int, count: int, size: int, order: str, seed: int, horizon: int) -> Images:
        positions = self._order(order, seed)[start : start + count]
        rows = self.chosen[positions]
        decoded, names = self._load(rows, size)
        kept = [index for index, image in enumerate(decoded) if isinstance(image, Tensor)]
        labels = torch.from_numpy(self.labels[positions].astype(np.int64))[kept]
        if self.label is not None:
            labels = torch.full_like(labels, self.label)
        refused = tuple(sentence for sentence in decoded if isinstance(sentence, str))
        return Images(stack_images(decoded, size), labels, tuple(names[index] for index in kept), refused)

    def _order(self, order: str, seed: int) -> np.ndarray:
        """Positions of the stream → positions in ``chosen``."""
        key = (order, seed)
        if key not in self._orders:
            mixed = windowed_shuffle(self.rows.row_group[self.chosen], self.rows.group_bytes, seed)
            if order == "sorted":
                mixed = mixed[np.argsort(self.labels[mixed], kind="stable")]
            self._orders[key] = mixed
            while len(self._orders) > ORDERS_KEPT:
                self._orders.popitem(last=False)
        return self._orders[key]

    def _load(self, rows: np.ndarray, size: int) -> tuple[list[Tensor | str], list[str]]:
        """For each row the decoded image or the sentence why not, and its name; one row group in memory at a time."""
        import pyarrow.parquet as pq

        decoded: list[Future | None] = [None] * len(rows)
        names = [""] * len(rows)
        groups = self.rows.row_group[rows]
        number, file = -1, None
        # Threads are enough: Pillow lets go of the interpreter while it decodes and resizes.
        with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
            try:
                for group in np.unique(groups):  # in the order of the files
                    if number != self.rows.group_file[group]:
                        if file is not None:
                            file.close()
                        number = int(self.rows.group_file[group])
                        # An object of its own for every call: batches are read by several threads. Not mapped into
                        # memory, where pages of the whole file would pile up.
                        file = pq.ParquetFile(self.rows.files[number])
                    column = file.read_row_group(
                        int(self.rows.group_number[group]), columns=[self.rows.image_column], use_threads=False
                    )[self.rows.image_column]
                    for place in np.flatnonzero(groups == group):
                        value = column[int(self.rows.row_in_group[rows[place]])].as_py()
                        path = value.get("path") if isinstance(value, dict) else None
                        data = (value.get("bytes") if isinstance(value, dict) else value) or b""
                        names[place] = os.path.basename(path or "") or f"image {int(rows[place])}"
                        decoded[place] = pool.submit(_decode, data, names[place], size, self.limits)
            except (OSError, ValueError, KeyError) as error:  # pyarrow's errors derive from these
                raise UserError(f"{self.rows.name} can't be read any more: press Run to open it anew.") from error
            finally:
                if file is not None:
                    file.close()
            return [future.result() for future in decoded], names


def windowed_shuffle(groups: np.ndarray, group_bytes: np.ndarray, seed: int) -> np.ndarray:
    """A seeded order of rows; see the module's text.

    Args:
        groups: ``(N,)`` the row group of each row; group_bytes: ``(G,)`` size of each row group.

    Returns:
        ``(N,)`` positions into ``groups``.
    """
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(group_bytes))
    window = np.empty(len(group_bytes), np.int64)
    number, filled = 0, 0
    for group in order:
        if filled and filled + group_bytes[group] > WINDOW_BYTES:
            number, filled = number + 1, 0
        window[group] = number
        filled += group_bytes[group]
    mixed = generator.permutation(len(groups))
    return mixed[np.argsort(window[groups[mixed]], kind="stable")]


def _choose_classes(
    rows: Rows, class_names: Sequence[str] | None, strangers: bool
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """(class names, rows that show one of them, their labels)."""
    known = rows.class_names
    if known or strangers:
        return select_classes(known, rows.labels, class_names, rows.name)
    needed = max(int(rows.labels.max()) + 1, 2)
    if class_names is None or len(class_names) < needed:
        given = 0 if class_names is None else len(class_names)
        raise UserError(
            f"{rows.name} brings no class names: give names for its labels 0 to {needed - 1}, in that order "
            f"({given} given)."
        )
    return tuple(class_names), np.arange(len(rows.labels)), rows.labels


def _decode(data: bytes, name: str, size: int, limits: ImageLimits) -> Tensor | str:
    try:
        return decode_image(data, name, size, limits)
    except UserError as error:
        return str(error)
