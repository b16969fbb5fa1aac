"""The finished run that the page opens with: made by the engine, shipped as data, drawn before any model work."""

import json
from functools import cache
from pathlib import Path

import numpy as np

from cliptta_demo.backend.errors import UserError
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.panels.declare import to_json
from cliptta_demo.page.panels.panel import EXAMPLE_PICTURES, address, example_file
from cliptta_demo.page.panels.stage import DRAWN, HEADS, PARTS
from cliptta_demo.page.session.past import PastMethod, PastRun

NEEDED = {*HEADS, "gallery"}  # whose pictures lie beside the file


def load_example(path: Path | None = None) -> dict[str, str] | None:
    """The shipped parts; a panel of which they tell nothing waits. None where the file is missing or no example."""
    try:
        parts = json.loads((path or example_file("example")).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(parts, dict) or not set(parts) >= NEEDED or not all(isinstance(v, str) for v in parts.values()):
        return None
    parts = {panel.name: panel.value(None) for panel in DRAWN} | {name: parts[name] for name in PARTS if name in parts}
    # The latter for who points at an earlier batch.
    apart = EXAMPLE_PICTURES | {"history": example_file("example-batches")}
    found = {name: address(path) for name, path in apart.items() if path.exists()}
    return parts | {"gallery": to_json(json.loads(parts["gallery"]) | found)}


@cache
def shipped_run() -> PastRun | None:
    """:func:`example_run` of what is shipped."""
    return example_run(load_example())


def example_run(parts: dict[str, str] | None) -> PastRun | None:
    """The shipped run as one to compare with: its curves. None where there is none."""
    try:
        accuracy, entropy = (json.loads(parts[name])["methods"] for name in ("accuracy", "entropy"))
        recipe = read_form({})  # which this server's limits may refuse
    except (TypeError, ValueError, LookupError, UserError):
        return None
    methods = {
        own["method"]: PastMethod(np.array(own["series"], np.float64), np.array(other["series"], np.float64))
        for own, other in zip(accuracy, entropy, strict=True)
    }
    return PastRun(recipe, recipe.settings.stream.batches, methods)
