"""DeYO (Lee et al. 2024): learns from images whose prediction needs their shape, which texture alone does not bear."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.declare import Declared, choice, number, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Cost, Outline, Prepared, Step
from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.losses import entropy_of_logits, mean_of
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.languages import Text

MARGIN = 0.4  # of ln C: an image of this entropy has weight 1 for it, in the release


class DeyoSettings(Declared):
    """How a shape is broken, and which images are learnt from."""

    entropy_share: float = number(
        0.5, 0, 1, "the release's",
        label=Text("Entropy limit"), help=Text("Learns from images below this share of the largest entropy, ln C."),
        step=0.05, mark=Text("entropy limit {:g}"),
    )  # fmt: skip
    threshold: float = number(
        0.2, -1, 1, "the release's; 0.3 for a ResNet-50, 0.5 where the background misleads",
        label=Text("Least drop"),
        help=Text("Learns from images whose class loses more of its probability than this when the shape is broken."),
        step=0.05, mark=Text("drop over {:g}"),
    )  # fmt: skip
    broken: str = choice(
        "shuffled", {"shuffled": Text("Patches shuffled"), "covered": Text("Middle covered")}, "the release's",
        label=Text("Shape broken by"), mark=lambda own: str(own.broken),
    )  # fmt: skip
    patches: int = whole(
        4, 2, 16, "the release's, of 224 pixels: patches of 56",
        label=Text("Patches in a row"), help=Text("Cuts an image into so many, down and across."),
        slider=True, step=1, mark=Text("{} patches in a row"),
    )  # fmt: skip


def shuffled(images: Tensor, orders: Tensor) -> Tensor:
    """Images ``(N, 3, S, S)`` of which each has its ``s × s`` patches in another place.

    A side that can't be cut into s goes down to the next that can, and back when the patches are in place.

    Args:
        orders: ``(N, s²)`` int64; patch k of the result, row by row, is patch ``orders[i, k]`` of the image.
    """
    count, side = math.isqrt(orders.shape[1]), images.shape[-1]
    size = side // count
    if side % count:
        images = _resized(images, size * count)
    patches = images.unflatten(3, (count, size)).unflatten(2, (count, size))  # (N, 3, s, size, s, size)
    patches = patches.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
    patches = patches[torch.arange(len(orders), device=orders.device)[:, None], orders]
    images = patches.unflatten(1, (count, count)).permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)
    return _resized(images, side) if side % count else images


def _resized(images: Tensor, side: int) -> Tensor:
    return F.interpolate(images.float(), (side, side), mode="bilinear", antialias=True).to(images.dtype)


def covered(images: Tensor) -> Tensor:
    """Images ``(N, 3, S, S)`` with a square of half their side in the middle that has the image's mean colour."""
    side = images.shape[-1]
    middle = slice(side // 4, side // 4 + side // 2)
    images = images.clone()
    images[:, :, middle, middle] = images.float().mean(dim=(2, 3), keepdim=True).to(images.dtype)
    return images


@register
class Deyo(AdaptingMethod):
    """Entropy of images that are sure and lose their class when their shape is broken; where none is left, no step.

    How far a class's probability falls is the paper's PLPD. Release: Jhyun17/DeYO; it breaks only the images that are
    sure, which is the same unless the tower mixes images.
    """

    name, label = "deyo", "DeYO"
    sentence = Text("Shuffles the patches of each image, and learns only where that makes the model less sure.")
    paper = (
        "Lee et al., Entropy is not Enough for Test-Time Adaptation: From the Perspective of Disentangled Factors, "
        "ICLR 2024"
    )
    family, predicts_before = "entropy", True
    colour, symbol, dash = "brown", "diamond", "dashdot"
    own = DeyoSettings

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        steps = cls.steps(outline)
        return Cost((1 + steps) * batch_size, steps * batch_size)

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        parameters, limit = self.parameters(state), math.log(len(self.prototypes))
        without_shape = self.backbone.logits(self.predict(self.broken(batch.pixels, seed, step), parameters))
        self.rest()
        passes = self.passes(parameters)
        cosines = passes.embed(batch.pixels) @ self.prototypes.T
        logits = self.backbone.logits(cosines)
        entropies = entropy_of_logits(logits)
        before, predicted = logits.detach().softmax(dim=1).max(dim=1)
        drop = before - without_shape.softmax(dim=1).gather(1, predicted[:, None])[:, 0]
        kept = self.chosen(entropies.detach(), drop)
        weights = (MARGIN * limit - entropies.detach()).exp() + drop.exp()
        terms = {"entropy": mean_of(weights * entropies, kept)}
        return self.descend(state, passes, terms, step, cosines, taken=kept.any())

    def chosen(self, entropies: Tensor, drop: Tensor) -> Tensor:
        """Which images are learnt from, ``(N,)`` bool, by their entropies and by how far their class falls."""
        own = self.task.own
        return (entropies < own.entropy_share * math.log(len(self.prototypes))) & (drop > own.threshold)

    def broken(self, pixels: Tensor, seed: int, step: int) -> Tensor:
        """The images without their shape."""
        if self.task.own.broken == "covered":
            return covered(pixels)
        return shuffled(pixels, self.orders(len(pixels), seed, step).to(pixels.device, non_blocking=True))

    def orders(self, count: int, seed: int, step: int) -> Tensor:
        """Of the patches of each image ``(count, s²)``, drawn anew at each step."""
        generator = torch.Generator().manual_seed(seed * 1_009 + step)
        return torch.rand(count, self.task.own.patches**2, generator=generator).argsort(dim=1)
