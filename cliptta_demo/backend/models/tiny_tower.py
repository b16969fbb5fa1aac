"""The image tower of the built-in tiny CLIP: a small residual network with batch normalisation.

It is registered with timm as ``cliptta_tiny``, so that open_clip builds it from an ordinary
``open_clip_config.json`` (``"timm_model_name": "cliptta_tiny"``). Import this module before loading.

Why this shape: among towers of equal cost on two CPU cores, small residual 3×3 convolutions learn fastest, and with
batch normalisation several times faster than with group normalisation. The convolutions take most of an adaptation
step, so the residual blocks are narrow inside (the model card has the numbers).
"""

from collections.abc import Sequence

from timm.models import register_model
from torch import Tensor, nn

WIDE = (64, 128, 256)  # the tower is trained with blocks as wide inside as outside …
NARROW = (32, 96, 128)  # … and narrowed in the end: see ``training/narrowing.py``
DEEP = (32, 128, 256)  # with many kinds of photographs: narrow where maps are large and time is spent


def _convolution(inputs: int, outputs: int, stride: int = 1, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=size, stride=stride, padding=(size - 1) // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions beside a short cut: ``channels`` in and out, ``inner`` between them."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.first = _convolution(channels, inner)
        self.second = _convolution(inner, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))


class TinyTower(nn.Module):
    """A residual network of ten convolutions.

    Input ``(N, 3, 64, 64)`` float, normalised; output ``(N, embedding)`` float, not normalised. The first convolution
    halves the side: the cost of a 32-pixel network, the detail of a 64-pixel one. Strided convolutions shrink the
    maps, which on a CPU is more than twice as fast as pooling.

    Args:
        num_classes: embedding size (timm's name for the size of the last layer).
        width: channels of the first layer; each of the three stages doubles them.
        inner: channels inside the three stages' residual blocks.
    """

    def __init__(self, num_classes: int = 128, width: int = 32, inner: Sequence[int] = NARROW) -> None:
        super().__init__()
        self.num_features = 8 * width
        self.stem = _convolution(3, width, stride=2, size=6)
        self.stages = nn.Sequential(
            *(
                layer
                for channels, within in zip((2 * width, 4 * width, 8 * width), inner, strict=True)
                for layer in (_convolution(channels // 2, channels, stride=2), ResidualBlock(channels, within))
            )
        )
        self.head = nn.Linear(self.num_features, num_classes, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(images))

    def forward_features(self, images: Tensor) -> Tensor:
        """The last map ``(N, 8·width, 4, 4)``; the two parts are named as in all of timm's towers."""
        return self.stages(self.stem(images))

    def forward_head(self, maps: Tensor) -> Tensor:
        """The embedding ``(N, embedding)`` of a map of any size."""
        # The same numbers as maps.mean((2, 3)), but the gradient has its channels last, as all that follows wants it.
        return self.head(maps.permute(0, 2, 3, 1).flatten(1, 2).mean(1))


@register_model
def cliptta_tiny(pretrained: bool = False, num_classes: int = 128, **_: object) -> TinyTower:
    """timm's entry point; ``pretrained`` is ignored, since open_clip loads the whole model's weights."""
    return TinyTower(num_classes=num_classes)


@register_model
def cliptta_tiny_deep(pretrained: bool = False, num_classes: int = 128, **_: object) -> TinyTower:
    """The same for the tower that knows more kinds of photographs."""
    return TinyTower(num_classes=num_classes, inner=DEEP)
