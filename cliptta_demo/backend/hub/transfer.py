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
from cliptta_demo.languages import say

# The library reports, and keeps when a connection breaks, pieces of 10 MB: too coarse to watch on a slow line.
PIECE = 2**16
# What is meant, with its name; how a sentence begins with it; and what else to choose.
_WORDS = {
    "model": (say("the model {name}"), say("The model {name}"), say("another model")),
    "dataset": (say("the data set {name}"), say("The data set {name}"), say("another data set")),
}
_LICENCE_WORDS = {"apache-2.0": "Apache 2.0", "mit": "MIT", "apple-amlr": say("Apple, research only")}
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
            text = say("{file} of {name} did not arrive intact: its sha256 is wrong. Try again.")
            raise UserError(text.format(file=file.path, name=listing.name))
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
    what, begins, another = (words.format(name=name) for words in _WORDS[kind])
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.GatedRepoError):
        return say(
            "The owner of {what} lets only people in who have accepted the conditions. Accept them on {address}, put a "
            "token of yours into HF_TOKEN, and start again; or choose {another}.",
            what=what,
            address=f"huggingface.co/{'datasets/' if kind == 'dataset' else ''}{name}",
            another=another,
        )
    if isinstance(error, errors.RepositoryNotFoundError) or status == 401:
        text = (
            say("The hub has no model {name}, or it is private. Check the spelling: ORGANISATION/NAME.")
            if kind == "model"
            else say("The hub has no data set {name}, or it is private. Check the spelling: ORGANISATION/NAME.")
        )
        return text.format(name=name)
    if isinstance(error, errors.RevisionNotFoundError | errors.RemoteEntryNotFoundError):
        text = say("The hub has {what}, but not the file or version that is needed. Choose {another}.")
        return text.format(what=what, another=another)
    if status == 403:
        return say("The hub refuses access to {what}. Choose {another}.", what=what, another=another)
    if status == 429:
        text = say("The hub wants fewer requests from here for a while. Wait some minutes, then ask for {name} again.")
        return text.format(name=name)
    if isinstance(error, errors.HfHubHTTPError) and (status or 0) >= 500:
        text = say("The hub has a fault at the moment (answer {status}). Try again later; what is built in works.")
        return text.format(status=status)
    if isinstance(error, OSError) and error.errno == 28:  # no space left
        return say("There is no space left on the disk for {what}. Make some room and try again.", what=what)
    if isinstance(error, OSError) and "Consistency check" in str(error):
        return say("The download of {what} did not arrive whole. Try again.", what=what)
    if no_connection(error):
        return say(
            "{what} is not on this machine and the model hub could not be reached. Check the internet connection and "
            "try again, or choose what is built in.",
            what=begins,
        )
    first_line = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    text = say("{what} could not be fetched: {reason}. Try again or choose another.")
    return text.format(what=begins, reason=first_line.rstrip("."))
