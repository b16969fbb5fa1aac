"""Labelled images in parquet files, read on demand: memory does not grow with the data set.

Only labels are kept in memory. Images are read row group by row group, some rows at a time, as a batch asks for them.

The shuffle is *windowed*: row groups in a seeded order, cut into windows of at most ``WINDOW_BYTES``, rows shuffled
within each window. A data set below that size (CIFAR-10, PACS) is one window: a full shuffle. In a larger one that
is sorted by class, a batch sees the classes of some hundred row groups from anywhere in it. The order depends on the
seed and the files alone.
"""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from functools import lru_cache
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from cliptta_demo.backend.data.decode import DEFAULT_LIMITS, decode_or_say, decoders, sort_out
from cliptta_demo.backend.data.order import Order
from cliptta_demo.backend.data.parquet_file import open_parquet, read_cells
from cliptta_demo.backend.data.parquet_rows import Rows
from cliptta_demo.backend.data.sources import Images, places, select_classes
from cliptta_demo.backend.errors import UserError
from cliptta_demo.languages import say

WINDOW_BYTES = 256 * 2**20  # of compressed images; at worst, so much is read for one batch
ORDERS_KEPT = 2  # permutations remembered by a source
_UNDECODED_BYTES = 32 * 2**20  # copies of encoded images that wait for a thread: a batch of large ones holds gigabytes


class ParquetSource:
    """Images of parquet files as a source, each image once; see the module's text for the order.

    Args:
        rows: from :func:`.parquet_rows.read_rows`.
        class_names: only these of the classes, in this order; None takes all. Where the data set brings no names,
            names for its labels 0, 1, ….
        strangers: nobody asks for their classes, so they need no names.
        templates: captions that suit the data set.
    """

    def __init__(
        self,
        rows: Rows,
        class_names: Sequence[str] | None = None,
        *,
        strangers: bool = False,
        templates: tuple[str, ...] | None = None,
    ) -> None:
        self.rows = rows
        self.templates = templates
        self.note = rows.note
        self.class_names, self.chosen, self.labels = _choose_classes(rows, class_names, strangers)
        self._order = lru_cache(ORDERS_KEPT)(self._mixed)

    def length(self) -> int | None:
        return len(self.chosen)

    def take(self, start: int, count: int, size: int, order: str | Order, seed: int, horizon: int) -> Images:
        positions = self._order(order, seed)[start : start + count]
        rows = self.chosen[positions]
        found, names = self._load(rows, size)
        decoded = sort_out(found, size)
        labels = torch.from_numpy(self.labels[positions].astype(np.int64))[decoded.kept]
        return Images(decoded.images, labels, tuple(names[place] for place in decoded.kept), decoded.refused)

    def _mixed(self, order: str | Order, seed: int) -> np.ndarray:
        """Positions of the stream → positions in ``chosen``."""
        if order == "given":
            return np.arange(len(self.chosen))
        mixed = windowed_shuffle(self.rows.row_group[self.chosen], self.rows.groups["bytes"], seed)
        return mixed if order == "shuffled" else mixed[places(self.labels[mixed], order, seed)]

    def _load(self, rows: np.ndarray, size: int) -> tuple[list[Tensor | str], list[str]]:
        """For each row the decoded image or the sentence why not, and its name."""
        found: list[Future | str] = [""] * len(rows)
        names = [""] * len(rows)
        waiting: deque[tuple[Future, int]] = deque()
        undecoded = 0
        with decoders() as pool, closing(self._cells(rows)) as cells:
            try:
                for place, cell, path in cells:
                    names[place] = os.path.basename(path) or say("image {number}", number=int(rows[place]))
                    if len(cell) > DEFAULT_LIMITS.max_bytes:  # refused by its length, without a copy
                        found[place] = decode_or_say(cell, names[place], size, DEFAULT_LIMITS)
                        continue
                    found[place] = pool.submit(decode_or_say, bytes(cell), names[place], size, DEFAULT_LIMITS)
                    waiting.append((found[place], len(cell)))
                    undecoded += len(cell)
                    while undecoded > _UNDECODED_BYTES:
                        future, count = waiting.popleft()
                        future.result()
                        undecoded -= count
            except (OSError, ValueError, LookupError) as error:  # pyarrow's errors derive from these
                text = say("{name} can't be read any more: press Run to open it anew.", name=self.rows.name)
                raise UserError(text) from error
            return [item.result() if isinstance(item, Future) else item for item in found], names

    def _cells(self, rows: np.ndarray) -> Iterator[tuple[int, memoryview, str]]:
        """(place in ``rows``, encoded image, its path), file by file, row group by row group."""
        groups = self.rows.row_group[rows]
        for number, of_file in groupby(np.unique(groups), lambda group: self.rows.groups["file"][group]):
            # An object of its own for every call: batches are read by several threads. Not mapped into memory, where
            # pages of the whole file would pile up.
            with open_parquet(self.rows.files[number], self.rows.name, checked=True) as file:
                for group in of_file:
                    places = np.flatnonzero(groups == group)
                    places = places[np.argsort(self.rows.row_in_group[rows[places]], kind="stable")]
                    wanted = self.rows.row_in_group[rows[places]].tolist()
                    _, inner, _, step, large = self.rows.groups[group].item()
                    cells = read_cells(file, inner, self.rows.image_column, wanted, step, large)
                    yield from ((place, *cell) for place, cell in zip(places.tolist(), cells, strict=True))


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
            say(
                "{name} brings no class names: give names for its labels 0 to {last}, in that order ({given} given).",
                name=rows.name,
                last=needed - 1,
                given=given,
            )
        )
    return tuple(class_names), np.arange(len(rows.labels)), rows.labels
