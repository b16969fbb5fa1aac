"""Backbones by name: the built-in tiny CLIP, any model that open_clip knows, a model of the hub, a local checkpoint.

Names:

- ``tiny``: in the package; nothing is downloaded.
- ``ARCHITECTURE/TAG`` such as ``ViT-B-16/openai``: open_clip's architecture and pretrained tag, from the hub's cache
  or the hub.
- ``hf-hub:ORGANISATION/NAME``: a model of the hub in open_clip's format.
- ``ARCHITECTURE/PATH`` such as ``ViT-B-16//data/my_clip.pt``: open_clip's architecture, weights from a local file.
- ``local-dir:PATH``: as open_clip reads it.
- ``adapted:FILE``: what ``run --weights`` has saved of one of the others, in place of its own.
- ``random:ARCHITECTURE``: untrained weights (seed 0), to time a model without downloading it.

Which parameters adapt follows from the tower itself (:mod:`.towers`): LayerNorm in ViT and SigLIP, BatchNorm in
ResNet and MobileCLIP, both where a tower has both. BatchNorm uses the batch's own statistics while adapting, as the
authors' release does; the running statistics of the shared model never change, so that a reset needs no repair.

**SigLIP** was trained with a sigmoid for each image-text pair, whose logit is τ·cos + b. The methods ask for a softmax
over classes (or over the captions of a batch), and a softmax is the same with or without the constant b: it is kept
in ``Backbone.logit_bias`` and changes nothing. The scale τ = exp(logit_scale) is used as for CLIP; SigLIP's is
about 117, CLIP's 100, so the paper's settings fit both. A SigLIP softmax says which class fits best; unlike SigLIP's
own sigmoid it can't say that none does, which is what the ID score is for.
"""

import logging
import math
import threading
from collections import OrderedDict
from pathlib import Path

import torch

from cliptta_demo.backend.declare import check_choice
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.hub.downloads import announce, is_intact, patiently
from cliptta_demo.backend.models.backbone import Backbone, BackboneInfo
from cliptta_demo.backend.models.offered import LOCAL_PREFIX, PRECISIONS, RANDOM_PREFIX, TINY, check_visitor_backbone
from cliptta_demo.backend.models.pieces import keep_freed_memory
from cliptta_demo.backend.models.saved_weights import SAVED_PREFIXES, base_of, find_saved, made_of
from cliptta_demo.backend.models.text_tower import TextTower, load_tokenizer
from cliptta_demo.backend.models.towers import keep_weights_in, replace_attention
from cliptta_demo.backend.models.weights import Weights, find_weights, read_parameters
from cliptta_demo.backend.settings import AdaptationSettings
from cliptta_demo.languages import Text

CACHE_SIZE = 2  # loaded backbones kept unless told otherwise; ViT-L/14 alone takes 1.7 GB

# Tuned on the built-in pictures and on CIFAR-10 (see the model card). A small model wants larger steps than ViT-B/16;
# with its small logit scale the unscaled softmax is nearly flat: the largest cosine separates strangers far better.
# On 2,048 CIFAR-10 photos under each of the four held-out corruptions (severity 3), CLIPTTA gains 11.4, 12.6 and 13.8
# points at 0.7, 1 and 1.4 times this rate; with earlier weights larger ones lost more than two points under single
# corruptions. A constant rate costs 1.9 of 10,000 clean photos (0.7 times as large a one: 1.6); this one 0.9.
TINY_ADAPTATION = AdaptationSettings(
    learning_rate=1.4e-3, rate_halves=32, steps=3, score="max-cosine", oce_gamma=0.02, oce_weight=5.0
)


def tuned_adaptation(name: str) -> AdaptationSettings:
    """The settings that suit a backbone, known without loading it: tiny's own, the paper's for all others."""
    return TINY_ADAPTATION if base_of(name) == TINY else AdaptationSettings()


_cache: OrderedDict[tuple[str, str, str], Backbone] = OrderedDict()
_cache_lock = threading.Lock()
_loading: dict[tuple[str, str, str], threading.Lock] = {}  # a slow one keeps nobody from another backbone
_cache_size = CACHE_SIZE


def keep_loaded(count: int) -> None:
    """How many loaded backbones are kept from now on; the one used longest ago goes first."""
    global _cache_size
    with _cache_lock:
        _cache_size = count


def loaded_backbones() -> tuple[str, ...]:
    """Names of the loaded backbones, the one used last at the end."""
    return tuple(name for name, *_ in tuple(_cache))


def check_device(device: str) -> None:
    """Raises :class:`UserError` unless torch can work there."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, ImportError) as error:  # of another kind for each device that there is not
        reason = str(error).splitlines()[0].rstrip(".")
        text = f"device is {device!r}, which can't be used here ({reason}). Leave it out: {best_device()} is taken."
        raise UserError(text) from error


def best_device() -> str:
    """The GPU when there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def best_precision(device: str) -> str:
    """Of a tower's products: "bfloat16" where the device is faster in it, "float32" elsewhere.

    Of processors by kind, not by a stopwatch: a machine gives the same numbers each time. There and back through
    ViT-B/16 in bfloat16 took, against float32: 0.3 of the time on one of Intel's with AMX, 0.65 on one of AMD's with
    AVX-512 for bfloat16, but 1.65 on one of Intel's with AVX-512 alone.
    """
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")  # older releases of torch lack some
    tiles, instructions = (getattr(torch.cpu, probe, bool)() for probe in probes)
    faster = tiles or (instructions and "AuthenticAMD" in _processor_maker())
    return "bfloat16" if torch.device(device).type == "cuda" or faster else "float32"


def load_backbone(
    name: str, device: str | None = None, *, precision: str | None = None, visitor: bool = False
) -> Backbone:
    """The backbone of that name, loaded once and kept (the last two, see :func:`keep_loaded`).

    Downloads can be watched: :func:`hub.downloads.watch`.

    Args:
        name: see the module's text.
        device: "cpu", "cuda", …; None takes the GPU when there is one.
        precision: of the image tower's products, one of ``PRECISIONS``; None: :func:`best_precision`. Normalisation,
            the text tower and all losses are in float32.
        visitor: the name comes from a page's visitor: no path of this machine, no token, bounded downloads.

    Raises:
        UserError: the name is unknown, its weights can't be found or fetched, or there is no such device.
    """
    if visitor:
        check_visitor_backbone(name)
    if device is not None:
        check_device(device)
    device = device or best_device()
    precision = precision or best_precision(device)
    check_choice("precision", precision, PRECISIONS)
    if name.startswith(SAVED_PREFIXES):
        saved = find_saved(name)
        base = load_backbone(made_of(saved)[0], device, precision=precision, visitor=visitor)
        return base.adapted(*read_parameters(saved, base), name)
    if torch.device(device).type == "cpu":
        keep_freed_memory()
    key = (name, device, precision)
    with _cache_lock:
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key]
        mine = _loading.setdefault(key, threading.Lock())
    announce(name)
    # Fetched before the lock: all who wait for the same download share it, and any of them can give it up.
    weights = find_weights(name, visitor)
    with patiently(mine, name):
        with _cache_lock:
            if key in _cache:  # somebody else was faster
                return _cache[key]
        backbone = _build(name, weights, device, precision, visitor)
        with _cache_lock:
            _cache[key] = backbone
            _loading.pop(key, None)
            while len(_cache) > _cache_size:
                _cache.popitem(last=False)
        return backbone


def _processor_maker() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8")[:1000]
    except OSError:  # no Linux
        return ""


def _build(name: str, weights: Weights, device: str, precision: str, visitor: bool) -> Backbone:
    import open_clip

    untrained = name.startswith(RANDOM_PREFIX)
    directory = Path(weights.model.removeprefix(LOCAL_PREFIX)) if weights.model.startswith(LOCAL_PREFIX) else None
    try:
        with torch.random.fork_rng(enabled=untrained):
            if untrained:
                torch.manual_seed(0)
            model = open_clip.create_model(
                weights.model,
                pretrained=str(weights.checkpoint) if weights.checkpoint and directory is None else None,
                device="cpu",
                require_pretrained=not untrained,
                force_quick_gelu=weights.quick_gelu,
                force_preprocess_cfg=weights.preprocess,
            )
        config = open_clip.get_model_config(weights.model) or {}
        tokenize = load_tokenizer(config, directory, untrained=untrained, visitor=visitor)
    except UserError:
        raise
    except Exception as error:
        logging.getLogger(__name__).warning("loading %s failed", name, exc_info=True)
        if weights.file and not is_intact(weights.checkpoint, weights.file):  # it is removed
            raise UserError(
                "The weights of {name} were damaged on this disk. Try again: they are fetched anew.", name=name
            ) from error
        raise _explain(name, error) from error
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
    replace_attention(model.visual)
    half = precision == "bfloat16"
    if half and torch.device(device).type == "cpu":
        keep_weights_in(torch.bfloat16, model.visual)
    # Tiny's batch normalisation keeps the source's statistics: what adapts is weight and bias alone, as in the paper's
    # ViT. With the batch's a part of the repair is done before the first step: see the model card. That order of pixels
    # is measured: a third faster than contiguous.
    own = {"batch_statistics": False, "memory_format": torch.channels_last} if name == TINY else {}
    return Backbone(
        info,
        model.visual,
        TextTower(model, tokenize, device),
        logit_scale=math.exp(float(model.logit_scale)),
        logit_bias=float(bias) if bias is not None else 0.0,
        device=device,
        autocast=torch.bfloat16 if half else None,
        **own,
    )


def _explain(name: str, error: Exception) -> UserError:
    if isinstance(error, ModuleNotFoundError):
        text = Text("{name} needs the Python package {package}, which is not installed: pip install {package}.")
        return UserError(text, name=name, package=error.name)
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300].rstrip(".")
    return UserError("{name} could not be loaded: {reason}. Choose another backbone.", name=name, reason=reason)
