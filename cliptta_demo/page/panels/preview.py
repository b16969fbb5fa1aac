"""The first batch of a run that has yet to begin, for who is to guess: its images and what they show. No model."""

from functools import lru_cache
from typing import TypedDict

from cliptta_demo.backend.data.catalog import open_source, open_strangers
from cliptta_demo.backend.data.stream import Stream
from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.models.offered import image_size_of
from cliptta_demo.page.panels.declare import Method, entries, to_json
from cliptta_demo.page.panels.images import Tile
from cliptta_demo.page.session.state import Recipe, sprite_sheet


class Preview(TypedDict):
    """As :class:`.images.Gallery`, without answers; ``waits``: the methods that will give some."""

    sheet: str
    columns: int
    rows: int
    classes: list[str]
    tiles: list[Tile]
    labelled: bool
    batch: int
    batches: int
    methods: dict[str, Method]
    waits: list[Method]


@lru_cache(maxsize=32)  # a class opens the same lesson
def preview_of(recipe: Recipe) -> str:
    """The preview of a run on images that are drawn here, as JSON text: the very batch that the run will begin with."""
    settings, source = recipe.settings.stream, open_source(recipe.dataset, recipe.source_names or None)
    strangers = None
    if settings.ood_share:
        strangers = open_strangers(recipe.ood_source, recipe.dataset, source.class_names)
    images = Stream(source, settings, image_size_of(recipe.backbone), strangers).batch(0).images
    sheet, columns, rows = sprite_sheet(images.pixels.numpy())
    tiles: list[Tile] = [
        {"truth": int(label), "name": name} for label, name in zip(images.labels, images.names, strict=True)
    ]
    shown: Preview = {
        "sheet": sheet,
        "columns": columns,
        "rows": rows,
        "classes": [display_name(name) for name in recipe.class_names or source.class_names],
        "tiles": tiles,
        "labelled": True,
        "batch": 1,
        "batches": settings.batches,
        "methods": {},
        "waits": entries(recipe.settings.methods),
    }
    return to_json(shown)
