"""Data sets of the Hugging Face hub by short names: where they are, their class names, the captions that suit them.

The prompt of the paper's own tables is "a photo of a {}."; Food-101, EuroSAT and SVHN take OpenAI's, from the data
page of CLIP's repository. Repositories on the hub may move: ``hf:ORGANISATION/NAME`` reads any other.
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache

from cliptta_demo.languages import Says, Text

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
    "annual crop land", "forest", "brushland or shrubland", "highway or road",
    "industrial buildings or commercial buildings", "pasture land", "permanent crop land",
    "residential buildings or homes or apartments", "river", "lake or sea",
)  # fmt: skip
DIGITS = tuple("0123456789")
CIFAR_C_PREFIXES = {"cifar10c:": CIFAR10_CLASSES, "cifar100c:": CIFAR100_CLASSES}
CIFAR_C_TABLE = "cifar10-c"  # the hub's, all corruptions and severities in one
HUB_PREFIX = "hf:"
UNCOUNTED = 0  # megabytes

_WORDNET = re.compile(r"n\d{8}")
# OpenAI's list says "missile" and "sunglasses" twice. In a data set that has both, these get ImageNet's own word.
_OWN_WORDS = {"n04008634": "projectile", "n04355933": "sunglass"}


@dataclass(frozen=True)
class HubDataset(Says):
    """A labelled image data set on the hub: parquet files with a column of images and one of labels.

    Attributes:
        repository: ORGANISATION/NAME; split, config: which part, "" for its test split and the repository's default.
        label: as a person reads it; megabytes: rough size of the split, which a page offers within its limit;
            ``UNCOUNTED`` keeps it for the command line and Python.
        label_column: "" to find it.
        class_names: in the order of the labels; () takes those that the data set brings.
        mended_names: (name that it brings, the right one).
        templates: captions that suit it, the paper's; None leaves the choice to the backbone.
        where: (column, value) of texts or whole numbers: only the rows that have all of them.
    """

    repository: str
    split: str = ""
    label: str = ""
    megabytes: int = UNCOUNTED
    label_column: str = ""
    config: str = ""
    class_names: tuple[str, ...] = ()
    mended_names: tuple[tuple[str, str], ...] = ()
    templates: tuple[str, ...] | None = PAPER_TEMPLATES
    where: tuple[tuple[str, str], ...] = ()


def _domain(whole: HubDataset, domain: str, label: str) -> HubDataset:
    """One of a data set's domains alone."""
    return whole.changed(label=label, where=(("domain", domain),))


# WordNet ids of the copy on the hub that are not those of the data set itself.
_TINY_IMAGENET_IDS = """
    n02666347:n02666196 n03373237:n02190166 n04465666:n04465501 n04598010:n04597913 n07056680:n04067472
    n07646821:n01855672 n07647870:n03250847 n07657664:n07579787 n07975909:n02206856 n08496334:n02730930
    n08620881:n03976657 n08742578:n02085620 n12520864:n02906734 n13001041:n07734744 n13652335:n03804744
    n13652994:n02999410 n13719102:n01945685 n14991210:n07747607
"""
_MENDED = tuple(tuple(pair.split(":")) for pair in _TINY_IMAGENET_IDS.split())
_SATELLITE = tuple(f"a centered satellite photo of {word}{{}}." for word in ("", "a ", "the "))
_CIFAR10_C = (("corruption_name", "gaussian_noise"), ("corruption_level", "5"))
_FOOD, _NUMBER = ("a photo of {}, a type of food.",), ('a photo of the number: "{}".',)
# Their only split, "train", holds all images: 9,991 and 15,588.
_PACS = HubDataset("flwrlabs/pacs", "train", Text("PACS, all four styles"), 191, "label", class_names=PACS_CLASSES)
_OFFICE_HOME = HubDataset("flwrlabs/office-home", "train", Text("OfficeHome, all four domains"), 1159, "label")

PRESETS: dict[str, HubDataset] = {
    "cifar10": HubDataset("uoft-cs/cifar10", "test", "CIFAR-10", 24, class_names=CIFAR10_CLASSES),
    "cifar100": HubDataset("uoft-cs/cifar100", "test", "CIFAR-100", 24, "fine_label", class_names=CIFAR100_CLASSES),
    "pacs": _PACS,
    "pacs-art": _domain(_PACS, "art_painting", Text("PACS, art paintings")),
    "pacs-cartoon": _domain(_PACS, "cartoon", Text("PACS, cartoons")),
    "pacs-photo": _domain(_PACS, "photo", Text("PACS, photos")),
    "pacs-sketch": _domain(_PACS, "sketch", Text("PACS, sketches")),
    "office-home": _OFFICE_HOME,
    "office-home-art": _domain(_OFFICE_HOME, "Art", Text("OfficeHome, art")),
    "office-home-clipart": _domain(_OFFICE_HOME, "Clipart", Text("OfficeHome, clipart")),
    "office-home-product": _domain(_OFFICE_HOME, "Product", Text("OfficeHome, product photos")),
    "office-home-real": _domain(_OFFICE_HOME, "Real World", Text("OfficeHome, ordinary photos")),
    "svhn": HubDataset(
        "ufldl-stanford/svhn", "test", Text("SVHN, house numbers"), 47,
        config="cropped_digits", class_names=DIGITS, templates=_NUMBER,
    ),
    "eurosat": HubDataset(
        "timm/eurosat-rgb", "test", Text("EuroSAT, satellite photos"), 18,
        class_names=EUROSAT_CLASSES, templates=_SATELLITE,
    ),
    "food101": HubDataset("ethz/food101", "validation", "Food-101", 1275, templates=_FOOD),
    "tiny-imagenet": HubDataset("zh-plus/tiny-imagenet", "valid", "Tiny ImageNet", 15, mended_names=_MENDED),
    "imagenet-a": HubDataset("barkermrl/imagenet-a", "train", Text("ImageNet-A, hard photos"), 682),  # its only split
    "imagenet-r": HubDataset("axiong/imagenet-r", "test", Text("ImageNet-R, renditions"), 2149, "wnid"),
    "imagenet": HubDataset("ILSVRC/imagenet-1k", "validation", Text("ImageNet (needs a token)"), 6700),
    # For the command line: the size of the first is unknown, the second's both splits together are far over the page's.
    # The only split of the first has 10,000 images for each of 19 corruptions at 5 levels.
    "cifar10-c": HubDataset(
        "robro/cifar10-c-parquet", "train", "CIFAR-10-C", UNCOUNTED, "label",
        class_names=CIFAR10_CLASSES, where=_CIFAR10_C,
    ),
    "domainnet": HubDataset("wltjr1007/DomainNet", "test", "DomainNet", 18_500, "label"),
}  # fmt: skip


def is_hub_spec(spec: str) -> bool:
    """Whether :func:`.hub_dataset.open_hub_dataset` is the one to ask for this spec."""
    return spec.partition("?")[0] in PRESETS or spec.startswith(HUB_PREFIX)


@cache
def _imagenet_words() -> dict[str, str]:
    """ImageNet's 1,000 WordNet numbers in their order, with OpenAI's words."""
    from open_clip import IMAGENET_CLASSNAMES
    from timm.data import ImageNetInfo

    return dict(zip(ImageNetInfo("imagenet-1k").label_names(), IMAGENET_CLASSNAMES, strict=True))


def readable(names: tuple[str, ...]) -> tuple[str, ...]:
    """ImageNet's WordNet numbers and lists of synonyms become OpenAI's words, no two the same; other names stay."""
    synonyms = len(names) == 1000 and names[0].startswith("tench,")  # "tench, Tinca tinca", the 1,000 in their order
    if not synonyms and not (names and all(_WORDNET.fullmatch(name) for name in names)):
        return names
    words = _imagenet_words()
    numbers = tuple(words) if synonyms else names
    counts = Counter(words.get(number) for number in numbers)
    return tuple(
        _OWN_WORDS[number] if number in _OWN_WORDS and counts[words[number]] > 1 else words.get(number, number)
        for number in numbers
    )
