"""A visitor's own images on their way in: counted before they are written, taken by one session, deleted in time.

The browser (assets/upload.js) sends one file after the other to a door of ours (page/server/serve.py), and tells the
page what they are called. A visitor is known here by what that script draws by chance; uploads without it count as one
visitor's, and whoever makes many up meets the bound of all.
"""

import json
import logging
import math
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from cliptta_demo.backend.data.collection import GivenFile, collect
from cliptta_demo.backend.data.labels import distinct_labels, match_labels
from cliptta_demo.backend.data.video import MOST_EVERY, USUAL_EVERY
from cliptta_demo.backend.declare import check_number
from cliptta_demo.backend.errors import UserError
from cliptta_demo.languages import Text, say, say_count
from cliptta_demo.limits import LIMITS, MB, Limits
from cliptta_demo.page.session.state import Uploads
from cliptta_demo.page.words.defaults import DATASET_DEFAULTS, DEFAULTS, UPLOAD
from cliptta_demo.page.words.texts import NO_ROOM, TOO_LARGE

log = logging.getLogger(__name__)
OVERHEAD = 16_384  # what each file costs beside its bytes: a block and an inode, of which ext4 has one for 16 KB


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

    ``free``: bytes that are left on the disk of a folder; ``used``: bytes that count at the moment.
    """

    limits: Limits
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free
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
        file = _File(owner, 0, time.monotonic() + 60.0 * self.limits.upload_minutes)
        with self._lock:
            self._check(file, OVERHEAD + announced)
            self._count(file, OVERHEAD)
            self._files[name] = file
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


FRAMES_IN_A_BATCH = 16  # five seconds of most videos, and curves of some points for half a minute
SEVERAL = 4  # batches: with fewer there is hardly a curve
LEAST = 4  # images of a batch that is proposed: of fewer a method learns little
LONGEST_PATH = 1000  # characters of a relative path that a browser tells
NO_IMAGES = Text("None of your images is here: add some under Your images, or choose the built-in pictures.")
STALE = Text("Your images are not there any more, or not yet: wait a moment, or add them again.")

FILLED_BY_FILES = ("dataset", "class_names", "corruption", "order", "batch_size", "batches")  # fields that files change


def read_news(value: Any) -> tuple[tuple[GivenFile, ...], int]:
    """The value of the place for files, checked: those just uploaded, and each how-manieth frame of a video is wanted.

    Raises :class:`UserError` for too many files, or no answer of our own script.
    """
    try:
        data = json.loads(value or "{}")
        added = data.get("added") or []
        every = data.get("every", USUAL_EVERY)
        files = tuple(GivenFile(str(item["path"]), str(item["name"])[-LONGEST_PATH:]) for item in added)
    except (ValueError, TypeError, AttributeError, KeyError):
        raise UserError(STALE) from None
    if len(files) > LIMITS.drop_files:
        about = {"count": len(files), "most": LIMITS.drop_files}
        raise UserError("There are {count:,} files: add at most {most:,} at once, or a zip.", **about)
    check_number(Text("Every … frame of a video"), every, 1, MOST_EVERY, whole=True)
    return files, every


def upload_value(uploads: Uploads | None) -> str:
    """The value of the place for files that stands for what the page has taken."""
    if uploads is None:
        return json.dumps({})
    counts = {"images": len(uploads.names), "labelled": _labelled(uploads), "frames": uploads.frames}
    return json.dumps({**counts, "every": uploads.every})


def own_files(store: UploadStore, files: tuple[GivenFile, ...]) -> tuple[GivenFile, ...]:
    """Those that really are uploads that nobody has taken yet, whatever the request says; each is taken once."""
    found = [(store.take(file.path), file.name) for file in files]
    return tuple(GivenFile(path, name) for path, name in found if path is not None)


def decode_uploads(files: tuple[GivenFile, ...], size: int, filled: str = "", every: int = USUAL_EVERY) -> Uploads:
    """The images of these files, if any can be read, decoded to ``size`` pixels a side; a video's each ``every``-th."""
    found = collect(files, size, LIMITS.images, LIMITS.archives, LIMITS.videos, every)
    read = (found.images, found.names, found.labels, found.notes)
    return Uploads(files, size, *read, filled, every, found.frames)


def forget_files(store: UploadStore, files: Sequence[GivenFile]) -> None:
    """Deletes uploaded files. Never fails: see :meth:`.UploadStore.remove`."""
    for file in files:
        store.remove(os.path.basename(file.path))


def class_text_for(uploads: Uploads, typed: Any, before: str) -> str | None:
    """The class names out of the labels, unless the visitor has typed others than labels ``before``; None: as it is."""
    names = distinct_labels(uploads.labels)
    usual = (", ".join(DATASET_DEFAULTS[UPLOAD][0]), DEFAULTS.class_text, before, "")
    if not 2 <= len(names) <= LIMITS.max_classes or (isinstance(typed, str) and typed.strip() not in usual):
        return None
    return ", ".join(names)


def fields_for(uploads: Uploads, batch_size: Any) -> dict[str, Any]:
    """What the form says of the stream so that all images come: frames of a video in their order, others where the
    opening experiment ends before them.
    """
    size = FRAMES_IN_A_BATCH if uploads.frames else batch_size
    if not isinstance(size, int | float) or size < 1:
        return {}
    batches = min(math.ceil(len(uploads.names) / size), LIMITS.max_batches)
    if uploads.frames:
        return {"order": "given", "batch_size": size, "batches": batches}
    return {"batches": batches} if batches > DEFAULTS.stream.batches else {}


def label_note(uploads: Uploads | None, class_names: Sequence[str], strangers: bool = False) -> tuple[str, ...]:
    """A sentence on labels that are none of the classes, if there are any; whether their images are ``strangers``."""
    _, strange = match_labels(uploads.labels if uploads is not None else (), class_names)
    if not strange:
        return ()
    count = sum(strange.values())
    some = ", ".join(f"“{label[:60]}”" for label, _ in strange.most_common(3)) + (", …" if len(strange) > 3 else "")
    words = say_count(
        "{count} image has a label outside the class names ({labels}): counted as {kind}.",
        "{count} images have labels outside the class names ({labels}): counted as {kind}.",
        count,
        labels=some,
        kind=say("strangers") if strangers else say("unlabelled"),
    )
    return (words,)


def better_batch_size(images: int, batch_size: object) -> int:
    """A batch size that makes several batches of so few images; 0 where the form's does so, or nothing would."""
    if not isinstance(batch_size, int | float) or batch_size < 1 or images >= SEVERAL * batch_size:
        return 0
    size = max(LEAST, images // SEVERAL)
    return size if size < min(batch_size, images) else 0


def ready_sentence(uploads: Uploads, filled: bool) -> str:
    """What was taken, in a sentence."""
    count = len(uploads.names)
    labelled = _labelled(uploads)
    if not uploads.frames:
        ready = say_count("{count} image ready", "{count} images ready", count)
    elif uploads.frames < count:
        ready = say_count("{count} image ready, in their order", "{count} images ready, in their order", count)
    else:
        ready = say_count("{count} frame ready, in their order", "{count} frames ready, in their order", count)
    if not labelled:
        return f"{ready}. {say('Name the classes below.')}"
    classes = len(distinct_labels(uploads.labels))
    if labelled == count:
        labels = say_count("all with labels of {count} class", "all with labels of {count} classes", classes)
    else:
        labels = say_count(
            "{labelled:,} with labels of {count} class",
            "{labelled:,} with labels of {count} classes",
            classes,
            labelled=labelled,
        )
    return f"{ready}, {labels}. {say('The labels are the class names now.') if filled else ''}".strip()


def _labelled(uploads: Uploads) -> int:
    return sum(label is not None for label in uploads.labels)
