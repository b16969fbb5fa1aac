"""Files of the Hugging Face hub: found, downloaded into its cache, checked, with progress, errors as sentences.

``HF_ENDPOINT``, ``HF_HOME``, ``HF_TOKEN`` and ``HF_HUB_OFFLINE`` mean what they mean to ``huggingface_hub``. What was
downloaded once is found again without the internet. A connection that breaks is taken up where it broke.

A *visitor* of a public page is somebody else than the person who runs it: for visitors the machine's own token is
never used, so that they reach public repositories only, and what they may download is bounded.
"""

import json
import logging
import os
import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict
from pathlib import Path

import huggingface_hub
from huggingface_hub import constants

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.hub.shared_transfer import LOOK_SECONDS, bring_together
from cliptta_demo.backend.hub.transfer import (
    Listing,
    Progress,
    RemoteFile,
    Watcher,
    bring,
    explain,
    forget,
    no_connection,
    readable_sha256,
)
from cliptta_demo.languages import say

VISITOR_MAX_DOWNLOAD = 2_500_000_000  # bytes that one choice on a public page may fetch; ImageNet-R has 2.1 GB
FREE_DISK = 2_000_000_000  # bytes that a visitor's download leaves free on the disk
ANSWER_SECONDS = 10  # to wait for the hub's answer to a question
REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}", re.ASCII)

log = logging.getLogger(__name__)
_watcher: ContextVar[Watcher | None] = ContextVar("download watcher", default=None)


@contextmanager
def watch(watcher: Watcher) -> Iterator[None]:
    """While inside, ``watcher`` hears now and then how far a download is, in the thread that asked for it.

    An exception that it raises gives the download up. Without a watcher a bar is drawn on stderr.
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


def check_repository(name: str) -> str:
    """The name, if it has the form ORGANISATION/NAME; raises :class:`UserError` otherwise."""
    if not isinstance(name, str) or not REPOSITORY.fullmatch(name) or ".." in name or "--" in name:
        text = say("{name!r} is no name on the hub; it must look like ORGANISATION/NAME, as in uoft-cs/cifar10.")
        raise UserError(text.format(name=str(name)[:80]))
    return name


def list_repository(kind: str, name: str, revision: str | None = None, *, visitor: bool = False) -> Listing:
    """Asks the hub what a repository holds; without the internet, what it held when last asked.

    Raises:
        UserError: no such repository, no access, no connection.
    """
    check_repository(name)
    try:
        asked = {"repo_type": kind, "revision": revision, "token": False if visitor else None}
        info = huggingface_hub.HfApi().repo_info(name, files_metadata=True, timeout=ANSWER_SECONDS, **asked)
    except Exception as error:
        known = _recall(kind, name, revision) if no_connection(error) else None
        if known is not None:
            return known
        raise UserError(explain(kind, name, error)) from error
    files = tuple(
        RemoteFile(item.rfilename, int(item.size or 0), readable_sha256(item.lfs.sha256) if item.lfs else None)
        for item in info.siblings or ()
    )
    card = info.card_data.to_dict() if info.card_data is not None else {}
    listing = Listing(kind, name, info.sha, files, card)
    _remember(listing, revision)
    return listing


def known_listing(kind: str, name: str) -> Listing | None:
    """What a repository held when it was last asked; None where nothing is known. Asks nobody."""
    return _recall(kind, name, None) if REPOSITORY.fullmatch(name) else None


def known_licence(kind: str, name: str) -> str:
    """What a repository's card said of its licence then; "" where nothing is known."""
    known = known_listing(kind, name)
    return known.licence if known is not None else ""


def fetch(listing: Listing, files: Sequence[RemoteFile], *, visitor: bool = False) -> list[Path]:
    """Brings files into the hub's cache; what is there already is not asked for again.

    Size and, for large files, sha256 are checked once after the download.

    Returns:
        Their paths on this machine, in order.

    Raises:
        UserError: no connection, no access, too large for a visitor, a file that does not arrive intact.
    """
    missing = [file for file in files if cached(listing, file) is None]
    if visitor:
        _refuse_too_much(listing, missing)
    watcher = _watcher.get()
    if missing and watcher is None:
        bring(listing, missing, visitor)
    elif missing:
        bring_together(listing, files, missing, visitor, watcher)
    paths = [cached(listing, file) for file in files]
    if None in paths:
        text = say("{file} of {name} is not in the cache any more. Try again.")
        raise UserError(text.format(file=files[paths.index(None)].path, name=listing.name))
    return paths


def _refuse_too_much(listing: Listing, missing: Sequence[RemoteFile]) -> None:
    wanted = sum(file.size for file in missing)
    if wanted > VISITOR_MAX_DOWNLOAD:
        raise UserError(
            say(
                "{name} is a download of {size}; on this page {most} is the most. Choose a smaller one, or run the "
                "demo on your own machine, where the command line has no limit.",
                name=listing.name,
                size=megabytes(wanted),
                most=megabytes(VISITOR_MAX_DOWNLOAD),
            )
        )
    place = Path(constants.HF_HUB_CACHE)
    while not place.exists():
        place = place.parent
    if missing and shutil.disk_usage(place).free - wanted < FREE_DISK:
        text = say("The disk of this machine has no room for {name}. Choose what is built in.", name=listing.name)
        raise UserError(text)


def megabytes(count: float) -> str:
    """Bytes for people: "24 MB", "2.1 GB"."""
    if count >= 1e9:
        return say("{size:.1f} GB", size=count / 1e9)
    return say("{size} MB", size=f"{max(count / 1e6, 0.1):.{0 if count >= 1e7 else 1}f}")


def cached(listing: Listing, file: RemoteFile) -> Path | None:
    """Where a file is on this machine; None where :func:`fetch` would download it."""
    found = huggingface_hub.try_to_load_from_cache(
        listing.name, file.path, revision=listing.revision, repo_type=listing.kind
    )
    if not isinstance(found, str) or not os.path.isfile(found):
        return None
    path = Path(found)
    if file.size and path.stat().st_size != file.size:
        forget(path)
        return None
    return path


def _memory_file(kind: str, name: str, revision: str | None) -> Path:
    folder = huggingface_hub.cached_assets_path("cliptta-demo", kind, name, assets_dir=constants.HF_ASSETS_CACHE)
    return Path(folder) / f"{(revision or 'main').replace('/', '--')}.json"


def _remember(listing: Listing, revision: str | None) -> None:
    """Keeps a listing for times without the internet; a read-only disk is no reason to fail."""
    try:
        text = json.dumps(asdict(listing), default=str)
        _memory_file(listing.kind, listing.name, revision).write_text(text, encoding="utf-8")
    except OSError as error:
        log.info("the listing of %s was not kept: %s", listing.name, error)


def _recall(kind: str, name: str, revision: str | None) -> Listing | None:
    """What was kept; for a model also what another program left in the hub's cache."""
    try:
        known = json.loads(_memory_file(kind, name, revision).read_text(encoding="utf-8"))
        return Listing(**{**known, "files": tuple(RemoteFile(**file) for file in known["files"])})
    except (OSError, ValueError, TypeError, KeyError):
        return _in_cache(name) if kind == "model" and revision is None else None


def _in_cache(name: str) -> Listing | None:
    try:
        snapshot = Path(huggingface_hub.snapshot_download(name, local_files_only=True, allow_patterns=[]))
    except OSError:
        return None
    found = [path for path in snapshot.rglob("*") if path.is_file()]
    files = tuple(RemoteFile(path.relative_to(snapshot).as_posix(), path.stat().st_size) for path in found)
    return Listing("model", name, snapshot.name, files) if files else None
