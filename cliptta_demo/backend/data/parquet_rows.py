"""What is in some parquet files: their columns, the label of each row, the layout of the images. No image is read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from cliptta_demo.backend.data import parquet_file
from cliptta_demo.backend.data.parquet_file import Chunk, bound, measure, open_parquet, size
from cliptta_demo.backend.data.sources import UNLABELLED
from cliptta_demo.backend.errors import UserError
from cliptta_demo.languages import say

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
_LABELS_AT_ONCE = 65_536
_GROUP = np.dtype([("file", int), ("number", int), ("bytes", int), ("rows", int), ("large", bool)])


@dataclass(frozen=True, eq=False)
class Rows:
    """Where the images of some parquet files are, and what they show.

    Attributes:
        files: the files; image_column: the column of encoded images.
        groups: ``(G,)`` records of row groups: file, number there, bytes, rows to read at once, whether that is large.
        row_group, row_in_group: ``(N,)`` int32 for each row its row group and place there.
        labels: ``(N,)`` int32 into ``class_names``, or ``UNLABELLED``.
        name: of the data set, for messages; note: a sentence about it for the person, "" where there is nothing to say.
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


def read_rows(
    files: Sequence[Path],
    image_column: str,
    label_column: str,
    class_names: Sequence[str] = (),
    where: Sequence[tuple[str, str]] = (),
    name: str = "The data set",
) -> Rows:
    """Reads labels and layout of parquet files, after what that takes has been found to be within the limits.

    Args:
        files: in order; all with the same columns.
        class_names: in the order of integer labels; () numbers them, or takes the sorted texts of a text column.
        where: (column, value) that a row must have, all of them; columns that :func:`.columns.check_conditions` passed.
        name: of the data set, for messages.

    Raises:
        UserError: beyond the limits, a label that has no name, or no row at all.
        OSError, ValueError, LookupError: a damaged file.
    """
    labels = _Labels(name, tuple(class_names))
    groups: list[tuple[int, int, int, int, bool]] = []
    row_group, row_in_group, numbers = [], [], []
    seen = pages = 0
    texts = list(dict.fromkeys((label_column, *(column for column, _ in where))))
    for index, path in enumerate(files):
        with open_parquet(path, name, texts=texts) as file:
            bound(name, seen + file.metadata.num_rows, parquet_file.MAX_ROWS, say("{} rows"))
            for number in range(file.num_row_groups):
                wanted_columns = [f"{image_column}.bytes", f"{image_column}.path", image_column]
                images = measure(file, path, number, wanted_columns, name, parquet_file.MAX_PAGES - pages)
                pages += sum(chunk.pages for chunk in images)
                described = measure(file, path, number, texts, name, parquet_file.MAX_PAGES - pages)
                pages += sum(chunk.pages for chunk in described)
                count = _check_chunks(images, described, seen, name)
                inside, found = _read_labels(file, number, texts, where, labels)
                row_group.append(np.full(len(found), len(groups), np.int32))
                row_in_group.append(inside)
                numbers.append(found)
                large = any(chunk.block > parquet_file.FREE_BLOCK_BYTES for chunk in images)
                stored, at_once = sum(chunk.stored for chunk in images), min(chunk.rows for chunk in images)
                groups.append((index, number, stored, at_once, large))
                seen += count
    if not sum(map(len, numbers)):
        raise UserError(say("{name} has no rows of this kind. Choose another split or data set.", name=name))
    names, final = labels.finish(np.concatenate(numbers))
    places = np.concatenate(row_group), np.concatenate(row_in_group)
    return Rows(tuple(files), image_column, np.array(groups, _GROUP), *places, final, names, name)


def _check_chunks(images: list[Chunk], labels: list[Chunk], seen: int, name: str) -> int:
    """How many rows a row group has, after everything that it holds has been found to be within the limits."""
    rows = labels[0].values
    bound(name, seen + rows, parquet_file.MAX_ROWS, say("{} rows"))
    if not images or any(chunk.values != rows for chunk in (*images, *labels)):
        raise ValueError("columns of different lengths")
    for chunk in labels:
        bound(name, chunk.total, parquet_file.MAX_LABEL_BYTES, say("{} of labels in one row group"), size)
        bound(name, chunk.names, parquet_file.MAX_NAMES, say("{} different labels"))
    for chunk in images:
        bound(name, chunk.block, parquet_file.MAX_BLOCK_BYTES, say("a block of images of {}"), size)
        if chunk.block > max(parquet_file.FREE_BLOCK_BYTES, parquet_file.MAX_INFLATION * chunk.packed):
            raise UserError(
                say(
                    "{name} has a block of images of {unpacked} that is {packed} in its file; at most {most}, or "
                    "{times} times the latter, can be read. Choose another split or data set.",
                    name=name,
                    unpacked=size(chunk.block),
                    packed=size(chunk.packed),
                    most=size(parquet_file.FREE_BLOCK_BYTES),
                    times=parquet_file.MAX_INFLATION,
                )
            )
        bound(name, chunk.names, parquet_file.MAX_ROWS, say("{} images in one row group"))
    return rows


def _read_labels(
    file: pq.ParquetFile, group: int, columns: list[str], where: Sequence[tuple[str, str]], labels: "_Labels"
) -> tuple[np.ndarray, np.ndarray]:
    """(places in the row group, raw numbers) of the rows wanted; the first column is that of the labels."""
    places, numbers, start = [np.empty(0, np.int32)], [np.empty(0, np.int32)], 0
    for batch in file.iter_batches(_LABELS_AT_ONCE, row_groups=[group], columns=columns, use_threads=False):
        fits = np.ones(len(batch), bool)
        for column, value in where:
            fits &= _equals(batch.column(column), value)
        wanted = np.flatnonzero(fits)
        numbers.append(labels.numbers(batch.column(columns[0]))[wanted])
        places.append((start + wanted).astype(np.int32))
        start += len(batch)
    return np.concatenate(places), np.concatenate(numbers)


def _equals(array: pa.Array, value: str) -> np.ndarray:
    """Which cells of texts (a dictionary) or whole numbers say this."""
    if not pa.types.is_dictionary(array.type):
        number = int(value) if _WHOLE_NUMBER.fullmatch(value) else None
        return np.zeros(len(array), bool) if number is None else _whole(array) == number
    place = array.dictionary.index(value).as_py()
    return _whole(array.indices) == place if place >= 0 else np.zeros(len(array), bool)


def _whole(array: pa.Array) -> np.ndarray:
    """int64, -1 where a cell is empty, without an object for any cell."""
    return np.asarray(array.cast(pa.int64(), safe=False).fill_null(-1))


class _Labels:
    """Numbers for labels: whole numbers stay, texts are numbered as they come; -1 for none."""

    def __init__(self, name: str, class_names: tuple[str, ...]) -> None:
        self.name, self.class_names = name, class_names
        bound(name, len(class_names), parquet_file.MAX_NAMES, say("{} class names"))
        self._check_lengths(max(map(len, class_names), default=0))
        self.places: dict[str, int] = {}

    def numbers(self, array: pa.Array) -> np.ndarray:
        """``(N,)`` int32."""
        if not pa.types.is_dictionary(array.type):
            found = _whole(array)
            if len(found):
                self._check_range(int(found.min()), int(found.max()))
            return found.astype(np.int32)
        words = array.dictionary
        bound(self.name, len(words), parquet_file.MAX_NAMES, say("{} different labels"))
        self._check_lengths(pa.compute.max(pa.compute.utf8_length(words)).as_py() or 0)
        table = [self.places.setdefault(word, len(self.places)) for word in words.to_pylist()]
        bound(self.name, len(self.places), parquet_file.MAX_NAMES, say("{} different labels"))
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
        bound(self.name, longest, parquet_file.MAX_NAME_LENGTH, say("a class name of {} characters"))

    def _check_range(self, smallest: int, largest: int) -> None:
        """-1 is a test split without labels."""
        most = len(self.class_names) or parquet_file.MAX_NAMES
        if smallest < -1 or largest >= most:
            wrong = smallest if smallest < -1 else largest
            text = (
                say("A label is {label}, but there are {most} class names in {name}. Choose another split or data set.")
                if self.class_names
                else say(
                    "A label is {label}, but those of {name} may be 0 to {last:,}. Choose another split or data set."
                )
            )
            raise UserError(text.format(label=wrong, most=most, last=most - 1, name=self.name))
