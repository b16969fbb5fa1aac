"""Uploaded files on the disk: counted before their bytes are written, taken by one session, and deleted in time.

A visitor is known here by what the page's script draws by chance (assets/upload.js); uploads without it count as one
visitor's, and whoever makes many up meets the bound of all.
"""

import logging
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from cliptta_demo.backend.errors import UserError
from cliptta_demo.limits import MB, Limits
from cliptta_demo.page.words.texts import NO_ROOM, TOO_LARGE

log = logging.getLogger(__name__)
OVERHEAD = 16_384  # what each file costs beside its bytes: a block and an inode, of which ext4 has one for 16 KB


def free_bytes(folder: Path) -> int:
    """What the disk that holds the folder has left."""
    return shutil.disk_usage(folder).free


@dataclass(eq=False)
class _File:
    """A file: whose it is, what it costs, when it goes, whether a session can take it."""

    owner: str
    cost: int
    until: float
    free: bool = False


@dataclass(eq=False)
class UploadStore:
    """All uploads of a server, in a folder of its own. Thread-safe.

    Attributes:
        limits: most bytes of one file, of one visitor, of all, what stays free of the disk, and the times.
        free: bytes that are left on the disk of a folder; used: bytes that count at the moment.
    """

    limits: Limits
    free: Callable[[Path], int] = free_bytes
    used: int = 0
    _files: dict[str, _File] = field(default_factory=dict)
    _of: Counter[str] = field(default_factory=Counter)
    _lock: Any = field(default_factory=threading.RLock)

    @cached_property
    def folder(self) -> Path:
        """Where they lie: in ``GRADIO_TEMP_DIR``, as all that Gradio keeps, or where the system keeps such files."""
        place = os.environ.get("GRADIO_TEMP_DIR") or None
        if place is not None:
            Path(place).mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="cliptta-", dir=place))

    @property
    def undeleted(self) -> int:
        """Files that could not be deleted, which is tried again."""
        return sum(file.until == 0 for file in tuple(self._files.values()))

    def begin(self, owner: str, announced: int) -> str:
        """A name for a file that begins to arrive; raises :class:`UserError` where it has no room.

        One that is ``announced`` with too many bytes is refused before any is written: others may need that room.
        """
        name = secrets.token_hex(16)  # nobody can guess it, nor take another's file
        with self._lock:
            file = self._files[name] = _File(owner, 0, time.monotonic() + 60.0 * self.limits.upload_minutes)
            try:
                self._check(file, OVERHEAD + announced)
            except UserError:
                del self._files[name]
                raise
            self._count(file, OVERHEAD)
        return name

    def grow(self, name: str, count: int) -> None:
        """``count`` more bytes are about to be written; raises :class:`UserError` where they would be too many."""
        with self._lock:
            self._check(self._files[name], count)
            self._count(self._files[name], count)

    def _check(self, file: _File, count: int) -> None:
        limits = self.limits
        if file.cost + count > OVERHEAD + limits.largest_file:
            raise UserError(TOO_LARGE)
        if self._of[file.owner] + count > MB * limits.visitor_megabytes:
            raise UserError(
                "Your images have reached {most:,} MB, the most that this server keeps for one visitor. Press "
                "Remove all, or add fewer or smaller ones.",
                most=limits.visitor_megabytes,
            )
        left = self.free(self.folder) - MB * limits.disk_reserve_megabytes
        if count > min(MB * limits.uploads_megabytes - self.used, left):
            raise UserError(NO_ROOM)

    def _count(self, file: _File, count: int) -> None:
        file.cost += count
        self.used += count
        self._of[file.owner] += count
        if not self._of[file.owner]:
            del self._of[file.owner]

    def arrived(self, name: str) -> None:
        """The file lies there, whole: a session can take it until its time is over."""
        self._files[name].free = True

    def take(self, name: str) -> str | None:
        """The path of a file that a session takes for itself alone; None where it can't have it."""
        with self._lock:
            file = self._files.get(name)
            if file is None or not file.free:
                return None
            file.free = False
            file.until += 60.0 * self.limits.session_minutes
            return str(self.folder / name)

    def remove(self, name: str) -> None:
        """Deletes a file. Never fails: one that can't be deleted counts, and :meth:`sweep` tries again."""
        with self._lock:
            file = self._files.get(name)
            if file is None:
                return
            try:
                (self.folder / name).unlink(missing_ok=True)
            except OSError:
                if file.until:
                    log.error("a visitor's file could not be deleted; it is tried again", exc_info=True)
                file.free, file.until = False, 0.0
                return
            self._count(file, -file.cost)
            del self._files[name]

    def sweep(self, now: float | None = None) -> None:
        """Deletes what nobody has taken in time, what its session has outlived, and what could not be deleted."""
        now = time.monotonic() if now is None else now
        for name, file in tuple(self._files.items()):
            if now > file.until:
                self.remove(name)

    def close(self) -> None:
        """Deletes all, the folder too, if it was made: the server stops."""
        if "folder" in vars(self):
            shutil.rmtree(self.folder, ignore_errors=True)
