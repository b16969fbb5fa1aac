"""Backbones by name: the built-in tiny CLIP, any model that open_clip knows, or a local checkpoint.

Names:

- ``tiny``: in the package; nothing is downloaded.
- ``ARCHITECTURE/TAG`` such as ``ViT-B-16/openai``: open_clip's architecture and pretrained tag, from the hub's cache
  or the hub.
- ``ARCHITECTURE/PATH`` such as ``ViT-B-16//data/my_clip.pt``: open_clip's architecture, weights from a local file.
- ``hf-hub:ORGANISATION/NAME`` and ``local-dir:PATH``: as open_clip reads them.
- ``random:ARCHITECTURE``: untrained weights (seed 0), to time a model without downloading it.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from cliptta_demo.backend.backbone import Backbone, BackboneInfo
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.settings import AdaptationSettings

TINY = "tiny"
TINY_DIRECTORY = Path(__file__).parents[1] / "weights" / "tiny"
RANDOM_PREFIX = "random:"
CACHE_SIZE = 2  # loaded backbones kept unless told otherwise; ViT-L/14 alone takes 1.7 GB

# Tuned on the built-in pictures and on CIFAR-10 (see the model card). A small model wants larger steps than ViT-B/16;
# with its small logit scale the unscaled softmax is nearly flat: the largest cosine separates strangers far better.
TINY_ADAPTATION = AdaptationSettings(learning_rate=1e-3, score="max-cosine", oce_gamma=0.02, oce_weight=5.0)


@dataclass(frozen=True)
class BackboneEntry:
    """A line of the list that a page offers."""

    label: str
    note: str


BACKBONES: dict[str, BackboneEntry] = {
    TINY: BackboneEntry("Tiny CLIP (built in)", "Ready at once, fast on any laptop, no download."),
    "ViT-B-32/openai": BackboneEntry("CLIP ViT-B/32", "605 MB download; wants a GPU or patience."),
    "ViT-B-16/openai": BackboneEntry("CLIP ViT-B/16", "The paper's model. 599 MB download; wants a GPU."),
    "RN50/openai": BackboneEntry("CLIP ResNet-50", "Batch normalisation. 256 MB download; wants a GPU."),
}


def tuned_adaptation(name: str) -> AdaptationSettings:
    """The settings that suit a backbone, known without loading it: tiny's own, the paper's for all others."""
    return TINY_ADAPTATION if name == TINY else AdaptationSettings()


_cache: OrderedDict[tuple[str, str], Backbone] = OrderedDict()
_cache_lock = threading.Lock()
_cache_size = CACHE_SIZE


def keep_loaded(count: int) -> None:
    """How many loaded backbones are kept from now on; the one used longest ago goes first."""
    global _cache_size
    with _cache_lock:
        _cache_size = count


def loaded_backbones() -> tuple[str, ...]:
    """Names of the loaded backbones, the one used last at the end."""
    return tuple(name for name, _ in tuple(_cache))


def load_backbone(name: str, device: str | None = None) -> Backbone:
    """The backbone of that name, loaded once and kept (the last two, see :func:`keep_loaded`).

    Args:
        name: see the module's text.
        device: "cpu", "cuda", …; None takes the GPU when there is one.

    Raises:
        UserError: the name is unknown, or its weights can't be found or fetched.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    with _cache_lock:
        key = (name, device)
        if key not in _cache:
            _cache[key] = _load_tiny(device) if name == TINY else _load_open_clip(name, device)
            while len(_cache) > _cache_size:
                _cache.popitem(last=False)
        _cache.move_to_end(key)
        return _cache[key]


def _load_tiny(device: str) -> Backbone:
    from cliptta_demo.backend import tiny_tower  # noqa: F401  (registers the tower with timm)

    backbone = _build(TINY, f"local-dir:{TINY_DIRECTORY}", None, device)
    # Its batch normalisation keeps the source's statistics: what adapts is weight and bias alone, as in the paper's
    # ViT. With the statistics of the batch, most of the repair would be done before the first step.
    backbone.batch_statistics = False
    backbone.memory_format = torch.channels_last
    backbone.tower.to(memory_format=torch.channels_last)  # a third faster than contiguous; see ``bench --forms``
    if torch.device(device).type == "cpu" and _processor_has_bfloat16():
        # Measured with tiny: half the processor time at the same accuracy.
        backbone.autocast = torch.bfloat16
    return backbone


def _processor_has_bfloat16() -> bool:
    """Whether products in bfloat16 are native here; emulated ones would be slower than float32."""
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(probe and probe())


def _load_open_clip(name: str, device: str) -> Backbone:
    if name.startswith(("hf-hub:", "local-dir:")):
        return _build(name, name, None, device)
    untrained = name.startswith(RANDOM_PREFIX)
    architecture, _, weights = name.removeprefix(RANDOM_PREFIX).partition("/")
    import open_clip

    known = open_clip.list_models()
    if architecture not in known:
        close = [model for model in known if model.lower() == architecture.lower()]
        hint = f" Did you mean {close[0]}?" if close else " open_clip.list_models() lists them."
        raise UserError(f"backbone is {name!r}; open_clip has no architecture {architecture!r}.{hint}")
    if untrained:
        return _build(name, architecture, None, device)
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if not weights:
        raise UserError(
            f"backbone is {name!r}; say which weights, as in {architecture}/TAG with a tag out of: "
            f"{', '.join(tags) or 'none'}, or {architecture}/PATH with a checkpoint file."
        )
    if weights not in tags and not Path(weights).expanduser().is_file():
        raise UserError(
            f"backbone is {name!r}; {weights!r} is neither a file nor a tag of {architecture} "
            f"(tags: {', '.join(tags) or 'none'})."
        )
    return _build(name, architecture, weights, device)


def _build(name: str, model_name: str, weights: str | None, device: str) -> Backbone:
    import open_clip

    if weights and Path(weights).expanduser().is_file():
        weights = str(Path(weights).expanduser())
    # OpenAI's models were trained with QuickGELU; open_clip wants to be told, and only warns when it is not.
    quick_gelu = weights == "openai"
    try:
        untrained = name.startswith(RANDOM_PREFIX)
        with torch.random.fork_rng(enabled=untrained):
            if untrained:
                torch.manual_seed(0)
            model = open_clip.create_model(
                model_name,
                pretrained=weights,
                device="cpu",
                require_pretrained=not untrained,
                force_quick_gelu=quick_gelu,
            )
        tokenizer = open_clip.get_tokenizer(model_name)
    except UserError:
        raise
    except Exception as error:
        logging.getLogger(__name__).warning("loading %s failed", name, exc_info=True)
        raise UserError(_explain(name, error)) from error
    config = open_clip.get_model_preprocess_cfg(model)
    size = config["size"][0] if isinstance(config["size"], tuple | list) else config["size"]
    info = BackboneInfo(
        name=name,
        image_size=int(size),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        adaptation=tuned_adaptation(name),
    )
    bias = getattr(model, "logit_bias", None)
    model.eval().requires_grad_(False).to(device)
    on_gpu = torch.device(device).type == "cuda"
    return Backbone(
        info,
        model.visual,
        _text_encoder(model, tokenizer, device),
        logit_scale=math.exp(float(model.logit_scale)),
        logit_bias=float(bias) if bias is not None else 0.0,
        device=device,
        autocast=torch.bfloat16 if on_gpu else None,
    )


def _text_encoder(model: torch.nn.Module, tokenizer: Callable, device: str) -> Callable[[list[str]], Tensor]:
    def encode(prompts: list[str]) -> Tensor:
        return model.encode_text(tokenizer(prompts).to(device))

    return encode


def _explain(name: str, error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"{name} needs the Python package {error.name}, which is not installed: pip install {error.name}."
    text = f"{type(error).__name__}: {error}"
    offline = ("connect", "offline", "resolve", "timed out", "ConnectionError", "LocalEntryNotFound", "HTTPSConnection")
    if any(word.lower() in text.lower() for word in offline):
        return (
            f"The weights of {name} are not on this machine and the model hub could not be reached. "
            "Check the internet connection and try again, or choose the built-in model."
        )
    first_line = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
    return f"{name} could not be loaded: {first_line.rstrip(chr(46))}. Choose another backbone."
