"""S-FRET and G-FRET (You et al. 2025): features that repeat one another less, and classes that stay apart."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.declare import Declared, number, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Outline, Prepared, Step, Task
from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.losses import entropy_of_logits
from cliptta_demo.backend.methods.memory import lowest_of_each
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.languages import Text


def redundancy(features: Tensor) -> Tensor:
    """How much each two dimensions of ``(N, d)`` embeddings say the same over a batch: ``(d, d)``, 0 where nothing.

    Dimensions are brought to length 1 over the batch; theirs with themselves is taken off.
    """
    each = F.normalize(features, dim=0)
    return each.T @ each - torch.eye(features.shape[1], device=features.device)


@register
class SFret(AdaptingMethod):
    """The mean of all entries' absolute values is the loss. It asks neither for classes nor for captions."""

    name, label = "s-fret", "S-FRET"
    sentence = Text("Never looks at a prediction: only lets the features repeat one another less.")
    paper = "You et al., FRET: Feature Redundancy Elimination for Test Time Adaptation, ICCV 2025"
    family, predicts_before = "redundancy", True
    colour, symbol, dash = "purple", "cross", "dot"

    def terms(self, features: Tensor, cosines: Tensor) -> dict[str, Tensor]:
        if len(features) == 1:  # all correlations are 1 or −1, and what gradient there is would be rounding
            return {}
        return {"redundancy": redundancy(features).abs().mean()}


SURE_SHARE = 0.95  # of a batch takes part in the prediction loss, before those that the centres call otherwise go
TINY = 1e-12


class GFretSettings(Declared):
    """G-FRET's own."""

    supports: int = whole(
        100, 1, 1000, "the authors'",
        label=Text("Supports per class"), help=Text("The surest features of each class, whose sum is its centre."),
        mark=Text("{} supports"),
    )  # fmt: skip
    prediction_weight: float = number(
        100.0, 0, 1000, "the authors' launcher's; the class itself says 0.0001",
        label=Text("Weight of the prediction"), help=Text("Beside that of the representation."),
        mark=Text("prediction {:g}"),
    )  # fmt: skip


@dataclass(frozen=True)
class Supports:
    """Features of the stream that stand for the classes.

    Attributes:
        features: ``(S, d)``, of any length; labels: ``(S,)`` int64, predicted; entropies: ``(S,)`` in nats.
    """

    features: Tensor
    labels: Tensor
    entropies: Tensor

    def add(self, features: Tensor, labels: Tensor, entropies: Tensor, most: int) -> "Supports":
        """With these, the ``most`` of each class whose entropy is lowest; of equals the older."""
        entropies = torch.cat([self.entropies, entropies])
        labels = torch.cat([self.labels, labels])
        kept = lowest_of_each(labels, entropies, most)
        kept = kept[entropies[kept].isfinite()]
        return Supports(torch.cat([self.features, features])[kept], labels[kept], entropies[kept])

    def centres(self, classes: int) -> Tensor:
        """``(C, d)``, the sum of each class's features at length 1; zeros for a class without any."""
        sums = self.features.new_zeros(classes, self.features.shape[1])
        return sums.index_add(0, self.labels, F.normalize(self.features, dim=1))


@register
class GFret(AdaptingMethod):
    """Each image is drawn to its class's centre, away from the other centres and from what dimensions have in common;
    and where nearly sure images agree with the centres, their predictions are made surer and unlike those of the
    redundancy. The batch joins the supports at every step.
    """

    name, label = "g-fret", "G-FRET"
    sentence = Text("Pulls each image towards its class, and away from what all features have in common.")
    paper = SFret.paper
    family, predicts_before = "redundancy", True
    colour, symbol, dash = "teal", "triangle-down", "dashdot"
    own = GFretSettings

    @classmethod
    def keeps(cls, outline: Outline, backbone: Backbone) -> tuple[int, int]:
        supports = max(1, outline.own.supports) * outline.classes
        return 0, super().keeps(outline, backbone)[1] + supports * (4 * backbone.dimension + 12)

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.classifier = self.backbone.logit_scale * self.prototypes  # W (C, d)

    def start(self) -> AdaptationState:
        logits = self.classifier @ self.classifier.T  # the release's, of prototypes as long as the scale
        supports = Supports(self.classifier, logits.argmax(dim=1), entropy_of_logits(logits))
        return super().start().keep(supports=supports)

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        passes = self.passes(self.parameters(state))
        features = passes.embed(batch.pixels)
        cosines = features @ self.prototypes.T
        logits = features @ self.classifier.T
        predicted = logits.argmax(dim=1)
        with torch.no_grad():
            entropies = entropy_of_logits(logits)
            supports = state.kept["supports"].add(features.detach(), predicted, entropies, self.task.own.supports)
        centres = supports.centres(len(self.prototypes))
        common = _common(features)
        terms = {"representation": representation_loss(features, common, centres, predicted)}
        if (weight := self.task.own.prediction_weight) > 0:
            loss = prediction_loss(features, logits, centres, (common @ self.classifier.T).detach())
            terms["prediction"] = weight * loss
        return self.descend(state.keep(supports=supports), passes, terms, step, cosines)


def _common(features: Tensor) -> Tensor:
    """What each image's embedding has in common with those dimensions that resemble one another: ``(N, d)``."""
    shared = redundancy(features)
    scale = shared.abs().sum(dim=1).clamp_min(TINY).rsqrt()
    return (features * scale) @ shared * scale


def representation_loss(features: Tensor, common: Tensor, centres: Tensor, predicted: Tensor) -> Tensor:
    """Mean of ``−ln`` of the share of an image's own centre, among all centres and the redundancy.

    Args:
        features, common: ``(N, d)``; centres: ``(C, d)``; predicted: ``(N,)`` classes.
    """
    features = F.normalize(features, dim=1)
    others = features @ F.normalize(centres, dim=1).T
    redundant = (features * F.normalize(common, dim=1)).sum(dim=1, keepdim=True)
    return F.cross_entropy(torch.cat([others, redundant], dim=1), predicted)


def prediction_loss(features: Tensor, logits: Tensor, centres: Tensor, common_logits: Tensor) -> Tensor:
    """Entropy of nearly sure images with whom the centres agree, and how far their centres' view is from redundancy.

    0 where there is no such image; the release's is NaN.

    Args:
        features: ``(N, d)``; logits: ``(N, C)``; centres: ``(C, d)``; common_logits: ``(N, C)``, of the redundancy.
    """
    likeness = F.normalize(features, p=1, dim=1) @ F.normalize(centres, p=1, dim=1).T
    entropies = entropy_of_logits(logits.softmax(dim=1))  # a softmax of probabilities, as in the release
    sure = entropies.detach()
    chosen = (sure <= sure.quantile(SURE_SHARE)) & (likeness.argmax(dim=1) == logits.argmax(dim=1))
    log_unlike = (1 - likeness).log_softmax(dim=1)
    log_common = common_logits.softmax(dim=1).log_softmax(dim=1)
    distance = (log_unlike.exp() * (log_unlike - log_common)).sum(dim=1)
    return torch.where(chosen, entropies + distance, 0.0).sum() / chosen.sum().clamp_min(1)
