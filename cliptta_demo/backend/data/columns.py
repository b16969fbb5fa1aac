"""Which columns of a table hold images and labels, and what its labels mean, as its metadata say."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pyarrow as pa

from cliptta_demo.backend.data.presets import HubDataset
from cliptta_demo.backend.errors import UserError
from cliptta_demo.languages import say

LABEL_COLUMNS = ("label", "labels", "fine_label", "class", "class_name", "target", "category", "y")
IMAGE_COLUMNS = ("image", "img", "picture", "photo", "pixel_values", "jpg", "png")
_ODD = (KeyError, ValueError, TypeError, AttributeError, RecursionError)  # of metadata in a form of its own


def split_columns(schema: pa.Schema, features: Mapping[str, Any], dataset: HubDataset) -> tuple[str, str]:
    """(image column, label column): as the data set says, as its metadata says, or by their usual names and types.

    Raises:
        UserError: no such column, or none of texts or whole numbers that a condition is on.
    """
    images = [field.name for field in schema if pa.types.is_binary(_bytes_of(field.type))]
    plain = [field.name for field in schema if pa.types.is_integer(field.type) or pa.types.is_string(field.type)]
    named = [name for name, words in features.items() if words]
    named.sort(key=lambda name: name not in LABEL_COLUMNS)  # DomainNet's domain is a ClassLabel as well
    told = [dataset.image_column, *(name for name, words in features.items() if words is None), *IMAGE_COLUMNS]
    image = next((name for name in (*told, *images) if name in images), None)
    label = next((name for name in (dataset.label_column, *named, *LABEL_COLUMNS) if name in plain), None)
    unknown = [column for column, _ in dataset.where if column not in plain]
    if image is None:
        text = say("{name} has no column of images that is known here (it has: {columns}). Choose another data set.")
    elif label is None:
        text = say("{name} has no column of labels that is known here (it has: {columns}). Choose another data set.")
    elif unknown:
        text = say("{name} has no column {column!r} of texts or whole numbers. It has: {columns}.")
    else:
        return image, label
    column = unknown[0] if unknown else ""
    raise UserError(text.format(name=dataset.repository, column=column, columns=", ".join(schema.names)[:200]))


def _bytes_of(kind: pa.DataType) -> pa.DataType:
    return kind.field("bytes").type if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0 else kind


def features_of_file(schema: pa.Schema) -> dict[str, tuple[str, ...] | None]:
    """Column → class names (of labels) or None (of images), from what `datasets` writes into a parquet file."""
    found: dict[str, tuple[str, ...] | None] = {}
    with suppress(*_ODD):
        for column, feature in json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"].items():
            if feature.get("_type") == "ClassLabel" and feature.get("names"):
                found[column] = tuple(map(str, feature["names"]))
            elif feature.get("_type") == "Image":
                found[column] = None
    return found


def features_of_card(card: dict[str, Any], config: str = "") -> dict[str, tuple[str, ...] | None]:
    """The same from ``dataset_info`` in the front matter of a data set's README."""
    infos = card.get("dataset_info") or [{}]
    infos = [infos] if isinstance(infos, dict) else infos
    found: dict[str, tuple[str, ...] | None] = {}
    with suppress(*_ODD):
        matching = [info for info in infos if info.get("config_name") == config] or infos
        for feature in matching[0].get("features") or ():
            kind = feature.get("dtype")
            if kind == "image":
                found[feature["name"]] = None
            elif isinstance(kind, dict) and "class_label" in kind:
                names = kind["class_label"].get("names") or {}
                found[feature["name"]] = tuple(str(names[number]) for number in sorted(names, key=int))
    return found
