"""From a backbone's name to files on this machine: open_clip's pretrained tags and models of the hub.

open_clip would fetch them itself, but without progress, and it hides what went wrong behind one error for all.
"""

import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.hub.downloads import fetch
from cliptta_demo.backend.hub.listing import Listing, RemoteFile, cached_listing, check_repository, list_repository
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.offered import (
    HUB_PREFIX,
    LOCAL_PREFIX,
    RANDOM_PREFIX,
    TINY,
    TINY_DIRECTORY,
    check_backbone,
    place_of,
)
from cliptta_demo.languages import Text

CONFIG = "open_clip_config.json"
# In the order of open_clip's own choice. The last is transformers' where one of the others lies beside it.
SAFE = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
PICKLED = "open_clip_pytorch_model.bin"
OTHERS = "model.safetensors"
# A visitor may name any repository: what its configuration may ask for.
_LARGEST = {"image_size": 512, "layers": 64, "width": 4096, "heads": 64, "context_length": 256}
MAX_PATCHES = 4096
_TIMM_NAME = re.compile(r"[a-z0-9_.]{1,80}")


@dataclass(frozen=True)
class Weights:
    """What open_clip needs to build a model.

    Attributes:
        model: architecture, or ``local-dir:PATH`` with a configuration.
        checkpoint: file of the weights, None where the directory holds it.
        preprocess: mean, deviation and the like that belong to the weights.
        quick_gelu: whether they were trained with OpenAI's QuickGELU.
        file: the checkpoint as it was fetched, None for a person's own.
    """

    model: str
    checkpoint: Path | None = None
    preprocess: dict[str, Any] = field(default_factory=dict)
    quick_gelu: bool = False
    file: RemoteFile | None = None


def find_weights(name: str, visitor: bool) -> Weights:
    """The weights behind a name as :mod:`.loading` has them, fetched where they are not on this machine yet.

    Raises:
        UserError: the name is unknown, or its weights can't be found or fetched.
    """
    check_backbone(name)
    if name == TINY:
        from cliptta_demo.backend.models import tiny_tower  # noqa: F401  (registers the tower with timm)

        return Weights(f"{LOCAL_PREFIX}{TINY_DIRECTORY}")
    if name.startswith(HUB_PREFIX):
        return _fetch_repository(check_repository(name.removeprefix(HUB_PREFIX)), visitor=visitor)
    if name.startswith(LOCAL_PREFIX):
        return Weights(name)
    architecture, _, weights = name.removeprefix(RANDOM_PREFIX).partition("/")
    if name.startswith(RANDOM_PREFIX):
        return Weights(architecture)
    import open_clip

    if weights in open_clip.list_pretrained_tags_by_model(architecture):
        return _fetch_tag(architecture, weights, visitor=visitor)
    return Weights(architecture, Path(weights).expanduser())


def _fetch_tag(architecture: str, tag: str, *, visitor: bool = False) -> Weights:
    """The weights behind one of open_clip's pretrained tags, from the hub or its cache.

    Raises:
        UserError: no connection, no access, damaged.
    """
    import open_clip

    known = open_clip.get_pretrained_cfg(architecture, tag)
    repository, filename = place_of(f"{architecture}/{tag}")
    preprocess = {key: known[key] for key in ("mean", "std", "interpolation", "resize_mode") if key in known}
    quick_gelu = bool(known.get("quick_gelu"))
    listing = list_repository("model", repository, visitor=visitor)
    file = _weights_file(listing, filename, pickled=True)
    (path,) = fetch(listing, [file], visitor=visitor)
    return Weights(architecture, path, preprocess, quick_gelu, file)


def _fetch_repository(repository: str, *, visitor: bool = False) -> Weights:
    """A model in open_clip's format from the hub: configuration and weights.

    From a visitor only ``safetensors`` are taken, and only a configuration within bounds.

    Raises:
        UserError: not such a model, no connection, no access.
    """
    listing = list_repository("model", repository, visitor=visitor)
    config_file = listing.find(CONFIG)
    if config_file is None:
        text = Text("{name} has no {file}: it is no model in open_clip's format. Choose another backbone.")
        raise listing.without(UserError(text, name=repository, file=CONFIG))
    file = _weights_file(listing, "", pickled=not visitor)
    (config_path,) = fetch(listing, [config_file], visitor=visitor)
    try:
        config = dict(json.loads(config_path.read_text(encoding="utf-8"))["model_cfg"])
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UserError(
            "The configuration of {name} can't be read. Choose another backbone.", name=repository
        ) from error
    if visitor:
        _check_config(config, repository, file.size)
    (path,) = fetch(listing, [file], visitor=visitor)
    return Weights(f"local-dir:{config_path.parent}", path, file=file)


def read_parameters(data: bytes, backbone: Backbone) -> tuple[Tensor, Tensor | None]:
    """θ ``(P,)``, and φ ``(Q,)`` where the text tower has moved too, out of a safetensors file.

    As :mod:`.run.adapted_weights` makes them, for the backbone it was made of.

    Raises:
        UserError: another file, or weights of another backbone.
    """
    name = backbone.info.name
    try:
        found = load(data)
    except (SafetensorError, ValueError, LookupError) as error:
        raise UserError("This is no file of weights that a run has saved.") from error
    towers = {"visual.": backbone.layout}
    if not all(key.startswith("visual.") for key in found):
        towers[""] = backbone.encode_text.normalisation[0]
    parts = [{f"{at}{key}": shape for key, shape in zip(of.names, of.shapes, strict=True)} for at, of in towers.items()]
    if {key: tuple(tensor.shape) for key, tensor in found.items()} != {
        key: part[key] for part in parts for key in part
    }:
        raise UserError("These weights are not those of {name}: choose the backbone they were made of.", name=name)
    image, *text = (torch.cat([found[key].reshape(-1).float() for key in part]) for part in parts)
    if not torch.cat([image, *text]).isfinite().all():
        raise UserError("These weights hold numbers that are not finite: save them of another run.")
    return image, text[0] if text else None


def is_fetched(name: str) -> bool:
    """Whether the weights of a visitor's choice are on this machine already; asks nobody."""
    repository, filename = place_of(name)
    listing = cached_listing("model", repository)
    with suppress(UserError):
        return bool(listing and _weights_file(listing, filename, pickled=True))
    return False


def _weights_file(listing: Listing, named: str, pickled: bool) -> RemoteFile:
    names = (re.sub(r"\.(bin|pth)$", ".safetensors", named), named) if named else (*SAFE, PICKLED, OTHERS)
    file = next((file for name in names if (file := listing.find(name)) is not None), None)
    if file is not None and (pickled or file.path.endswith(".safetensors")):
        return file
    kinds = Text("{first} or {second}", first=SAFE[0], second=PICKLED) if pickled else SAFE[0]
    refusal = UserError("{name} has no {file}. Choose another backbone.", name=listing.name, file=named or kinds)
    raise listing.without(refusal)


def _check_config(config: dict[str, Any], repository: str, size: int) -> None:
    """Refuses what would reach for files or other repositories, or for more memory than the weights could fill."""
    try:  # published weights have at least 16 bits
        fine = _is_bounded(config) and 2 * count_parameters(config) <= 1.1 * size
    except Exception:  # whatever open_clip makes of an odd one
        fine = False
    if not fine:
        text = Text("{name} is of a kind or a size that this page does not load. Choose another backbone.")
        raise UserError(text, name=repository)


def _is_bounded(config: dict[str, Any]) -> bool:
    vision, text = config["vision_cfg"], config["text_cfg"]
    values = [(most, part.get(key) or 0) for part in (config, vision, text) for key, most in _LARGEST.items()]
    bounded = all(0 <= one <= most for most, value in values for one in (value if isinstance(value, list) else [value]))
    sides = (vision.get("image_size", 224), vision.get("patch_size", 16))
    side, patch = (max(value) if isinstance(value, list) else value for value in sides)
    named = "hf_model_name" in text or not _TIMM_NAME.fullmatch(vision.get("timm_model_name") or "none")
    return bounded and not named and 0 < side**2 <= MAX_PATCHES * patch**2


def count_parameters(config: dict[str, Any]) -> int:
    """Parameters of an open_clip configuration, counted without allocating any."""
    from open_clip.model import CLIP, CustomTextCLIP

    arguments = json.loads(json.dumps(config))
    custom = arguments.pop("custom_text", False)
    arguments.pop("multimodal_cfg", None)
    with torch.device("meta"):
        model = (CustomTextCLIP if custom else CLIP)(**arguments)
    return sum(parameter.numel() for parameter in model.parameters())
