"""The text tower of an open_clip model: prompts in, embeddings out; the prompts' first words may be learnt vectors."""

from functools import cached_property

import torch
from torch import Tensor, nn

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.tokens import Tokenize


class TextTower:
    """Of open_clip's, frozen. Called with prompts, it gives their embeddings ``(len(prompts), d)``."""

    def __init__(self, model: nn.Module, tokenize: Tokenize, device: torch.device | str) -> None:
        self.model, self.tokenize, self.device = model, tokenize, device

    @property
    def _embedding(self) -> nn.Embedding:
        """The layer that makes vectors of token numbers: every text tower begins with it."""
        named = self.model.named_modules()
        return next(part for name, part in named if "visual" not in name and isinstance(part, nn.Embedding))

    @cached_property
    def _begin(self) -> int:
        """Where a prompt's first word is: after a begin token as in CLIP, or at once as in SigLIP."""
        one, other = self.tokenize(["a", "photo"])[:, 0].tolist()
        return int(one == other)

    def __call__(self, prompts: list[str], context: Tensor | None = None) -> Tensor:
        tokens = self.tokenize(prompts).to(self.device)
        if context is None:
            return self.model.encode_text(tokens)

        begin = self._begin

        def exchange(module: nn.Module, inputs: tuple[Tensor], words: Tensor) -> Tensor:
            learnt = context.to(words).expand(len(words), -1, -1)
            return torch.cat([words[:, :begin], learnt, words[:, begin + len(context) :]], dim=1)

        with self._embedding.register_forward_hook(exchange):
            return self.model.encode_text(tokens)

    def words(self, text: str, count: int) -> Tensor:
        """Token embeddings ``(count, width)`` of the first words of a text: where a context may start from.

        Raises:
            UserError: so many leave no room for a class name and the end token.
        """
        tokens = self.tokenize([text]).to(self.device)
        room = tokens.shape[1] - self._begin - 2
        if count > room:
            raise UserError(
                f"{count} learnt words do not fit into the prompts of this backbone, whose text tower reads "
                f"{tokens.shape[1]} tokens. Choose another backbone, or a method that learns no prompt."
            )
        with torch.no_grad():
            return self._embedding(tokens)[0, self._begin : self._begin + count].clone()
