"""The finished run that the page opens with: made by the engine, shipped as data, drawn before any model work."""

from __future__ import annotations

import json
from pathlib import Path

from cliptta_demo.page.panels.declare import to_json
from cliptta_demo.page.panels.panel import EXAMPLE_BATCHES, address
from cliptta_demo.page.panels.stage import PARTS
from cliptta_demo.places import ASSETS

EXAMPLE = ASSETS / "example.json"


def load_example(path: Path = EXAMPLE) -> dict[str, str] | None:
    """The shipped parts; None where the file is missing or of another version of the page."""
    try:
        parts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    complete = isinstance(parts, dict) and set(parts) == set(PARTS) and all(isinstance(v, str) for v in parts.values())
    if not complete:
        return None
    if EXAMPLE_BATCHES.exists():  # fetched when somebody points at an earlier batch
        parts["gallery"] = to_json(json.loads(parts["gallery"]) | {"history": address(EXAMPLE_BATCHES)})
    return parts
