"""Data sets of the Hugging Face hub by short names: where they are, their class names, the captions that suit them.

The prompt of the paper's own tables is "a photo of a {}."; Food-101, EuroSAT and SVHN take OpenAI's, from the data
page of CLIP's repository. Repositories on the hub may move: ``hf:ORGANISATION/NAME`` reads any other.
"""

from __future__ import annotations

from dataclasses import dataclass

PAPER_TEMPLATES = ("a photo of a {}.",)

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CIFAR100 = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
    castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
    elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard
    lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear
    pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark
    shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone
    television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""
CIFAR100_CLASSES = tuple(_CIFAR100.split())
PACS_CLASSES = ("dog", "elephant", "giraffe", "guitar", "horse", "house", "person")
EUROSAT_CLASSES = (
    "annual crop land",
    "forest",
    "brushland or shrubland",
    "highway or road",
    "industrial buildings or commercial buildings",
    "pasture land",
    "permanent crop land",
    "residential buildings or homes or apartments",
    "river",
    "lake or sea",
)
DIGITS = tuple("0123456789")


@dataclass(frozen=True, kw_only=True)
class HubDataset:
    """A labelled image data set on the hub: parquet files with a column of images and one of labels.

    Attributes:
        repository: ORGANISATION/NAME; config, split: which part, "" for the repository's default and its test split.
        label: as a person reads it; megabytes: rough size of the split, 0 where nobody has counted.
        image_column, label_column: "" to find them.
        class_names: in the order of the labels; () takes those that the data set brings.
        templates: captions that suit it; None leaves the choice to the backbone.
        where: (column, value): only these rows.
    """

    repository: str
    config: str = ""
    split: str = ""
    label: str = ""
    megabytes: int = 0
    image_column: str = ""
    label_column: str = ""
    class_names: tuple[str, ...] = ()
    templates: tuple[str, ...] | None = None
    where: tuple[str, str] | None = None


def _pacs(style: str, word: str) -> HubDataset:
    return HubDataset(
        repository="flwrlabs/pacs",
        split="train",  # its only split: all 9,991 images
        label=f"PACS, {word}",
        megabytes=191,
        label_column="label",
        class_names=PACS_CLASSES,
        templates=PAPER_TEMPLATES,
        where=("domain", style) if style else None,
    )


PRESETS: dict[str, HubDataset] = {
    "cifar10": HubDataset(
        repository="uoft-cs/cifar10",
        split="test",
        label="CIFAR-10",
        megabytes=24,
        class_names=CIFAR10_CLASSES,
        templates=PAPER_TEMPLATES,
    ),
    "cifar100": HubDataset(
        repository="uoft-cs/cifar100",
        split="test",
        label="CIFAR-100",
        megabytes=24,
        label_column="fine_label",
        class_names=CIFAR100_CLASSES,
        templates=PAPER_TEMPLATES,
    ),
    "pacs": _pacs("", "all four styles"),
    "pacs-art": _pacs("art_painting", "art paintings"),
    "pacs-cartoon": _pacs("cartoon", "cartoons"),
    "pacs-photo": _pacs("photo", "photos"),
    "pacs-sketch": _pacs("sketch", "sketches"),
    "svhn": HubDataset(
        repository="ufldl-stanford/svhn",
        config="cropped_digits",
        split="test",
        label="SVHN, house numbers",
        megabytes=65,
        class_names=DIGITS,
        templates=('a photo of the number: "{}".',),
    ),
    "eurosat": HubDataset(
        repository="timm/eurosat-rgb",
        split="test",
        label="EuroSAT, satellite photos",
        megabytes=20,
        class_names=EUROSAT_CLASSES,
        templates=(
            "a centered satellite photo of {}.",
            "a centered satellite photo of a {}.",
            "a centered satellite photo of the {}.",
        ),
    ),
    "food101": HubDataset(
        repository="ethz/food101",
        split="validation",
        label="Food-101",
        megabytes=1270,
        templates=("a photo of {}, a type of food.",),
    ),
    "imagenet-a": HubDataset(
        repository="barkermrl/imagenet-a",
        split="train",  # its only split: all 7,500 images
        label="ImageNet-A, hard photos",
        megabytes=690,
        templates=PAPER_TEMPLATES,
    ),
    "imagenet-r": HubDataset(
        repository="axiong/imagenet-r",
        split="test",
        label="ImageNet-R, renditions",
        megabytes=2200,
        label_column="wnid",
        templates=PAPER_TEMPLATES,
    ),
    "imagenet-sketch": HubDataset(
        repository="songweig/imagenet_sketch",
        split="train",  # its only split: all 50,889 images
        label="ImageNet-Sketch",
        megabytes=7600,
        templates=PAPER_TEMPLATES,
    ),
    "imagenet": HubDataset(
        repository="ILSVRC/imagenet-1k",
        split="validation",
        label="ImageNet (needs a token)",
        megabytes=6700,
        templates=PAPER_TEMPLATES,
    ),
}
