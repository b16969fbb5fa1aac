"""Opens parquet files that nobody vouches for: what reading them takes is known, and bounded, before it is read.

A small file can claim or hold anything: millions of rows in a run length, 400 cells that share one value of a megabyte,
pages of zeros that unpack to gigabytes, a footer that becomes a thousand times its size in memory. What the footer says
of sizes is no help, being written by the same hand. The headers of the pages are: Arrow takes memory by them, and fails
where a page unpacks to anything else. So the footer's structs are counted first (:mod:`.thrift`), then the page headers
are walked, and only then does Arrow decode, few rows at a time.
"""

import os
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from cliptta_demo.backend.data.thrift import CompactReader, TooManyStructs
from cliptta_demo.backend.errors import UserError
from cliptta_demo.languages import say

MAGIC = b"PAR1"
_DATA_PAGE, _DICTIONARY_PAGE, _DATA_PAGE_V2 = 0, 2, 3
# PLAIN, PLAIN_DICTIONARY, RLE, DELTA_BINARY_PACKED, RLE_DICTIONARY, BYTE_STREAM_SPLIT. In the two others, of texts, a
# page of a few bytes can hold any number of copies of its first value.
_BOUNDED_ENCODINGS = (0, 2, 3, 5, 8, 9)
_HEADER_BYTES = (512, 65_536)  # read for a page's header; the second where the first is too short for its statistics
# Reading a large block takes hundreds of megabytes: one at a time, whoever asks.
_LARGE_BLOCK_LOCK = threading.Lock()
_PATH_BYTES = 1000  # of a path's end are kept, for the image's name
_BUFFER_BYTES = 65_536  # read from the disk at once; without it Arrow reads a whole column of a row group


# What one data set may cost. Arrow copies: a block of 30 MB was measured to take eight times its size.
MAX_ROWS = 1_500_000  # ImageNet's training images are 1.28 million; some 30 bytes of each stay in memory
MAX_FOOTER_BYTES = 8 * 2**20  # 4,000 row groups with long statistics
MAX_FOOTER_STRUCTS = 100_000  # 4,000 row groups of 3 columns; Arrow takes up to 1.3 kB for each
MAX_COLUMNS = 1000  # of a table of images; nested ones count at every level
MAX_FEATURES_BYTES = 2**20  # of JSON with class names; ImageNet-21k's take 0.6 MB
MAX_PAGES = 250_000  # of a MB each in most files; walking them takes seconds
MAX_BLOCK_BYTES = 128 * 2**20  # a page and its dictionary: writers put 100 or 1000 photos into one
FREE_BLOCK_BYTES = 32 * 2**20  # so large a block may be whatever its file holds of it
MAX_INFLATION = 4  # of larger ones: encoded images don't get smaller by packing
MAX_LABEL_BYTES = 16 * 2**20  # all pages of a label column in a row group, which a million rows seldom fill
MAX_NAMES = 100_000  # different labels; ImageNet-21k has 21,841
MAX_NAME_LENGTH = 300  # letters; ImageNet's longest list of synonyms has 121
ROWS_AT_ONCE = 256  # a row group of small images in few steps; more is no faster
BYTES_AT_ONCE = 64 * 2**20  # of images, should each be as large as a page allows, unless a single one is larger


@dataclass(frozen=True)
class Page:
    """What a page's header tells: its values, its bytes unpacked and in the file, and how the values are encoded."""

    values: int
    size: int
    stored: int
    is_dictionary: bool
    encoding: int = 0


@dataclass(frozen=True)
class Chunk:
    """What reading one column of one row group takes, from the headers of its pages.

    Attributes:
        values: cells, empty ones included; pages: how many.
        total: bytes of all pages, unpacked; stored: in the file.
        block: bytes of its largest page and its dictionary, unpacked: what is in memory at once; packed: in the file.
        names: values in its dictionary; rows: how many to read at once, so that they take little more than the block.
    """

    values: int
    pages: int
    total: int
    stored: int
    block: int
    packed: int
    names: int
    rows: int


def refuse(name: str, has: str, most: str) -> UserError:
    """The sentence for a data set that is too large in some way, to be raised."""
    return UserError(
        say(
            "{name} has {has}; at most {most} can be read. Choose another split or data set.",
            name=name,
            has=has,
            most=most,
        )
    )


def bound(name: str, count: int, most: int, has: str, shown: Callable[[int], str] = "{:,}".format) -> None:
    """Raises the refusal where a data set has more than ``most``; ``has``: of what, {} for the number."""
    if count > most:
        raise refuse(name, has.format(shown(count)), shown(most))


def size(count: int) -> str:
    """Bytes for people: "0.3 MB", "400 MB"."""
    return say("{size} MB", size=f"{count / 2**20:,.{1 if count < 10 * 2**20 else 0}f}")


def open_parquet(path: Path, name: str, *, checked: bool = False, texts: Sequence[str] = ()) -> pq.ParquetFile:
    """A file with a bounded footer, to be read in pieces.

    Arrow's own description of the schema, a second one inside the footer, is kept from Arrow: it may nest without end.

    Args:
        name: of the data set, for messages; checked: the file has been opened before, the footer is not counted again.
        texts: columns to read as dictionaries, whose values are in memory once however many rows share them.

    Raises:
        UserError: a footer beyond the limits.
        OSError, ValueError, IndexError: a damaged file.
    """
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(end - 8, 0))
        length, magic = struct.unpack("<I4s", file.read(8).rjust(8, b"\0"))
        if magic != MAGIC or length > end - 8:
            raise ValueError("no parquet file")
        bound(name, length, MAX_FOOTER_BYTES, say("a footer of {}"), size)
        file.seek(end - 8 - length)
        footer = file.read(length)
    if not checked:
        _check_footer(footer, name)
    footer = footer.replace(b"ARROW:schema", b"arrow_schema")
    metadata = pq.read_metadata(pa.BufferReader(MAGIC + footer + struct.pack("<I4s", length, MAGIC)))
    return pq.ParquetFile(path, metadata=metadata, buffer_size=_BUFFER_BYTES, read_dictionary=list(texts))


def _check_footer(footer: bytes, name: str) -> None:
    try:
        fields = CompactReader(footer, MAX_FOOTER_STRUCTS).struct()
    except TooManyStructs:
        most = f"{MAX_FOOTER_STRUCTS:,}"
        has = say("a footer of more than {most} parts (row groups, columns, statistics)", most=most)
        raise refuse(name, has, most) from None
    bound(name, fields[2], MAX_COLUMNS, say("{} columns"))


def measure(
    file: pq.ParquetFile, path: Path, group: int, columns: Sequence[str], name: str, most_pages: int
) -> list[Chunk]:
    """What reading some columns of a row group takes; only the headers of their pages are read.

    Args:
        columns: dotted paths; name: of the data set, for messages; most_pages: of all these columns.

    Raises:
        UserError: more pages, or an encoding whose size can't be known.
        OSError, ValueError, IndexError: a damaged file.
    """
    found, left = [], most_pages
    with path.open("rb") as stream:
        for index in (i for i in range(len(file.schema)) if file.schema.column(i).path in columns):
            column = file.metadata.row_group(group).column(index)
            start = column.data_page_offset
            if column.has_dictionary_page and 0 < (column.dictionary_page_offset or 0) < start:
                start = column.dictionary_page_offset
            pages = _pages(stream, start, start + column.total_compressed_size)
            chunk = _measure_chunk(pages, column.num_values, name, column.path_in_schema, left)
            left -= chunk.pages
            found.append(chunk)
    return found


def read_cells(
    file: pq.ParquetFile, group: int, column: str, wanted: Sequence[int], rows: int, large: bool
) -> Iterator[tuple[memoryview, str]]:
    """The encoded image and path ("" without one) of some rows of a row group.

    A view holds its batch in memory: copy what is to stay.

    Args:
        column: of images, bare bytes or a struct of ``bytes`` and perhaps ``path``; wanted: places, ascending.
        rows: at once; large: the row group takes so much that one such is read at a time.

    Raises:
        OSError, ValueError: a damaged file.
    """
    columns = (
        [f"{column}.bytes", f"{column}.path"] if pa.types.is_struct(file.schema_arrow.field(column).type) else [column]
    )
    start, left = 0, deque(wanted)
    with _LARGE_BLOCK_LOCK if large else nullcontext():
        for batch in file.iter_batches(rows, row_groups=[group], columns=columns, use_threads=False):
            if left[0] < start + len(batch):
                cells = batch.column(column)
                images, paths = cells, None
                if pa.types.is_struct(cells.type):
                    children = dict(zip(cells.type.names, cells.flatten(), strict=True))
                    images, paths = children["bytes"], children.get("path")
            while left and left[0] < start + len(batch):
                place = left.popleft() - start
                path = _view(paths[place])[-_PATH_BYTES:].tobytes().decode(errors="replace") if paths else ""
                yield _view(images[place]), path
            if not left:
                return
            start += len(batch)
            batch = cells = images = paths = None  # before the next one takes as much
    raise ValueError("a row group ends early")


def _view(cell: pa.Scalar) -> memoryview:
    """A cell's bytes without a copy; none where it is empty."""
    return memoryview(cell.as_buffer() if cell.is_valid else b"")


def _measure_chunk(pages: Iterator[Page], expected: int, name: str, column: str, most_pages: int) -> Chunk:
    dictionary, largest = Page(0, 0, 0, True), Page(0, 0, 0, False)
    values = count = total = stored = last = 0
    least = ROWS_AT_ONCE  # values of a page, the last aside
    while values < expected:  # as Arrow counts: pages that follow are not read
        page = next(pages, None)
        if page is None:
            raise ValueError("a column ends early")
        count, total, stored = count + 1, total + page.size, stored + page.stored
        if count > most_pages:
            raise refuse(name, say("more than {most:,} pages", most=MAX_PAGES), f"{MAX_PAGES:,}")
        if page.is_dictionary:
            dictionary = page
            continue
        if page.encoding not in _BOUNDED_ENCODINGS:
            raise UserError(
                say(
                    "{name} has its column {column!r} in parquet's encoding {encoding}, which is not read here; "
                    "0 (PLAIN) and 8 (RLE_DICTIONARY) are. Choose another split or data set.",
                    name=name,
                    column=column[:60],
                    encoding=page.encoding,
                )
            )
        least = min(least, last or least)
        last = page.values
        values += page.values
        largest = max(largest, page, key=lambda page: page.size)
    rows = ROWS_AT_ONCE
    if dictionary.size or least < rows:  # each cell may be as large as the whole, or as a page of its own
        rows = min(max(BYTES_AT_ONCE // max(dictionary.size, largest.size, 1), 1), rows)
    block, packed = dictionary.size + largest.size, dictionary.stored + largest.stored
    return Chunk(values, count, total, stored, block, packed, dictionary.values, rows)


def _pages(stream: BinaryIO, start: int, end: int) -> Iterator[Page]:
    seen = False
    while start < end:
        for length in _HEADER_BYTES:
            stream.seek(start)
            reader = CompactReader(stream.read(min(length, end - start)), most_structs=100)
            try:
                header = reader.struct()
                break
            except (IndexError, ValueError):
                if length == _HEADER_BYTES[-1]:
                    raise
        unpacked, stored = header[2], header[3]
        start += reader.position + stored
        kind = header[1]
        described = header[{_DATA_PAGE: 5, _DICTIONARY_PAGE: 7, _DATA_PAGE_V2: 8}[kind]]
        page = Page(
            described[1],
            max(unpacked, stored),
            stored,
            kind == _DICTIONARY_PAGE,
            described[4 if kind == _DATA_PAGE_V2 else 2],
        )
        if min(unpacked, stored, page.values) < 0 or start > end or (page.is_dictionary and seen):
            raise ValueError("a page of less than nothing, longer than its column, or a second dictionary")
        seen = True
        yield page
