"""Data sets of a hub on localhost, from the name to batches: files, columns, classes, orders, and memory."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import huggingface_hub
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hub_stand_in import Hub, pointed_at, serve_hub
from hub_tables import ANIMALS, everything, parquet, picture, publish, table

from cliptta_demo.backend.data import hub_dataset
from cliptta_demo.backend.data import parquet as reader
from cliptta_demo.backend.data.catalog import open_source, open_strangers
from cliptta_demo.backend.data.folder import UNLABELLED
from cliptta_demo.backend.data.hub_dataset import read_hub_spec
from cliptta_demo.backend.data.parquet import ParquetSource, read_rows, windowed_shuffle
from cliptta_demo.backend.data.presets import PRESETS
from cliptta_demo.backend.errors import UserError


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(hub_dataset, "_open_table", cache(hub_dataset._open_table.__wrapped__))
    with serve_hub() as server, pointed_at(monkeypatch, server, tmp_path / "cache"):
        yield server


def test_a_finite_source_gives_the_same_order_in_batches_of_any_size(stand_in: Hub) -> None:
    publish(stand_in, "zoo/animals", {"data/test-00000-of-00001.parquet": table([0, 1, 2] * 10, names=ANIMALS)})
    source = open_source("hf:zoo/animals")
    assert source.class_names == ANIMALS  # out of the file's metadata
    rows, labels = everything(source)
    assert sorted(rows) == list(range(30))
    assert labels == [row % 3 for row in rows]
    assert everything(source, step=30) == (rows, labels)
    assert everything(source, seed=1)[0] != rows
    assert everything(source, "sorted")[1] == sorted(labels)
    images = source.take(0, 4, 16, "shuffled", 0, 30)
    assert (images.pixels.shape, images.pixels.dtype) == ((4, 3, 16, 16), torch.uint8)
    assert images.names[0] == f"{rows[0]}.png"


def test_which_files_are_a_data_set(stand_in: Hub) -> None:
    """The test split is preferred; the hub's own parquet copies are found; a part of a large set is said to be one."""
    parts = {
        "plain/train-00000-of-00001.parquet": [0] * 5,
        "plain/test-00000-of-00002.parquet": [1] * 12,
        "plain/test-00001-of-00002.parquet": [2] * 13,
        "whole_numbers/extra-00000-of-00001.parquet": [0],
    }
    animals = {path: table(labels, image="img", names=ANIMALS) for path, labels in parts.items()}
    publish(stand_in, "zoo/animals", animals)
    paths = ("default/partial-test/0000.parquet", "default/partial-train/0000.parquet", "default/train/0000.parquet")
    copies = {path: table([0, 1, 2], names=ANIMALS) for path in paths}
    publish(stand_in, "zoo/zipped", {"images.zip": b"zip"}, revisions={hub_dataset.CONVERTED: copies})
    publish(stand_in, "zoo/words", {"words.txt": b"no table"})
    for spec, count, note in (
        ("zoo/animals", 25, ""),
        ("zoo/animals:train", 5, ""),
        ("zoo/animals:whole_numbers/extra", 1, ""),
        ("zoo/zipped", 3, "The hub's copy of zoo/zipped is a part of the whole: the first gigabytes."),
        ("zoo/zipped:train", 3, ""),  # the whole one is preferred
    ):
        source = open_source(f"hf:{spec}")
        assert (source.length(), source.class_names, source.note) == (count, ANIMALS, note)
    for spec, says in (
        ("zoo/animals:valid", r"has no part valid. It has: plain/test, plain/train, whole_numbers/extra"),
        ("zoo/words", "has no parquet files"),
    ):
        with pytest.raises(UserError, match=says):
            open_source(f"hf:{spec}")
    train = read_hub_spec("hf:uoft-cs/cifar100:train")  # a known repository brings its preset's knowledge
    assert (train.split, train.label_column, train.where) == ("train", "fine_label", ())
    assert train.class_names == PRESETS["cifar100"].class_names


def test_another_program_s_half_of_a_split_is_none_without_the_internet(
    stand_in: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    halves = [f"data/test-0000{number}-of-00002.parquet" for number in (0, 1)]
    publish(stand_in, "zoo/animals", {path: table([0, 1, 2], names=ANIMALS) for path in halves})
    for fetched in halves:
        huggingface_hub.hf_hub_download("zoo/animals", fetched, repo_type="dataset")
        with monkeypatch.context() as offline:
            offline.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
            for mode in (False, True):
                offline.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", mode)
                hub_dataset._open_table.cache_clear()
                if fetched == halves[0]:
                    with pytest.raises(UserError, match="is not on this machine and the model hub could not"):
                        open_source("hf:zoo/animals")
                else:
                    assert open_source("hf:zoo/animals").length() == 6


def test_classes_can_be_chosen_and_named(stand_in: Hub) -> None:
    publish(stand_in, "zoo/animals", {"test.parquet": table([0, 1, 2] * 10, names=ANIMALS)})
    some = open_source("hf:zoo/animals", ["Sea lion", "cat"])
    assert some.class_names == ("Sea lion", "cat")
    rows, labels = everything(some)
    assert labels == [0 if row % 3 == 2 else 1 for row in rows]
    assert len(rows) == 20
    with pytest.raises(UserError, match=r"zoo/animals has no class 'owl'. It has: cat, dog, sea_lion"):
        open_source("hf:zoo/animals", ["cat", "owl"])
    others = open_strangers("others", "hf:zoo/animals", ("cat", "dog"))
    assert (others.length(), others.class_names) == (10, ("sea_lion",))
    publish(stand_in, "zoo/numbers", {"test.parquet": table([0, 1, -1] * 2)})
    with pytest.raises(UserError, match="name its labels 0 to 1"):
        open_source("hf:zoo/numbers")
    assert set(everything(open_source("hf:zoo/numbers", ["a", "b"]))[1]) == {0, 1, UNLABELLED}
    assert len(open_strangers("hf:zoo/numbers").take(0, 9, 8, "shuffled", 0, 9)) == 6
    content = {"photo": [picture(row) for row in range(6)], "class": ["owl", "bee"] * 3, "width": [8] * 6}
    publish(stand_in, "zoo/text", {"test.parquet": parquet(content, "")})  # bare bytes, and labels that name themselves
    assert open_source("hf:zoo/text").class_names == ("bee", "owl")
    assert everything(open_source("hf:zoo/text"), "sorted")[1] == [0, 0, 0, 1, 1, 1]


def test_a_bad_image_is_named_and_a_vanished_file_comes_back(stand_in: Hub) -> None:
    images = [{"bytes": data, "path": path} for data, path in ((picture(0), "a.png"), (b"x", "b.png"), (None, "c.png"))]
    publish(stand_in, "zoo/mixed", {"test.parquet": parquet({"image": images, "label": [0, 1, 1]}, "")})
    source = open_source("hf:zoo/mixed", ["a", "b"])
    images = source.take(0, 3, 8, "sorted", 0, 3)
    assert (images.names, images.labels.tolist()) == (("a.png",), [0])
    assert {sentence.split()[0] for sentence in images.refused} == {"b.png", "c.png"}
    hub_dataset.forget(source.rows.files[0])
    with pytest.raises(UserError, match="zoo/mixed can't be read any more"):
        source.take(0, 1, 8, "shuffled", 0, 1)
    assert len(open_source("hf:zoo/mixed", ["a", "b"]).take(0, 3, 8, "shuffled", 0, 3)) == 1


def test_odd_tables_are_sentences_and_a_damaged_file_is_fetched_anew(
    stand_in: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(stand_in, "zoo/prose", {"test.parquet": parquet({"text": ["a"], "score": [0.5]})})
    with pytest.raises(UserError, match=r"no column of images .* \(it has: text, score\)"):
        open_source("hf:zoo/prose")
    publish(stand_in, "zoo/wrong", {"test.parquet": table([0, 7], names=ANIMALS)})
    with pytest.raises(UserError, match="A label is 7, but there are 3 class names"):
        open_source("hf:zoo/wrong")
    good = table([0, 1, 2] * 400, names=ANIMALS)
    publish(stand_in, "zoo/large", {"test.parquet": good})
    for limit, says in (("MAX_ROWS", "has 1,200 rows"), ("MAX_COLUMNS", "3 columns"), ("MAX_LABEL_BYTES", "of labels")):
        with monkeypatch.context() as patch:
            patch.setattr(reader, limit, 2)
            with pytest.raises(UserError, match=f"zoo/large .*{says}.*; at most 2 can be"):
                open_source("hf:zoo/large")
    damaged = good[:200] + bytes(len(good) - 400) + good[-200:]
    publish(stand_in, "zoo/broken", {"test.parquet": damaged})
    with pytest.raises(UserError, match=r"A file of zoo/broken is damaged"):
        open_source("hf:zoo/broken")
    publish(stand_in, "zoo/broken", {"test.parquet": good})
    assert open_source("hf:zoo/broken").length() == 1200


def test_the_shuffle_is_full_in_a_small_set_and_windowed_in_a_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = np.repeat(np.arange(100), 10)
    sizes = np.full(100, 1000)
    mixed = windowed_shuffle(groups, sizes, 0)
    assert sorted(mixed) == list(range(1000))
    assert len(set(groups[mixed[:50]])) > 30
    monkeypatch.setattr(reader, "WINDOW_BYTES", 20_000)
    mixed = windowed_shuffle(groups, sizes, 0)
    assert sorted(mixed) == list(range(1000))
    assert len(set(groups[mixed[:200]])) == 20  # the first window is 20 groups of 10
    assert max(groups[mixed[:200]]) - min(groups[mixed[:200]]) > 50  # from anywhere
    assert (np.diff(mixed[:200]) > 0).mean() < 0.7


def test_files_of_this_machine_are_a_data_set_for_its_owner(tmp_path: Path) -> None:
    for spec in ("folder:/etc", "cifar10c:/etc", "cifar100c:/etc", "parquet:/etc"):
        for opened in (open_source, open_strangers):
            with pytest.raises(UserError, match="on the command line only"):
                opened(spec, visitor=True)
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
    """A hundred megabytes go by in batches, all rows once, within a part of that."""
    content = picture(0) + bytes(62_000)  # what follows an image in its file is not looked at
    schema = pa.schema({"image": pa.struct({"bytes": pa.binary()}), "label": pa.int64()})
    path = tmp_path / "large.parquet"
    with pq.ParquetWriter(path, schema, compression="NONE", use_dictionary=False) as writer:
        for group in range(16):
            images = [{"bytes": content}] * 100
            writer.write_table(pa.table({"image": images, "label": [group % 2] * 100}, schema=schema))
    assert path.stat().st_size > 96_000_000
    source = ParquetSource(read_rows([path], "image", "label", ("a", "b")))
    source.take(0, 50, 32, "shuffled", 0, 50)  # what is loaded once is loaded
    before, most, seen = anonymous_memory(), 0, 0
    for start in range(0, 1600, 400):
        seen += len(source.take(start, 400, 32, "shuffled", 0, 1600))
        most = max(most, anonymous_memory())
    assert seen == 1600
    assert most - before < 40e6, (most - before) / 1e6
