"""A data set of the hub, from its name to a source: which files, which columns, which class names."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cliptta_demo.backend.data.parquet import ParquetSource, Rows, read_rows
from cliptta_demo.backend.data.presets import HUB_PREFIX, PRESETS, HubDataset, readable
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.hub.downloads import announce, fetch, forget
from cliptta_demo.backend.hub.listing import Listing, RemoteFile, check_repository, list_repository
from cliptta_demo.languages import Text

CONVERTED = "refs/convert/parquet"  # where the hub keeps parquet copies of data sets in other formats
SPLITS = ("test", "validation", "valid", "val", "dev", "train")  # the first that there is
_PART = re.compile(r"(?:([A-Za-z0-9_.+-]{1,80})/)?([A-Za-z0-9_.-]{1,80})", re.ASCII)
_CONDITION = re.compile(r"([^=&]{1,80})=([^&]{0,80})")
MAX_CONDITIONS = 4  # each is a column more to read
PARTIAL = "partial-"  # what the hub calls a split in its own copies where it has copied the first gigabytes alone
LABEL_COLUMNS = ("label", "labels", "fine_label", "class", "class_name", "target", "category", "y")
IMAGE_COLUMNS = ("image", "img", "picture", "photo", "pixel_values", "jpg", "png")
OPEN_TABLES = 6  # data sets whose labels stay in memory


def read_hub_spec(spec: str) -> HubDataset:
    """The data set that ``cifar10`` (a preset), ``hf:ORG/NAME``, ``hf:ORG/NAME:SPLIT`` or
    ``hf:ORG/NAME:CONFIG/SPLIT`` stands for; nothing is fetched.

    Each may end in conditions, ``?COLUMN=VALUE`` or ``?COLUMN=VALUE&COLUMN=VALUE``: only rows that fulfil all of them.
    A preset's own conditions on other columns stay.

    Raises:
        UserError: the text is none of these.
    """
    rest, where = _parted(spec)
    if rest in PRESETS:
        preset = PRESETS[rest]
        label = ", ".join((preset.label, *(value for _, value in where)))
        return replace(preset, label=label, where=tuple({**dict(preset.where), **dict(where)}.items()))
    name, colon, part = rest.removeprefix(HUB_PREFIX).partition(":")
    check_repository(name)
    match = _PART.fullmatch(part)
    if colon and not match:
        text = Text("{part!r} is no split; after the name comes :SPLIT or :CONFIG/SPLIT, as in :test.")
        raise UserError(text, part=part[:80])
    config, split = (match[1] or "", match[2]) if match else ("", "")
    for preset in PRESETS.values():
        if preset.repository == name:  # its columns, names and captions are known
            config, split = config or preset.config, split or preset.split
            return replace(preset, config=config, split=split, where=where, label=name, megabytes=0)
    return HubDataset(name, split, name, config=config, templates=None, where=where)


def _parted(spec: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """What comes before the ``?``, and the conditions behind it."""
    rest, mark, text = spec.partition("?")
    parts = text.split("&") if mark else []
    found = [match.groups() for part in parts if (match := _CONDITION.fullmatch(part))]
    if len(found) < len(parts) or len(found) > MAX_CONDITIONS or len(dict(found)) < len(found):
        refusal = Text(
            "{given!r} is no condition; after ? come at most {most} of COLUMN=VALUE, joined by &, each with a column "
            "of its own, as in ?domain=sketch."
        )
        raise UserError(refusal, given=text[:80], most=MAX_CONDITIONS)
    return rest, tuple(found)


def open_hub_dataset(
    spec: str, class_names: Sequence[str] | None = None, *, strangers: bool = False, visitor: bool = False
) -> ParquetSource:
    """Finds, downloads (once) and opens a data set.

    Args:
        spec: see :func:`read_hub_spec`.
        class_names: only these of its classes, in this order; where it brings no names, the names of its labels.
        strangers: nobody asks for their classes, so they need no names.
        visitor: asked for by somebody else than the owner of the machine; see :mod:`hub.downloads`.

    Raises:
        UserError: not found, no access, no connection, too large for a visitor, no image or label column, a class
            that it doesn't have.
    """
    dataset = read_hub_spec(spec)
    if not all(path.is_file() for path in _open_table(dataset, visitor).files):
        _open_table.cache_clear()
    return ParquetSource(_open_table(dataset, visitor), class_names, strangers)


def find_tables(name: str) -> list[Path]:
    """The parquet files of ``PATH``, a file or a folder of them, sorted; conditions after a ``?`` are left out.

    Raises:
        UserError: there is none.
    """
    path = Path(name.partition("?")[0]).expanduser()
    found = [path] if path.is_file() else sorted(path.glob("*.parquet"))
    if not found:
        raise UserError(f"'{path}' is no parquet file and no folder with some: check the path.")
    return found


def open_tables(name: str, class_names: Sequence[str] | None = None, *, strangers: bool = False) -> ParquetSource:
    """Files of this machine: a path, with conditions after it as for the hub's.

    Raises:
        UserError: no such files, damaged ones, or what :func:`open_hub_dataset` refuses of a table.
    """
    (path, where), paths = _parted(name), find_tables(name)
    dataset = HubDataset(Path(path).name, templates=None, where=where)
    rows = _read_table(paths, dataset, Text("'{name}' can't be read as parquet: check the file."))
    return ParquetSource(rows, class_names, strangers)


@lru_cache(OPEN_TABLES)
def _open_table(dataset: HubDataset, visitor: bool) -> Rows:
    announce(dataset.repository)
    listing = list_repository("dataset", dataset.repository, visitor=visitor)
    if not (files := choose_files(listing, dataset)):
        with suppress(UserError):
            listing = list_repository("dataset", listing.name, CONVERTED, visitor=visitor)
        files = choose_files(listing, dataset)
    if not files:
        wanted = "/".join(filter(None, (dataset.config, dataset.split)))
        known = ", ".join(f"{config}/{split}" for config, split in parts_of(listing))
        text = Text("{name} has no parquet files. Choose a data set that the hub shows as a table of images.")
        text = Text("{name} has no part {wanted}. It has: {known}.") if known else text
        raise listing.without(UserError(text, name=dataset.repository, wanted=wanted, known=known[:300]))
    paths = fetch(listing, files, visitor=visitor)
    rows = _read_table(paths, dataset, Text("A file of {name} is damaged. Try again: it is fetched anew."), forget)
    name = dataset.label or dataset.repository
    partial = any(part.startswith(PARTIAL) for file in files for part in file.path.split("/")[:-1])
    note = Text("The hub's copy of {name} is a part of the whole: the first gigabytes.", name=name) if partial else ""
    return replace(rows, name=name, note=note, templates=dataset.templates)


def _read_table(
    paths: list[Path], dataset: HubDataset, damaged: str, give_up: Callable[[Path], None] = lambda path: None
) -> Rows:
    """Labels and layout; ``damaged``: what is said of files that can't be read, which are then given up."""
    try:
        schema = pq.read_schema(paths[0])
        features = features_of_file(schema)
        image, labels = split_columns(schema, features, dataset)
        names = dataset.class_names or features.get(labels) or ()
        # A column of class labels holds their numbers.
        kinds = ((column, value, features.get(column) or ()) for column, value in dataset.where)
        where = [(column, str(known.index(value)) if value in known else value) for column, value, known in kinds]
        rows = read_rows(paths, image, labels, names, where, dataset.repository)
    except UserError:
        raise
    except Exception as error:  # whatever pyarrow makes of a damaged file
        for path in paths:
            give_up(path)
        raise UserError(damaged, name=dataset.repository) from error
    mended = dict(dataset.mended_names)
    return replace(rows, class_names=readable(tuple(mended.get(name, name) for name in rows.class_names)))


def split_columns(schema: pa.Schema, features: Mapping[str, Any], dataset: HubDataset) -> tuple[str, str]:
    """(image column, label column): as the data set says, as its metadata says, or by their usual names and types.

    Raises:
        UserError: no such column, or none of texts or whole numbers that a condition is on.
    """
    images = [field.name for field in schema if pa.types.is_binary(_bytes_of(field.type))]
    plain = [field.name for field in schema if pa.types.is_integer(field.type) or pa.types.is_string(field.type)]
    named = [name for name, words in features.items() if words]
    named.sort(key=lambda name: name not in LABEL_COLUMNS)  # DomainNet's domain is a ClassLabel as well
    told = (name for name, words in features.items() if words is None)
    image = next((name for name in (*told, *IMAGE_COLUMNS, *images) if name in images), None)
    label = next((name for name in (dataset.label_column, *named, *LABEL_COLUMNS) if name in plain), None)
    unknown = [column for column, _ in dataset.where if column not in plain]
    text = Text("{name} has no column {column!r} of texts or whole numbers. It has: {columns}.")
    if label is None:
        text = Text("{name} has no column of labels that is known here (it has: {columns}). Choose another data set.")
    if image is None:
        text = Text("{name} has no column of images that is known here (it has: {columns}). Choose another data set.")
    if unknown or label is None or image is None:
        about = {"column": (unknown or [""])[0], "columns": ", ".join(schema.names)[:200]}
        raise UserError(text, name=dataset.repository, **about)
    return image, label


def _bytes_of(kind: pa.DataType) -> pa.DataType:
    return kind.field("bytes").type if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0 else kind


def features_of_file(schema: pa.Schema) -> dict[str, tuple[str, ...] | None]:
    """Column → class names (of labels) or None (of images), from what `datasets` writes into a parquet file."""
    found: dict[str, tuple[str, ...] | None] = {}
    with suppress(KeyError, ValueError, TypeError, AttributeError, RecursionError):
        for column, feature in json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"].items():
            if feature.get("_type") == "ClassLabel" and feature.get("names"):
                found[column] = tuple(map(str, feature["names"]))
            elif feature.get("_type") == "Image":
                found[column] = None
    return found


def choose_files(listing: Listing, dataset: HubDataset) -> list[RemoteFile]:
    """The parquet files of the config and split that are wanted, in order."""
    parts = parts_of(listing)
    for config in dict.fromkeys(config for config, _ in parts if dataset.config in ("", config)):
        own = {split: files for (name, split), files in parts.items() if name == config}
        # One of an unusual name is the last choice.
        for split in (dataset.split,) if dataset.split else (*SPLITS, *own):
            for known in (split, PARTIAL + split):
                if known in own:
                    return own[known]
    return []


def parts_of(listing: Listing) -> dict[tuple[str, str], list[RemoteFile]]:
    """(config, split) → parquet files, as their paths tell."""
    parts: dict[tuple[str, str], list[RemoteFile]] = {}
    for file in sorted(listing.files, key=lambda file: file.path):
        folder, _, name = file.path.rpartition("/")
        upper, _, last = folder.rpartition("/")
        split = re.split(r"-\d|\.", name)[0]
        if split.isdigit() or not split:  # CONFIG/SPLIT/0000.parquet, the hub's own copies
            config, split = upper or "default", last or "train"
        else:  # data/test-00000-of-00001.parquet, CONFIG/test-…
            config = "default" if folder in ("", "data") else folder
        if name.endswith(".parquet"):
            parts.setdefault((config, split), []).append(file)
    if not listing.whole:  # a part of a part is none
        told = {part: re.search(r"-of-(\d+)", files[0].path) for part, files in parts.items()}  # how many there are
        parts = {part: files for part, files in parts.items() if len(files) >= int((told[part] or "01")[1])}
    return parts
