"""What uploads take on the disk, counted while they arrive: bounded per visitor, for all together, and by what is free.

A visitor is known here by the beginning of the files' names, which the page's script draws by chance (see
assets/upload.js); uploads without it count as one visitor's, and whoever makes many up meets the bound of all.
"""

import re
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from cliptta_demo.backend.errors import UserError
from cliptta_demo.limits import Limits
from cliptta_demo.page.session.leftover_files import LeftoverFiles
from cliptta_demo.page.words.texts import NO_ROOM

MB = 1_000_000
# What each file costs beside its bytes: it and its folder take a block and an inode, of which ext4 has one for 16 KB.
OVERHEAD = 32_768
NOBODY = ""
_OWNER = re.compile(r"(?:\d{1,10}-){4}")  # as assets/upload.js draws it


def owner_of(name: str) -> str:
    """Whose upload a file of this name is."""
    found = _OWNER.match(name)
    return found.group() if found else NOBODY


def free_bytes(folder: Path) -> int:
    """What the disk that holds the folder has left."""
    return shutil.disk_usage(folder).free


@dataclass
class _File:
    """A whole file: whose it is, what it costs, when it began to arrive, whether a session has it."""

    owner: str
    cost: int
    since: float
    taken: bool = False


@dataclass(eq=False)
class Arrival:
    """One file on its way in. Its bytes are counted before they are written."""

    quota: "UploadQuota"
    folder: Path
    owner: str
    since: float
    cost: int = 0

    def add(self, count: int) -> None:
        """``count`` more bytes are about to be written; raises :class:`UserError` where they would be too many."""
        with self.quota._lock:
            self.ask(count)
            self.quota._count(self.owner, count)
            self.cost += count

    def ask(self, count: int) -> None:
        """Raises :class:`UserError` where ``count`` more bytes would be too many."""
        quota = self.quota
        with quota._lock:
            if quota._of[self.owner] + count > quota.visitor:
                raise UserError(
                    "Your images have reached {most:,} MB, the most that this server keeps for one visitor. Press "
                    "Remove all, or add fewer or smaller ones.",
                    most=quota.visitor // MB,
                )
            if quota.used + count > quota.total or quota.free(self.folder) - count < quota.reserve:
                raise UserError(NO_ROOM)

    def done(self, path: Path) -> None:
        """The file lies there now, whole, until somebody takes it or its time is over."""
        with self.quota._lock:
            if str(path) in self.quota._files:  # the very same file once more lies in the same place
                self.end()
                return
            self.quota._files[str(path)] = _File(self.owner, self.cost, self.since)
            self.cost = 0  # counted there from now on

    def end(self) -> None:
        """What arrived is deleted, or counted elsewhere now."""
        with self.quota._lock:
            self.quota._count(self.owner, -self.cost)
            self.cost = 0


@dataclass(eq=False)
class UploadQuota:
    """What all uploads of a server may take. Thread-safe.

    Attributes:
        visitor: most bytes of one visitor; total: of all together.
        reserve: bytes of the disk that stay free; seconds: from a file's first byte until it must have been taken.
        kept_seconds: until one that was taken is deleted, too.
        free: bytes that are left on the disk of a folder; used: bytes that count at the moment.
        leftovers: what could not be deleted.
    """

    visitor: int
    total: int
    reserve: int
    seconds: float
    kept_seconds: float
    free: Callable[[Path], int] = free_bytes
    used: int = 0
    leftovers: LeftoverFiles = field(default_factory=LeftoverFiles)
    _files: dict[str, _File] = field(default_factory=dict)
    _of: Counter[str] = field(default_factory=Counter)
    _lock: Any = field(default_factory=threading.RLock)

    @classmethod
    def of(cls, limits: Limits) -> "UploadQuota":
        """What these limits grant."""
        megabytes = limits.visitor_megabytes, limits.uploads_megabytes, limits.disk_reserve_megabytes
        minutes = limits.upload_minutes, limits.session_minutes
        return cls(*(MB * size for size in megabytes), *(60.0 * long for long in minutes))

    @property
    def count(self) -> int:
        """How many whole files count."""
        return len(self._files)

    @property
    def paths(self) -> set[str]:
        """All whole files that count."""
        with self._lock:
            return set(self._files)

    def arriving(self, name: str, folder: Path, announced: int = 0) -> Arrival:
        """A file of this name begins to arrive in the folder; raises :class:`UserError` where it has no room.

        One that is ``announced`` with too many bytes is refused before any is written: others may need that room.
        """
        arrival = Arrival(self, folder, owner_of(name), time.monotonic())
        arrival.ask(OVERHEAD + announced)
        arrival.add(OVERHEAD)
        return arrival

    def take(self, path: Path, given: int = 0) -> bool:
        """A session, whose other files cost ``given``, takes a file for itself alone; False where it can't have it."""
        with self._lock:
            file = self._files.get(str(path))
            if file is None:  # put there past the server's door
                file = _File(NOBODY, path.stat().st_size + OVERHEAD, time.monotonic())
                self._count(file.owner, file.cost)
                self._files[str(path)] = file
            if file.taken or given + file.cost > self.visitor:
                return False
            file.taken = True
            return True

    def cost(self, path: str) -> int:
        """What a file counts; 0 where there is none."""
        file = self._files.get(path)
        return file.cost if file is not None else 0

    def remove(self, path: str) -> None:
        """Deletes a file and, where it held nothing else, its folder. Never fails: see :mod:`.leftover_files`."""
        with self._lock:
            if path in self._files:
                self._files[path].taken = True  # nobody can take what is about to go
        self.leftovers.delete(Path(path), partial(self._forget, path))

    def _forget(self, path: str) -> None:
        with self._lock:
            file = self._files.pop(path, None)
            if file is not None:
                self._count(file.owner, -file.cost)

    def sweep(self, now: float | None = None) -> None:
        """Deletes what nobody has taken in time, and forgets what Gradio has deleted with its session."""
        now = time.monotonic() if now is None else now
        longest = {False: self.seconds, True: self.kept_seconds}
        with self._lock:
            late = [path for path, file in self._files.items() if now - file.since > longest[file.taken]]
        for path in late:
            self.remove(path)

    def _count(self, owner: str, count: int) -> None:
        self.used += count
        self._of[owner] += count
        if not self._of[owner]:
            del self._of[owner]
