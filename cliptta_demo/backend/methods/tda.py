"""TDA (Karmanov et al. 2024): remember the features of telling images, and ask them beside the captions."""

import math

import torch
from torch import Tensor

from cliptta_demo.backend.declare import Declared, number, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Outline, Progress
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.losses import entropy_of_logits
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.languages import Text

UNSURE = (0.2, 0.5)  # entropy in nats over log₂ C, of images that go into the negative cache; 0.69 is the most there is
POSSIBLE = 0.03  # a class with more than this probability is not what the negative cache speaks against
NEGATIVE_SHARPNESS = 1.0

# (C, K) entropies, surest first, infinite where there is no item; and of each item (C, K, …) what is kept of it
Cache = tuple[Tensor, ...]


class TdaSettings(Declared):
    """Settings of TDA's own."""

    weight: float = number(
        2.0, 0, 20, "the release's α for ImageNet; it takes 1 to 5 elsewhere",
        label=Text("α, weight of the cache"), help=Text("How much remembered images count beside captions."),
        step=0.1, mark="TDA α {:g}",
    )  # fmt: skip
    sharpness: float = number(
        5.0, 0, 100, "the release's β for ImageNet; it takes 1 to 8 elsewhere",
        label=Text("β, sharpness"), help=Text("How near a remembered image must be to count."),
        step=0.1, mark="TDA β {:g}",
    )  # fmt: skip
    negative_weight: float = number(
        0.117, 0, 20, "the release's",
        label=Text("Weight of the negative cache"), help=Text("How much unsure images count against classes."),
        step=0.001, mark=Text("TDA negative {:g}"),
    )  # fmt: skip
    shots: int = whole(
        3, 1, 64, "the release's",
        label=Text("Images per class"), help=Text("The surest, whose features are remembered."),
        restart=Text("the memory's size"),
    )  # fmt: skip
    negative_shots: int = whole(
        2, 1, 64, "the release's",
        label=Text("Unsure images per class"), help=Text("In the negative cache."), restart=Text("the memory's size"),
    )  # fmt: skip


@register
class Tda(Method):
    """Nothing moves: two caches of features grow, image by image in the order of the stream.

    Each image is remembered first and predicted then, so that it asks itself too.
    """

    name, label = "tda", "TDA"
    sentence = Text("Learns nothing, but remembers the surest images of each class and asks them for advice.")
    paper = "Karmanov et al., Efficient Test-Time Adaptation of Vision-Language Models, CVPR 2024"
    family = "training-free"
    colour, symbol = "teal", "hexagon"
    own = TdaSettings

    @classmethod
    def keeps(cls, outline: Outline, backbone: Backbone) -> tuple[int, int]:
        own, item = outline.own, 4 * (1 + backbone.dimension)
        return 0, outline.classes * (own.shots * item + own.negative_shots * (item + outline.classes))

    def start(self) -> AdaptationState:
        own, nothing = self.task.own, self.prototypes.new_zeros
        classes, dimension = self.prototypes.shape

        def empty(shots: int) -> Cache:
            return nothing(classes, shots) + math.inf, nothing(classes, shots, dimension)

        against = nothing(classes, own.negative_shots, classes, dtype=torch.bool)
        caches = {"positive": empty(own.shots), "negative": (*empty(own.negative_shots), against)}
        return AdaptationState.start(nothing(0), caches)

    def answer(self, images: Tensor, state: AdaptationState | None, seed: int) -> Progress:
        state = state or self.start()
        features = self.embed(images)
        cosines = features @ self.prototypes.T
        logits = self.backbone.logits(cosines)
        entropies, probabilities = entropy_of_logits(logits), logits.softmax(dim=1)
        share = entropies / math.log2(max(2, logits.shape[1]))
        unsure = (share > UNSURE[0]) & (share < UNSURE[1])
        # What is kept is that of infinite entropy: never what goes into no cache, or is no finite number.
        sure = torch.where(entropies.isfinite(), entropies, math.inf)
        doubtful = torch.where(unsure, entropies, math.inf)
        against = (probabilities > POSSIBLE) & (probabilities < 1)
        labels = logits.argmax(dim=1, keepdim=True)
        positive, negative = (tuple(part.clone() for part in state.kept[name]) for name in ("positive", "negative"))
        advice = []
        for image, feature in enumerate(features):
            self.rest()
            _offer(positive, labels[image], sure[image], feature)
            _offer(negative, labels[image], doubtful[image], feature, against[image])
            advice.append(self._advice(feature, positive, negative))
        state = state.keep(positive=positive, negative=negative)
        return Progress(0, cosines, state, logits=logits + torch.stack(advice))

    def answer_as_it_is(self, images: Tensor, state: AdaptationState) -> Progress:
        features = self.embed(images)
        cosines = features @ self.prototypes.T
        caches = state.kept["positive"], state.kept["negative"]
        advice = torch.stack([self._advice(feature, *caches) for feature in features])
        return Progress(0, cosines, state, logits=self.backbone.logits(cosines) + advice)

    def _advice(self, feature: Tensor, positive: Cache, negative: Cache) -> Tensor:
        """What the caches add to the logits ``(C,)`` of an image with this feature ``(d,)``."""
        own = self.task.own
        near = _nearness(feature, positive, own.sharpness).sum(dim=1)
        far = _nearness(feature, negative, NEGATIVE_SHARPNESS)[..., None] * negative[2]
        return own.weight * near - own.negative_weight * far.sum(dim=(0, 1))


def _offer(cache: Cache, label: Tensor, *item: Tensor) -> None:
    """Puts an item among those of its class ``(1,)``, surest first, and drops the least sure; on equality the newer."""
    rows = [torch.cat([part.index_select(0, label)[0], one[None]]) for part, one in zip(cache, item, strict=True)]
    order = rows[0].argsort(stable=True)[:-1]
    for part, row in zip(cache, rows, strict=True):
        part.index_copy_(0, label, row[order][None])


def _nearness(feature: Tensor, cache: Cache, sharpness: float) -> Tensor:
    """``exp(−β(1 − z·k))`` of each item k of a cache, ``(C, K)``; 0 where there is none."""
    return torch.where(cache[0].isfinite(), (-sharpness * (1 - cache[1] @ feature)).exp(), 0.0)
