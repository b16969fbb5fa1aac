"""Downloads that somebody waits for and may give up: each in a process of its own, shared by all who want the same.

No thread can be made to give a download up: over Xet storage an exception of whoever counts its bytes is swallowed and
the transfer goes on to its end; a connection that brings nothing, or a wait for another's lock, counts no bytes at all.
A process can always be ended. It ends by the interrupt that ``huggingface_hub`` provides for, which removes what is
half there and releases its locks; one that does not is killed. It also ends when this process does.

The process reads its order, one line of JSON, from standard input and goes on as long as that stays open. It writes
lines of JSON: ``[name, done, total]`` now and then, ``{"refusal": sentence, "cause": text}`` when it fails.
"""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from huggingface_hub import constants

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.hub.transfer import Listing, Progress, RemoteFile, Watcher, bring
from cliptta_demo.languages import say

LOOK_SECONDS = 0.2  # between two questions whether somebody still waits
END_SECONDS = 2.0  # for a process to clean up after itself once it was told to end
TELL_SECONDS = 0.1  # between two lines on how far a download is
BROKE_OFF = say("The download broke off. Try again.")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Order:
    """What is downloaded: two who order the same share it. ``place``: address of the hub and folder of the cache."""

    kind: str
    name: str
    revision: str
    wanted: tuple[RemoteFile, ...]
    visitor: bool
    place: tuple[str, str]


@dataclass(eq=False)
class _Transfer:
    """One process at work. ``waiting`` counts who waits for it; ``progress`` is how far it is."""

    order: _Order
    missing: Sequence[RemoteFile]
    waiting: int = 0
    progress: Progress | None = None
    refusal: str = BROKE_OFF  # until it has ended well
    ended: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        root = str(Path(__file__).parents[3])
        path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
        address, cache = self.order.place
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import work_off; work_off()"],
            env={**os.environ, "PYTHONPATH": path, "HF_ENDPOINT": address, "HF_HUB_CACHE": cache},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C is for the server, which then closes the pipe
        )
        order = asdict(self.order) | {"missing": [asdict(file) for file in self.missing]}
        threading.Thread(target=self._listen, args=(json.dumps(order),), name="download", daemon=True).start()

    def _listen(self, order: str) -> None:
        with suppress(OSError, ValueError):  # it was stopped at once
            self.process.stdin.write(order + "\n")
            self.process.stdin.flush()
        for line in self.process.stdout:
            with suppress(ValueError, TypeError, KeyError):  # whatever else is printed there
                news = json.loads(line)
                if isinstance(news, list):
                    self.progress = Progress(*news)
                else:
                    self.refusal = news["refusal"]
                    log.warning("a download failed: %s", news["cause"])
        if self.process.wait() == 0:
            self.refusal = ""
        with _lock:
            self.close()
        self.ended.set()

    def close(self) -> None:
        """Lets nobody join any more: who comes now begins anew. Called with the lock held."""
        if _transfers.get(self.order) is self:
            del _transfers[self.order]

    def stop(self) -> None:
        """Ends the process, and removes what it could not."""
        with suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._remove_parts()  # it was told to end at any moment, perhaps while it did so
        self.ended.wait(END_SECONDS)

    def _remove_parts(self) -> None:
        repository = f"{self.order.kind}s--{self.order.name.replace('/', '--')}"
        hashes = "|".join(file.sha256 for file in self.missing if file.sha256)
        for part in (Path(self.order.place[1]) / repository / "blobs").glob("*.incomplete"):
            if hashes and re.match(rf"({hashes})\.", part.name):
                with suppress(OSError):
                    part.unlink()


_transfers: dict[_Order, _Transfer] = {}
_lock = threading.Lock()


def bring_together(
    listing: Listing, wanted: Sequence[RemoteFile], missing: Sequence[RemoteFile], visitor: bool, watcher: Watcher
) -> None:
    """Downloads the ``missing`` ones of the ``wanted`` files, together with all who want the same at that time.

    Args:
        watcher: hears now and then how far it is, in this thread. An exception that it raises gives up: the call ends
            with it, and the download too unless somebody else waits for it.

    Raises:
        UserError: as :func:`.transfer.bring`.
    """
    place = (constants.ENDPOINT, str(constants.HF_HUB_CACHE))
    order = _Order(listing.kind, listing.name, listing.revision, tuple(wanted), visitor, place)
    with _lock:
        transfer = _transfers.get(order)
        if transfer is None:
            transfer = _Transfer(order, missing)
            try:
                transfer.start()
            except OSError as error:  # no memory, no more processes
                raise UserError(BROKE_OFF) from error
            _transfers[order] = transfer
        transfer.waiting += 1
    try:
        told = Progress(listing.name, 0, sum(file.size for file in missing))
        while True:
            ended = transfer.ended.wait(LOOK_SECONDS)
            told = transfer.progress or told
            watcher(told)
            if ended:
                break
    finally:
        with _lock:
            transfer.waiting -= 1
            abandoned = not transfer.waiting and not transfer.ended.is_set()
            if abandoned:
                transfer.close()
        if abandoned:
            transfer.stop()
    if transfer.refusal:
        raise UserError(transfer.refusal)


def work_off() -> None:
    """What the process of a download does, from its order to its end."""
    logging.disable()  # the process that waits tells it
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever was inherited
    told = 0.0

    def tell(progress: Progress) -> None:
        nonlocal told
        if progress.done == progress.total or time.monotonic() - told > TELL_SECONDS:
            told = time.monotonic()
            print(json.dumps([progress.name, progress.done, progress.total]), flush=True)

    status = 1
    try:
        order = json.loads(sys.stdin.readline())
        threading.Thread(target=_end_with_the_order, daemon=True).start()
        files = [RemoteFile(**file) for file in order["missing"]]
        bring(Listing(order["kind"], order["name"], order["revision"], ()), files, order["visitor"], tell)
        status = 0
    except UserError as error:
        print(json.dumps({"refusal": str(error), "cause": str(error.__cause__ or error)}), flush=True)
    except (KeyboardInterrupt, ValueError):  # given up
        pass
    finally:
        os._exit(status)  # threads of a broken off transfer are not waited for


def _end_with_the_order() -> None:
    """Interrupts the main thread, also in the middle of a system call, when standard input is closed."""
    sys.stdin.read()
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)
