"""Images that a method trusts enough to learn from: those whose predictions have little entropy."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from cliptta_demo.backend.declare import number
from cliptta_demo.backend.methods.release import Released


@dataclass(frozen=True, kw_only=True)
class ReliableSettings(Released):
    """How sure is sure enough."""

    entropy_share: float = number(
        0.4, 0, 1, "the releases' of ETA, EATA and SAR",
        label="Entropy limit", help="Learns from images below this share of the largest entropy, ln C.",
        step=0.05, mark="entropy limit {:g}",
    )  # fmt: skip

    def limit(self, classes: int) -> float:
        """E₀, in nats."""
        return self.entropy_share * math.log(classes)

    def reliable(self, entropies: Tensor, classes: int) -> Tensor:
        """Which of ``(…)`` entropies in nats are below E₀, bool."""
        return entropies < self.limit(classes)
