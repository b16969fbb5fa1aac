"""What a person gave: loose files, folders, zip archives, videos and tables of labels → one set of images with labels.

Nothing of an archive is written to disk, so a member's name is only a name. Bytes are counted as they are unpacked.
"""

import math
import os
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby, islice, takewhile
from pathlib import Path

from torch import Tensor

from cliptta_demo.backend.data import video
from cliptta_demo.backend.data.decode import AT_ONCE, DEFAULT_LIMITS, ImageLimits, decode_each, read_file, sort_out
from cliptta_demo.backend.data.folder import IMAGE_EXTENSIONS
from cliptta_demo.backend.data.labels import MAX_TABLE_BYTES, TABLES, label_by_table, labels_from_folders, read_table
from cliptta_demo.backend.declare import Declared, whole
from cliptta_demo.backend.errors import UserError, base_name, printable
from cliptta_demo.backend.models.class_names import visible
from cliptta_demo.languages import Text, say, say_count

MOST_NOTES = 100  # sentences; who gives thousands of bad files needs no list of them
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others may need any amount of memory
_ARCHIVES = (".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst")
_LIST_BYTES = 5  # place in the record at an archive's end


class ArchiveLimits(Declared):
    """What one archive may cost. Raises ValueError with field, value and range if one is out of range."""

    max_archive_bytes: int = whole(200 * 2**20, 1, 2**33, "of the zip file: some hundreds of photos")
    max_members: int = whole(2_000, 1, 100_000, "looked at, folders and files of all kinds included")
    max_total_bytes: int = whole(500 * 2**20, 1, 2**35, "unpacked, all members together")
    max_member_bytes: int = whole(20 * 2**20, 1, 2**30, "unpacked, each: as much as a single image may have")
    max_directory_bytes: int = whole(2**20, 1024, 2**28, "of the list of members, which has to be in memory at once")


DEFAULT_ARCHIVE_LIMITS = ArchiveLimits()


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
        names: N file names to show, with the folder where they are ambiguous, and the time where they are frames.
        labels: N labels in words, None where nobody said.
        notes: a sentence for whatever was left out or could not be understood.
        frames: how many of them are frames of a video.
    """

    images: Tensor
    names: tuple[str, ...]
    labels: tuple[str | None, ...]
    notes: tuple[str, ...]
    frames: int


def collect(
    files: Sequence[GivenFile],
    size: int,
    limits: ImageLimits = DEFAULT_LIMITS,
    archive_limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS,
    video_limits: video.VideoLimits = video.DEFAULT_VIDEO_LIMITS,
    every: int = video.USUAL_EVERY,
) -> Collection:
    """Reads everything, going on past what can't be read; one file after the other, so that memory stays small.

    Of a video every ``every``-th frame is an image. Labels come from tables (:func:`.labels.read_table`), else from
    folders (:func:`.labels.labels_from_folders`). Takes the first ``limits.max_files`` images.
    """
    given = _Given(limits, archive_limits)
    members = given.images(files)
    notes, images, paths, frames = given.notes, list[Tensor](), list[str](), 0
    seconds = float(video_limits.work_seconds)  # which all videos share
    for moving, group in groupby(members, lambda member: isinstance(member[1], Path)):
        while (room := limits.max_files - len(images)) > 0 and (
            some := list(islice(group, 1 if moving else min(AT_ONCE, room)))
        ):
            names, content = zip(*some, strict=True)
            if moving:
                began = time.monotonic()
                names, found = _film(content[0], names[0], size, every, room, video_limits, seconds)
                seconds -= time.monotonic() - began
                frames += sum(isinstance(image, Tensor) for image in found)
            else:
                found = decode_each(zip(content, names, strict=True), size, limits)
            for name, image in zip(names, found, strict=True):
                if isinstance(image, Tensor):
                    images.append(image)
                    paths.append(name)
                else:
                    notes.append(image)
        if not room:
            break
    if rest := sum(1 for _ in members):  # tables may come after the images
        text = say("Only the first {most:,} images were taken; {rest:,} more were left out.")
        notes.insert(0, text.format(most=limits.max_files, rest=rest))
    labels = labels_from_folders(paths)
    for name, table in given.tables:
        if unknown := label_by_table(table, paths, labels):
            listed = ", ".join(f"“{' '.join(item[:60].split())}”" for item in unknown[:3]) + ", …" * (len(unknown) > 3)
            text = say_count(
                "{count} line of {name} names no image here, or several, or no label: {listed}.",
                "{count} lines of {name} name no image here, or several, or no label: {listed}.",
                len(unknown),
                name=name,
                listed=listed,
            )
            notes.append(text)
    if len(notes) > MOST_NOTES:
        notes[MOST_NOTES:] = [say("And {count:,} more of the kind.", count=len(notes) - MOST_NOTES)]
    return Collection(sort_out(images, size)[0], _shown(paths), tuple(labels), tuple(notes), frames)


def _film(
    path: Path, name: str, size: int, every: int, most: int, limits: video.VideoLimits, seconds: float
) -> tuple[list[str], list[Tensor | str]]:
    """At most so many frames of a video with their names, and a sentence where there is one to say."""
    try:
        images, times, note = video.read_video(path, name, size, every, most, limits, seconds)
    except UserError as error:
        return [name], [str(error)]
    names = [name if math.isnan(at) else f"{name} {video.clock_time(at)}" for at in times]
    return [*names, *[note] * bool(note)], [*images, *[note] * bool(note)]


class _Given:
    """What was given, read one file after the other; on the way come ``notes`` and ``tables``, by name."""

    def __init__(self, limits: ImageLimits, archives: ArchiveLimits) -> None:
        self.limits, self.archives = limits, Archives(archives)
        self.notes, self.tables = list[str](), list[tuple[str, list[tuple[str, str | None]]]]()
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
        elif (loose or suffix in video.VIDEO_EXTENSIONS) and video.is_video(path, name):
            yield name, Path(path)
        elif suffix in TABLES:
            yield from self._member(name, read_file(path, name, MAX_TABLE_BYTES))
        elif loose or suffix in IMAGE_EXTENSIONS:  # a file given by itself is said to be no image
            yield name, read_file(path, name, self.limits.max_bytes)
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
        elif suffix in video.VIDEO_EXTENSIONS:
            self.notes.append(say("{name} is a video in an archive; it was left out: add it by itself.", name=shown))
        else:
            self._others += 1


def is_hidden(name: str) -> bool:
    """Files that systems leave behind: dotfiles, macOS's resource forks, Windows' thumbnails."""
    parts = name.replace("\\", "/").split("/")
    hidden = any(part == "__MACOSX" or (part.startswith(".") and part not in (".", "..")) for part in parts)
    return hidden or parts[-1].lower() in ("thumbs.db", "desktop.ini")


class Archives:
    """Zip archives, read one after the other; ``left``: bytes that they may still unpack to, all together."""

    def __init__(self, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> None:
        self.limits, self.left = limits, limits.max_total_bytes

    def read(self, path: Path | str, name: str) -> Iterator[tuple[str, bytes | str]]:
        """The files of an archive in its own order, each with its bytes, or a sentence why it has none.

        Folders and hidden files are passed over. The walk ends early, with a last nameless file, at ``max_members``
        and where nothing is ``left``. ``name`` is what people call the archive.

        Raises:
            UserError: it is no zip archive, damaged, too large, or locked by a password; in one sentence.
        """
        limits = self.limits
        if self.left <= 0:
            text = Text("{name} was not opened: the archives before it unpack to all that is read at once.")
            raise UserError(text, name=name)
        with _opened(path, name, limits) as archive:
            entries = archive.infolist()
            if any(entry.flag_bits & 1 for entry in entries):
                raise UserError("{name} is locked by a password: pack it again without one.", name=name)
            for entry in entries[: limits.max_members]:
                inner = visible(entry.filename).replace("\\", "/")
                if not inner or inner.endswith("/") or is_hidden(inner):
                    continue
                content = self._unpack(archive, entry, base_name(inner), name)
                if self.left >= 0 or isinstance(content, str):  # or else a part of the file
                    yield inner, content
                if self.left < 0:
                    text = say("{name} unpacks to more than may be read at once; the rest was left out: split it.")
                    yield "", text.format(name=name)
                    return
        if len(entries) > limits.max_members:
            text = say("{name} has {count:,} entries; only the first {most:,} were looked at.")
            yield "", text.format(name=name, count=len(entries), most=limits.max_members)

    def _unpack(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, shown: str, name: str) -> bytes | str:
        """One byte more than allowed at the most, whatever size the entry claims."""
        if shown.lower().endswith(_ARCHIVES):
            return say("{inner} is an archive inside {name}; it was left out: unpack it first.", inner=shown, name=name)
        most, data = self.limits.max_member_bytes, None
        with suppress(Exception):  # damage makes zipfile and zlib raise nearly any error
            if entry.compress_type in _METHODS:
                with archive.open(entry) as stream:
                    data = stream.read(min(most, self.left) + 1)
        if data is None:
            text = say("{name} is damaged, or packed in a rare way; it was left out: pack it again as a plain zip.")
            return text.format(name=shown)
        self.left -= len(data)
        if len(data) > most:
            return say("{name} is over {size:.3g} MB; it was left out: shrink it first.", name=shown, size=most / 2**20)
        return data


def _opened(path: Path | str, name: str, limits: ArchiveLimits) -> zipfile.ZipFile:
    text = Text("{name} is no zip archive, or a damaged one: pack it again.")
    with suppress(Exception):  # a damaged list of members makes zipfile raise nearly any error
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            end = zipfile._EndRecData(file)  # says how much zipfile will read of the list of members, all at once
        if size > limits.max_archive_bytes:
            text = Text("{name} is over {size:.3g} MB: split it into smaller archives.")
        elif end and end[_LIST_BYTES] > limits.max_directory_bytes:
            text = Text("{name} lists too many files: pack at most {most:,}.")
        else:
            return zipfile.ZipFile(path)
    raise UserError(text, name=name, size=limits.max_archive_bytes / 2**20, most=limits.max_members)


def _shown(paths: Sequence[str]) -> tuple[str, ...]:
    """File names; with the folders that tell them apart where two are equal."""
    parts = [[part for part in map(printable, path.split("/")) if part] or [""] for path in paths]
    last = [names[-1] for names in parts]
    if len(set(last)) == len(last):
        return tuple(last)
    levels = zip(*(names[:-1] for names in parts), strict=False)
    shared = len(list(takewhile(lambda level: len(set(level)) == 1, levels)))
    return tuple(printable("/".join(names[shared:])) for names in parts)
