"""Every preset, opened from a repository that is laid out as the published one."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hub_stand_in import Hub, Repository, pointed_at, serve_hub
from hub_tables import IMAGE, everything, parquet
from paths import SHARED
from timm.data import ImageNetInfo

from cliptta_demo.backend.data import hub_dataset
from cliptta_demo.backend.data.catalog import open_source
from cliptta_demo.backend.data.presets import (
    CIFAR10_CLASSES,
    CIFAR100_CLASSES,
    DIGITS,
    PACS_CLASSES,
    PRESETS,
    readable,
)
from cliptta_demo.backend.errors import UserError
from cliptta_demo.cli import main
from cliptta_demo.page.form.fields import PAGE_PRESETS

TINY_IMAGENET = SHARED / "tiny-imagenet-val.parquet"
IDS = tuple(ImageNetInfo("imagenet-1k").label_names())
SYNONYMS = tuple(ImageNetInfo("imagenet-1k").label_descriptions())  # "tench, Tinca tinca"
NET_DOMAINS = ("clipart", "infograph", "painting", "quickdraw", "real", "sketch")
MENDED = dict(PRESETS["tiny-imagenet"].mended_names)
RIGHT_IDS = tuple(name for name in IDS if name not in MENDED.values())[:182]


@dataclass(frozen=True)
class Layout:
    """A data set's repository: files, columns and metadata as published, with a tiny picture for each class and domain.

    Attributes:
        folder: of its parquet files; splits: name → how many (two where no text tells); suffix: of their names.
        columns: name → ``IMAGE``, the names of class labels, or the type of plain values, in the published order.
        label: the column that says the class; each of ``classes`` many is there once for all ``others`` together.
        others: column → its values.
    """

    folder: str
    splits: Mapping[str, int]
    columns: Mapping[str, str | Sequence[str]]
    label: str = "label"
    classes: int = 0
    others: Mapping[str, Sequence] = field(default_factory=dict)
    suffix: str = ""
    gated: bool = False

    def files(self, split: str) -> list[str]:
        """As ``datasets`` names them."""
        count = self.splits[split]
        return [f"{self.folder}/{split}-{n:05}-of-{count:05}{self.suffix}.parquet" for n in range(count)]

    def repository(self) -> Repository:
        """As the stand-in serves it."""
        cells = dict(zip((self.label, *self.others), map(list, zip(*self.rows, strict=True)), strict=True))
        if self.columns[self.label] == "string":
            cells[self.label] = [IDS[5 * row[0] + 1] for row in self.rows]
        image = next(name for name, kind in self.columns.items() if kind == IMAGE)
        content = parquet({name: cells.get(name) for name in self.columns}, image, self.columns, 100)
        return Repository({path: content for split in self.splits for path in self.files(split)}, gated=self.gated)

    @property
    def rows(self) -> list[tuple]:
        """(label, other values …) of each row of a file."""
        classes = self.classes or len(self.columns[self.label])
        return list(product(range(classes), *self.others.values()))


def things(count: int) -> tuple[str, ...]:
    return tuple(f"Thing_{number}" for number in range(count))


DATASETS: dict[str, Layout] = {
    "uoft-cs/cifar10": Layout("plain_text", {"train": 1, "test": 1}, {"img": IMAGE, "label": CIFAR10_CLASSES}),
    "uoft-cs/cifar100": Layout(
        "cifar100", {"train": 1, "test": 1},
        {"img": IMAGE, "fine_label": CIFAR100_CLASSES, "coarse_label": things(20)},
        label="fine_label", others={"coarse_label": (3,)},
    ),
    "flwrlabs/pacs": Layout(
        "data", {"train": 1}, {"image": IMAGE, "domain": "string", "label": PACS_CLASSES},
        others={"domain": ("art_painting", "cartoon", "photo", "sketch")},
    ),
    "flwrlabs/office-home": Layout(
        "data", {"train": 2}, {"image": IMAGE, "domain": "string", "label": things(65)},
        others={"domain": ("Art", "Clipart", "Product", "Real World")},
    ),
    "ufldl-stanford/svhn": Layout(
        "cropped_digits", {"train": 1, "test": 1, "extra": 1}, {"image": IMAGE, "label": DIGITS}
    ),
    "timm/eurosat-rgb": Layout(
        "data", {"train": 1, "validation": 1, "test": 1}, {"image": IMAGE, "label": things(10), "image_id": "string"},
        others={"image_id": ("Forest_1.jpg",)},
    ),
    "ethz/food101": Layout("data", {"train": 8, "validation": 3}, {"image": IMAGE, "label": things(101)}),
    "zh-plus/tiny-imagenet": Layout(
        "data", {"train": 1, "valid": 1}, {"image": IMAGE, "label": tuple(sorted((*RIGHT_IDS, *MENDED)))},
        suffix="-70d52db3c749a935",
    ),
    "barkermrl/imagenet-a": Layout("data", {"train": 2}, {"image": IMAGE, "label": IDS[6:1000:5]}),
    "axiong/imagenet-r": Layout(
        "data", {"test": 2}, {"image": IMAGE, "wnid": "string", "class_name": "string"},
        label="wnid", classes=200, others={"class_name": ("goldfish",)},
    ),
    "ILSVRC/imagenet-1k": Layout(  # 20, 14 and 5 files
        "data", {"train": 2, "validation": 2, "test": 1}, {"image": IMAGE, "label": SYNONYMS}, gated=True
    ),
    "robro/cifar10-c-parquet": Layout(
        "data", {"train": 2},
        {"image": IMAGE, "label": "int64", "corruption_name": "string", "corruption_level": "int64"},
        classes=10, others={"corruption_name": ("fog", "gaussian_noise"), "corruption_level": (1, 3, 5)},
    ),
    "wltjr1007/DomainNet": Layout(
        "data", {"train": 3, "test": 1}, {"image": IMAGE, "domain": NET_DOMAINS, "label": things(345)},
        others={"domain": range(len(NET_DOMAINS))},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, Path]]:
    """All the repositories, and the cache that they are fetched into."""
    repositories = {("dataset", name): layout.repository() for name, layout in DATASETS.items()}
    with serve_hub(repositories) as server:
        yield server, tmp_path_factory.mktemp("cache")


@pytest.fixture
def stand_in(served: tuple[Hub, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(hub_dataset, "_open_table", cache(hub_dataset._open_table.__wrapped__))
    with pointed_at(monkeypatch, *served):
        yield served[0]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_reads_what_is_published(stand_in: Hub, name: str) -> None:
    preset = PRESETS[name]
    layout = DATASETS[preset.repository]
    source = open_source(name, visitor=name in PAGE_PRESETS)
    classes = layout.classes or len(layout.columns[layout.label])
    kinds = math.prod(len(values) for column, values in layout.others.items() if column not in dict(preset.where))
    wanted = layout.files(preset.split)
    assert len(source.class_names) == len(set(source.class_names)) == classes
    assert source.length() == classes * kinds * len(wanted)
    if preset.class_names:
        assert source.class_names == preset.class_names
    rows, labels = everything(source, step=source.length())
    apart = len(layout.rows) // classes  # rows of one class lie together
    assert labels == [row // apart for row in rows]
    asked = stand_in.asked(f"{preset.repository}/resolve/")
    assert {path.rpartition("/resolve/")[2].partition("/")[2] for _, path, _ in asked} == set(wanted)  # no other split


def test_the_papers_preset_runs_on_the_published_files(
    stand_in: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the built-in model and little of it: what is given after the preset holds, the rest is the paper's."""
    words = "table --preset paper --backbone tiny --batches 1 --batch-size 2 --seeds 0 --corruptions gaussian_noise,fog"
    main([*words.split(), "--out", str(tmp_path)])
    told = capsys.readouterr()
    assert "2 streams to come, about " in told.err
    assert "80.7" in told.out  # the paper's own numbers stand beside
    settings = json.loads((tmp_path / "settings.json").read_text())
    assert (settings["dataset"], settings["stream"]["severity"], settings["backbone"]) == ("cifar10-c", 5, "tiny")
    assert [variant["changes"] for variant in settings["variants"]] == [
        {},
        {"learning_rate": 1e-3, "steps": 10},
        {"learning_rate": 1e-4, "steps": 10},
        {"learning_rate": 1e-4, "steps": 10, "memory_shots": 4},
    ]
    rows = [json.loads(line) for line in (tmp_path / "runs.jsonl").read_text().splitlines()]
    assert [row["corruption"] for row in rows] == ["gaussian_noise", "fog"]


def test_conditions_choose_rows_by_name_or_number_and_replace_a_presets_own(stand_in: Hub) -> None:
    for spec, kinds, seen in (
        ("domainnet?domain=sketch", len(NET_DOMAINS), {NET_DOMAINS.index("sketch")}),  # a class label, by its name
        ("domainnet?domain=5", len(NET_DOMAINS), {5}),
        ("cifar10-c", 6, {5}),  # Gaussian noise, level 5
        ("cifar10-c?corruption_name=fog&corruption_level=3", 6, {1}),
        ("cifar10-c?corruption_level=1", 6, {3}),
        ("hf:robro/cifar10-c-parquet?corruption_name=fog", 6, {0, 1, 2}),
        ("hf:robro/cifar10-c-parquet:train", 6, set(range(6))),
    ):
        source = open_source(spec)
        assert {row % kinds for row in everything(source, step=source.length())[0]} == seen, spec
    assert len(open_source("domainnet").class_names) == 345  # of two class labels the one named so is the label
    assert open_source("cifar10-c?corruption_name=fog").rows.name == "CIFAR-10-C, fog"
    for spec in ("cifar10-c?corruption_name=mist", "cifar10-c?corruption_level=five"):
        with pytest.raises(UserError, match="has no rows of this kind"):
            open_source(spec)


def test_odd_specs_and_conditions_never_reach_the_hub(stand_in: Hub) -> None:
    before = len(stand_in.requests)
    for spec, says in {
        "hf:cifar10": "must look like ORGANISATION/NAME",
        "hf:../x/y": "must look like",
        "hf:a/b:../../etc": "is no split",
        "hf:a/b:": "is no split",
        "hf:a/b:x/y/z": "is no split",
        "cifar10-c?": "is no condition",
        "cifar10-c?fog": "is no condition",
        "cifar10-c?a=1&a=2": "each with a column of its own",
        "cifar10-c?a=1&b=2&c=3&d=4&e=5": "at most 4",
        "hf:a/b?=1": "is no condition",
        "hf:a/b:test?x=1&": "is no condition",
    }.items():
        with pytest.raises(UserError, match=says):
            open_source(spec)
    assert len(stand_in.requests) == before
    for column in ("image", "image.bytes", "nothing"):
        with pytest.raises(UserError, match=rf"no column '{column}' of texts or whole numbers\. It has: image, "):
            open_source(f"hf:robro/cifar10-c-parquet?{column}=1")


def test_wordnets_ids_and_synonyms_become_words_no_two_the_same(stand_in: Hub) -> None:
    source = open_source("tiny-imagenet")
    published = DATASETS["zh-plus/tiny-imagenet"].columns["label"]
    words = dict(zip(published, source.class_names, strict=True))
    assert (words["n03373237"], words["n12520864"], words["n07646821"]) == ("fly", "broom", "goose")
    assert all(word == readable((MENDED.get(number, number),))[0] for number, word in words.items())
    assert not set(source.class_names) & set(published)
    assert (len(MENDED), set(MENDED.values()) <= set(IDS)) == (18, True)
    if TINY_IMAGENET.exists():  # the data set's own ids
        ids = json.loads(pq.ParquetFile(TINY_IMAGENET).schema_arrow.metadata[b"wnids"])
        assert set(MENDED.values()) <= set(ids)
        assert not set(MENDED) & set(ids)
        assert len(set(readable(tuple(ids))) - set(ids)) == 200
    names = readable(SYNONYMS)
    assert len(set(names)) == 1000
    assert (names[:2], names[657], names[744]) == (("tench", "goldfish"), "missile", "projectile")
    assert (names[836], names[837]) == ("sunglass", "sunglasses")
    assert readable(IDS) == names
    assert readable(("n04008634", "n04356056")) == ("missile", "sunglasses")  # OpenAI's words where nothing clashes
    assert readable(("n01443537", "cat")) == ("n01443537", "cat")


def test_a_gated_set_is_read_without_checksums(stand_in: Hub) -> None:
    """Its checksums are masked: no download is taken for damaged, and the next one is found in the cache."""
    assert open_source("imagenet").length() == 2000
    asked = len(stand_in.asked("/resolve/"))
    hub_dataset._open_table.cache_clear()
    assert open_source("imagenet").class_names[0] == "tench"
    assert len(stand_in.asked("/resolve/")) == asked


def test_the_layouts_are_those_of_the_presets() -> None:
    assert {preset.repository for preset in PRESETS.values()} == set(DATASETS)
    assert set(PRESETS) - set(PAGE_PRESETS) == {"cifar10-c", "domainnet", "imagenet"}  # too large for the page
