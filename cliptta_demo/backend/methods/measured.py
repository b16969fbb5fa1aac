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
MARGIN = 2.0  # standard errors by which two numbers must differ to be called different
SHOWN = 0.05  # points; less reads as 0.0


@dataclass(frozen=True)
class Measured:
    """One method's mean accuracy over zero-shot's, in points; error: its standard error over seeds."""

    gain: float
    error: float

    @property
    def told(self) -> int:
        """1 for a gain, -1 for a loss, 0 where the seeds can't tell it from nothing."""
        return 0 if abs(self.gain) < max(MARGIN * self.error, SHOWN) else 1 if self.gain > 0 else -1


@cache
def measured() -> Mapping[str, Measured]:
    """By the methods' names; those that have not run on all of these tables have none."""
    return {name: Measured(**values) for name, values in json.loads(MEASURED_FILE.read_text())["methods"].items()}
