"""The backbones that a page offers, what each costs, what the built-in one knows, and which others a visitor may type.

Parameters and arithmetic are counted from the architecture (a test counts them again). The pace is measured in float32
with random weights: ``tools.measure_published`` measures it again.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cliptta_demo.backend.errors import UserError, quoted
from cliptta_demo.backend.hub.listing import REPOSITORY, known_licence
from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.models.saved_weights import (
    ADAPTED_PREFIX,
    UPLOADED_PREFIX,
    base_of,
    find_saved,
    made_of,
    parts_of_uploaded,
)
from cliptta_demo.languages import Says, Text, say

TINY = "tiny"
PAPERS = "ViT-B-16/openai"  # what the paper's numbers are of
PRECISIONS = ("float32", "bfloat16")  # of a tower's products
TINY_DIRECTORY = Path(__file__).parents[2] / "weights" / "tiny"
LAPTOPS = "ViT-B-32/openai"  # the real CLIP that works without a GPU
HUB_PREFIX = "hf-hub:"
LOCAL_PREFIX = "local-dir:"
RANDOM_PREFIX = "random:"
_PAIR = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}/[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class BackboneEntry(Says):
    """A line of the list that a page offers.

    Attributes:
        label: its name for people; about: what is worth knowing, one or two sentences; trained: on what.
        gigaflops, prompt_gigaflops: of the towers for one image and one prompt; image_size: side in pixels.
        parameters: of both towers, if they are downloaded; licence: of the weights, as their repository's card says.
        pace: operations a second on a processor, against those of ViT-B/16; convolutions of few channels get fewer.
    """

    label: str
    about: str
    trained: str
    gigaflops: float
    prompt_gigaflops: float
    image_size: int = 224
    parameters: int = 0
    licence: str = "Apache 2.0"
    pace: float = 1.0  # the transformers, whose measured times differ by no more than 8 % from their arithmetic

    @property
    def download(self) -> int:
        """Bytes to fetch: the weights are published as 32-bit numbers."""
        return 4 * self.parameters


OPENAI = Text("400 million images of the web with their texts")
BACKBONES: dict[str, BackboneEntry] = {
    TINY: BackboneEntry(
        label=Text("Tiny CLIP (built in)"),
        about=Text("Ready at once, fast on any laptop. Choose another, or type a name of open_clip's."),
        trained=Text("small photographs of two hundred kinds of things and drawings of many more"),
        gigaflops=0.13,
        prompt_gigaflops=0.02,
        image_size=64,
        licence=Text("research and teaching only: it has learnt from ImageNet's photographs"),
    ),
    PAPERS: BackboneEntry(
        label="CLIP ViT-B/16",
        about=Text("The paper's model; wants a GPU."),
        trained=OPENAI,
        parameters=149_620_737,
        gigaflops=35.1,
        prompt_gigaflops=6.0,
    ),
    LAPTOPS: BackboneEntry(
        label="CLIP ViT-B/32",
        about=Text("OpenAI's fastest; works on a patient laptop."),
        trained=OPENAI,
        parameters=151_277_313,
        gigaflops=8.8,
        prompt_gigaflops=6.0,
    ),
    "ViT-L-14/openai": BackboneEntry(
        label="CLIP ViT-L/14",
        about=Text("OpenAI's large one; needs a GPU."),
        trained=OPENAI,
        parameters=427_616_513,
        gigaflops=162.0,
        prompt_gigaflops=13.3,
    ),
    "RN50/openai": BackboneEntry(
        label="CLIP ResNet-50",
        about=Text("Batch normalisation throughout: while adapting it uses the batch's own statistics."),
        trained=OPENAI,
        parameters=102_007_137,
        gigaflops=12.2,
        prompt_gigaflops=6.0,
        pace=0.83,
    ),
    "MobileCLIP2-S0/dfndr2b": BackboneEntry(
        label="MobileCLIP2-S0",
        about=Text("Small, for telephones; batch normalisation, as in ResNet-50."),
        trained=Text("two billion images of the web with their texts, filtered and partly written anew (DFNDR)"),
        licence=Text("Apple, research only"),
        parameters=74_835_073,
        gigaflops=4.8,
        prompt_gigaflops=6.0,
        image_size=256,
        pace=0.37,
    ),
    "ViT-B-16-SigLIP/webli": BackboneEntry(
        label="SigLIP ViT-B/16",
        about=Text(
            "Trained with a sigmoid for each pair, here used with a softmax over the classes as all others are."
        ),
        trained=Text("ten billion images of the web with their texts (WebLI)"),
        parameters=203_155_970,
        gigaflops=35.4,
        prompt_gigaflops=11.0,
    ),
}


def check_backbone(name: str) -> None:
    """Raises :class:`UserError` unless :func:`.loading.load_backbone` knows the name; nothing is loaded."""
    if name == TINY or name.startswith(HUB_PREFIX):
        return
    if name.startswith(ADAPTED_PREFIX):
        return check_backbone(made_of(find_saved(name))[0])
    if name.startswith(LOCAL_PREFIX):
        if not Path(name.removeprefix(LOCAL_PREFIX)).expanduser().is_dir():
            raise UserError(f"backbone is {name!r}; there is no such folder: check the path.")
        return
    import open_clip  # slow to load

    architecture, _, weights = name.removeprefix(RANDOM_PREFIX).partition("/")
    known = open_clip.list_models()
    if architecture not in known:
        close = [model for model in known if model.lower() == architecture.lower()]
        hint = f" Did you mean {close[0]}?" if close else " open_clip.list_models() lists them."
        raise UserError(f"backbone is {name!r}; open_clip has no architecture {architecture!r}.{hint}")
    if name.startswith(RANDOM_PREFIX):
        return
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if weights not in tags and not Path(weights).expanduser().is_file():
        raise UserError(
            f"backbone is {name!r}; {weights!r} is neither a checkpoint file nor a tag of {architecture} "
            f"(tags: {', '.join(tags) or 'none'})."
        )


def check_visitor_backbone(name: str) -> str:
    """The name, if a page's visitor may have it loaded: one of the list, an open_clip ``ARCHITECTURE/TAG`` that
    exists, ``hf-hub:ORGANISATION/NAME``, or weights that a visitor has loaded. Never a path of this machine.

    Raises:
        UserError: anything else.
    """
    if isinstance(name, str):
        if name in BACKBONES:
            return name
        if name.startswith(UPLOADED_PREFIX):
            find_saved(name)
            check_visitor_backbone(base_of(name))
            return name
        repository = name.removeprefix(HUB_PREFIX)
        if name.startswith(HUB_PREFIX) and REPOSITORY.fullmatch(repository) and ".." not in repository:
            return name
        if _PAIR.fullmatch(name):
            import open_clip

            architecture, tag = name.split("/")
            if tag in open_clip.list_pretrained_tags_by_model(architecture):
                return name
    allowed = ", ".join(BACKBONES)
    raise UserError(
        "backbone is {name}; it must be one of: {allowed}; or open_clip's ARCHITECTURE/TAG, as in "
        "ViT-B-32/laion2b_s34b_b79k; or hf-hub:ORGANISATION/NAME.",
        name=quoted(name),
        allowed=allowed,
    )


def entry_of(name: str) -> BackboneEntry | None:
    """What the list says of a backbone, or of the one that loaded weights were made of; None for what is not in it."""
    return BACKBONES.get(base_of(name))


def label_of(name: str) -> str:
    """A backbone's name for people."""
    base, method = parts_of_uploaded(name)
    label = entry.label if (entry := entry_of(name)) else base
    return say("{backbone} after {method}", backbone=label, method=method) if method else label


def licence_of(name: str) -> str:
    """The licence of a backbone's weights as far as it is known without asking anybody; "" otherwise."""
    if entry := entry_of(name):
        return entry.licence
    repository, _ = place_of(name)
    return known_licence("model", repository) if repository else ""


def place_of(name: str) -> tuple[str, str]:
    """Where the weights of a name are on the hub, "" where they are elsewhere; their file, "" where it goes without
    saying.
    """
    name = base_of(name)
    if name.startswith(HUB_PREFIX):
        return name.removeprefix(HUB_PREFIX), ""
    import open_clip

    architecture, _, tag = name.partition("/")
    place = open_clip.get_pretrained_cfg(architecture, tag).get("hf_hub", "")  # mostly "ORGANISATION/NAME/"
    repository, _, file = place.rpartition("/")
    return repository, file


def image_size_of(name: str) -> int:
    """Side in pixels of a backbone's images, as far as that is known without loading it; ViT-B/16's otherwise."""
    return entry.image_size if isinstance(name, str) and (entry := entry_of(name)) else 224


@cache
def known_words() -> tuple[frozenset[str], frozenset[str]]:
    """Those that the shipped weights met with photographs, and with drawings; in small letters, as in captions."""
    words = json.loads((TINY_DIRECTORY / "words.json").read_text(encoding="utf-8"))  # by ``training.known_words``
    return frozenset(words["photographs"]), frozenset(words["drawings"])


def split_by_knowledge(names: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of some class names, those known from drawings alone, and those never met; both in their order.

    One that is known in the singular is known in the plural.
    """
    photographs, drawings = known_words()
    drawn, never = [], []
    for name in names:
        word = " ".join(display_name(name).lower().split())
        forms = {word, word.removesuffix("s"), word.removesuffix("es")}
        if not forms & photographs:
            (drawn if forms & drawings else never).append(name)
    return tuple(drawn), tuple(never)
