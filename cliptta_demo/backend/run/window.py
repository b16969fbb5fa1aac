"""A stream that has no end and comes image by image: the last few stand in for a batch, the newest is predicted.

    window = Window(experiment.methods, most=16)
    for image in camera:
        seen, answers = window.see(image, "frost", 3)
        print(answers["cliptta"].probabilities.argmax())

Adapting methods want a batch, and a camera has one image at a time. mariodoebler/test-time-adaptation keeps a ring of
the last images too, but adapts once for each full ring; here each image is a step, in the company of those before it.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cliptta_demo.backend.corruptions import corrupt
from cliptta_demo.backend.declare import check_choice, check_number
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.run.snapshot import Lane, read
from cliptta_demo.languages import Text

DARKNESS = "darkness"
# What can be laid over an image, and what it is called.
OVERLAYS: Mapping[str, str] = {
    "none": Text("Nothing"),
    "defocus_blur": Text("Blur"),
    DARKNESS: Text("Darkness"),
    "gaussian_noise": Text("Noise"),
    "frost": Text("Frost"),
}
_LIGHT = (1.0, 0.6, 0.4, 0.25, 0.15, 0.08)  # by severity; ImageNet-C only makes images brighter


@dataclass(frozen=True)
class Answer:
    """What one method says of the newest image: ``(C,)`` float32 probabilities; seconds: what it took."""

    probabilities: NDArray[np.float32]
    seconds: float


class Window:
    """The last images and each method's state after them; as large after a day as after a minute.

    Args:
        methods: by name, on one backbone; most: images that stand in for a batch; seed: of overlays and methods.
    """

    def __init__(self, methods: Mapping[str, Method], most: int, seed: int = 0) -> None:
        self.methods = dict(methods)
        self.seen = 0
        self._seed = seed
        self._images: deque[Tensor] = deque(maxlen=most)
        self._states = {name: method.start() for name, method in self.methods.items()}

    def see(self, image: Tensor, overlay: str = "none", severity: int = 3) -> tuple[Tensor, dict[str, Answer]]:
        """Takes one image more, ``(3, S, S)`` uint8, and adapts. Where that is ended at a rest, all is as it was.

        Returns:
            The image as the methods saw it, and their answers by name.

        Raises:
            UserError: an overlay or a severity that there is not.
        """
        seed = self._seed * 100_003 + self.seen
        image = overlaid(image, overlay, severity, seed)
        images = [*self._images, image][-self._images.maxlen :]
        backbone = next(iter(self.methods.values())).backbone
        batch = torch.stack(images).to(backbone.device)
        lanes = {
            name: Lane(method.adapt(batch, self._states[name], seed), method.rest)
            for name, method in self.methods.items()
        }
        for lane in lanes.values():
            while not lane.done:
                lane.go_on()
                lane.rest()
        answers = {
            name: Answer(read(lane.last, backbone).probabilities[-1].cpu().numpy(), lane.seconds)
            for name, lane in lanes.items()
        }
        self._states = {name: lane.last.state for name, lane in lanes.items()}
        self._images.append(image)
        self.seen += 1
        return image, answers


def overlaid(image: Tensor, overlay: str, severity: int, seed: int) -> Tensor:
    """``(3, S, S)`` uint8 under one of ``OVERLAYS`` at a severity of 1 to 5."""
    check_choice("overlay", overlay, tuple(OVERLAYS))
    check_number("severity", severity, 1, 5, whole=True)
    if overlay == DARKNESS:
        return (image * _LIGHT[severity]).to(torch.uint8)
    return corrupt(image[None], overlay, severity, seed)[0]
