"""What visitors' sessions hold in memory, in bytes: bounded for each, and for all; the oldest idle one goes first.

A run's largest size is set aside when it starts, so that no run can outgrow the bound. What is idle counts as it is,
for as long as it lives. Whose session went is told when they come back.
"""

import threading
import weakref
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.hub.downloads import megabytes
from cliptta_demo.backend.run.size import RunSize, nbytes
from cliptta_demo.languages import Text, say, say_count
from cliptta_demo.limits import MB, Limits
from cliptta_demo.page.session.state import Recipe
from cliptta_demo.page.words.texts import LOST, MEMORY_TAKEN

UPLOAD_BYTES = 4_000  # of an upload beside its pixels: path, names, label
MOST_LOST = 10_000  # visitors to be told; older ones have left


class MemoryBudget:
    """Bytes by visitor, in the order of last use. Thread-safe.

    Args:
        most: bytes of all sessions and of the runs at work.
        busy: whether a visitor's run is at work.
        put_away: takes a visitor's session out of memory; returns how many batches of a run went with it.
    """

    def __init__(self, most: int, busy: Callable[[str], bool], put_away: Callable[[str], int]) -> None:
        self.most, self._busy, self._put_away = most, busy, put_away
        self._held: OrderedDict[str, dict[str, tuple[weakref.ref, int]]] = OrderedDict()
        self._aside: dict[object, tuple[str, int]] = {}
        self._lost: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.RLock()

    @property
    def used(self) -> int:
        """Bytes held by what is idle, and set aside for what is at work."""
        with self._lock:
            aside: Counter[str] = Counter()
            for key, count in self._aside.values():
                aside[key] += count
            return sum(max(self.held(key), aside[key]) for key in {*self._held, *aside})

    def held(self, key: str) -> int:
        """Bytes of this visitor's that live."""
        return sum(count for ref, count in self._held.get(key, {}).values() if ref() is not None)

    def keep(self, key: str, **parts: Any) -> None:
        """This is what a visitor's session holds now, part by part, None for one that is gone; others stay as they are.

        Other visitors' go where it is too much for all.
        """
        with self._lock:
            held = self._held.setdefault(key, {})
            for name, part in parts.items():
                held.pop(name, None)
                if part is not None:
                    held[name] = weakref.ref(part), nbytes(part)
            self.touch(key)
            for other in [other for other in self._held if not self.held(other)]:
                del self._held[other]
        self._make_room(key)

    def touch(self, key: str) -> None:
        """A sign of life of this visitor's."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)

    @contextmanager
    def set_aside(self, key: str, size: RunSize) -> Iterator[None]:
        """While inside, a run of this size is at work for this visitor.

        Raises:
            UserError: all memory is taken by runs at work.
        """
        token, count = object(), size.kept + size.working
        with self._lock:
            self._aside[token] = key, count
        try:
            if not self._make_room(key):
                raise UserError(MEMORY_TAKEN)
            yield
        finally:
            with self._lock:
                del self._aside[token]
                self.touch(key)

    def drop(self, key: str) -> None:
        """Takes a visitor's session out of memory without their doing: they are told when they come back."""
        batches = self._put_away(key)
        with self._lock:
            if batches:
                self._lost[key] = batches
            if len(self._lost) > MOST_LOST:
                self._lost.popitem(last=False)

    def _make_room(self, key: str) -> bool:
        """Lets idle sessions go, the longest unused first, until all fit; False where they still don't."""
        while self.used > self.most:
            with self._lock:
                at_work = {other for other, _ in self._aside.values()}
                idle = (other for other in self._held if other != key and self.held(other) and other not in at_work)
                victim = next((other for other in idle if not self._busy(other)), None)
                if victim is None:
                    return False
                del self._held[victim]
            self.drop(victim)
        return True

    def apology(self, key: str) -> str:
        """What a visitor whose run was dropped is told, once it starts again; empty for others."""
        return _sentence(self._lost.pop(key, 0), f", {say('and it started again from the source model.')}")

    def advice(self, key: str) -> str:
        """What they are told before."""
        return _sentence(self._lost.get(key, 0), f": {say('press Run to start it again.')}")


def _sentence(batches: int, end: str) -> str:
    words = LOST.format(batches=say_count("{count} batch", "{count} batches", batches))
    return f"{words}{end}" if batches else ""


def check_size(size: RunSize, recipe: Recipe, classes: int, limits: Limits) -> None:
    """Raises :class:`UserError`, with the settings, the amount and the limit, for a run that may grow too large."""
    stream = recipe.settings.stream
    about = {"side": size.size, "kept": megabytes(size.kept), "batches": stream.batches, "images": stream.batch_size}
    largest = max(size.memory, size.uploads, size.rest)
    if size.memory == largest:
        about |= {"shots": recipe.settings.adaptation.memory_shots, "classes": classes}
        what = Text("{shots} shots × {classes} classes at {side} pixels keep up to {kept}", **about)
        way = Text("fewer shots, classes or batches")
    elif size.uploads == largest:
        what = Text("Your images take {kept} at {side} pixels", **about)
        way = Text("fewer images or a smaller backbone")
    else:
        what = Text("Results of {batches} batches of {images} images take up to {kept}", **about)
        way = Text("fewer batches or smaller ones")
    if size.kept > limits.session_megabytes * MB:
        most = megabytes(limits.session_megabytes * MB)
        raise UserError(
            "{what}; this page keeps at most {most} per visitor: choose {way}.", what=what, most=most, way=way
        )
    if size.kept + size.working > limits.sessions_megabytes * MB:
        need, most = megabytes(size.kept + size.working), megabytes(limits.sessions_megabytes * MB)
        raise UserError(
            "Batches of {images} images at {side} pixels need up to {need} while the run is at work; this server "
            "has {most} for all visitors: choose a smaller batch size or backbone, or {way}.",
            **about,
            need=need,
            most=most,
            way=way,
        )
