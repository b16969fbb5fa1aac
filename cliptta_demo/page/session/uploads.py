"""A visitor's own images on their way in: what the browser sends, what is taken, and when it is deleted.

The browser (assets/upload.js) sends one file after the other to a door of ours (page/server/doors.py), and tells the
page what they are called. They stay in the server's own folder until the visitor takes them away or leaves.
"""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cliptta_demo.backend.data.collection import GivenFile, collect
from cliptta_demo.backend.data.labels import distinct_labels, match_labels
from cliptta_demo.backend.data.video import MOST_EVERY, USUAL_EVERY
from cliptta_demo.backend.declare import check_number
from cliptta_demo.backend.errors import UserError
from cliptta_demo.languages import Text, say, say_count
from cliptta_demo.limits import LIMITS
from cliptta_demo.page.session.state import Uploads
from cliptta_demo.page.session.upload_store import UploadStore
from cliptta_demo.page.words.defaults import DATASET_DEFAULTS, DEFAULTS, UPLOAD

FRAMES_IN_A_BATCH = 16  # five seconds of most videos, and curves of some points for half a minute
SEVERAL = 4  # batches: with fewer there is hardly a curve
LEAST = 4  # images of a batch that is proposed: of fewer a method learns little
LONGEST_PATH = 1000  # characters of a relative path that a browser tells
NO_IMAGES = Text("None of your images is here: add some under Your images, or choose the built-in pictures.")
STALE = Text("Your images are not there any more, or not yet: wait a moment, or add them again.")

FILLED_BY_FILES = ("class_names", "order", "batch_size", "batches")  # fields that files change


@dataclass(frozen=True)
class UploadNews:
    """What the place for files says.

    Attributes:
        added: files that have just been uploaded.
        every: of videos each so-manieth frame is wanted.
    """

    added: tuple[GivenFile, ...] = ()
    every: int = USUAL_EVERY


def read_news(value: Any) -> UploadNews:
    """The value of the place for files, checked; there may be none. The browser's word is not taken for anything.

    Raises:
        UserError: too many files, or no answer of our own script.
    """
    if not value:
        return UploadNews()
    try:
        data = json.loads(value)
        added = data.get("added") or []
        every = data.get("every", USUAL_EVERY)
        files = tuple(GivenFile(str(item["path"]), str(item["name"])[-LONGEST_PATH:]) for item in added)
    except (ValueError, TypeError, AttributeError, KeyError):
        raise UserError(STALE) from None
    if len(files) > LIMITS.drop_files:
        about = {"count": len(files), "most": LIMITS.drop_files}
        raise UserError("There are {count:,} files: add at most {most:,} at once, or a zip.", **about)
    check_number(Text("Every … frame of a video"), every, 1, MOST_EVERY, whole=True)
    return UploadNews(files, every)


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
    """The images of these files, decoded to ``size`` pixels a side; of a video each ``every``-th frame.

    What can't be read is named in ``refused``; whether any is left is for the caller to ask.
    """
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
    as_strangers = say_count(
        "{count} image has a label outside the class names ({labels}): counted as strangers.",
        "{count} images have labels outside the class names ({labels}): counted as strangers.",
        count,
        labels=some,
    )
    as_unlabelled = say_count(
        "{count} image has a label outside the class names ({labels}): counted as unlabelled.",
        "{count} images have labels outside the class names ({labels}): counted as unlabelled.",
        count,
        labels=some,
    )
    return (as_strangers if strangers else as_unlabelled,)


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
        return f"{ready}. {say('Name the classes below, then press Run.')}"
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
    press = say("The labels are the class names now: press Run.") if filled else say("Press Run.")
    return f"{ready}, {labels}. {press}"


def _labelled(uploads: Uploads) -> int:
    return sum(label is not None for label in uploads.labels)
