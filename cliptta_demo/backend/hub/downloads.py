"""Files of the Hugging Face hub: found, downloaded into its cache, checked, with progress, errors as sentences.

``HF_ENDPOINT``, ``HF_HOME``, ``HF_TOKEN`` and ``HF_HUB_OFFLINE`` mean what they mean to ``huggingface_hub``, which
caches, locks, and takes a broken connection up where it broke. What was downloaded is found again without the internet.

A *visitor* of a public page is somebody else than the person who runs it: for visitors the machine's own token is
never used, so that they reach public repositories only, and what they may download is bounded.
"""

import hashlib
import logging
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub import constants
from tqdm import tqdm

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.hub.listing import Listing, RemoteFile, explain
from cliptta_demo.languages import Text

VISITOR_MAX_DOWNLOAD = 2_500_000_000  # bytes that one choice on a public page may fetch; ImageNet-R has 2.1 GB
FREE_DISK = 2_000_000_000  # bytes that a visitor's download leaves free on the disk
LOOK_SECONDS = 0.2  # between two questions whether somebody still waits
PIECE = 2**16  # the library reports, and keeps when a connection breaks, 10 MB: too coarse to watch on a slow line

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """How far a download is: bytes ``done`` of ``total``.

    ``behind``: what waits until it has come, if anything; ``licence``: as its repository names it, "" where it doesn't.
    """

    name: str
    done: int
    total: int
    behind: str = ""
    licence: str = ""


Watcher = Callable[[Progress], None]
_watcher: ContextVar[Watcher | None] = ContextVar("download watcher", default=None)


@dataclass(eq=False)
class _Download:
    """The one at work: what is wanted, how far it is, and why it failed, until it has ended well."""

    wanted: tuple[Any, ...]
    progress: Progress
    refusal: UserError | None = field(default_factory=lambda: UserError("The download broke off. Try again."))
    ended: threading.Event = field(default_factory=threading.Event)

    def tell(self, progress: Progress) -> None:
        """Xet storage counts bytes on the line and on the disk, each from the start: what is further is told."""
        self.progress = progress if progress.done > self.progress.done else self.progress

    def work(self, listing: Listing, files: Sequence[RemoteFile], visitor: bool) -> None:
        try:
            _bring(listing, files, visitor, self.tell)
            self.refusal = None
        except UserError as error:
            self.refusal = error
        finally:
            self.ended.set()


_lock = threading.Lock()
_download: _Download | None = None


@contextmanager
def watch(watcher: Watcher) -> Iterator[None]:
    """While inside, ``watcher`` hears now and then how far a download is, in the thread that asked for it.

    An exception that it raises ends the waiting, not the download, which is found in the cache by whoever wants it
    later. Without a watcher a bar is drawn on stderr.
    """
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def announce(name: str) -> None:
    """Tells the watcher, if there is one, that something is about to be opened: from here on it can be given up."""
    watcher = _watcher.get()
    if watcher is not None:
        watcher(Progress(name, 0, 0))


@contextmanager
def patiently(lock: threading.Lock, name: str) -> Iterator[None]:
    """Holds a lock; whoever waits for it under a watcher can give up. ``name``: what it is for, to be shown."""
    while not lock.acquire(timeout=LOOK_SECONDS):
        announce(name)
    try:
        yield
    finally:
        lock.release()


def bound_downloads(count: int) -> None:
    """How many bytes one choice of a visitor's may fetch from now on."""
    global VISITOR_MAX_DOWNLOAD
    VISITOR_MAX_DOWNLOAD = count


def downloading() -> bool:
    """Whether a download is at work, perhaps with nobody waiting for it."""
    return _download is not None and not _download.ended.is_set()


def fetch(listing: Listing, files: Sequence[RemoteFile], *, visitor: bool = False) -> list[Path]:
    """Brings files into the hub's cache; what is there already is not asked for again.

    Size and, for large files, sha256 are checked once after the download. Under a watcher one download is at work at a
    time, in a thread of its own: who wants the same joins it, who wants another is told of it and waits.

    Returns:
        Their paths on this machine, in order.

    Raises:
        UserError: no connection, no access, too large for a visitor, a file that does not arrive intact.
    """
    missing = [file for file in files if cached(listing, file) is None]
    if visitor:
        _refuse_too_much(listing, sum(file.size for file in missing))
    watcher = _watcher.get()
    if missing and watcher is None:
        _bring(listing, missing, visitor)
    elif missing:
        _bring_watched(listing, files, missing, visitor, watcher)
    return [cached(listing, file) for file in files]


def cached(listing: Listing, file: RemoteFile) -> Path | None:
    """Where a file is on this machine; None where :func:`fetch` would download it."""
    found = huggingface_hub.try_to_load_from_cache(
        listing.name, file.path, revision=listing.revision, repo_type=listing.kind
    )
    path = Path(found) if isinstance(found, str) and os.path.isfile(found) else None
    if path and file.size and path.stat().st_size != file.size:
        forget(path)
        return None
    return path


def forget(path: Path) -> None:
    """Removes a damaged file from the cache, so that the next fetch brings it anew."""
    with suppress(OSError):
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def is_intact(path: Path, file: RemoteFile) -> bool:
    """Whether a file has the sha256 that the hub names; if not, it is removed from the cache."""
    if not re.fullmatch("[0-9a-f]{64}", file.sha256 or ""):
        return True
    with path.open("rb") as content:
        right = hashlib.file_digest(content, "sha256").hexdigest() == file.sha256
    if not right:
        forget(path)
    return right


def megabytes(count: float) -> str:
    """Bytes for people: "24 MB", "2.1 GB"."""
    if count >= 1e9:
        return Text("{size:.1f} GB", size=count / 1e9)
    return Text("{size} MB", size=f"{max(count / 1e6, 0.1):.{0 if count >= 1e7 else 1}f}")


def _refuse_too_much(listing: Listing, wanted: int) -> None:
    if wanted > VISITOR_MAX_DOWNLOAD:
        text = Text(
            "{name} is a download of {size}; on this page {most} is the most. Choose a smaller one, or run the demo on "
            "your own machine, where the command line has no limit."
        )
        raise UserError(text, name=listing.name, size=megabytes(wanted), most=megabytes(VISITOR_MAX_DOWNLOAD))
    os.makedirs(constants.HF_HUB_CACHE, exist_ok=True)
    if wanted and shutil.disk_usage(constants.HF_HUB_CACHE).free - wanted < FREE_DISK:
        raise UserError("The disk of this machine has no room for {name}. Choose what is built in.", name=listing.name)


def _bring_watched(
    listing: Listing, files: Sequence[RemoteFile], missing: Sequence[RemoteFile], visitor: bool, watcher: Watcher
) -> None:
    global _download
    wanted = (listing.kind, listing.name, listing.revision, tuple(files), visitor)
    mine = False
    while not mine:
        with _lock:
            if not downloading():
                _download = _Download(wanted, _begun(listing, missing))
                # Nobody waits for its end: a thread in the middle of a transfer can't be made to give it up.
                work, given = _download.work, (listing, missing, visitor)
                threading.Thread(target=work, args=given, name="download", daemon=True).start()
            download = _download
        mine = download.wanted == wanted
        while not download.ended.wait(LOOK_SECONDS):
            watcher(replace(download.progress, behind="" if mine else listing.name))
    watcher(download.progress)
    if download.refusal:
        raise download.refusal


def _bring(listing: Listing, files: Sequence[RemoteFile], visitor: bool, tell: Watcher | None = None) -> None:
    """Downloads files, one after the other, and checks them; without ``tell`` a bar is drawn on stderr."""
    constants.DOWNLOAD_CHUNK_SIZE = PIECE
    options = {"repo_type": listing.kind, "revision": listing.revision, "token": False if visitor else None}
    so_far = _begun(listing, files)
    for file in files:
        if tell is not None:
            options["tqdm_class"] = _counting(tell, so_far)
        try:
            path = huggingface_hub.hf_hub_download(listing.name, file.path, **options)
        except Exception as error:
            log.warning("fetching %s of %s failed: %s", file.path, listing.name, error)
            raise explain(listing.kind, listing.name, error) from error
        if not is_intact(Path(path), file):
            text = Text("{file} of {name} did not arrive intact: its sha256 is wrong. Try again.")
            raise UserError(text, file=file.path, name=listing.name)
        so_far = replace(so_far, done=so_far.done + file.size)
    if tell is not None:
        tell(so_far)


def _begun(listing: Listing, files: Sequence[RemoteFile]) -> Progress:
    return Progress(listing.name, 0, sum(file.size for file in files), licence=listing.licence)


def _counting(tell: Watcher, before: Progress) -> type:
    """A tqdm that draws nothing and tells; ``before``: what other files have brought."""

    class Counting(tqdm):
        def display(self, *_: Any, **__: Any) -> None:
            pass

        def update(self, n: float | None = 1) -> None:
            super().update(n)
            tell(replace(before, done=min(before.done + int(self.n), before.total)))

    return Counting
