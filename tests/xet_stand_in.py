"""What Xet storage answers, for :mod:`hub_stand_in`: a file as one block (*xorb*) of chunks that are not compressed.

The real client (``hf_xet``) reads it. Hashes are names only: the client does not check them on the way down.
"""

from itertools import accumulate
from typing import Any

CHUNK = 64 * 1024  # bytes; the real ones end where the content says


def _chunks(data: bytes) -> list[bytes]:
    return [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]


def xorb_of(data: bytes) -> bytes:
    """The block: of each chunk version 0, length, compression 0, length again, and the bytes."""
    length = (len(chunk).to_bytes(3, "little") for chunk in _chunks(data))
    return b"".join(b"\0" + size + b"\0" + size + chunk for size, chunk in zip(length, _chunks(data), strict=True))


def reconstruction(data: bytes, first: int, last: int, name: str, address: str) -> dict[str, Any]:
    """How the bytes ``first`` to ``last`` of a file are put together from the block that lies at ``address``."""
    start, end = first // CHUNK, last // CHUNK + 1
    ends = [0, *accumulate(len(chunk) + 8 for chunk in _chunks(data))]
    chunks = {"start": start, "end": end}
    length = sum(map(len, _chunks(data)[start:end]))
    where = {"range": chunks, "url": address, "url_range": {"start": ends[start], "end": ends[end] - 1}}
    return {
        "offset_into_first_range": first - start * CHUNK,
        "terms": [{"hash": name, "unpacked_length": length, "range": chunks}],
        "fetch_info": {name: [where]},
    }
