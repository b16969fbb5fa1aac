"""The tokens of the training captions, in a vocabulary of those alone, and their embeddings."""

import open_clip
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cliptta_demo.backend.models.offered import TINY_DIRECTORY
from training.captions import TEMPLATES


def tokenize_all(captions: tuple[str, ...]) -> Tensor:
    """Of each caption in each template ``(T, M, context)`` int64, T templates and M captions."""
    tokenizer = open_clip.get_tokenizer(f"local-dir:{TINY_DIRECTORY}")
    return torch.stack([tokenizer([template.format(c) for c in captions]) for template in TEMPLATES])


def use_compact_vocabulary(model: nn.Module, tokens: Tensor) -> Tensor:
    """Replaces the 49,408-row embedding by the rows in use and renumbers ``tokens`` in place; returns the ids.

    Most rows never get a gradient; leaving them out saves a tenth of each step. The order of ids is kept, since
    open_clip finds the end-of-text token as the largest id.
    """
    ids = tokens.unique()
    model.token_embedding = nn.Embedding(len(ids), model.token_embedding.embedding_dim)
    nn.init.normal_(model.token_embedding.weight, std=0.02)
    tokens.copy_(torch.searchsorted(ids, tokens))
    return ids


def encode_captions(model: nn.Module, tokens: Tensor) -> Tensor:
    """What ``encode_text`` gives, normalised, for ``(M, context)`` tokens; a third cheaper.

    The shorter half goes alone, and neither half has more places than its longest caption needs: what comes behind the
    end of a text can't change it.
    """
    lengths = tokens.argmax(1) + 1
    order = lengths.argsort(stable=True)
    parts = []
    for chosen in order.tensor_split(2):
        places = int(lengths[chosen].max())
        x = model.token_embedding(tokens[chosen, :places]) + model.positional_embedding[:places]
        x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask[:places, :places]))
        ends = x[torch.arange(len(chosen)), lengths[chosen] - 1]
        parts.append(F.normalize(ends @ model.text_projection, dim=-1))
    return torch.cat(parts)[order.argsort()]
