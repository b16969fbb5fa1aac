"""What an image tower says of each place in an image, beside what it says of the whole.

The tower works as ever; what stands before its pooling is read while it does. What a place is depends on the tower:

- open_clip's vision transformer: a patch's token after the last normalisation and the projection, as the class token.
- open_clip's ResNet: the answer of its attention pool to each point of the last map, as CALIP's authors have it.
- timm's towers, the built-in one among them: what pooling and head make of one point of the last map, or of one patch,
  where it is all there is. With average pooling and a linear head the embedding is the mean of these.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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
