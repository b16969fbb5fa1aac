"""The built-in model on photographs: Tiny ImageNet's kinds, everyday words, ordinary photographs, corruptions."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from cliptta_demo.backend.corruptions import COMMON_CORRUPTIONS, corrupt
from cliptta_demo.backend.data.decode import decode_files, sort_out
from cliptta_demo.backend.data.sources import GivenImages, Source
from cliptta_demo.backend.models.backbone import Backbone
from training.everyday_names import words_above
from training.measurements import accuracy, predict
from training.photos import PHOTO_CLASSES
from training.tiny_imagenet import VALIDATION, load_tiny_imagenet, read_kinds

# Twenty everyday words, none above another, for things that Tiny ImageNet has under other names.
TWENTY = (
    *("dog", "cat", "bird", "frog", "snake", "spider", "insect", "bear", "monkey", "fruit"),
    *("car", "bus", "train", "boat", "bridge", "ball", "bottle", "vegetable", "swimsuit", "fence"),
)
CAT_WORDS = ("cat", "tabby", "kitty")

# Photographs of what the model has seen in photographs, by the word that is asked for.
KNOWN_PHOTOS = {
    **PHOTO_CLASSES,
    **{name: "car" for name, word in PHOTO_CLASSES.items() if word == "automobile"},
    **dict.fromkeys(("banana", "goldfish", "hourglass", "lemon", "mushroom", "pizza", "teapot", "umbrella")),
    "ice_cream": "ice cream",
}
KNOWN_PHOTOS = {name: word or name for name, word in KNOWN_PHOTOS.items()}
# And of what it knows from drawings alone.
DRAWN_PHOTOS = {
    "violin": "violin",
    "acoustic_guitar": "guitar",
    "volcano": "volcano",
    "zebra": "zebra",
    "strawberry": "strawberry",
    "castle": "castle",
    "soccer_ball": "soccer ball",
    "laptop": "laptop",
    "steam_locomotive": "locomotive",
    "mountain_bike": "bicycle",
}


def imagenet_source(imagenet: Path) -> GivenImages:
    """The 5,000 photographs for measuring, each class under OpenAI's word for it."""
    images, labels = load_tiny_imagenet(imagenet / VALIDATION)
    return GivenImages(images, tuple(kind.word for kind in read_kinds(imagenet / VALIDATION)), labels)


def known_photos(photos: Path, image_size: int, mapping: dict[str, str]) -> GivenImages:
    """The photographs that ``mapping`` names, to be told apart by its words."""
    names = tuple(dict.fromkeys(mapping.values()))
    files = sorted(path for path in photos.iterdir() if path.stem in mapping)
    images, kept, _ = sort_out(decode_files(files, [file.name for file in files], image_size), image_size)
    shown = [files[place] for place in kept]
    labels = [names.index(mapping[file.stem]) for file in shown]
    return GivenImages(images, names, torch.tensor(labels), tuple(file.name for file in shown))


def under_everyday_words(imagenet: Path, words: Sequence[str] = TWENTY) -> tuple[Tensor, Tensor]:
    """The photographs of kinds that one of the words stands above: ``(N, 3, 64, 64)`` uint8, and which word."""
    images, labels = load_tiny_imagenet(imagenet / VALIDATION)
    word_of_kind = []
    for kind in read_kinds(imagenet / VALIDATION):
        above = {kind.names[0], *words_above(kind.names[0])} & set(words)
        word_of_kind.append(words.index(above.pop()) if len(above) == 1 else -1)
    wanted = torch.tensor(word_of_kind)[labels]
    return images[wanted >= 0], wanted[wanted >= 0]


@torch.no_grad()
def top_five(backbone: Backbone, source: GivenImages) -> float:
    """How often the right class is among the five nearest."""
    images = source.take(0, source.length(), backbone.info.image_size, "shuffled", 0, source.length())
    prototypes = backbone.prototypes(source.class_names)
    nearest = torch.cat([(backbone.embed(p) @ prototypes.T).topk(5).indices for p in images.pixels.split(256)])
    return float((nearest == images.labels[:, None]).any(1).float().mean())


def photo_accuracies(backbone: Backbone, data: Path) -> dict[str, float]:
    """All that is asked of photographs: 200 kinds, words above them, three words for a cat, ordinary photographs."""
    kinds = imagenet_source(data)
    result = {
        "Tiny ImageNet, 200 kinds": accuracy(backbone, kinds, kinds.length()),
        "the same, among the first five": top_five(backbone, kinds),
    }
    images, wanted = under_everyday_words(data)
    right = predict(backbone, images, TWENTY) == wanted
    result["under twenty everyday words"] = float(right.float().mean())
    result["the lowest of the twenty"] = min(float(right[wanted == w].float().mean()) for w in wanted.unique())
    cat = TWENTY.index("cat")
    for word in CAT_WORDS:
        named = tuple(word if other == "cat" else other for other in TWENTY)
        result[f"cats, by the word {word}"] = float(
            (predict(backbone, images[wanted == cat], named) == cat).float().mean()
        )
    size = backbone.info.image_size
    for title, mapping in (("seen in photographs", KNOWN_PHOTOS), ("drawn too", KNOWN_PHOTOS | DRAWN_PHOTOS)):
        source = known_photos(data / "photos", size, mapping)
        title = f"ordinary photographs of things {title} ({source.length()}, {len(source.class_names)} words)"
        result[title] = accuracy(backbone, source, source.length())
    return result


def lost_to_corruption(
    backbone: Backbone, source: Source, count: int, severity: int = 3, names: Sequence[str] = COMMON_CORRUPTIONS
) -> dict[str, float]:
    """Zero-shot accuracy on the same ``count`` images clean ("none") and under each corruption."""
    images = source.take(0, count, backbone.info.image_size, "shuffled", 0, count)
    found = {}
    for name in ("none", *names):
        pixels = corrupt(images.pixels, name, severity, 0)
        found[name] = float((predict(backbone, pixels, source.class_names) == images.labels).float().mean())
    return found
