"""Labels that people give with their images: by folder, or in a table of file names and classes."""

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cliptta_demo.backend.data.sources import UNLABELLED
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.class_names import display_name, visible
from cliptta_demo.languages import Text

MAX_TABLE_BYTES = 2 * 2**20
FILE_HEADERS = ("file", "filename", "file_name", "name", "image", "path")
LABEL_HEADERS = ("label", "class", "class_name", "truth")
TABLES = (".csv", ".tsv")
_SEPARATORS = re.compile(r"[\s_,;\uff0c\uff1b\u3001\u060c\u061b]+")  # what the list of class names splits at, too


@dataclass(frozen=True)
class LabelTable:
    """What a table says: (file name, label) line by line, and the numbers of the lines that say nothing."""

    rows: tuple[tuple[str, str], ...]
    unreadable: tuple[int, ...] = ()


def comparable(label: str) -> str:
    """A label without what may differ between a folder, a table and a typed name: case, spaces, underscores."""
    return _SEPARATORS.sub(" ", visible(label)).strip().casefold()


def read_table(data: bytes, name: str = "labels.csv") -> LabelTable:
    """A table with a column of file names and one of labels, in UTF-8, parted by comma, semicolon or tab.

    Raises:
        UserError: too large, no text, or without these columns; in one sentence.
    """
    if len(data) > MAX_TABLE_BYTES:
        text = Text("{name} is over {size:g} MB: keep only file names and labels in it.")
        raise UserError(text, name=name, size=MAX_TABLE_BYTES / 2**20)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError("{name} is not UTF-8 text: save it as “CSV UTF-8”.", name=name) from None
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        raise UserError("{name} can't be read as a table: save it as CSV again.", name=name) from None
    filled = [(number, row) for number, row in enumerate(rows, 1) if any(cell.strip() for cell in row)]
    heads = [re.sub(r"[\s-]+", "_", cell.strip().lower()) for cell in filled[0][1]] if filled else []
    file_column = next((heads.index(head) for head in FILE_HEADERS if head in heads), None)
    label_column = next((heads.index(head) for head in LABEL_HEADERS if head in heads), None)
    if file_column is None or label_column is None:
        raise UserError("{name} needs a first line with the columns “file” and “label”.", name=name)
    found, unreadable = [], []
    for number, row in filled[1:]:
        if len(row) <= max(file_column, label_column) or not row[file_column].strip():
            unreadable.append(number)
        else:
            found.append((visible(row[file_column]).strip(), " ".join(visible(row[label_column]).split())))
    return LabelTable(tuple(found), tuple(unreadable))


def labels_from_table(table: LabelTable, paths: Sequence[str]) -> tuple[dict[int, str], list[str]]:
    """Which image has which label: by its whole path, or by its file name where only one image has it.

    Returns:
        (position in ``paths`` → label, file names of the table that fit no image or several).
    """
    by_end: dict[str, list[int]] = {}
    for index, path in enumerate(paths):
        parts = _plain(path).split("/")
        for start in range(len(parts)):
            by_end.setdefault("/".join(parts[start:]), []).append(index)
    found: dict[int, str] = {}
    unknown = []
    for name, label in table.rows:
        fits = by_end.get(_plain(name)) or by_end.get(_plain(name).rsplit("/", 1)[-1]) or []
        if len(fits) == 1:
            found[fits[0]] = label
        else:
            unknown.append(name)
    return found, unknown


def labels_from_folders(paths: Sequence[str]) -> list[str | None]:
    """Each image's parent folder, where there are at least two different ones; else None for every image."""
    parents = [parts[-2] if len(parts := _plain(path).split("/")) > 1 else None for path in paths]
    distinct = {comparable(parent) for parent in parents if parent}
    return parents if len(distinct) >= 2 else [None] * len(paths)


def distinct_labels(labels: Sequence[str | None]) -> tuple[str, ...]:
    """The labels in alphabetical order, each in its first spelling and fit for a list of class names."""
    spelling: dict[str, str] = {}
    for label in labels:
        if label and comparable(label):
            spelling.setdefault(comparable(label), re.sub(r"[\s,;\uff0c\uff1b\u3001\u060c\u061b]+", " ", label).strip())
    return tuple(spelling[key] for key in sorted(spelling))


def match_labels(
    labels: Sequence[str | None], class_names: Sequence[str], others: int = UNLABELLED
) -> tuple[Tensor, Counter[str]]:
    """Labels in words → class numbers; a label that is none of these classes becomes ``others``.

    Returns:
        (``(N,)`` int64, UNLABELLED where there is no label; how often each label that is none of the classes occurs).
    """
    number = {comparable(display_name(name)): index for index, name in enumerate(class_names)}
    strange: Counter[str] = Counter()
    numbers = []
    for label in labels:
        name = comparable(label) if label else None
        numbers.append(UNLABELLED if name is None else number.get(name, others))
        if name is not None and name not in number:
            strange[label] += 1
    return torch.tensor(numbers, dtype=torch.int64), strange


def _plain(path: str) -> str:
    """A path as names parted by ``/``, without what leads nowhere."""
    parts = visible(path).replace("\\", "/").split("/")
    return "/".join(part.strip() for part in parts if part.strip() not in ("", ".", ".."))
