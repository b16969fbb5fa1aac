"""What each method gained in the tables of the gallery: see ``python -m cliptta_demo gallery``.

The mean over the fifteen corruptions at two severities, the built-in pictures and CIFAR-10, with the built-in model,
each method at its own rate: what its fame is worth here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MEASURED_FILE = Path(__file__).parent / "measured.json"
SHOWN = 0.05  # points; less reads as 0.0


@dataclass(frozen=True)
class Measured:
    """One method's mean accuracy over zero-shot's, in points.

    Attributes:
        gain: unrounded; margin: half the width of its 95 % interval, by Student's t over seeds.
        images: of each stream; those that are slow, and forget each batch, saw but one.
    """

    gain: float
    margin: float
    images: int

    @property
    def told(self) -> int:
        """1 for a gain, -1 for a loss, 0 where the seeds can't tell it from nothing."""
        return 0 if abs(self.gain) < max(self.margin, SHOWN) else 1 if self.gain > 0 else -1


@cache
def measured() -> Mapping[str, Measured]:
    """By the methods' names; those that have not run on all of these tables have none."""
    return {name: Measured(**values) for name, values in json.loads(MEASURED_FILE.read_text())["methods"].items()}
