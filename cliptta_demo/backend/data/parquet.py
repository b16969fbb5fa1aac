"""Labelled images in parquet files, read on demand: memory does not grow with the data set.

Only labels are kept in memory. Images are read row group by row group, some rows at a time, as a batch asks for them.

The shuffle is *windowed*: row groups in a seeded order, cut into windows of at most ``WINDOW_BYTES``, rows shuffled
within each window. A data set below that size (CIFAR-10, PACS) is one window: a full shuffle. In a larger one that
is sorted by class, a batch sees the classes of some hundred row groups from anywhere in it. The order depends on the
seed and the files alone.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from torch import Tensor

from cliptta_demo.backend.data.decode import decode_each
from cliptta_demo.backend.data.sources import UNLABELLED, Finite, select_classes
from cliptta_demo.backend.errors import UserError
from cliptta_demo.languages import Text, say

WINDOW_BYTES = 256 * 2**20  # of compressed images; at worst, so much is read for one batch
# What one data set may cost, as its metadata tell.
MAX_ROWS = 1_500_000  # ImageNet's training images are 1.28 million; some 30 bytes of each stay in memory
MAX_COLUMNS = 1000  # of a table of images; nested ones count at every level
MAX_LABEL_BYTES = 64 * 2**20  # of a file, unpacked
ROWS_AT_ONCE = 32  # encoded images in memory; more is hardly faster
_BUFFER_BYTES = 65_536  # read from the disk at once; without it Arrow reads a whole column of a row group
_GROUP = np.dtype([("file", int), ("number", int), ("bytes", int)])


@dataclass(frozen=True, eq=False)
class Rows:
    """Where the images of some parquet files are, and what they show.

    Attributes:
        files: the files; image_column: of encoded images, bare bytes or a struct of ``bytes`` and perhaps ``path``.
        groups: ``(G,)`` records of row groups: file, number there, bytes.
        row_group, row_in_group: ``(N,)`` int32 for each row its row group and place there.
        labels: ``(N,)`` int64 into ``class_names``, or ``UNLABELLED``.
        name: of the data set, for messages; note: a sentence about it for the person, "" where there is nothing to say.
        templates: captions that suit it.
    """

    files: tuple[Path, ...]
    image_column: str
    groups: np.ndarray
    row_group: np.ndarray
    row_in_group: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    name: str = "The data set"
    note: str = ""
    templates: tuple[str, ...] | None = None


def read_rows(
    files: Sequence[Path],
    image_column: str,
    label_column: str,
    class_names: Sequence[str] = (),
    where: Sequence[tuple[str, str]] = (),
    name: str = "The data set",
) -> Rows:
    """Reads labels and layout of parquet files; no image is read.

    Args:
        files: in order; all with the same columns.
        class_names: in the order of integer labels; () numbers them, or takes the sorted texts of a text column.
        where: (column of texts or whole numbers, value) that a row must have, all of them.
        name: of the data set, for messages.

    Raises:
        UserError: beyond the limits, a label that has no name, or no row at all.
        OSError, ValueError, LookupError: a damaged file.
    """
    groups: list[tuple[int, int, int]] = []
    counts, tables = [], []
    wanted = list(dict.fromkeys((label_column, *(column for column, _ in where))))
    for index, path in enumerate(files):
        with pq.ParquetFile(path) as file:
            about = file.metadata
            told = [about.row_group(number) for number in range(file.num_row_groups)]
            counts += [group.num_rows for group in told]
            label_bytes = sum(_column_bytes(group, column)[1] for group in told for column in wanted)
            sizes = (sum(counts), MAX_ROWS, Text("rows")), (about.num_columns, MAX_COLUMNS, Text("columns"))
            for count, most, what in (*sizes, (label_bytes, MAX_LABEL_BYTES, Text("bytes of labels"))):
                if count > most:
                    text = Text("{name} has {count:,} {what}; at most {most:,} can be read. Choose another.")
                    raise UserError(text, name=name, count=count, what=what, most=most)
            sizes = (_column_bytes(group, image_column)[0] for group in told)
            groups += [(index, number, size) for number, size in enumerate(sizes)]
            tables.append(file.read(wanted, use_threads=False))
    table = pa.concat_tables(tables)
    fits = np.ones(len(table), bool)
    for column, value in where:
        fits &= np.asarray(pc.equal(table[column].cast(pa.string()), value).fill_null(False))
    rows = np.flatnonzero(fits)
    if not len(rows):
        raise UserError("{name} has no rows of this kind. Choose another split or data set.", name=name)
    names, numbers = _numbered(table[label_column].take(rows), tuple(class_names), name)
    row_group = np.repeat(np.arange(len(counts), dtype=np.int32), counts)[rows]
    row_in_group = (rows - np.cumsum([0, *counts])[row_group]).astype(np.int32)
    groups = np.array(groups, _GROUP)
    return Rows(tuple(files), image_column, groups, row_group, row_in_group, numbers, names, name)


def _column_bytes(group: pq.RowGroupMetaData, name: str) -> tuple[int, int]:
    """Bytes of a column of a row group with all that is nested in it: packed, unpacked."""
    columns = [group.column(index) for index in range(group.num_columns)]
    columns = [column for column in columns if column.path_in_schema.split(".")[0] == name]
    return sum(c.total_compressed_size for c in columns), sum(c.total_uncompressed_size for c in columns)


def _numbered(column: pa.ChunkedArray, names: tuple[str, ...], name: str) -> tuple[tuple[str, ...], np.ndarray]:
    """(class names, ``(N,)`` int64 into them or ``UNLABELLED``)."""
    if pa.types.is_integer(column.type):
        numbers = column.cast(pa.int64())
    else:
        words = set(column.unique().drop_null().to_pylist())
        names = names if words <= set(names) else tuple(sorted(words))
        numbers = pc.index_in(column, pa.array(names, column.type)).cast(pa.int64())
    found = np.asarray(numbers.fill_null(-1))
    wrong = found[(found < -1) | (found >= (len(names) or np.inf))]  # -1 is a test split without labels
    if len(wrong):
        text = Text(
            "A label is {label}, but there are {count} class names in {name}. Choose another split or data set."
        )
        raise UserError(text, label=wrong[0], count=len(names), name=name)
    return names, np.where(found < 0, UNLABELLED, found)


class ParquetSource(Finite):
    """Images of parquet files as a source; see the module's text for the order.

    Args:
        rows: from :func:`read_rows`.
        class_names: only these of the classes, in this order; None takes all. Where the data set brings no names,
            names for its labels 0, 1, ….
        strangers: nobody asks for their classes, so they need no names.
    """

    def __init__(self, rows: Rows, class_names: Sequence[str] | None = None, strangers: bool = False) -> None:
        if rows.class_names or strangers:
            names, self.chosen, labels = select_classes(rows.class_names, rows.labels, class_names, rows.name)
        else:
            names, self.chosen, labels = class_names or (), np.arange(len(rows.labels)), rows.labels
            last = max(int(labels.max()), 1)
            if len(names) <= last:
                text = Text("{name} brings no class names: name its labels 0 to {last}, in that order ({given} given).")
                raise UserError(text, name=rows.name, last=last, given=len(names))
        super().__init__(names, labels)
        self.rows, self.templates, self.note = rows, rows.templates, rows.note

    def shuffle(self, seed: int) -> np.ndarray:
        return windowed_shuffle(self.rows.row_group[self.chosen], self.rows.groups["bytes"], seed)

    def read(self, indices: np.ndarray, size: int) -> tuple[Iterable[Tensor | str], Sequence[str]]:
        rows = self.chosen[indices]
        found: list[Tensor | str] = [""] * len(rows)
        names = [say("image {number}", number=int(row)) for row in rows]
        try:
            places: list[int] = []  # grows while images are decoded
            for image, place in zip(decode_each(self._cells(rows, names, places), size), places, strict=False):
                found[place] = image
        except (OSError, ValueError, LookupError) as error:  # pyarrow's errors derive from these
            raise UserError("{name} can't be read any more: press Run to open it anew.", name=self.rows.name) from error
        return found, names

    def _cells(self, rows: np.ndarray, names: list[str], places: list[int]) -> Iterator[tuple[bytes, str]]:
        """(encoded image, its name), file by file, row group by row group; with their places in ``rows``."""
        groups, inside = self.rows.row_group[rows], self.rows.row_in_group[rows]
        for number, of_file in groupby(np.unique(groups), lambda group: self.rows.groups["file"][group]):
            # An object of its own for every call: batches are read by several threads. Not mapped into memory, where
            # pages of the whole file would pile up.
            with pq.ParquetFile(self.rows.files[number], buffer_size=_BUFFER_BYTES) as file:
                for group in of_file:
                    left, start = set(np.flatnonzero(groups == group).tolist()), 0
                    inner, column = int(self.rows.groups["number"][group]), [self.rows.image_column]
                    for batch in file.iter_batches(ROWS_AT_ONCE, [inner], column, use_threads=False):
                        for place in [place for place in left if inside[place] < start + len(batch)]:
                            left.remove(place)
                            cell = batch.column(0)[int(inside[place]) - start].as_py()
                            about = cell if isinstance(cell, dict) else {"bytes": cell}
                            names[place] = os.path.basename(about.get("path") or "") or names[place]
                            places.append(place)
                            yield about["bytes"] or b"", names[place]
                        if not left:
                            break
                        start += len(batch)


def windowed_shuffle(groups: np.ndarray, group_bytes: np.ndarray, seed: int) -> np.ndarray:
    """A seeded order ``(N,)`` of rows in these row groups ``(N,)`` of these sizes ``(G,)``; see the module's text."""
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
