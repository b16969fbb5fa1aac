"""Adapted weights that a page's visitors load, under names that say what they are: ``uploaded:BACKBONE:METHOD:DIGEST``.

They are kept in memory for as long as others don't need the room; nothing of them is code, and nothing is written.
"""

import hashlib
import json
import threading
from collections import OrderedDict

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.registry import method_names

UPLOADED_PREFIX = "uploaded:"
MOST_BYTES = 2_000_000  # of a file; the largest tower that open_clip lists has normalisation of 1.4 MB
MOST_KEPT = 64

_kept: OrderedDict[str, bytes] = OrderedDict()
_lock = threading.Lock()


def keep_uploaded(data: bytes) -> str:
    """The name under which a file that a run has saved is found from now on; its numbers are checked when it is used.

    Raises:
        UserError: another file.
    """
    try:
        if len(data) > MOST_BYTES:
            raise ValueError
        about = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
        base, method = about["backbone"], about["method"]
        if method not in method_names() or not isinstance(base, str) or base.startswith(UPLOADED_PREFIX):
            raise ValueError
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise UserError("This is no file of weights that a run has saved.") from error
    name = f"{UPLOADED_PREFIX}{base}:{method}:{hashlib.sha256(data).hexdigest()[:12]}"
    with _lock:
        _kept[name] = data
        _kept.move_to_end(name)
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return name


def find_uploaded(name: str) -> bytes:
    """The file behind a name; raises :class:`UserError` where it is kept no longer."""
    with _lock:
        if name not in _kept:
            raise UserError("These weights are not kept here any more: load their file again.")
        _kept.move_to_end(name)
        return _kept[name]


def parts_of_uploaded(name: str) -> tuple[str, str]:
    """(backbone, method) of a name; of any other backbone's: itself, and ""."""
    if not name.startswith(UPLOADED_PREFIX) or name.count(":") < 3:
        return name, ""
    base, method, _ = name.removeprefix(UPLOADED_PREFIX).rsplit(":", 2)
    return base, method


def base_of(name: str) -> str:
    """The backbone that a name's weights were made of, itself where it is none of those."""
    return parts_of_uploaded(name)[0]
