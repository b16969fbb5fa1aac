"""Makes the tower cheaper: residual blocks with fewer channels inside, those kept that give most to the output."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cliptta_demo.backend.models.tiny_tower import ResidualBlock, TinyTower


def blocks_of(tower: TinyTower) -> list[ResidualBlock]:
    """The residual blocks, one for each stage."""
    return [layer for layer in tower.stages if isinstance(layer, ResidualBlock)]


@torch.no_grad()
def importance(tower: TinyTower, images: Tensor) -> list[Tensor]:
    """How much each inner channel gives to its block's output over ``images`` (N, 3, S, S), normalised float.

    A channel's mean square after its ReLU times the squares of the weights that carry it on, each at the scale of the
    batch normalisation behind it. Returns one ``(inner,)`` float tensor for each block.
    """
    squares: list[Tensor] = []
    hooks = [
        block.first.register_forward_hook(
            lambda _module, _inputs, output: squares.append(output.square().mean((0, 2, 3)))
        )
        for block in blocks_of(tower)
    ]
    training = tower.training
    try:
        tower.eval()(images)
    finally:
        tower.train(training)
        for hook in hooks:
            hook.remove()
    result = []
    for block, square in zip(blocks_of(tower), squares, strict=True):
        convolution, norm = block.second[0], block.second[1]
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()  # (channels,)
        result.append(square * (convolution.weight * scale[:, None, None, None]).square().sum((0, 2, 3)))
    return result


@torch.no_grad()
def narrowed(tower: TinyTower, importances: Sequence[Tensor], inner: Sequence[int]) -> TinyTower:
    """A copy whose blocks keep the ``inner`` most important channels each, in their old order.

    Raises:
        ValueError: ``inner`` asks for more channels than a block has.
    """
    weights = tower.state_dict()
    numbers = [number for number, layer in tower.stages.named_children() if isinstance(layer, ResidualBlock)]
    for number, scores, count in zip(numbers, importances, inner, strict=True):
        if not 1 <= count <= len(scores):
            raise ValueError(f"inner is {tuple(inner)}; each must be 1 to the block's width, here {len(scores)}.")
        kept = scores.topk(count).indices.sort().values
        first, second = f"stages.{number}.first.", f"stages.{number}.second.0.weight"
        weights |= {name: value[kept] for name, value in weights.items() if name.startswith(first) and value.ndim}
        weights[second] = weights[second][:, kept]
    result = TinyTower(tower.head.out_features, tower.head.in_features // 8, inner)
    result.load_state_dict(weights)
    return result
