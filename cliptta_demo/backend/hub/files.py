"""What a repository of the hub holds, how far a download of it is, and files in the hub's cache."""

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_LICENCE_WORDS = {"apache-2.0": "Apache 2.0", "mit": "MIT", "apple-amlr": "Apple, research only"}
_SHOWN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,39}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")


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
