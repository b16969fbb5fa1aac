"""Small real parts that several tests share."""

import hashlib
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

import open_clip.model
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cliptta_demo.backend.data.sources import GivenImages
from cliptta_demo.backend.methods.adaptation import AdaptationState, Progress, Task
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.backbone import Backbone, BackboneInfo
from cliptta_demo.backend.models.towers import NormLayout
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings

CLASSES = ("cat", "dog", "ship", "tree", "car")
EMBEDDING = 32
# Own settings with which a method has something, but not much, to do on the few images of a test.
OWN: dict[str, dict[str, Any]] = {
    "eta": {"similarity": 1.0},
    "eata": {"similarity": 1.0},
    "rdumb": {"similarity": 1.0},
    "sar": {"recovery": 0.0},
    "deyo": {"entropy_share": 1.0, "threshold": -1.0},
    "watt-p": {"rounds": 1, "repeats": 1},
    "watt-s": {"rounds": 1, "repeats": 1},
    "rotta": {"capacity": 2, "update_every": 5},
    "sotta": {"capacity": 8, "threshold": 0.0},
    "stamp": {"capacity": 8, "alpha": 1.0},
    **{name: {"views": 8, "share": 0.25} for name in ("tpt", "r-tpt", "rlcf-prompt", "rlcf", "tps")},
}
# One of each shape; ``test_every_method.py`` has all methods.
SHAPES = ("zero-shot", "tent", "cliptta", "cliptta-oce", "rotta", "tda")
OWN_SETTINGS = {name: METHODS[name].own(**values) for name, values in OWN.items()}


def settings_for(*methods: str, **changes: Any) -> RunSettings:
    """A run's settings: each change is the stream's or the adaptation's, whichever has it; own ones are ``OWN``'s."""
    stream = {name: changes.pop(name) for name in [*changes] if hasattr(StreamSettings(), name)}
    parts = {"stream": StreamSettings(**stream), "adaptation": AdaptationSettings(**changes), "own": OWN_SETTINGS}
    return RunSettings(methods=methods, **parts)


class WordEncoder:
    """A stand-in for a text tower: a fixed random direction for each prompt, the same in every process.

    Learnt words are directions that are added to all prompts'; learnt normalisation stretches them all.
    """

    def __init__(self, dimension: int = EMBEDDING) -> None:
        self.dimension = dimension

    def __call__(self, prompts: list[str], context: Tensor | None = None, norms: Tensor | None = None) -> Tensor:
        seeds = [int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:8], "big") >> 1 for prompt in prompts]
        text = [torch.randn(self.dimension, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        text = torch.stack(text) if context is None else torch.stack(text) + context.sum(dim=0)
        return text if norms is None else text * norms

    @property
    def normalisation(self) -> tuple[NormLayout, Tensor]:
        """What may stand in for it: one weight for each number."""
        return NormLayout(("norm.weight",), ((self.dimension,),), ()), torch.ones(self.dimension)

    def words(self, text: str, count: int) -> Tensor:
        """Where a context may start from."""
        return self(text.split()[:count]) / 10


def small_backbone(tower: nn.Module | None = None, seed: int = 0) -> Backbone:
    """A real open_clip vision transformer with two layers and 32-pixel input, randomly initialised."""
    if tower is None:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            tower = open_clip.model.CLIP(
                embed_dim=EMBEDDING,
                vision_cfg={"image_size": 32, "layers": 2, "width": 64, "head_width": 16, "patch_size": 8},
                text_cfg={"context_length": 8, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1},
            ).visual
    info = BackboneInfo(name="small", image_size=32, mean=(0.5,) * 3, std=(0.25,) * 3)
    return Backbone(info, tower, WordEncoder(), logit_scale=50.0)


def method_of(
    name: str | type[Method],
    backbone: Backbone,
    prototypes: Tensor,
    settings: AdaptationSettings,
    at_once: int | None = None,
    about: dict[str, Any] | None = None,
    **own: Any,
) -> Method:
    """A method for classes whose names don't matter. A name brings ``OWN``, a class its own defaults.

    ``about``: the rest of its task; ``own``: of its own settings, those that are not the defaults.
    """
    kind, usual = (METHODS[name], OWN.get(name, {})) if isinstance(name, str) else (name, {})
    task = {
        "class_names": tuple(f"class {number}" for number in range(len(prototypes))),
        "templates": backbone.info.templates,
        "images_at_once": at_once,
        "own": kind.own(**{**usual, **own}) if kind.own else None,
        **(about or {}),
    }
    return kind(Task(backbone=backbone, prototypes=prototypes, settings=settings, **task))


def last(method: Method, images: Tensor, state: AdaptationState | None = None, seed: int = 0) -> Progress:
    """What a batch ends with, ``state`` None: a run's first."""
    *_, progress = method.adapt(images, method.start() if state is None else state, seed)
    return progress


def random_images(count: int, seed: int = 0, size: int = 32) -> Tensor:
    """Smooth random images ``(count, 3, size, size)`` uint8."""
    coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return (F.interpolate(coarse, size=(size, size), mode="bilinear") * 255).to(torch.uint8)


def labelled_source(count: int = 40, seed: int = 0) -> GivenImages:
    """``count`` random images with random labels out of ``CLASSES``."""
    labels = torch.randint(len(CLASSES), (count,), generator=torch.Generator().manual_seed(seed))
    return GivenImages(random_images(count, seed), CLASSES, labels)


def faults(value: Any, kind: Any, place: str) -> list[str]:
    """Where a value out of JSON is not of this type."""
    if get_origin(kind) in (Union, UnionType):
        return min((faults(value, one, place) for one in get_args(kind)), key=len)
    if is_typeddict(kind):
        hints = get_type_hints(kind)
        if not isinstance(value, dict) or set(value) != set(hints):
            return [f"{place} has {list(value) if isinstance(value, dict) else value}, not {list(hints)}"]
        return [fault for name in value for fault in faults(value[name], hints[name], f"{place}.{name}")]
    origin, parts = get_origin(kind), get_args(kind)
    if origin is dict and isinstance(value, dict):
        return [fault for name, one in value.items() for fault in faults(one, parts[1], f"{place}.{name}")]
    if origin is list and isinstance(value, list):
        return [fault for one in value for fault in faults(one, parts[0], f"{place}[]")]
    if origin is tuple and isinstance(value, list) and len(value) == len(parts):
        return [fault for one, part in zip(value, parts, strict=True) for fault in faults(one, part, f"{place}[]")]
    plain = {float: (float, int), int: int, str: str, bool: bool, NoneType: NoneType}.get(kind, ())
    right = isinstance(value, plain) and (kind is bool or not isinstance(value, bool))
    return [] if right else [f"{place} is {value!r}, not {kind}"]
