"""Read the members of a zip archive that nobody vouches for, one at a time, in memory.

Nothing is ever written to disk, so a member's name is only a name. What an archive claims about its own sizes is not
believed: bytes are counted while they are unpacked.
"""

import os
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cliptta_demo.backend.declare import Declared, whole
from cliptta_demo.backend.errors import UserError, base_name
from cliptta_demo.backend.models.class_names import visible
from cliptta_demo.languages import Text, say

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
class Member:
    """One file of an archive.

    Attributes:
        name: there, with ``/`` between folders, and nothing hidden in it; data: its bytes, or refused: why not, in a
            sentence; unpacked: bytes that it took to find out.
        video: the file on this machine, of a video.
    """

    name: str
    data: bytes = b""
    refused: str = ""
    unpacked: int = 0
    video: str = ""


def is_hidden(name: str) -> bool:
    """Files that systems leave behind: dotfiles, macOS's resource forks, Windows' thumbnails."""
    parts = name.replace("\\", "/").split("/")
    if any(part == "__MACOSX" or (part.startswith(".") and part not in (".", "..")) for part in parts):
        return True
    return parts[-1].lower() in ("thumbs.db", "desktop.ini")


def read_archive(path: Path | str, name: str, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> Iterator[Member]:
    """The files of a zip archive in its own order; folders and hidden files are passed over.

    A member that can't be read, or is an archive itself, comes with a sentence instead of bytes. The walk ends early,
    with a last nameless member that says so, at ``max_members`` and at ``max_total_bytes``.

    Args:
        path: of the archive; name: what people call it, used in the sentences.

    Raises:
        UserError: it is no zip archive, damaged, too large, or locked by a password; in one sentence.
    """
    try:
        file = open(path, "rb")  # noqa: SIM115 (left below)
    except OSError:
        raise UserError("{name} could not be opened: add it again.", name=name) from None
    with file:
        if os.fstat(file.fileno()).st_size > limits.max_archive_bytes:
            text = Text("{name} is over {size:.3g} MB: split it into smaller archives.")
            raise UserError(text, name=name, size=limits.max_archive_bytes / 2**20)
        try:
            end = zipfile._EndRecData(file)  # says how much zipfile will read of the list of members, all at once
            archive = zipfile.ZipFile(file) if end and end[_LIST_BYTES] <= limits.max_directory_bytes else None
        except Exception:  # a damaged list of members makes zipfile raise nearly any error
            end = archive = None
        if archive is None:
            text = Text("{name} lists too many files: pack at most {most:,}.")
            text = text if end else Text("{name} is no zip archive, or a damaged one: pack it again.")
            raise UserError(text, name=name, most=limits.max_members)
        with archive:
            if any(entry.flag_bits & 1 for entry in archive.infolist()):
                raise UserError("{name} is locked by a password: pack it again without one.", name=name)
            yield from _members(archive, archive.infolist(), name, limits)


def _members(
    archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], name: str, limits: ArchiveLimits
) -> Iterator[Member]:
    left = limits.max_total_bytes
    for entry in entries[: limits.max_members]:
        inner = visible(entry.filename).replace("\\", "/")
        if not inner or inner.endswith("/") or is_hidden(inner) or stat.S_ISLNK(entry.external_attr >> 16):
            continue
        if inner.lower().endswith(_ARCHIVES):
            refused = say("{inner} is an archive inside {name}; it was left out: unpack it first.")
            yield Member(inner, refused=refused.format(inner=base_name(inner), name=name))
            continue
        data, refused = _unpack(archive, entry, min(limits.max_member_bytes, max(left, 0)))
        left -= len(data)
        if len(data) > limits.max_member_bytes:
            text = say("{name} is over {size:.3g} MB; it was left out: shrink it first.")
            refused = text.format(name=base_name(inner), size=limits.max_member_bytes / 2**20)
        if refused:
            yield Member(inner, refused=refused, unpacked=len(data))
        elif left < 0:
            refused = say(
                "{name} unpacks to more than may be read at once; the rest was left out: split it.", name=name
            )
            yield Member("", refused=refused, unpacked=len(data))
            return
        else:
            yield Member(inner, data, unpacked=len(data))
    if len(entries) > limits.max_members:
        refused = say("{name} has {count:,} entries; only the first {most:,} were looked at.")
        yield Member("", refused=refused.format(name=name, count=len(entries), most=limits.max_members))


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> tuple[bytes, str]:
    """At most ``most`` + 1 bytes, whatever size the entry claims, and a sentence where that fails."""
    shown = base_name(entry.filename)
    if entry.compress_type not in _METHODS:
        text = say("{name} is packed in a rare way; it was left out: pack the archive again as a plain zip.")
        return b"", text.format(name=shown)
    try:
        with archive.open(entry) as stream:
            return stream.read(most + 1), ""
    except Exception:  # damage makes zipfile and zlib raise nearly any error
        return b"", say("{name} is damaged inside its archive; it was left out.", name=shown)
