"""Work that can rest: a generator that gives its thread back between two pieces, and ends with a result.

Whoever drives it decides when it goes on. A piece of a step is all that one turn of a shared machine needs to hold.
"""

from collections.abc import Generator
from typing import Any, TypeVar

T = TypeVar("T")
Work = Generator[None, None, T]


def resting(work: Generator[Any, None, T]) -> Work[T]:
    """Rests where ``work`` does, without saying what that one yields."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value
        yield


def finish(work: Generator[Any, None, T]) -> T:
    """Drives it to its end without a rest, and returns its result."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value
