"""Into the image tower: what moves in it, how it attends, what it says of each place in an image.

**What moves** during adaptation is weight and bias of the normalisation layers, nothing else.

**Attention** is plain matrix products, in place of ``nn.MultiheadAttention``: the same numbers, sooner. The module of
torch hands its projections a transposed view, so that their backward pass falls into batched products with expanded
weights; on a processor in bfloat16 those take most of a step. Here each projection is one product over contiguous
``(N, L, d)``.

**Places.** The tower works as ever; what stands before its pooling is read while it does. What a place is depends on
the tower:

- open_clip's vision transformer: a patch's token after the last normalisation and the projection, as the class token.
- open_clip's ResNet: the answer of its attention pool to each point of the last map, as CALIP's authors have it.
- timm's towers, the built-in one among them: what pooling and head make of one point of the last map, or of one patch,
  where it is all there is. With average pooling and a linear head the embedding is the mean of these.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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


def find_normalisation(tower: nn.Module, apart: str = "no part") -> tuple[NormLayout, Tensor]:
    """Finds the normalisation parameters of an image tower, or of another; a part of this name is left out.

    Returns:
        The layout, and a copy of their present values as one vector θ ``(P,)``.

    Raises:
        UserError: the tower has none, so that there is nothing to adapt.
    """
    parts = ((name, part) for name, part in tower.named_modules() if not f"{name}.".startswith(f"{apart}."))
    owners = {name: part for name, part in parts if isinstance(part, NORMALISATION_LAYERS)}
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
def renewing(tower: nn.Module, norms: tuple[str, ...], source_images: int | None) -> Iterator[dict[str, Tensor]]:
    """Has batch normalisation of these dotted names take its statistics from the batch, for one forward pass.

    Yields throw-away copies of the running statistics, so that the shared model's own stay as they are.

    Args:
        source_images: as how many images the source's then count beside the batch's; None: not at all.
    """
    modules = [tower.get_submodule(name) for name in norms]
    copies = {
        f"{name}.{buffer}": value.clone()
        for name, module in zip(norms, modules, strict=True)
        for buffer, value in module.named_buffers(recurse=False)
    }
    mix = None if source_images is None else partial(mix_statistics, source_images)
    hooks = [module.register_forward_pre_hook(mix) for module in modules if mix]
    try:
        for module in modules:
            module.training = mix is None
        yield copies
    finally:
        for module in modules:
            module.training = False
        for hook in hooks:
            hook.remove()


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


class PlainAttention(nn.Module):
    """Self-attention with the parameters of an ``nn.MultiheadAttention``, batch first, shared under their own names."""

    def __init__(self, source: nn.MultiheadAttention) -> None:
        super().__init__()
        self.heads = source.num_heads
        self.in_proj_weight, self.in_proj_bias = source.in_proj_weight, source.in_proj_bias
        self.out_proj = source.out_proj

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, need_weights: bool = False, attn_mask: Tensor | None = None
    ) -> tuple[Tensor, None]:
        """``(N, L, d)`` → the same; called as torch's module, with one tensor three times; ``attn_mask`` is added."""
        number, length, width = query.shape
        projected = F.linear(query, self.in_proj_weight, self.in_proj_bias)
        parts = projected.view(number, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*parts.unbind(), attn_mask=attn_mask)
        return self.out_proj(mixed.transpose(1, 2).reshape(number, length, width)), None


def replace_attention(model: nn.Module) -> None:
    """Puts :class:`PlainAttention` into every transformer block of open_clip's that attends to itself."""
    from open_clip.transformer import ResidualAttentionBlock

    for block in model.modules():
        own = isinstance(block, ResidualAttentionBlock) and not hasattr(block, "ln_1_kv")
        if own and isinstance(block.attn, nn.MultiheadAttention) and block.attn.batch_first:
            block.attn = PlainAttention(block.attn).train(block.training)


def keep_weights_in(dtype: torch.dtype, tower: nn.Module) -> None:
    """Stores the frozen weights of products in ``dtype``, so that autocast need not cast them at every pass.

    Normalisation, embeddings and positions stay as they are. In a transformer so does what cuts the image into patches,
    whose output is the stream that all blocks add to.
    """
    convolutions = [module for module in tower.modules() if isinstance(module, nn.Conv2d)]
    patches = convolutions if len(convolutions) == 1 else []  # a transformer convolves nothing else
    for module in tower.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | PlainAttention) and module not in patches:
            for parameter in module.parameters(recurse=False):
                parameter.data = parameter.data.to(dtype)
    for convolution in patches:
        convolution.register_forward_hook(lambda module, inputs, output: output.float())


# normalised pixels (N, 3, S, S) → (N, d) of the images and (N, M, d) of their M places, of any length
Look = Callable[[Tensor], tuple[Tensor, Tensor]]


def find_look(tower: nn.Module, blank: Tensor) -> Look | None:
    """How to see the places in images; None for a tower that shows none to a ``blank`` normalised ``(1, 3, S, S)``."""
    from open_clip.modified_resnet import ModifiedResNet
    from open_clip.timm_model import TimmModel
    from open_clip.transformer import VisionTransformer

    if isinstance(tower, VisionTransformer):
        return partial(_look_at_patches, tower) if tower.attn_pool is None else None
    if isinstance(tower, ModifiedResNet):
        return partial(_look_at_map, tower)
    if not isinstance(tower, TimmModel):
        return None
    look = partial(_look_at_trunk, tower)
    try:  # timm has hundreds of trunks; some pool in a way that wants the whole map
        with torch.no_grad():
            whole, places = look(blank)
    except Exception:
        return None
    return look if places.shape[::2] == whole.shape and places.isfinite().all() else None


def _watched(tower: nn.Module, layer: nn.Module, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """What the tower makes of the pixels, and what one of its layers gave while it did."""
    seen: list[Tensor] = []
    with layer.register_forward_hook(lambda module, inputs, output: seen.append(output)):
        whole = tower(pixels)
    return whole, seen[0]


def _look_at_patches(tower: nn.Module, pixels: Tensor) -> tuple[Tensor, Tensor]:
    whole, tokens = _watched(tower, tower.transformer, pixels)
    return whole, tower.ln_post(tokens[:, 1:]) @ tower.proj


def _look_at_map(tower: nn.Module, pixels: Tensor) -> tuple[Tensor, Tensor]:
    whole, points = _watched(tower, tower.layer4, pixels)
    pool = tower.attnpool
    points = points.flatten(2).transpose(1, 2)  # (N, M, width)
    points = torch.cat([points.mean(dim=1, keepdim=True), points], dim=1)
    points = points + pool.positional_embedding.to(points.dtype)
    parts = (project(points) for project in (pool.q_proj, pool.k_proj, pool.v_proj))
    mixed = F.scaled_dot_product_attention(*(part.unflatten(2, (pool.num_heads, -1)).transpose(1, 2) for part in parts))
    return whole, pool.c_proj(mixed.transpose(1, 2).flatten(2))[:, 1:]


def _look_at_trunk(tower: nn.Module, pixels: Tensor) -> tuple[Tensor, Tensor]:
    trunk = tower.trunk
    features = trunk.forward_features(pixels)
    whole = tower.head(trunk.forward_head(features))
    if features.ndim == 3:  # (N, prefix + M, width)
        places = features[:, trunk.num_prefix_tokens :]
        alone = places.flatten(0, 1)[:, None]
    elif getattr(trunk, "output_fmt", "NCHW") == "NHWC":
        places = features.flatten(1, 2)
        alone = places.flatten(0, 1)[:, None, None]
    else:
        places = features.flatten(2).transpose(1, 2)
        alone = places.flatten(0, 1)[:, :, None, None]
    return whole, tower.head(trunk.forward_head(alone)).unflatten(0, places.shape[:2])
