"""What a person gave: loose files, folders, archives, videos and tables of labels → one set of images with labels."""

import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice, takewhile
from pathlib import Path

from torch import Tensor

from cliptta_demo.backend.data.archive import DEFAULT_ARCHIVE_LIMITS, ArchiveLimits, Archives, is_hidden
from cliptta_demo.backend.data.decode import DEFAULT_LIMITS, ImageLimits, decode_or_say, decoders, read_file, sort_out
from cliptta_demo.backend.data.folder import IMAGE_EXTENSIONS
from cliptta_demo.backend.data.labels import (
    MAX_TABLE_BYTES,
    TABLES,
    LabelTable,
    labels_from_folders,
    labels_from_table,
    read_table,
)
from cliptta_demo.backend.data.video import (
    DEFAULT_VIDEO_LIMITS,
    USUAL_EVERY,
    VIDEO_EXTENSIONS,
    VideoLimits,
    clock_time,
    is_video,
    read_video,
)
from cliptta_demo.backend.errors import UserError, base_name, printable
from cliptta_demo.backend.models.class_names import visible
from cliptta_demo.languages import say, say_count

_AT_ONCE = 8  # files in memory at a time
MOST_NOTES = 100  # sentences; who gives thousands of bad files needs no list of them


@dataclass(frozen=True)
class GivenFile:
    """A file on this machine, and the name or relative path that its owner knows it by."""

    path: str
    name: str


@dataclass(frozen=True, eq=False)
class Collection:
    """All images that could be read, in the order given.

    Attributes:
        images: ``(N, 3, size, size)`` uint8, 0 to 255, RGB; N may be 0.
        names: N names to show: file names, with their folder where a file name alone would be ambiguous, and their
            time where they are frames of a video.
        labels: N labels in words, None where nobody said.
        notes: a sentence for whatever was left out or could not be understood.
        frames: how many of them are frames of a video.
    """

    images: Tensor
    names: tuple[str, ...]
    labels: tuple[str | None, ...]
    notes: tuple[str, ...] = ()
    frames: int = 0


def collect(
    files: Sequence[GivenFile],
    size: int,
    limits: ImageLimits = DEFAULT_LIMITS,
    archive_limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS,
    video_limits: VideoLimits = DEFAULT_VIDEO_LIMITS,
    every: int = USUAL_EVERY,
) -> Collection:
    """Reads everything, going on past what can't be read; one file after the other, so that memory stays small.

    Of a video every ``every``-th frame is an image. Labels come from tables (``labels.csv`` and the like: see
    :func:`.labels.read_table`), else from the folders that the images are in (see :func:`.labels.labels_from_folders`).
    Takes the first ``limits.max_files`` images.

    Raises:
        ValueError: ``size`` is out of range.
    """
    given = _Given(limits, replace(archive_limits, max_member_bytes=limits.max_bytes))
    members = given.images(files)
    notes, images, paths = given.notes, list[Tensor](), list[str]()
    films = _Films(size, every, video_limits)
    with decoders() as pool:
        for moving, group in groupby(members, lambda member: isinstance(member[1], Path)):
            while (room := limits.max_files - len(images)) > 0 and (
                some := list(islice(group, 1 if moving else min(_AT_ONCE, room)))
            ):
                names, content = zip(*some, strict=True)
                if moving:
                    names, found = films.read(content[0], names[0], room)
                else:
                    found = pool.map(lambda data, name: decode_or_say(data, name, size, limits), content, names)
                for name, image in zip(names, found, strict=True):
                    if isinstance(image, Tensor):
                        images.append(image)
                        paths.append(name)
                    else:
                        notes.append(image)
            if not room:
                break
    rest = sum(1 for _ in members)  # tables may come after the images
    if rest:
        text = say("Only the first {most:,} images were taken; {rest:,} more were left out.")
        notes.insert(0, text.format(most=limits.max_files, rest=rest))
    labels = labels_from_folders(paths)
    for name, table in given.tables:
        _apply(name, table, paths, labels, notes)
    if len(notes) > MOST_NOTES:
        notes[MOST_NOTES:] = [say("And {count:,} more of the kind.", count=len(notes) - MOST_NOTES)]
    return Collection(sort_out(images, size).images, _shown(paths), tuple(labels), tuple(notes), films.frames)


class _Films:
    """The videos of one collection, which share the time for decoding; ``frames``: how many there were."""

    def __init__(self, size: int, every: int, limits: VideoLimits) -> None:
        self.size, self.every, self.limits = size, every, limits
        self.frames, self._left = 0, float(limits.work_seconds)

    def read(self, path: Path, name: str, most: int) -> tuple[list[str], list[Tensor | str]]:
        """At most so many frames with their names, and a sentence where there is one to say."""
        began = time.monotonic()
        try:
            film = read_video(path, name, self.size, self.every, most, self.limits, self._left)
        except UserError as error:
            return [name], [str(error)]
        finally:
            self._left -= time.monotonic() - began
        self.frames += len(film.times)
        names = [name if math.isnan(at) else f"{name} {clock_time(at)}" for at in film.times]
        said = [film.note] * bool(film.note)
        return [*names, *said], [*film.images, *said]


class _Given:
    """What was given, read one file after the other; on the way come ``notes`` and ``tables``, by name."""

    def __init__(self, limits: ImageLimits, archives: ArchiveLimits) -> None:
        self.limits, self.archives = limits, Archives(archives)
        self.notes: list[str] = []
        self.tables: list[tuple[str, LabelTable]] = []
        self._others = 0

    def images(self, files: Sequence[GivenFile]) -> Iterator[tuple[str, bytes | Path]]:
        """Everything that may be an image, with its bytes, or the path of a video."""
        for file in files:
            name = visible(file.name)
            try:
                if not is_hidden(name):
                    yield from self._file(file.path, name)
            except UserError as error:
                self.notes.append(str(error))
            except OSError:
                text = say("{name} could not be opened; it was left out: add it again.")
                self.notes.append(text.format(name=base_name(name)))
        if self._others:
            text = say_count(
                "{count} file that is no image went unread.",
                "{count} files that are no image went unread.",
                self._others,
            )
            self.notes.append(text)

    def _file(self, path: str, name: str) -> Iterator[tuple[str, bytes | Path]]:
        suffix, loose = os.path.splitext(name)[1].lower(), "/" not in name.strip("/")
        if suffix == ".zip":
            some = False
            for inner, content in self.archives.read(path, base_name(name)):
                some = True
                yield from self._member(inner, content)
            if not some:
                raise UserError("{name} holds no file that could be an image.", name=base_name(name))
        elif (loose or suffix in VIDEO_EXTENSIONS) and is_video(path, name):
            yield name, Path(path)
        elif suffix in TABLES:
            yield from self._member(name, read_file(path, MAX_TABLE_BYTES))
        elif loose or suffix in IMAGE_EXTENSIONS:  # a file given by itself is said to be no image
            yield name, read_file(path, self.limits.max_bytes)
        else:
            self._others += 1

    def _member(self, name: str, content: bytes | str) -> Iterator[tuple[str, bytes]]:
        """A file by its ending: an image, or nothing where it is a table, no image, or a sentence that says why not."""
        suffix, shown = os.path.splitext(name)[1].lower(), base_name(name)
        if isinstance(content, str):
            self.notes.append(content)
        elif suffix in IMAGE_EXTENSIONS:
            yield name, content
        elif suffix in TABLES:
            try:
                self.tables.append((shown, read_table(content, shown)))
            except UserError as error:
                self.notes.append(str(error))
        elif suffix in VIDEO_EXTENSIONS:
            text = say("{name} is a video inside an archive; it was left out: add it by itself.")
            self.notes.append(text.format(name=shown))
        else:
            self._others += 1


def _apply(name: str, table: LabelTable, paths: list[str], labels: list[str | None], notes: list[str]) -> None:
    """Puts a table's labels over those of the folders, and says what it could not use."""
    found, unknown = labels_from_table(table, paths)
    for index, label in found.items():
        labels[index] = label or None
    if unknown:
        listed = ", ".join(f"“{' '.join(item[:60].split())}”" for item in unknown[:3]) + (
            ", …" if len(unknown) > 3 else ""
        )
        notes.append(
            say_count(
                "{count} line of {name} names no image, or several, of those here: {listed}.",
                "{count} lines of {name} name no image, or several, of those here: {listed}.",
                len(unknown),
                name=name,
                listed=listed,
            )
        )
    if table.unreadable:
        listed = ", ".join(map(str, table.unreadable[:5])) + (", …" if len(table.unreadable) > 5 else "")
        notes.append(say("{name}: no file and label in line {listed}.", name=name, listed=listed))


def _shown(paths: Sequence[str]) -> tuple[str, ...]:
    """File names; with the folders that tell them apart where two are equal."""
    parts = [[part for part in map(printable, path.split("/")) if part] or [""] for path in paths]
    last = [names[-1] for names in parts]
    if len(set(last)) == len(last):
        return tuple(last)
    levels = zip(*(names[:-1] for names in parts), strict=False)
    shared = len(list(takewhile(lambda level: len(set(level)) == 1, levels)))
    return tuple(printable("/".join(names[shared:])) for names in parts)
