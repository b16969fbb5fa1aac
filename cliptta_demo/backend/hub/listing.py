"""What a repository of the Hugging Face hub holds, asked or remembered; what it refuses, as sentences."""

import json
import logging
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub import constants, errors

from cliptta_demo.backend.errors import UserError
from cliptta_demo.languages import Text, say

ANSWER_SECONDS = 10  # to wait for the hub's answer to a question
REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}", re.ASCII)
_LICENCES = {"apache-2.0": "Apache 2.0", "mit": "MIT", "apple-amlr": Text("Apple, research only")}
_SHOWN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,39}", re.ASCII)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository. ``sha256`` is known for large files only; in gated repositories the hub masks it."""

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
        return say(_LICENCES.get(name, name)) if isinstance(name, str) and _SHOWN.fullmatch(name) else ""

    def find(self, path: str) -> RemoteFile | None:
        """The file with this path, None when there is none."""
        return next((file for file in self.files if file.path == path), None)


def check_repository(name: str) -> str:
    """The name, if it has the form ORGANISATION/NAME; raises :class:`UserError` otherwise."""
    if not isinstance(name, str) or not REPOSITORY.fullmatch(name) or ".." in name or "--" in name:
        text = Text("{name!r} is no name on the hub; it must look like ORGANISATION/NAME, as in uoft-cs/cifar10.")
        raise UserError(text, name=str(name)[:80])
    return name


def list_repository(kind: str, name: str, revision: str | None = None, *, visitor: bool = False) -> Listing:
    """Asks the hub what a repository holds; without the internet, what it held when last asked.

    Raises:
        UserError: no such repository, no access, no connection.
    """
    check_repository(name)
    try:
        asked = {"repo_type": kind, "revision": revision, "token": False if visitor else None}
        info = huggingface_hub.HfApi().repo_info(name, files_metadata=True, timeout=ANSWER_SECONDS, **asked)
    except Exception as error:
        known = _recall(kind, name, revision) if status_of(error) in (0, *range(500, 600)) else None
        if known is not None:
            return known
        raise explain(kind, name, error) from error
    files = tuple(
        RemoteFile(item.rfilename, int(item.size or 0), item.lfs.sha256 if item.lfs else None)
        for item in info.siblings or ()
    )
    listing = Listing(kind, name, info.sha, files, info.card_data.to_dict() if info.card_data is not None else {})
    try:  # for times without the internet
        _memory(kind, name, revision).write_text(json.dumps(asdict(listing), default=str), encoding="utf-8")
    except OSError as error:  # a read-only disk is no reason to fail
        log.info("the listing of %s was not kept: %s", name, error)
    return listing


def known_listing(kind: str, name: str) -> Listing | None:
    """What a repository held when it was last asked; None where nothing is known. Asks nobody."""
    return _recall(kind, name, None) if REPOSITORY.fullmatch(name) else None


def known_licence(kind: str, name: str) -> str:
    """What a repository's card said of its licence then; "" where nothing is known."""
    known = known_listing(kind, name)
    return known.licence if known is not None else ""


def _memory(kind: str, name: str, revision: str | None) -> Path:
    folder = huggingface_hub.cached_assets_path("cliptta-demo", kind, name, assets_dir=constants.HF_ASSETS_CACHE)
    return Path(folder) / f"{(revision or 'main').replace('/', '--')}.json"


def _recall(kind: str, name: str, revision: str | None) -> Listing | None:
    try:
        known = json.loads(_memory(kind, name, revision).read_text(encoding="utf-8"))
        return Listing(**{**known, "files": tuple(RemoteFile(**file) for file in known["files"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def status_of(error: BaseException) -> int:
    """The HTTP status that the hub answered with, 0 where it could not be reached."""
    return getattr(getattr(error, "response", None), "status_code", 0)


def explain(kind: str, name: str, error: BaseException) -> UserError:
    """What went wrong and what to do, for a person, in one or two sentences."""
    status = status_of(error)
    if isinstance(error, errors.GatedRepoError):
        text = Text(
            "The owner of {name} lets only people in who have accepted the conditions. Accept them on {address}, put a "
            "token of yours into HF_TOKEN, and start again; or choose another."
        )
    elif isinstance(error, errors.RepositoryNotFoundError) or status == 401:
        text = Text("The hub has no {name}, or it is private. Check the spelling: ORGANISATION/NAME.")
    elif status == 429:
        text = Text("The hub wants fewer requests from here for a while. Wait some minutes, then ask for {name} again.")
    elif status:
        text = Text("The hub refuses what is needed of {name} (answer {status}). Try again later, or choose another.")
    elif getattr(error, "errno", None) and not isinstance(error, ConnectionError | TimeoutError):
        text = Text(
            "{name} can't be kept on the disk of this machine: {reason}. Make room, or choose what is built in."
        )
    else:
        text = Text(
            "{name} is not on this machine and the model hub could not be reached. Check the internet connection and "
            "try again, or choose what is built in."
        )
    address = f"huggingface.co/{'datasets/' if kind == 'dataset' else ''}{name}"
    return UserError(text, name=name, address=address, status=status, reason=getattr(error, "strerror", None))
