"""Files from the hub into its cache, by ``huggingface_hub``, in this process: with progress, errors as sentences."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.hub.errors import explain
from cliptta_demo.backend.hub.files import Listing, Progress, RemoteFile, Watcher, is_intact

# The library reports, and keeps when a connection breaks, pieces of 10 MB: too coarse to watch on a slow line.
PIECE = 2**16
log = logging.getLogger(__name__)


def bring(listing: Listing, files: Sequence[RemoteFile], visitor: bool, watcher: Watcher | None = None) -> None:
    """Downloads files, one after the other, and checks them.

    Args:
        listing: the repository; files: of it; visitor: uses no token of this machine.
        watcher: hears of every piece that arrives, in whatever thread; it must not raise, since Xet storage's library
            would swallow that. Without it a bar is drawn on stderr.

    Raises:
        UserError: no connection, no access, a file that does not arrive intact.
    """
    import huggingface_hub
    from huggingface_hub import constants

    constants.DOWNLOAD_CHUNK_SIZE = PIECE
    options = {"repo_type": listing.kind, "revision": listing.revision, "token": False if visitor else None}
    total, done = sum(file.size for file in files), 0
    for file in files:
        if watcher is not None:
            name = f"{listing.name}, {file.path.rpartition('/')[2]}"
            watcher(Progress(name, done, total))
            options["tqdm_class"] = _bar_class(watcher, name, done, total)
        try:
            path = huggingface_hub.hf_hub_download(listing.name, file.path, **options)
        except Exception as error:
            log.warning("fetching %s of %s failed: %s", file.path, listing.name, error)
            raise UserError(explain(listing.kind, listing.name, error)) from error
        if not is_intact(Path(path), file):
            raise UserError(f"{file.path} of {listing.name} did not arrive intact: its sha256 is wrong. Try again.")
        done += file.size


def _bar_class(watcher: Watcher, name: str, before: int, total: int) -> type:
    """A tqdm that draws nothing and tells the watcher; ``before`` bytes of other files came first."""
    from tqdm import tqdm

    class Reporting(tqdm):
        received = 0  # bytes on the line; Xet storage writes them to the disk in much larger pieces

        def __init__(self, *args: Any, **options: Any) -> None:
            options.pop("name", None)
            super().__init__(*args, **{**options, "disable": False})

        def display(self, *_: Any, **__: Any) -> None:
            pass

        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            self._tell()
            return shown

        def update_transfer(self, n: float) -> None:
            self.received += n
            self._tell()

        def set_transfer_postfix_str(self, *_: Any, **__: Any) -> None:
            """The speed on the line, which Xet storage's library asks to be shown."""

        def _tell(self) -> None:
            watcher(Progress(name, min(before + int(max(self.n, self.received)), total), total))

    return Reporting
