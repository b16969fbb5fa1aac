"""One method at work on the present batch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import Tensor

from cliptta_demo.backend.methods.base import Progress


@dataclass
class Lane:
    """A method's way through a batch, one moment after another.

    Attributes:
        steps: what its ``adapt`` yields; done: whether that has ended; seconds: spent in it.
        last: its latest moment; losses: the latest that it told.
        unread: images of the latest moment for which the model gave no finite numbers.
    """

    steps: Iterator[Progress | None]
    done: bool = False
    seconds: float = 0.0
    last: Progress | None = None
    unread: int = 0
    losses: dict[str, Tensor] = field(default_factory=dict)

    def rests(self) -> bool:
        """Works on to the next moment; whether that is a mere rest, in the middle of a step."""
        began = time.perf_counter()
        try:
            progress = next(self.steps)
        except StopIteration:
            self.done = True
            return False
        finally:
            self.seconds += time.perf_counter() - began
        if progress is None:
            return True
        self.last = progress
        self.losses = progress.losses or self.losses
        return False
