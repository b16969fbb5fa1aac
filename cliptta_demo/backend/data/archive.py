"""Read the members of a zip archive that nobody vouches for, one at a time, in memory.

Nothing is ever written to disk, so a member's name is only a name. What an archive claims about its own sizes is not
believed: bytes are counted while they are unpacked.
"""

import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
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


def is_hidden(name: str) -> bool:
    """Files that systems leave behind: dotfiles, macOS's resource forks, Windows' thumbnails."""
    parts = name.replace("\\", "/").split("/")
    if any(part == "__MACOSX" or (part.startswith(".") and part not in (".", "..")) for part in parts):
        return True
    return parts[-1].lower() in ("thumbs.db", "desktop.ini")


class Archives:
    """Zip archives, read one after the other; ``left``: bytes that they may still unpack to, all together."""

    def __init__(self, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> None:
        self.limits, self.left = limits, limits.max_total_bytes

    def read(self, path: Path | str, name: str) -> Iterator[tuple[str, bytes | str]]:
        """The files of an archive in its own order, each with its bytes, or a sentence why it has none.

        Folders and hidden files are passed over. The walk ends early, with a last nameless file, at ``max_members``
        and where nothing is ``left``.

        Args:
            path: of the archive; name: what people call it, used in the sentences.

        Raises:
            UserError: it is no zip archive, damaged, too large, or locked by a password; in one sentence.
        """
        limits = self.limits
        if self.left <= 0:
            raise UserError(
                "{name} was not opened: the archives before it unpack to all that is read at once.", name=name
            )
        with _opened(path, name, limits) as archive:
            entries = archive.infolist()
            if any(entry.flag_bits & 1 for entry in entries):
                raise UserError("{name} is locked by a password: pack it again without one.", name=name)
            for entry in entries[: limits.max_members]:
                inner = visible(entry.filename).replace("\\", "/")
                if not inner or inner.endswith("/") or is_hidden(inner) or stat.S_ISLNK(entry.external_attr >> 16):
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
        if entry.compress_type not in _METHODS:
            return say(
                "{name} is packed in a rare way; it was left out: pack the archive again as a plain zip.", name=shown
            )
        most = self.limits.max_member_bytes
        try:
            with archive.open(entry) as stream:
                data = stream.read(min(most, self.left) + 1)
        except Exception:  # damage makes zipfile and zlib raise nearly any error
            return say("{name} is damaged inside its archive; it was left out.", name=shown)
        self.left -= len(data)
        if len(data) > most:
            return say("{name} is over {size:.3g} MB; it was left out: shrink it first.", name=shown, size=most / 2**20)
        return data


@contextmanager
def _opened(path: Path | str, name: str, limits: ArchiveLimits) -> Iterator[zipfile.ZipFile]:
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
            yield archive
