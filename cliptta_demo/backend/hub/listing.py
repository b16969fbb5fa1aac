"""What a repository of the Hugging Face hub holds, asked, or found in its cache; what it refuses, as sentences."""

import re
from dataclasses import dataclass

import huggingface_hub
from huggingface_hub import constants, errors

from cliptta_demo.backend.errors import UserError
from cliptta_demo.languages import Text, say

ANSWER_SECONDS = 10  # to wait for the hub's answer to a question
REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}", re.ASCII)
_LICENCES = {"apache-2.0": "Apache 2.0", "mit": "MIT", "apple-amlr": Text("Apple, research only")}
_SHOWN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,39}", re.ASCII)
_licences: dict[tuple[str, str], str] = {}


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
        files: all of them; licence: in words where we know some, "" where its README names none that can be shown.
        whole: whether the hub was asked; else only the files in its cache are listed, without a licence.
    """

    kind: str
    name: str
    revision: str
    files: tuple[RemoteFile, ...]
    licence: str = ""
    whole: bool = True

    def find(self, path: str) -> RemoteFile | None:
        """The file with this path, None when there is none."""
        return next((file for file in self.files if file.path == path), None)

    def without(self, refusal: UserError) -> UserError:
        """Why a file that is wanted is not listed: ``refusal``, or that the hub could not be asked for it."""
        return refusal if self.whole else explain(self.kind, self.name, ConnectionError())


def check_repository(name: str) -> str:
    """The name, if it has the form ORGANISATION/NAME; raises :class:`UserError` otherwise."""
    if not isinstance(name, str) or not REPOSITORY.fullmatch(name) or ".." in name or "--" in name:
        text = Text("{name!r} is no name on the hub; it must look like ORGANISATION/NAME, as in uoft-cs/cifar10.")
        raise UserError(text, name=str(name)[:80])
    return name


def list_repository(kind: str, name: str, revision: str | None = None, *, visitor: bool = False) -> Listing:
    """Asks the hub what a repository holds; without the internet, what its cache has of it, whoever put it there.

    Raises:
        UserError: no such repository, no access, no connection.
    """
    check_repository(name)
    try:
        asked = {"repo_type": kind, "revision": revision, "token": False if visitor else None}
        info = huggingface_hub.HfApi().repo_info(name, files_metadata=True, timeout=ANSWER_SECONDS, **asked)
    except Exception as error:
        known = cached_listing(kind, name, revision) if status_of(error) in (0, *range(500, 600)) else None
        if known is None:
            raise explain(kind, name, error) from error
        return known
    files = tuple(
        RemoteFile(item.rfilename, int(item.size or 0), item.lfs.sha256 if item.lfs else None)
        for item in info.siblings or ()
    )
    card = info.card_data or {}
    licence = card.get("license_name" if card.get("license") == "other" else "license")
    licence = licence[0] if isinstance(licence, list) and len(licence) == 1 else licence
    licence = _LICENCES.get(licence, licence) if isinstance(licence, str) and _SHOWN.fullmatch(licence) else ""
    _licences[kind, name] = licence
    return Listing(kind, name, info.sha, files, licence)


def cached_listing(kind: str, name: str, revision: str | None = None) -> Listing | None:
    """What is on this machine of a repository, of the commit with most of it; None: nothing is.

    Who names no commit's branch leaves none in the cache: a ``revision`` is any that is not known to be "main".
    """
    try:
        repositories = huggingface_hub.scan_cache_dir(constants.HF_HUB_CACHE).repos
    except errors.CacheNotFound:
        return None
    own = (repository for repository in repositories if (repository.repo_type, repository.repo_id) == (kind, name))
    commits = [commit for known in own for commit in known.revisions if not (revision and "main" in commit.refs)]
    if not commits:
        return None
    best = max(commits, key=lambda commit: (len(commit.files), commit.last_modified))
    # The cache calls a large file by its sha256.
    files = (
        RemoteFile(file.file_path.relative_to(best.snapshot_path).as_posix(), file.size_on_disk, file.blob_path.name)
        for file in best.files
    )
    return Listing(kind, name, best.commit_hash, tuple(sorted(files, key=lambda file: file.path)), whole=False)


def known_licence(kind: str, name: str) -> str:
    """What a repository's card says of its licence, if it was listed since the start; "" where nothing is known."""
    return say(_licences.get((kind, name), ""))


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
