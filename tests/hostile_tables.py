"""Parquet files that strangers could publish: small on the disk, huge in memory, and what must be said of them."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

MEGABYTE = 2**20
LONG_NAME = {"_type": "ClassLabel", "names": ["x" * 9000]}


@dataclass(frozen=True)
class Bomb:
    """A file, what the refusal says (None: it opens), and how many images its first batch of 64 shows."""

    make: Callable[[], bytes]
    says: str | None
    images: int = 0


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "PNG")
    return buffer.getvalue()


def write(table: pa.Table, **options: object) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **{"compression": "ZSTD", "store_schema": False, **options})
    return buffer.getvalue()


def repeated(value: object, kind: pa.DataType, count: int) -> pa.Array:
    """One value many times, without any of the copies in memory."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([value], kind))


def labelled(image: bytes, count: int, labels: pa.Array | None = None) -> pa.Table:
    labels = repeated(0, pa.int64(), count) if labels is None else labels
    return pa.table({"image": repeated(image, pa.binary(), count), "label": labels})


def many_rows(count: int = 6_000_000) -> bytes:
    return write(labelled(picture(), count), row_group_size=count, use_dictionary=True)


def rows_denied() -> bytes:
    """The footer claims one row for each row group; the pages hold three million."""
    data = many_rows(3_000_000)
    start = len(data) - 8 - struct.unpack("<I", data[-8:-4])[0]
    return data[:start] + data[start:].replace(varint(2 * 3_000_000), b"\x82\x80\x80\x00")  # 1, as long as the truth


def one_large_value(megabytes: int = 1, count: int = 400) -> bytes:
    image = picture() + bytes(megabytes * MEGABYTE)
    return write(labelled(image, count), compression="NONE", dictionary_pagesize_limit=2**30)


def zeros(megabytes: int) -> bytes:
    return write(labelled(bytes(megabytes * MEGABYTE), 2), dictionary_pagesize_limit=2**30)


def copied_prefix() -> bytes:
    """DELTA_BYTE_ARRAY: each value is the one before, at the price of some bits."""
    images = pa.array([picture() + bytes(MEGABYTE)] * 40, pa.binary())
    table = pa.table({"image": images, "label": [0] * 40})
    return write(table, use_dictionary=False, column_encoding={"image": "DELTA_BYTE_ARRAY", "label": "PLAIN"})


def one_large_label() -> bytes:
    return write(labelled(picture(), 400, repeated("x" * MEGABYTE, pa.string(), 400)), compression="NONE",
                 dictionary_pagesize_limit=2**30)  # fmt: skip


def zero_labels() -> bytes:
    return write(labelled(picture(), 2, repeated("\0" * (100 * MEGABYTE), pa.string(), 2)),
                 dictionary_pagesize_limit=2**30)  # fmt: skip


def many_labels() -> bytes:
    labels = pa.array(np.arange(400_000)).cast(pa.string())
    return write(labelled(picture(), 400_000, labels), dictionary_pagesize_limit=2**30)


def many_plain_labels() -> bytes:
    labels = pa.array(np.arange(400_000)).cast(pa.string())
    return write(labelled(picture(), 400_000, labels), use_dictionary=["image"])


def metadata(text: str) -> bytes:
    table = pa.table({"image": [picture()] * 2, "label": [0, 0]})
    return write(table.replace_schema_metadata({"huggingface": text}), store_schema=True)


def features(feature: object) -> str:
    return json.dumps({"info": {"features": {"label": feature}}})


def large_label() -> bytes:
    return write(labelled(picture(), 2, pa.array([0, 2**62])))


# What pyarrow can't be made to write: footers in Thrift's compact protocol.


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def record(*fields: tuple[int, int, bytes]) -> bytes:
    out, last = b"", 0
    for number, kind, value in fields:
        out, last = out + bytes([number - last << 4 | kind]) + value, number
    return out + b"\0"


def many(count: int, item: bytes) -> bytes:
    return b"\xfc" + varint(count) + item * count


def element(name: bytes, children: int = 0) -> bytes:
    text = (4, 8, varint(len(name)) + name)
    return record((3, 5, b"\0"), text, (5, 5, varint(2 * children))) if children else record((1, 5, b"\2"), text)


def footer(schema: bytes, elements: int, groups: bytes = b"\x0c") -> bytes:
    content = record((1, 5, b"\4"), (2, 9, b"\xfc" + varint(elements) + schema), (3, 6, b"\0"), (4, 9, groups))
    return b"PAR1" + content + struct.pack("<I", len(content)) + b"PAR1"


def many_groups() -> bytes:
    return footer(
        element(b"r", 1) + element(b"x"), 2, many(150_000, record((1, 9, b"\x0c"), (2, 6, b"\0"), (3, 6, b"\0")))
    )


def many_chunks() -> bytes:
    group = record((1, 9, many(1_000_000, record((2, 6, b"\0")))), (2, 6, b"\0"), (3, 6, b"\0"))
    return footer(element(b"r", 1) + element(b"x"), 2, b"\x1c" + group)


def many_columns() -> bytes:
    return footer(element(b"r", 90_000) + element(b"x") * 90_000, 90_001)


def nested(depth: int = 50_000) -> bytes:
    return footer(element(b"a", 1) * depth + element(b"x"), depth + 1)


def padded() -> bytes:
    return metadata("x" * (10 * MEGABYTE))


BOMBS: dict[str, Bomb] = {
    "6 million rows": Bomb(many_rows, "has 6,000,000 rows; at most 1,500,000"),
    "more rows than claimed": Bomb(rows_denied, None, 1),
    "a million rows": Bomb(lambda: many_rows(1_000_000), None, 64),
    "1 MB 400 times": Bomb(one_large_value, None, 64),
    "30 MB 64 times": Bomb(lambda: one_large_value(30, 64), None, 0),
    "40 MB 64 times": Bomb(lambda: zeros(40), "a block of images of 40 MB that is 0.0 MB in its file"),
    "150 MB of zeros": Bomb(lambda: zeros(150), "has a block of images of 150 MB; at most 128 MB"),
    "copied prefix": Bomb(copied_prefix, "in parquet's encoding 7"),
    "one large label": Bomb(one_large_label, "a class name of 1,048,576 characters; at most 300"),
    "labels of zeros": Bomb(zero_labels, "has 100 MB of labels in one row group; at most 16 MB"),
    "400,000 labels": Bomb(many_labels, "has 400,000 different labels; at most 100,000"),
    "400,000 plain labels": Bomb(many_plain_labels, "different labels; at most 100,000"),
    "label of 62 bits": Bomb(large_label, "A label is 4611686018427387904"),
    "metadata of 10 MB": Bomb(padded, "a footer of 23 MB; at most 8.0 MB"),
    "metadata of 3 MB": Bomb(lambda: metadata("[[]" + ",[]" * MEGABYTE), "has 3.0 MB of metadata; at most 1.0 MB"),
    "metadata without end": Bomb(lambda: metadata("[" * (MEGABYTE - 1)), "brings no class names"),
    "long class name": Bomb(lambda: metadata(features(LONG_NAME)), "a class name of 9,000 characters; at most 300"),
    "150,000 row groups": Bomb(many_groups, "a footer of more than 100,000 parts"),
    "a million chunks": Bomb(many_chunks, "a footer of more than 100,000 parts"),
    "90,000 columns": Bomb(many_columns, "has 90,001 columns; at most 1,000"),
    "nested 50,000 deep": Bomb(nested, "has 50,001 columns; at most 1,000"),
}  # fmt: skip
