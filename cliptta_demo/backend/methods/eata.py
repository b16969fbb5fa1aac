"""EATA (Niu et al., ICML 2022): ETA that holds on to what mattered for the source model."""

import torch
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.declare import number, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Prepared
from cliptta_demo.backend.methods.eta import Eta, FilterSettings
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.backend.methods.task import Outline, Task
from cliptta_demo.backend.models.pieces import Passes
from cliptta_demo.languages import say


class EataSettings(FilterSettings):
    """How tightly the source model is held on to."""

    fisher_weight: float = number(
        2000.0, 0, 10_000_000, "the release's for ImageNet; for CIFAR-10 it takes 1",
        label=say("λ, weight of the anchor"), help=say("Holds on to the parameters that matter to the source model."),
        step=1, mark=say("anchor {:g}"),
    )  # fmt: skip
    fisher_batches: int = whole(
        4, 0, 32, "256 images are less work than half a batch of ten steps; the release takes 2,000",
        label=say("Clean batches of 64"),
        help=say("From which it learns, before the first batch, which parameters matter."),
        slider=True, step=1, mark=say("{} clean batches"),
    )  # fmt: skip


@register
class Eata(Eta):
    """ETA and ``λ Σ_k F_k (θ_k − θ⁰_k)²``, F the diagonal Fisher information of uncorrupted images.

    F is made once, on a run's first batch, and kept with its state; without clean images it is 0.
    """

    name, label = "eata", "EATA"
    sentence = say("ETA on an elastic leash: what matters on clean images may move least.")
    colour, symbol, dash = "purple", "star", "dash"
    own = EataSettings
    kept_like_parameters = 1

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._fisher: Tensor | None = None  # of all runs of this task

    @classmethod
    def clean_batches(cls, outline: Outline) -> int:
        return outline.own.fisher_batches

    def begin(self, batch: Prepared, state: AdaptationState, seed: int) -> AdaptationState:
        if "fisher" in state.kept:
            return state
        if self._fisher is None:
            self._fisher = self._importance()
        return state.keep(fisher=self._fisher)

    def _importance(self) -> Tensor:
        """Mean over clean batches of the squared gradient ``(P,)`` of the cross-entropy with the own predictions."""
        source = self.backbone.source_parameters
        squares = [torch.zeros_like(source)]
        for index in range(self.task.own.fisher_batches if self.task.clean_images else 0):
            images = self.task.clean_images(index)
            if not len(images):
                continue
            passes = Passes(self.backbone, source, self.piece, self.rest)
            logits = self.backbone.logits(passes.embed(images) @ self.prototypes.T)
            squares.append(passes.gradient(F.cross_entropy(logits, logits.argmax(dim=1))) ** 2)
            self.rest()
        return torch.stack(squares).sum(dim=0) / max(1, len(squares) - 1)

    def _others(self, state: AdaptationState, passes: Passes, cosines: Tensor) -> dict[str, Tensor]:
        moved = passes.parameters - self.backbone.source_parameters
        return {"anchor": self.task.own.fisher_weight * (state.kept["fisher"] * moved**2).sum()}
