"""Data sets of a hub on localhost, from the name to batches: files, columns, classes, orders, and memory."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hub_stand_in import Hub, pointed_at, serve_hub
from hub_tables import ANIMALS, everything, picture, publish, table

from cliptta_demo.backend.data import hub_dataset, parquet
from cliptta_demo.backend.data.catalog import open_source, open_strangers
from cliptta_demo.backend.data.folder import UNLABELLED
from cliptta_demo.backend.data.hub_dataset import parts_of, read_hub_spec, readable
from cliptta_demo.backend.data.parquet import ParquetSource, read_rows, windowed_shuffle
from cliptta_demo.backend.data.presets import PRESETS
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.hub.listing import Listing, RemoteFile
from cliptta_demo.cli import main


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(hub_dataset, "_open_table", cache(hub_dataset._open_table.__wrapped__))
    with serve_hub() as server, pointed_at(monkeypatch, server, tmp_path / "cache"):
        yield server


def test_names_come_from_the_files_metadata(stand_in: Hub) -> None:
    publish(stand_in, "zoo/animals", {"data/test-00000-of-00001.parquet": table([0, 1, 2] * 10, names=ANIMALS)})
    source = open_source("hf:zoo/animals")
    assert source.class_names == ANIMALS
    rows, labels = everything(source)
    assert sorted(rows) == list(range(30))
    assert labels == [row % 3 for row in rows]
    assert everything(source, seed=0) == (rows, labels)
    assert everything(source, seed=0, step=30) == (rows, labels)  # batches of another size see the same order
    assert everything(source, seed=1)[0] != rows
    images = source.take(0, 4, 16, "shuffled", 0, 30)
    assert images.pixels.shape == (4, 3, 16, 16)
    assert images.pixels.dtype == torch.uint8
    assert images.names[0] == f"{rows[0]}.png"
    assert everything(source, "sorted")[1] == sorted(labels)


def test_the_test_split_is_preferred(stand_in: Hub) -> None:
    files = {
        "plain/train-00000-of-00001.parquet": table([0] * 5, image="img", names=ANIMALS),
        "plain/test-00000-of-00002.parquet": table([1] * 12, image="img", names=ANIMALS),
        "plain/test-00001-of-00002.parquet": table([2] * 13, image="img", names=ANIMALS),
    }
    publish(stand_in, "zoo/animals", files)
    source = open_source("hf:zoo/animals")
    assert (source.length(), source.class_names) == (25, ANIMALS)
    assert sorted(everything(source)[1]) == [1] * 12 + [2] * 13
    assert open_source("hf:zoo/animals:train").length() == 5
    assert open_source("hf:zoo/animals:plain/train").length() == 5
    assert not stand_in.asked("refs/convert")
    with pytest.raises(UserError, match=r"has no part valid. It has: plain/test, plain/train"):
        open_source("hf:zoo/animals:valid")


def test_text_labels_name_themselves_and_bare_bytes_are_images(stand_in: Hub) -> None:
    buffer = io.BytesIO()
    content = {"photo": [picture(row) for row in range(6)], "class": ["owl", "bee"] * 3, "width": [8] * 6}
    pq.write_table(pa.table(content), buffer)
    publish(stand_in, "zoo/text", {"test.parquet": buffer.getvalue()})
    source = open_source("hf:zoo/text")
    assert source.class_names == ("bee", "owl")
    assert everything(source, "sorted")[1] == [0, 0, 0, 1, 1, 1]


def test_the_hubs_own_parquet_copies_are_found(stand_in: Hub) -> None:
    copy = {"default/test/0000.parquet": table([0, 1, 2], names=ANIMALS), "default/train/0000.parquet": table([0, 1])}
    publish(stand_in, "zoo/zipped", {"images.zip": b"zip"}, revisions={"refs/convert/parquet": copy})
    assert open_source("hf:zoo/zipped").length() == 3
    publish(stand_in, "zoo/words", {"words.txt": b"no table"})
    with pytest.raises(UserError, match="has no parquet files"):
        open_source("hf:zoo/words")


def test_classes_can_be_chosen_and_named(stand_in: Hub) -> None:
    publish(stand_in, "zoo/animals", {"test.parquet": table([0, 1, 2] * 10, names=ANIMALS)})
    some = open_source("hf:zoo/animals", ["Sea lion", "cat"])
    assert some.class_names == ("Sea lion", "cat")
    rows, labels = everything(some)
    assert labels == [0 if row % 3 == 2 else 1 for row in rows]
    assert len(rows) == 20
    with pytest.raises(UserError, match=r"zoo/animals has no class 'owl'. It has: cat, dog, sea_lion"):
        open_source("hf:zoo/animals", ["cat", "owl"])
    publish(stand_in, "zoo/numbers", {"test.parquet": table([0, 1, -1] * 2)})
    with pytest.raises(UserError, match="name its labels 0 to 1"):
        open_source("hf:zoo/numbers")
    assert set(everything(open_source("hf:zoo/numbers", ["a", "b"]))[1]) == {0, 1, UNLABELLED}
    assert len(open_strangers("hf:zoo/numbers").take(0, 9, 8, "shuffled", 0, 9)) == 6
    others = open_strangers("others", "hf:zoo/animals", ("cat", "dog"))
    assert others.length() == 10  # every third row is a sea lion
    assert others.class_names == ("sea_lion",)


def test_presets_choose_rows_captions_and_words(stand_in: Hub) -> None:
    styles = ["photo", "sketch"] * 7
    content = table([0, 1, 2, 3, 4, 5, 6] * 2, extra={"domain": styles})
    publish(stand_in, "flwrlabs/pacs", {"data/train-00000-of-00001.parquet": content})
    sketches = open_source("pacs-sketch")
    assert sketches.length() == 7
    assert sketches.class_names == PRESETS["pacs"].class_names
    assert sketches.templates == ("a photo of a {}.",)
    assert all(row % 2 for row in everything(sketches)[0])
    assert open_source("pacs").length() == 14
    renditions = table([0, 0], extra={"wnid": ["n01443537", "n01484850"], "class_name": ["goldfish", "shark"]})
    publish(stand_in, "axiong/imagenet-r", {"data/test-00000-of-00001.parquet": renditions})
    assert open_source("imagenet-r").class_names == ("goldfish", "great white shark")
    assert readable(("n01443537", "cat")) == ("n01443537", "cat")
    assert readable(("tench, Tinca tinca", *map(str, range(999))))[:2] == ("tench", "goldfish")


def test_a_bad_image_is_named_and_the_rest_goes_on(stand_in: Hub) -> None:
    buffer = io.BytesIO()
    images = [{"bytes": picture(0), "path": "good.png"}, {"bytes": b"nothing", "path": "bad.png"}]
    pq.write_table(pa.table({"image": [*images, {"bytes": None, "path": "gone.png"}], "label": [0, 1, 1]}), buffer)
    publish(stand_in, "zoo/mixed", {"test.parquet": buffer.getvalue()})
    images = open_source("hf:zoo/mixed", ["a", "b"]).take(0, 3, 8, "sorted", 0, 3)
    assert images.names == ("good.png",)
    assert images.labels.tolist() == [0]
    assert {sentence.split()[0] for sentence in images.refused} == {"bad.png", "gone.png"}


def test_odd_tables_are_sentences_and_a_damaged_file_is_fetched_anew(
    stand_in: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"text": ["a"], "score": [0.5]}), buffer)
    publish(stand_in, "zoo/prose", {"test.parquet": buffer.getvalue()})
    with pytest.raises(UserError, match=r"no column of images .* \(it has: text, score\)"):
        open_source("hf:zoo/prose")
    publish(stand_in, "zoo/wrong", {"test.parquet": table([0, 7], names=ANIMALS)})
    with pytest.raises(UserError, match="A label is 7, but there are 3 class names"):
        open_source("hf:zoo/wrong")
    good = table([0, 1, 2] * 400, names=ANIMALS)
    publish(stand_in, "zoo/large", {"test.parquet": good})
    for limit, says in (("MAX_ROWS", "has 1,200 rows"), ("MAX_COLUMNS", "3 columns"), ("MAX_LABEL_BYTES", "of labels")):
        with monkeypatch.context() as patch:
            patch.setattr(parquet, limit, 2)
            with pytest.raises(UserError, match=f"zoo/large .*{says}.*; at most 2 can be"):
                open_source("hf:zoo/large")
    damaged = good[:200] + bytes(len(good) - 400) + good[-200:]
    publish(stand_in, "zoo/broken", {"test.parquet": damaged})
    with pytest.raises(UserError, match=r"A file of zoo/broken is damaged"):
        open_source("hf:zoo/broken")
    publish(stand_in, "zoo/broken", {"test.parquet": good})
    assert open_source("hf:zoo/broken").length() == 1200


def test_a_file_that_vanishes_is_a_sentence_and_comes_back(stand_in: Hub) -> None:
    publish(stand_in, "zoo/animals", {"test.parquet": table([0, 1, 2], names=ANIMALS)})
    source = open_source("hf:zoo/animals")
    hub_dataset.forget(source.rows.files[0])
    with pytest.raises(UserError, match="zoo/animals can't be read any more"):
        source.take(0, 1, 8, "shuffled", 0, 1)
    assert len(open_source("hf:zoo/animals").take(0, 3, 8, "shuffled", 0, 3)) == 3


def test_visitors_open_no_path_of_this_machine() -> None:
    for spec in ("folder:/etc", "cifar10c:/etc", "cifar100c:/etc", "parquet:/etc"):
        for opened in (open_source, open_strangers):
            with pytest.raises(UserError, match="on the command line only"):
                opened(spec, visitor=True)


def test_a_known_repository_brings_its_presets_knowledge() -> None:
    train = read_hub_spec("hf:uoft-cs/cifar100:train")
    assert (train.split, train.label_column, train.where) == ("train", "fine_label", ())
    assert train.class_names == PRESETS["cifar100"].class_names


def test_parts_follow_the_paths() -> None:
    paths = [
        "data/train-00000-of-00002.parquet",
        "data/train-00001-of-00002.parquet",
        "full_numbers/extra-00000-of-00001.parquet",
        "default/partial-train/0000.parquet",
        "validation.parquet",
        "README.md",
    ]
    parts = parts_of(Listing("dataset", "a/b", "main", tuple(RemoteFile(path, 1) for path in paths)))
    assert {part: len(files) for part, files in parts.items()} == {
        ("default", "train"): 2,
        ("default", "partial-train"): 1,
        ("full_numbers", "extra"): 1,
        ("default", "validation"): 1,
    }


def test_the_shuffle_is_full_in_a_small_set_and_windowed_in_a_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = np.repeat(np.arange(100), 10)
    sizes = np.full(100, 1000)
    mixed = windowed_shuffle(groups, sizes, 0)
    assert sorted(mixed) == list(range(1000))
    assert len(set(groups[mixed[:50]])) > 30
    monkeypatch.setattr(parquet, "WINDOW_BYTES", 20_000)
    mixed = windowed_shuffle(groups, sizes, 0)
    assert sorted(mixed) == list(range(1000))
    assert len(set(groups[mixed[:200]])) == 20  # the first window is 20 groups of 10
    assert max(groups[mixed[:200]]) - min(groups[mixed[:200]]) > 50  # from anywhere
    assert (np.diff(mixed[:200]) > 0).mean() < 0.7


def test_files_of_this_machine_are_a_data_set(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.parquet" for name in "abc"}
    for path, labels in zip(files.values(), ([0, 2], [1], [0, 1, 2, 1]), strict=True):
        path.write_bytes(table(labels, names=ANIMALS))
    source = open_source(f"parquet:{files['c']}")
    assert (source.class_names, everything(source, "given")) == (ANIMALS, ([0, 1, 2, 3], [0, 1, 2, 1]))
    assert everything(open_source(f"parquet:{files['c']}", ["sea lion", "dog"]), "given")[1] == [1, 0, 1]
    assert open_source(f"parquet:{files['c']}?label=1").length() == 2
    assert open_strangers("others", f"parquet:{files['c']}", ("cat", "dog")).length() == 1
    files["c"].unlink()
    assert everything(open_source(f"parquet:{tmp_path}"), "given")[1] == [0, 2, 1]
    files["a"].write_bytes(b"PAR1 nothing PAR1")
    for path, says in ((files["a"], r"'a\.parquet' can't be read as parquet"), (files["c"], "is no parquet file")):
        with pytest.raises(UserError, match=says):
            open_source(f"parquet:{path}")


def anonymous_memory() -> int:
    """Bytes of this process that belong to no file."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A quarter of a gigabyte goes by in batches, all rows once, within a few megabytes."""
    content = picture(0) + bytes(62_000)  # what follows an image in its file is not looked at
    schema = pa.schema({"image": pa.struct({"bytes": pa.binary()}), "label": pa.int64()})
    path = tmp_path / "large.parquet"
    with pq.ParquetWriter(path, schema, compression="NONE", use_dictionary=False) as writer:
        for group in range(40):
            images = [{"bytes": content}] * 100
            writer.write_table(pa.table({"image": images, "label": [group % 2] * 100}, schema=schema))
    assert path.stat().st_size > 240_000_000
    source = ParquetSource(read_rows([path], "image", "label", ("a", "b")))
    source.take(0, 50, 32, "shuffled", 0, 50)  # what is loaded once is loaded
    before, most, seen = anonymous_memory(), 0, 0
    for start in range(0, 4000, 400):
        seen += len(source.take(start, 400, 32, "shuffled", 0, 4000))
        most = max(most, anonymous_memory())
    assert seen == 4000
    assert most - before < 50e6, (most - before) / 1e6


def test_the_command_line_takes_presets_and_strangers(stand_in: Hub, tmp_path: Path) -> None:
    publish(stand_in, "uoft-cs/cifar10", {"plain_text/test-0.parquet": table(list(range(10)) * 4, image="img")})
    publish(stand_in, "ufldl-stanford/svhn", {"cropped_digits/test-0.parquet": table(list(range(10)) * 4)})
    path = tmp_path / "result.json"
    words = "run --dataset cifar10 --ood svhn --methods zero-shot --batches 2 --batch-size 16 --quiet --json"
    main([*words.split(), str(path)])
    result = json.loads(path.read_text())
    assert result["settings"]["class_names"] == list(PRESETS["cifar10"].class_names)
    assert sum(result["methods"]["zero-shot"]["histogram"]) == 16
    assert result["methods"]["zero-shot"]["auroc"] is not None
