"""The text tower of an open_clip model: prompts in, embeddings out; the prompts' first words may be learnt vectors.

Its normalisation parameters may be others than its own, too.

open_clip would load a tokenizer of the hub (SigLIP's) through the large ``transformers`` package; ``tokenizers``, its
small core, reads the same ``tokenizer.json``.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.hub.downloads import fetch
from cliptta_demo.backend.hub.listing import list_repository
from cliptta_demo.backend.models.towers import NormLayout, find_normalisation
from cliptta_demo.languages import Text

Tokenize = Callable[[list[str]], Tensor]


class _Reading(nn.Module):
    """A model's way of reading tokens as a forward pass, in which its parameters can be exchanged."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        return self.model.encode_text(tokens)


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

    @cached_property
    def normalisation(self) -> tuple[NormLayout, Tensor]:
        """Where its normalisation parameters lie, by open_clip's names, and their values φ ``(Q,)``."""
        return find_normalisation(self.model, apart="visual")

    def __call__(self, prompts: list[str], context: Tensor | None = None, norms: Tensor | None = None) -> Tensor:
        """With a learnt context, or with others than its own normalisation parameters, ``(Q,)``."""
        tokens = self.tokenize(prompts).to(self.device)
        if norms is not None:
            tensors = {f"model.{name}": part for name, part in self.normalisation[0].unflatten(norms).items()}
            return functional_call(_Reading(self.model), tensors, (tokens,))
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
                "{count} learnt words do not fit into the prompts of this backbone, whose text tower reads {most} "
                "tokens. Choose another backbone, or a method that learns no prompt.",
                count=count,
                most=tokens.shape[1],
            )
        with torch.no_grad():
            return self._embedding(tokens)[0, self._begin : self._begin + count].clone()


def load_tokenizer(config: dict[str, Any], directory: Path | None, *, untrained: bool, visitor: bool) -> Tokenize:
    """The tokenizer of an open_clip model.

    Args:
        config: the model's configuration; directory: where its files are, if it came as a directory.
        untrained: for random weights any tokens do; nothing is fetched.
        visitor: see :mod:`hub.downloads`.

    Raises:
        UserError: the tokenizer can't be fetched or is of an unknown kind.
    """
    from open_clip.tokenizer import SimpleTokenizer

    text = config.get("text_cfg", {})
    length, options = text.get("context_length", 77), dict(text.get("tokenizer_kwargs", {}))
    repository = text.get("hf_tokenizer_name")
    if repository and untrained:
        plain = SimpleTokenizer(context_length=length)
        return lambda prompts: plain(prompts) % text.get("vocab_size", 49408)
    if not repository:
        return SimpleTokenizer(context_length=length, **options)
    if text.get("tokenizer_mode") or set(options) - {"clean"}:
        kind = Text("The tokenizer {name} is of a kind that is not supported here. Choose another backbone.")
        raise UserError(kind, name=repository)
    wanted = "tokenizer.json"
    if directory is None or not (directory / wanted).is_file():
        listing = list_repository("model", repository, visitor=visitor)
        if listing.find(wanted) is None:
            refusal = UserError("{name} has no {file}. Choose another backbone.", name=repository, file=wanted)
            raise listing.without(refusal)
        files = filter(None, map(listing.find, (wanted, "tokenizer_config.json")))
        directory = fetch(listing, list(files), visitor=visitor)[0].parent
    return hub_tokenizer(directory, length, options.get("clean", "whitespace"))


def hub_tokenizer(directory: Path, context_length: int, clean: str = "whitespace") -> Tokenize:
    """A ``tokenizer.json`` with the padding that its model was trained with: captions → ``(…, context_length)`` int64.

    Args:
        directory: holds ``tokenizer.json``, and ``tokenizer_config.json`` where padding is another than ``</s>``.
        context_length: tokens of every caption, after cutting and padding.
        clean: open_clip's name of how text is cleaned first: "whitespace", "lower" or "canonicalize".
    """
    from open_clip.tokenizer import get_clean_fn
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    except Exception as error:  # the library raises bare exceptions
        raise UserError("The tokenizer of this backbone is damaged. Choose another backbone.") from error
    pad = "</s>"
    with suppress(OSError, ValueError, LookupError, TypeError):
        token = json.loads((directory / "tokenizer_config.json").read_text(encoding="utf-8"))["pad_token"]
        pad = str(token["content"] if isinstance(token, dict) else token)
    tokenizer.enable_truncation(context_length)
    tokenizer.enable_padding(length=context_length, pad_id=tokenizer.token_to_id(pad) or 0, pad_token=pad)
    cleaned = get_clean_fn(clean)
    return lambda prompts: torch.tensor(
        [item.ids for item in tokenizer.encode_batch(list(map(cleaned, prompts)))], dtype=torch.int64
    )
