"""When a method starts from the source model again, between two batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from cliptta_demo.backend.settings import AdaptationSettings

# When a method has gone astray: SAR's numbers (Niu et al. 2023), in nats whatever the number of classes. SAR averages
# its reliable images' entropy over steps; this rule, for any method, all images' over batches, once adapted to. As in
# mariodoebler/test-time-adaptation the average begins anew with the model.
ASTRAY, MOMENTUM = 0.2, 0.9


@dataclass(frozen=True)
class Resets:
    """What must be known of the batches so far.

    Attributes:
        shift: corruption of the last batch, "" before the first.
        entropies: method → moving average of its predictions' entropy in nats since it last started.
        counts: method → how often it started anew.
    """

    shift: str = ""
    entropies: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    def due(self, settings: AdaptationSettings, index: int, shift: str, methods: Iterable[str]) -> list[str]:
        """The methods that start anew before batch ``index``, whose corruption is ``shift``."""
        if not index:
            return []
        if settings.reset == "astray":
            return [name for name in methods if self.entropies.get(name, ASTRAY) < ASTRAY]
        if settings.reset == "shift":
            return list(methods) if shift != self.shift else []
        return list(methods) if settings.reset_every and index % settings.reset_every == 0 else []

    def renewed(self, names: Iterable[str]) -> Resets:
        """After these methods have started anew."""
        names = list(names)
        kept = {name: value for name, value in self.entropies.items() if name not in names}
        return replace(
            self, entropies=kept, counts=self.counts | {name: self.counts.get(name, 0) + 1 for name in names}
        )

    def after(self, shift: str, entropies: Mapping[str, float]) -> Resets:
        """After a batch; ``entropies``: method → mean entropy of its predictions in nats."""
        averages = {
            name: MOMENTUM * self.entropies.get(name, value) + (1 - MOMENTUM) * value
            for name, value in entropies.items()
        }
        return replace(self, shift=shift, entropies=averages)
