"""Attention as plain matrix products, in place of ``nn.MultiheadAttention``: the same numbers, sooner.

The module of torch hands its projections a transposed view, so that their backward pass falls into batched products
with expanded weights; on a processor in bfloat16 those take most of a step. Here each projection is one product over
contiguous ``(N, L, d)``.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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


def replace_attention(model: nn.Module) -> int:
    """Puts :class:`PlainAttention` into every transformer block of open_clip's that attends to itself; how many."""
    from open_clip.transformer import ResidualAttentionBlock

    blocks = [
        block
        for block in model.modules()
        if isinstance(block, ResidualAttentionBlock)
        and not hasattr(block, "ln_1_kv")
        and isinstance(block.attn, nn.MultiheadAttention)
        and block.attn.batch_first
    ]
    for block in blocks:
        block.attn = PlainAttention(block.attn).train(block.training)
    return len(blocks)


def keep_weights_in(dtype: torch.dtype, tower: nn.Module) -> None:
    """Stores the frozen weights of products in ``dtype``, so that autocast need not cast them at every pass.

    Normalisation, embeddings and positions stay as they are. In a transformer so does what cuts the image into patches,
    whose output is the stream that all blocks add to.
    """
    patches = [m for m in tower.modules() if isinstance(m, nn.Conv2d)] if is_transformer(tower) else []
    for module in tower.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | PlainAttention) and module not in patches:
            for parameter in module.parameters(recurse=False):
                parameter.data = parameter.data.to(dtype)
    for convolution in patches:
        convolution.register_forward_hook(lambda module, inputs, output: output.float())


def is_transformer(tower: nn.Module) -> bool:
    """Whether an image tower is a stack of transformer blocks, with nothing convolved but the patches."""
    return sum(isinstance(module, nn.Conv2d) for module in tower.modules()) == 1
