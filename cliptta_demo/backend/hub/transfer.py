"""What a repository of the hub holds, and its files on their way into the cache: with progress, errors as sentences.

In this process, by ``huggingface_hub``.
"""

import hashlib
import logging
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub import constants, errors
from tqdm import tqdm

from cliptta_demo.backend.errors import UserError

# The library reports, and keeps when a connection breaks, pieces of 10 MB: too coarse to watch on a slow line.
PIECE = 2**16
WORDS = {"model": "model", "dataset": "data set"}
_LICENCE_WORDS = {"apache-2.0": "Apache 2.0", "mit": "MIT", "apple-amlr": "Apple, research only"}
_SHOWN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,39}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")
log = logging.getLogger(__name__)


def readable_sha256(text: str | None) -> str | None:
    """A checksum, None where the hub doesn't tell it: those of gated repositories are masked."""
    return text if text and _SHA256.fullmatch(text) else None


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository. ``sha256`` is known for large files only, and not in gated repositories."""

    path: str
    size: int
    sha256: str | None = None


@dataclass(frozen=True)
class Listing:
    """What a repository holds at one commit.

    Attributes:
        kind: "model" or "dataset"; name: ORGANISATION/NAME; revision: the commit.
        files: all of them; card: the front matter of its README.
    """

    kind: str
    name: str
    revision: str
    files: tuple[RemoteFile, ...]
    card: dict[str, Any] = field(default_factory=dict)

    @property
    def licence(self) -> str:
        """As the front matter has it, in words where we know some; "" where it names none that can be shown."""
        name = self.card.get("license")
        if name == "other":
            name = self.card.get("license_name")
        name = name[0] if isinstance(name, list) and len(name) == 1 else name
        return _LICENCE_WORDS.get(name, name) if isinstance(name, str) and _SHOWN.fullmatch(name) else ""

    def find(self, path: str) -> RemoteFile | None:
        """The file with this path, None when there is none."""
        return next((file for file in self.files if file.path == path), None)


@dataclass(frozen=True)
class Progress:
    """How far a download is: bytes ``done`` of ``total``."""

    name: str
    done: int
    total: int


Watcher = Callable[[Progress], None]


def forget(path: Path) -> None:
    """Removes a damaged file from the cache, so that the next fetch brings it anew."""
    with suppress(OSError):
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def is_intact(path: Path, file: RemoteFile) -> bool:
    """Whether a file has the sha256 that the hub names; if not, it is removed from the cache."""
    if file.sha256 is None:
        return True
    with path.open("rb") as content:
        right = hashlib.file_digest(content, "sha256").hexdigest() == file.sha256
    if not right:
        forget(path)
    return right


def bring(listing: Listing, files: Sequence[RemoteFile], visitor: bool, watcher: Watcher | None = None) -> None:
    """Downloads files, one after the other, and checks them.

    Args:
        listing: the repository; files: of it; visitor: uses no token of this machine.
        watcher: hears of every piece that arrives, in whatever thread; it must not raise, since Xet storage's library
            would swallow that. Without it a bar is drawn on stderr.

    Raises:
        UserError: no connection, no access, a file that does not arrive intact.
    """
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


def no_connection(error: BaseException) -> bool:
    """Whether an error means that the hub could not be reached at all (of whichever HTTP library)."""
    if isinstance(error, errors.HfHubHTTPError):
        return getattr(error.response, "status_code", 0) >= 500
    if isinstance(error, errors.OfflineModeIsEnabled | errors.LocalEntryNotFoundError | ConnectionError | TimeoutError):
        return True
    return any(base.__name__ in ("TransportError", "RequestException") for base in type(error).__mro__)


def explain(kind: str, name: str, error: BaseException) -> str:
    """What went wrong and what to do, for a person, in one or two sentences."""
    what = f"the {WORDS[kind]} {name}"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.GatedRepoError):
        address = f"huggingface.co/{'datasets/' if kind == 'dataset' else ''}{name}"
        return (
            f"The owner of {what} lets only people in who have accepted the conditions. Accept them on {address}, "
            f"put a token of yours into HF_TOKEN, and start again; or choose another {WORDS[kind]}."
        )
    if isinstance(error, errors.RepositoryNotFoundError) or status == 401:
        return f"The hub has no {WORDS[kind]} {name}, or it is private. Check the spelling: ORGANISATION/NAME."
    if isinstance(error, errors.RevisionNotFoundError | errors.RemoteEntryNotFoundError):
        return f"The hub has {what}, but not the file or version that is needed. Choose another {WORDS[kind]}."
    if status == 403:
        return f"The hub refuses access to {what}. Choose another {WORDS[kind]}."
    if status == 429:
        return f"The hub wants fewer requests from here for a while. Wait some minutes, then ask for {name} again."
    if isinstance(error, errors.HfHubHTTPError) and (status or 0) >= 500:
        return f"The hub has a fault at the moment (answer {status}). Try again later; what is built in works."
    if isinstance(error, OSError) and error.errno == 28:  # no space left
        return f"There is no space left on the disk for {what}. Make some room and try again."
    if isinstance(error, OSError) and "Consistency check" in str(error):
        return f"The download of {what} did not arrive whole. Try again."
    if no_connection(error):
        return (
            f"The {WORDS[kind]} {name} is not on this machine and the model hub could not be reached. "
            "Check the internet connection and try again, or choose what is built in."
        )
    first_line = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    return f"{what[0].upper()}{what[1:]} could not be fetched: {first_line.rstrip('.')}. Try again or choose another."
