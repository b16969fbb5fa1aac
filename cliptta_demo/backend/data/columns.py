"""Which columns of a table hold images and labels, and what its labels mean, as its metadata say."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import pyarrow as pa

from cliptta_demo.backend.data.parquet_file import MAX_FEATURES_BYTES, bound, size
from cliptta_demo.backend.data.presets import HubDataset
from cliptta_demo.backend.errors import UserError
from cliptta_demo.languages import say

LABEL_COLUMNS = ("label", "labels", "fine_label", "class", "class_name", "target", "category", "y")
IMAGE_COLUMNS = ("image", "img", "picture", "photo", "pixel_values", "jpg", "png")


def split_columns(schema: pa.Schema, features: Mapping[str, Any], dataset: HubDataset) -> tuple[str, str]:
    """(image column, label column): as the data set says, as its metadata says, or by their usual names and types.

    Raises:
        UserError: no such column.
    """

    def holds_images(kind: pa.DataType) -> bool:
        inner = kind.field("bytes").type if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0 else kind
        return pa.types.is_binary(inner)

    images = [field.name for field in schema if holds_images(field.type)]
    told = [dataset.image_column, *(name for name, words in features.items() if words is None), *IMAGE_COLUMNS, *images]
    image = next((name for name in told if name in images), None)
    labels = [field.name for field in schema if pa.types.is_integer(field.type) or pa.types.is_string(field.type)]
    named = [name for name, words in features.items() if words]
    named.sort(key=lambda name: name not in LABEL_COLUMNS)  # DomainNet's domain is a ClassLabel as well
    told = [dataset.label_column, *named, *LABEL_COLUMNS]
    label = next((name for name in told if name in labels), None)
    if image is None or label is None:
        text = (
            say(
                "{name} has no column of images that is known here (it has: {columns}). Choose a data set for image "
                "classification."
            )
            if image is None
            else say(
                "{name} has no column of labels that is known here (it has: {columns}). Choose a data set for image "
                "classification."
            )
        )
        raise UserError(text.format(name=dataset.repository, columns=", ".join(schema.names)[:200]))
    return image, label


def check_conditions(schema: pa.Schema, where: Sequence[tuple[str, str]], name: str) -> None:
    """Refuses conditions on a column that there is not, or on one that is not as small as labels are.

    Raises:
        UserError: for the first such; ``name`` is the data set's.
    """
    plain = [field.name for field in schema if pa.types.is_integer(field.type) or pa.types.is_string(field.type)]
    for column, _ in where:
        if column not in plain:
            text = say("{name} has no column {column!r} of texts or whole numbers. It has: {columns}.")
            raise UserError(text.format(name=name, column=column, columns=", ".join(schema.names)[:200]))


def features_of_file(schema: pa.Schema, name: str) -> dict[str, tuple[str, ...] | None]:
    """Column → class names (of labels) or None (of images), from what `datasets` writes into a parquet file.

    Raises:
        UserError: more metadata than can be read; ``name`` is the data set's.
    """
    text = (schema.metadata or {}).get(b"huggingface", b"")
    bound(name, len(text), MAX_FEATURES_BYTES, say("{} of metadata"), size)
    features = None
    with suppress(KeyError, ValueError, TypeError, RecursionError):
        features = json.loads(text)["info"]["features"]
    found: dict[str, tuple[str, ...] | None] = {}
    for column, feature in features.items() if isinstance(features, dict) else ():
        kind = feature.get("_type") if isinstance(feature, dict) else None
        names = feature.get("names") if kind == "ClassLabel" else None
        if names and isinstance(names, list):
            found[column] = tuple(map(str, names))
        elif kind == "Image":
            found[column] = None
    return found


def features_of_card(card: dict[str, Any], config: str = "") -> dict[str, tuple[str, ...] | None]:
    """The same from ``dataset_info`` in the front matter of a data set's README."""
    infos = card.get("dataset_info") or ()
    infos = [info for info in ([infos] if isinstance(infos, dict) else infos) if isinstance(info, dict)]
    matching = [info for info in infos if info.get("config_name") == config] or infos
    found: dict[str, tuple[str, ...] | None] = {}
    for feature in matching[0].get("features") or () if matching else ():
        if not isinstance(feature, dict):
            continue
        kind = feature.get("dtype")
        if kind == "image":
            found[feature["name"]] = None
        elif isinstance(kind, dict) and isinstance(kind.get("class_label"), dict):
            names = kind["class_label"].get("names") or {}
            ordered = sorted(names.items(), key=lambda item: int(item[0])) if isinstance(names, dict) else ()
            found[feature["name"]] = tuple(str(name) for _, name in ordered) or tuple(map(str, names))
    return found
