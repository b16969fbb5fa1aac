"""A Hugging Face hub on localhost that speaks the real one's protocol, and can be made to fail like it.

    GET  /api/{models,datasets}/ORG/NAME[/revision/REV]?blobs=true   what the repository holds
    HEAD, GET  [/datasets]/ORG/NAME/resolve/REV/FILE                 small files: the bytes; large ones: 302 to the CDN
    GET  /cdn/SHA256                                                 the bytes, with Range (on another host name)
    GET  /api/…/ORG/NAME/xet-read-token/REV                          where Xet storage is, and a token for it
    GET  /cas/v1/reconstructions/HASH, /xorb/HASH                    large files as Xet storage keeps them

Headers and error codes are those that ``huggingface_hub`` reads: X-Repo-Commit, X-Linked-Size, X-Linked-Etag, ETag,
X-Error-Code; with ``xet`` those of Xet storage too. There a file is one block (*xorb*) of chunks that are not
compressed, and hashes are names only: the real client (``hf_xet``) does not check them on the way down.
"""

import hashlib
import json
import re
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import accumulate
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "1234567890abcdef1234567890abcdef12345678"
LARGE = 10_000  # bytes from which on a file lies on the CDN, as Git LFS files do
PIECE = 64 * 1024  # sent at once, and a chunk of Xet storage; the real ones end where the content says


@dataclass
class Blob:
    """A file's bytes, in memory or on disk."""

    content: bytes | Path

    @cached_property
    def bytes(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.bytes).hexdigest()


@dataclass
class Repository:
    """Files by path; ``revisions`` are further branches. ``refuses``: None, or an (HTTP status, error code).

    ``gated``: behind conditions that were accepted; checksums are then masked, as the hub does.
    """

    files: dict[str, bytes | Path]
    card: dict[str, Any] = field(default_factory=dict)
    revisions: dict[str, dict[str, bytes | Path]] = field(default_factory=dict)
    refuses: tuple[int, str] | None = None
    gated: bool = False

    @cached_property
    def blobs(self) -> dict[str, dict[str, Blob]]:
        branches = {"main": self.files, COMMIT: self.files, **self.revisions}
        return {name: {path: Blob(content) for path, content in files.items()} for name, files in branches.items()}


@dataclass
class Hub:
    """The server's state; change it in the middle of a test.

    Attributes:
        repositories: ("dataset" or "model", "ORG/NAME") → repository.
        down_after: go down once so many more bytes of files have been sent; down: break off whatever is asked for.
        bytes_per_second: speed of downloads, None for no limit; stalled: send nothing more, and close nothing.
        xet: offer large files from Xet storage too.
        sending: downloads at work.
        spoil: change one byte of every download.
        requests: (method, path, Range header) of all that was asked; tokens: all Authorization headers.
    """

    repositories: dict[tuple[str, str], Repository] = field(default_factory=dict)
    down_after: int | None = None
    down: bool = False
    bytes_per_second: float | None = None
    stalled: bool = False
    xet: bool = False
    sending: int = 0
    spoil: bool = False
    address: str = ""
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def asked(self, part: str) -> list[tuple[str, str, str | None]]:
        return [request for request in self.requests if part in request[1]]


def _chunks(data: bytes) -> list[bytes]:
    return [data[start : start + PIECE] for start in range(0, len(data), PIECE)]


def _xorb_of(data: bytes) -> bytes:
    """The block: of each chunk version 0, length, compression 0, length again, and the bytes."""
    length = (len(chunk).to_bytes(3, "little") for chunk in _chunks(data))
    return b"".join(b"\0" + size + b"\0" + size + chunk for size, chunk in zip(length, _chunks(data), strict=True))


def _reconstruction(data: bytes, first: int, last: int, name: str, address: str) -> dict[str, Any]:
    """How the bytes ``first`` to ``last`` of a file are put together from the block that lies at ``address``."""
    start, end = first // PIECE, last // PIECE + 1
    ends = [0, *accumulate(len(chunk) + 8 for chunk in _chunks(data))]
    chunks = {"start": start, "end": end}
    length = sum(map(len, _chunks(data)[start:end]))
    where = {"range": chunks, "url": address, "url_range": {"start": ends[start], "end": ends[end] - 1}}
    return {
        "offset_into_first_range": first - start * PIECE,
        "terms": [{"hash": name, "unpacked_length": length, "range": chunks}],
        "fetch_info": {name: [where]},
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path, self.headers.get("Range")))
        self.hub.tokens += self.headers.get_all("Authorization") or []
        if self.hub.down:
            self.close_connection = True
            return
        if match := re.fullmatch(r"/api/(model|dataset)s/([^/]+/[^/]+?)(?:/revision/(.+))?", path):
            self._info(match[1], match[2], match[3] or "main")
        elif match := re.fullmatch(r"/(datasets/)?([^/]+/[^/]+)/resolve/(refs/convert/\w+|[^/]+)/(.+)", path):
            self._resolve("dataset" if match[1] else "model", match[2], match[3], match[4])
        elif match := re.fullmatch(r"/cdn/(\w+)", path):
            self._bytes(self._blob(match[1]))
        elif re.fullmatch(r"/api/(model|dataset)s/[^/]+/[^/]+/xet-read-token/.+", path):
            storage = {"X-Xet-Cas-Url": f"{self.hub.address}/cas", "X-Xet-Access-Token": "abc"}
            self._answer(200, b"{}", {**storage, "X-Xet-Token-Expiration": str(int(time.time()) + 3600)})
        elif match := re.fullmatch(r"/cas/v1/reconstructions/(\w+)", path):
            data = self._blob(match[1]).bytes
            first, last = map(int, re.findall(r"\d+", self.headers.get("Range") or f"0-{len(data) - 1}"))
            if first >= len(data):
                self._refuse(416, "")
                return
            block = f"{self.hub.address}/xorb/{match[1]}"
            terms = _reconstruction(data, first, min(last, len(data) - 1), match[1], block)
            self._answer(200, json.dumps(terms).encode(), {"Content-Type": "application/json"})
        elif match := re.fullmatch(r"/xorb/(\w+)", path):
            self._bytes(Blob(_xorb_of(self._blob(match[1]).bytes)))
        else:
            self._refuse(404, "")

    def _blob(self, sha256: str) -> Blob:
        branches = [branch for repository in self.hub.repositories.values() for branch in repository.blobs.values()]
        return next(blob for branch in branches for blob in branch.values() if blob.sha256 == sha256)

    def _repository(self, kind: str, name: str) -> Repository | None:
        repository = self.hub.repositories.get((kind, name))
        refused = repository.refuses if repository else (401, "RepoNotFound")  # private ones look like missing ones
        if refused:
            self._refuse(*refused)
        return None if refused else repository

    def _info(self, kind: str, name: str, revision: str) -> None:
        repository = self._repository(kind, name)
        if repository is None:
            return
        if revision not in repository.blobs:
            return self._refuse(404, "RevisionNotFound")
        siblings = []
        for path, blob in repository.blobs[revision].items():
            entry: dict[str, Any] = {"rfilename": path, "size": len(blob.bytes)}
            if len(blob.bytes) >= LARGE:
                sha256 = "*" * 16 if repository.gated else blob.sha256
                entry["lfs"] = {"sha256": sha256, "size": len(blob.bytes), "pointerSize": 134}
            siblings.append(entry)
        answer = {
            "id": name,
            "sha": COMMIT if revision == "main" else hashlib.sha1(revision.encode()).hexdigest(),
            "cardData": repository.card,
            "siblings": siblings,
        }
        self._answer(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _resolve(self, kind: str, name: str, revision: str, path: str) -> None:
        repository = self._repository(kind, name)
        if repository is None:
            return
        branches = {hashlib.sha1(branch.encode()).hexdigest(): branch for branch in repository.revisions}
        branch = repository.blobs.get(branches.get(revision, revision))
        commit = {"X-Repo-Commit": COMMIT if revision in ("main", COMMIT) else revision}
        if branch is None or path not in branch:
            self._refuse(404, "RevisionNotFound" if branch is None else "EntryNotFound", commit)
            return
        blob = branch[path]
        if len(blob.bytes) < LARGE:
            self._bytes(blob, {**commit, "ETag": f'"{blob.sha256[:40]}"'})
            return
        headers = {
            **commit,
            "X-Linked-Size": str(len(blob.bytes)),
            "X-Linked-Etag": f'"{blob.sha256}"',
            # Another host than the hub's own, as the real CDN is.
            "Location": f"{self.hub.address.replace('127.0.0.1', 'localhost')}/cdn/{blob.sha256}?signature=abc",
        }
        if self.hub.xet:
            token = f"{self.hub.address}/api/{kind}s/{name}/xet-read-token/{revision}"
            headers |= {"X-Xet-Hash": blob.sha256, "X-Xet-Refresh-Route": token}
        self._answer(302, b"", headers)

    def _bytes(self, blob: Blob, headers: dict[str, str] | None = None) -> None:
        data, status, headers = blob.bytes, 200, dict(headers or {})
        if self.hub.spoil and len(data) >= LARGE:
            data = data[:5000] + bytes([data[5000] ^ 255]) + data[5001:]
        if match := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or ""):
            first, last = int(match[1]), int(match[2] or len(data) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            data, status = data[first : last + 1], 206
        if not self._head(status, len(data), {**headers, "Accept-Ranges": "bytes"}):
            return
        self.hub.sending += 1
        try:
            self._send(data)
        finally:
            self.hub.sending -= 1

    def _send(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE):
            if self.hub.down_after is not None:
                self.hub.down_after -= min(PIECE, len(data) - start)
                self.hub.down = self.hub.down_after < 0
            if self.hub.down:
                self.close_connection = True
                return
            while self.hub.stalled and not select.select([self.connection], [], [], 0.05)[0]:
                pass  # until it goes on, or the other side closes
            self.wfile.write(data[start : start + PIECE])
            if self.hub.bytes_per_second:
                time.sleep(PIECE / self.hub.bytes_per_second)

    def _refuse(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        self._answer(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code, **(headers or {})})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        if self._head(status, len(body), headers):
            self.wfile.write(body)

    def _head(self, status: int, length: int, headers: dict[str, str]) -> bool:
        """Whether a body is wanted after it."""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()
        return self.command != "HEAD"


@contextmanager
def serve_hub(repositories: dict[tuple[str, str], Repository] | None = None) -> Iterator[Hub]:
    """Runs a stand-in on a free port of this machine."""
    hub = Hub(repositories or {})
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("", 0), handler) as server:
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # a client that breaks off is part of the tests
        hub.address = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield hub
        server.shutdown()


@contextmanager
def pointed_at(monkeypatch: Any, hub: Hub | str, cache: Path) -> Iterator[None]:
    """Lets ``huggingface_hub`` of this process ask that hub, as HF_ENDPOINT and HF_HOME do at its start."""
    from huggingface_hub import constants

    address = hub if isinstance(hub, str) else hub.address
    with monkeypatch.context() as patch:
        patch.setattr(constants, "ENDPOINT", address)
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
        patch.setattr(constants, "HF_HUB_CACHE", str(cache / "hub"))
        patch.setattr(constants, "HF_ASSETS_CACHE", str(cache / "assets"))
        yield
