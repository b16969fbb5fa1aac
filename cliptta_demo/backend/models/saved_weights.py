"""Weights that a run has saved, under names: ``adapted:FILE`` is a file of this machine, ``uploaded:…`` a visitor's.

What a page's visitors load is ``uploaded:BACKBONE:METHOD:DIGEST``. It is kept in memory for as long as others don't
need the room; nothing of it is code, and nothing is written.
"""

import hashlib
import json
import threading
from collections import OrderedDict
from pathlib import Path

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.registry import method_names

ADAPTED_PREFIX, UPLOADED_PREFIX = SAVED_PREFIXES = ("adapted:", "uploaded:")
MOST_BYTES = 2_000_000  # of a visitor's file; the largest tower that open_clip lists has normalisation of 1.4 MB
MOST_KEPT = 64

_kept: OrderedDict[str, bytes] = OrderedDict()
_lock = threading.Lock()


def made_of(data: bytes) -> tuple[str, str]:
    """(backbone, method) that a file was made of, as it says itself.

    Raises:
        UserError: another file.
    """
    try:
        about = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
        return str(about["backbone"]), str(about["method"])
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise UserError("This is no file of weights that a run has saved.") from error


def keep_uploaded(data: bytes) -> str:
    """The name under which a visitor's file is found from now on; its numbers are checked when it is used.

    Raises:
        UserError: another file than one that a run has saved.
    """
    base, method = made_of(data[: MOST_BYTES + 1])
    if len(data) > MOST_BYTES or method not in method_names() or base.startswith(SAVED_PREFIXES):
        raise UserError("This is no file of weights that a run has saved.")
    name = f"{UPLOADED_PREFIX}{base}:{method}:{hashlib.sha256(data).hexdigest()[:12]}"
    with _lock:
        _kept[name] = data
        _kept.move_to_end(name)
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return name


def find_saved(name: str) -> bytes:
    """The file behind a name; raises :class:`UserError` where there is none, or it is kept no longer."""
    if name.startswith(ADAPTED_PREFIX):
        try:
            return Path(name.removeprefix(ADAPTED_PREFIX)).expanduser().read_bytes()
        except OSError as error:
            raise UserError(f"backbone is {name!r}; there is no such file: check the path.") from error
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
    """The backbone that a visitor's weights were made of, itself where it is none of those."""
    return parts_of_uploaded(name)[0]
