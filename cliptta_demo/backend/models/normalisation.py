"""What moves during adaptation: weight and bias of the normalisation layers of the image tower, nothing else."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from cliptta_demo.backend.errors import UserError

NORMALISATION_LAYERS = (
    nn.LayerNorm,  # also open_clip's and timm's LayerNorm variants, which derive from it
    nn.GroupNorm,
    nn.modules.batchnorm._BatchNorm,
    nn.RMSNorm,
)


@dataclass(frozen=True)
class NormLayout:
    """Where each normalisation parameter of a tower lies in one flat vector θ of P numbers.

    One flat vector makes a session's state small and an optimiser step a handful of operations.

    Attributes:
        names: dotted parameter names, in ``named_parameters()`` order.
        shapes: their shapes, as plain tuples: across processes a ``torch.Size`` may arrive as one.
        batch_norms: dotted names of the batch normalisation modules, whose statistics need care.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    batch_norms: tuple[str, ...]

    @property
    def size(self) -> int:
        """P, the number of values that adapt."""
        return sum(prod(shape) for shape in self.shapes)

    @property
    def layers(self) -> tuple[str, ...]:
        """Dotted names of the normalisation layers, from the input on."""
        return tuple(dict.fromkeys(name.rpartition(".")[0] for name in self.names))

    def root_mean_squares(self, flat: Tensor) -> Tensor:
        """Root mean square of ``(P,)`` values over the parameters of each layer: ``(len(layers),)``."""
        numbers = {layer: number for number, layer in enumerate(self.layers)}
        owner = torch.cat(
            [
                torch.full((prod(shape),), numbers[name.rpartition(".")[0]], device=flat.device)
                for name, shape in zip(self.names, self.shapes, strict=True)
            ]
        )
        sums = torch.zeros(len(numbers), device=flat.device).index_add_(0, owner, flat.float().square())
        return (sums / owner.bincount(minlength=len(numbers))).sqrt()

    def unflatten(self, flat: Tensor) -> dict[str, Tensor]:
        """Views of θ ``(P,)`` by parameter name, ready for ``torch.func.functional_call``."""
        parts = flat.split([prod(shape) for shape in self.shapes])
        return {name: part.view(shape) for name, part, shape in zip(self.names, parts, self.shapes, strict=True)}


def find_normalisation(tower: nn.Module) -> tuple[NormLayout, Tensor]:
    """Finds the normalisation parameters of an image tower.

    Returns:
        The layout, and a copy of their present values as one vector θ ``(P,)``.

    Raises:
        UserError: the tower has none, so that there is nothing to adapt.
    """
    owners = {name: module for name, module in tower.named_modules() if isinstance(module, NORMALISATION_LAYERS)}
    chosen = {
        name: parameter
        for name, parameter in tower.named_parameters()
        if name.rpartition(".")[0] in owners and name.rpartition(".")[2] in ("weight", "bias")
    }
    if not chosen:
        raise UserError("This image tower has no normalisation layer with weight or bias: nothing can adapt.")
    batch_norms = tuple(n for n, m in owners.items() if isinstance(m, nn.modules.batchnorm._BatchNorm))
    layout = NormLayout(tuple(chosen), tuple(tuple(p.shape) for p in chosen.values()), batch_norms)
    return layout, torch.cat([p.detach().reshape(-1) for p in chosen.values()]).clone()


@torch.no_grad()
def mix_statistics(source_images: int, norm: nn.Module, inputs: tuple[Tensor]) -> None:
    """Gives batch normalisation, before its pass, its input's mean and variance, mixed with those that it has.

    ``N/(N + n) · the source's + n/(N + n) · the batch's`` for N = ``source_images`` and a batch of n (Schneider et al.
    2020; Nado et al. 2020 with N = 0). Changes the buffers in place: they have to be copies.
    """
    (maps,) = inputs
    # Schneider's release divides by one less than there are values, as running statistics do; Nado's by their number.
    unbiased = source_images > 0 and maps.numel() > maps.shape[1]
    others = [dim for dim in range(maps.dim()) if dim != 1]
    variance, mean = torch.var_mean(maps.float(), others, correction=int(unbiased))
    share = len(maps) / (source_images + len(maps))
    norm.running_mean.lerp_(mean, share)
    norm.running_var.lerp_(variance, share)


@contextmanager
def holding(tower: nn.Module, values: Mapping[str, Tensor]) -> Iterator[None]:
    """For as long as the block lasts, a tower's parameters of these dotted names have these values, without a graph."""
    before = {name: tower.get_parameter(name).data for name in values}
    try:
        for name, value in values.items():
            tower.get_parameter(name).data = value
        yield
    finally:
        for name, value in before.items():
            tower.get_parameter(name).data = value
