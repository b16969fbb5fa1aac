"""Parquet files as an attacker would publish them: little memory, one sentence with the data set's name and counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hostile_tables import BOMBS, MEGABYTE
from paths import ROOT
from warm import run_code

pytestmark = pytest.mark.slow
MOST_MEGABYTES = 300  # above what a process holds that has read a harmless file; a block of 30 MB takes most of it
# Opens a file as the hub's data sets are opened, and reads a batch; in a process of its own, whose peak is its own.
PROBE = """
import gc, json, sys
sys.path.insert(0, sys.argv.pop(1))
from pathlib import Path
import pyarrow as pa
from cliptta_demo.backend.data import hub_dataset
from cliptta_demo.backend.data.parquet import ParquetSource
from cliptta_demo.backend.data.presets import HubDataset
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.hub.listing import Listing

def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024

def read(path):
    own = any(word in Path(path).stem for word in ("metadata", "class name", "label"))  # brings class names of its own
    dataset = HubDataset(repository="zoo/bomb", class_names=() if own else ("a", "b"))
    try:
        rows = hub_dataset._read_table([Path(path)], Listing("dataset", "zoo/bomb", "main", ()), dataset)
        return None, len(ParquetSource(rows).take(0, 64, 8, "shuffled", 0, 64))
    except UserError as error:
        return str(error), 0

read(sys.argv[1])  # what is loaded once is loaded
for path in sys.argv[2:]:
    gc.collect()
    pa.default_memory_pool().release_unused()  # memory kept from one bomb would hide what the next one takes
    open("/proc/self/clear_refs", "w").write("5")  # the peak begins anew
    before = peak()
    says, images = read(path)
    print(json.dumps([Path(path).stem, says, images, peak() - before]), flush=True)
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str | None, int, float]]:
    """Bomb → (sentence, images read, megabytes at its peak)."""
    folder = tmp_path_factory.mktemp("bombs")
    paths = []
    for name, bomb in [("harmless", BOMBS["1 MB 400 times"]), *BOMBS.items()]:
        path = folder / f"{name}.parquet"
        path.write_bytes(bomb.make())
        paths.append(str(path))
    status, text = run_code(PROBE, str(ROOT), *paths)
    assert status == 0, text[-3000:]
    lines = map(json.loads, text.splitlines())
    found = {name: (says, images, peak) for name, says, images, peak in lines}
    for name, (_, _, peak) in found.items():
        print(
            f"{name}: {Path(folder / f'{name}.parquet').stat().st_size / MEGABYTE:.2f} MB, at most {peak:.0f} MB more"
        )
    return found


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_takes_little_memory_and_is_refused_by_name(outcome: dict, name: str) -> None:
    says, images, peak = outcome[name]
    bomb = BOMBS[name]
    assert peak < MOST_MEGABYTES
    assert images == bomb.images
    if bomb.says is None:
        assert says is None
    else:
        assert bomb.says in says
        assert "zoo/bomb" in says
        assert says.endswith(".")
        assert len(says) < 300
