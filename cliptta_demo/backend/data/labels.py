"""Labels that people give with their images: by folder, or in a table of file names and classes."""

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from cliptta_demo.backend.data.sources import UNLABELLED
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.class_names import display_name, visible
from cliptta_demo.languages import Text, say

MAX_TABLE_BYTES = 2 * 2**20
FILES = ("file", "filename", "file_name", "name", "image", "path")
LABELS = ("label", "class", "class_name", "truth")
TABLES = (".csv", ".tsv")
_SEPARATORS = re.compile(r"[\s_,;\uff0c\uff1b\u3001\u060c\u061b]+")  # what the list of class names splits at, too


def comparable(label: str) -> str:
    """A label without what may differ between a folder, a table and a typed name: case, spaces, underscores."""
    return _SEPARATORS.sub(" ", visible(label)).strip().casefold()


def read_table(data: bytes, name: str = "labels.csv") -> list[tuple[str, str | None]]:
    """A table with a column of file names and one of labels, in UTF-8, parted by comma, semicolon or tab.

    Returns:
        (file name, label) line by line; of one without them (“line 5”, None).

    Raises:
        UserError: too large, no text, or without these columns; in one sentence.
    """
    if len(data) > MAX_TABLE_BYTES:
        text = Text("{name} is over {size:g} MB: keep only file names and labels in it.")
        raise UserError(text, name=name, size=MAX_TABLE_BYTES / 2**20)
    try:
        text = data.decode("utf-8-sig")
        delimiter = max(",;\t", key=next(filter(str.strip, text.splitlines()), "").count)
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except (UnicodeDecodeError, csv.Error):
        raise UserError("{name} is no table in UTF-8: save it as “CSV UTF-8”.", name=name) from None
    filled = [(number, row) for number, row in enumerate(rows, 1) if any(cell.strip() for cell in row)]
    heads = [re.sub(r"[\s-]+", "_", cell.strip().lower()) for cell in filled[0][1]] if filled else []
    found = [next((heads.index(head) for head in known if head in heads), -1) for known in (FILES, LABELS)]
    if -1 in found:
        raise UserError("{name} needs a first line with the columns “file” and “label”.", name=name)
    pairs = ((number, [visible(row[column]) for column in found if column < len(row)]) for number, row in filled[1:])
    return [
        (pair[0].strip(), " ".join(pair[1].split()))
        if len(pair) == 2 and pair[0].strip()
        else (say("line {number}", number=number), None)
        for number, pair in pairs
    ]


def label_by_table(table: list[tuple[str, str | None]], paths: Sequence[str], labels: list[str | None]) -> list[str]:
    """Puts a table's labels over those of images: by the whole path, or by a file name that only one image has.

    Returns:
        What the table calls images that are none, or several, and lines without a label.
    """
    by_end: dict[str, list[int]] = {}
    for index, path in enumerate(paths):
        parts = _plain(path).split("/")
        for start in range(len(parts)):
            by_end.setdefault("/".join(parts[start:]), []).append(index)
    unknown = []
    for name, label in table:
        fits = by_end.get(_plain(name)) or by_end.get(_plain(name).rsplit("/", 1)[-1]) or []
        if label is None or len(fits) != 1:
            unknown.append(name)
        else:
            labels[fits[0]] = label or None
    return unknown


def labels_from_folders(paths: Sequence[str]) -> list[str | None]:
    """Each image's parent folder, where there are at least two different ones; else None for every image."""
    parents = [parts[-2] if len(parts := _plain(path).split("/")) > 1 else None for path in paths]
    distinct = {comparable(parent) for parent in parents if parent}
    return parents if len(distinct) >= 2 else [None] * len(paths)


def distinct_labels(labels: Sequence[str | None]) -> tuple[str, ...]:
    """The labels in alphabetical order, each in its first spelling and fit for a list of class names."""
    spelling = {comparable(label): label for label in reversed(labels) if label and comparable(label)}
    parts = re.compile(r"[\s,;\uff0c\uff1b\u3001\u060c\u061b]+")
    return tuple(parts.sub(" ", spelling[key]).strip() for key in sorted(spelling))


def match_labels(
    labels: Sequence[str | None], class_names: Sequence[str], others: int = UNLABELLED
) -> tuple[Tensor, Counter[str]]:
    """Labels in words → class numbers; a label that is none of these classes becomes ``others``.

    Returns:
        (``(N,)`` int64, UNLABELLED where there is no label; how often each label that is none of the classes occurs).
    """
    number = {comparable(display_name(name)): index for index, name in enumerate(class_names)}
    keys = [comparable(label) if label else None for label in labels]
    numbers = [UNLABELLED if key is None else number.get(key, others) for key in keys]
    strange = Counter(label for label, key in zip(labels, keys, strict=True) if key is not None and key not in number)
    return torch.tensor(numbers, dtype=torch.int64), strange


def _plain(path: str) -> str:
    """A path as names parted by ``/``, without what leads nowhere."""
    parts = visible(path).replace("\\", "/").split("/")
    return "/".join(part.strip() for part in parts if part.strip() not in ("", ".", ".."))
