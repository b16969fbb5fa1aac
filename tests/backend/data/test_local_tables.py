"""Parquet files of this machine: ``parquet:PATH``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import write_photos

from cliptta_demo.backend.data.catalog import open_source, open_strangers
from cliptta_demo.backend.errors import UserError

NAMES = '{"info": {"features": {"label": {"_type": "ClassLabel", "names": ["cat", "dog", "ship"]}}}}'


def write(path: Path, *labels: int) -> Path:
    """Grey images, one for each label, as light as the label is high."""
    images = np.stack([np.full((8, 8, 3), 50 * label, np.uint8) for label in labels])
    write_photos(path, "image", images, labels, {"huggingface": NAMES})
    return path


def test_a_file_is_a_data_set_with_its_classes(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.parquet", 0, 1, 2, 1)
    source = open_source(f"parquet:{file}")
    assert (source.class_names, source.length()) == (("cat", "dog", "ship"), 4)
    taken = source.take(0, 4, 8, "given", 0, 4)
    assert (taken.labels.tolist(), taken.pixels[:, 0, 0, 0].tolist()) == ([0, 1, 2, 1], [0, 50, 100, 50])
    some = open_source(f"parquet:{file}", ["ship", "dog"])
    assert some.take(0, 3, 8, "given", 0, 3).labels.tolist() == [1, 0, 1]
    assert open_source(f"parquet:{file}?label=1").length() == 2
    others = open_strangers("others", f"parquet:{file}", ("ship", "dog"))
    assert others.length() == 1


def test_a_folder_of_files_is_one_data_set(tmp_path: Path) -> None:
    write(tmp_path / "b.parquet", 1)
    write(tmp_path / "a.parquet", 0, 2)
    assert open_source(f"parquet:{tmp_path}").take(0, 3, 8, "given", 0, 3).labels.tolist() == [0, 2, 1]
    assert open_strangers(f"parquet:{tmp_path}").length() == 3


def test_what_is_no_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no parquet file and no folder with some"):
        open_source(f"parquet:{tmp_path}")
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(UserError, match=r"'broken\.parquet' can't be read as parquet"):
        open_source(f"parquet:{broken}")
    with pytest.raises(UserError, match="on the command line only"):
        open_source(f"parquet:{broken}", visitor=True)
    with pytest.raises(UserError, match="on the command line only"):
        open_strangers("others", f"parquet:{broken}", ("cat",), visitor=True)
