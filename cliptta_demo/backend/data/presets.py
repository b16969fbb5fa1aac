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
        mended_names: (name that it brings, the right one).
        templates: captions that suit it; None leaves the choice to the backbone.
        where: (column, value) of texts or whole numbers: only the rows that have all of them.
    """

    repository: str
    config: str = ""
    split: str = ""
    label: str = ""
    megabytes: int = 0
    image_column: str = ""
    label_column: str = ""
    class_names: tuple[str, ...] = ()
    mended_names: tuple[tuple[str, str], ...] = ()
    templates: tuple[str, ...] | None = None
    where: tuple[tuple[str, str], ...] = ()


def _pacs(style: str, word: str) -> HubDataset:
    return HubDataset(
        repository="flwrlabs/pacs",
        split="train",  # its only split: all 9,991 images
        label=f"PACS, {word}",
        megabytes=191,
        label_column="label",
        class_names=PACS_CLASSES,
        templates=PAPER_TEMPLATES,
        where=(("domain", style),) if style else (),
    )


def _office_home(domain: str, word: str) -> HubDataset:
    return HubDataset(
        repository="flwrlabs/office-home",
        split="train",  # its only split: all 15,588 images
        label=f"OfficeHome, {word}",
        megabytes=1159,
        label_column="label",
        templates=PAPER_TEMPLATES,
        where=(("domain", domain),) if domain else (),
    )


# WordNet ids of the copy on the hub that are not those of the data set itself.
_TINY_IMAGENET_IDS = """
    n02666347:n02666196 n03373237:n02190166 n04465666:n04465501 n04598010:n04597913 n07056680:n04067472
    n07646821:n01855672 n07647870:n03250847 n07657664:n07579787 n07975909:n02206856 n08496334:n02730930
    n08620881:n03976657 n08742578:n02085620 n12520864:n02906734 n13001041:n07734744 n13652335:n03804744
    n13652994:n02999410 n13719102:n01945685 n14991210:n07747607
"""


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
    "office-home": _office_home("", "all four domains"),
    "office-home-art": _office_home("Art", "art"),
    "office-home-clipart": _office_home("Clipart", "clipart"),
    "office-home-product": _office_home("Product", "product photos"),
    "office-home-real": _office_home("Real World", "ordinary photos"),
    "svhn": HubDataset(
        repository="ufldl-stanford/svhn",
        config="cropped_digits",
        split="test",
        label="SVHN, house numbers",
        megabytes=47,
        class_names=DIGITS,
        templates=('a photo of the number: "{}".',),
    ),
    "eurosat": HubDataset(
        repository="timm/eurosat-rgb",
        split="test",
        label="EuroSAT, satellite photos",
        megabytes=18,
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
        megabytes=1275,
        templates=("a photo of {}, a type of food.",),
    ),
    "tiny-imagenet": HubDataset(
        repository="zh-plus/tiny-imagenet",
        split="valid",
        label="Tiny ImageNet",
        megabytes=15,
        mended_names=tuple(tuple(pair.split(":")) for pair in _TINY_IMAGENET_IDS.split()),
        templates=PAPER_TEMPLATES,
    ),
    "imagenet-a": HubDataset(
        repository="barkermrl/imagenet-a",
        split="train",  # its only split: all 7,500 images
        label="ImageNet-A, hard photos",
        megabytes=682,
        templates=PAPER_TEMPLATES,
    ),
    "imagenet-r": HubDataset(
        repository="axiong/imagenet-r",
        split="test",
        label="ImageNet-R, renditions",
        megabytes=2149,
        label_column="wnid",
        templates=PAPER_TEMPLATES,
    ),
    "imagenet": HubDataset(
        repository="ILSVRC/imagenet-1k",
        split="validation",
        label="ImageNet (needs a token)",
        megabytes=6700,
        templates=PAPER_TEMPLATES,
    ),
    # For the command line: the size of the first is unknown, the second's both splits together are far over the page's.
    "cifar10-c": HubDataset(
        repository="robro/cifar10-c-parquet",
        split="train",  # its only split: 10,000 images for each of 19 corruptions at 5 levels
        label="CIFAR-10-C",
        label_column="label",
        class_names=CIFAR10_CLASSES,
        templates=PAPER_TEMPLATES,
        where=(("corruption_name", "gaussian_noise"), ("corruption_level", "5")),
    ),
    "domainnet": HubDataset(
        repository="wltjr1007/DomainNet",
        split="test",
        label="DomainNet",
        megabytes=18_500,
        label_column="label",
        templates=PAPER_TEMPLATES,
    ),
}
