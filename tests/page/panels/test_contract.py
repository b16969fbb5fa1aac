"""What panels hand over is what their types say: plain numbers, names and keys; how they are drawn is not theirs."""

import json
import re
from types import NoneType, UnionType
from typing import Any, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest
from helpers import CLASSES, labelled_source, random_images
from test_page_figures import run

from cliptta_demo.backend.data.sources import OOD_LABEL, GivenImages
from cliptta_demo.page.panels.stage import DRAWN

TYPED = [panel for panel in DRAWN if is_typeddict(get_type_hints(panel.draw)["return"])]
DRAWN_WITH = re.compile(r"[<>@]|&\w*;|%\{|#[0-9a-f]{3,6}\b|\b\d+(px|rem|%)\b|rgba?\(|--\w")  # HTML, CSS and Plotly's


def faults(value: Any, kind: Any, place: str) -> list[str]:
    """Where a value out of JSON is not of this type."""
    if get_origin(kind) in (Union, UnionType):
        return min((faults(value, one, place) for one in get_args(kind)), key=len)
    if is_typeddict(kind):
        hints = get_type_hints(kind, include_extras=True)
        optional = {name for name, hint in hints.items() if get_origin(hint) is NotRequired}
        if not isinstance(value, dict) or not set(hints) - optional <= set(value) <= set(hints):
            return [f"{place} has {list(value) if isinstance(value, dict) else value}, not {list(hints)}"]
        hints = get_type_hints(kind)
        return [fault for name in value for fault in faults(value[name], hints[name], f"{place}.{name}")]
    origin, parts = get_origin(kind), get_args(kind)
    if origin is dict and isinstance(value, dict):
        return [fault for name, one in value.items() for fault in faults(one, parts[1], f"{place}.{name}")]
    if origin is list and isinstance(value, list):
        return [fault for one in value for fault in faults(one, parts[0], f"{place}[]")]
    if origin is tuple and isinstance(value, list) and len(value) == len(parts):
        return [fault for one, part in zip(value, parts, strict=True) for fault in faults(one, part, f"{place}[]")]
    plain = {float: (float, int), int: int, str: str, bool: bool, NoneType: NoneType}.get(kind, ())
    right = isinstance(value, plain) and (kind is bool or not isinstance(value, bool))
    return [] if right else [f"{place} is {value!r}, not {kind}"]


def strings(value: Any) -> list[str]:
    """All of them, keys too."""
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return [value] if isinstance(value, str) else [text for part in parts for text in strings(part)]


@pytest.fixture(scope="module")
def runs():
    """(session, a look inside its first batch) of a run with labels, with strangers, and without labels."""
    strangers = GivenImages(random_images(20, seed=9), ("x",), labelled_source(20).labels * 0 + OOD_LABEL)
    own = GivenImages(random_images(5), CLASSES, names=tuple("abcde"))
    found = {
        "labelled": run(labelled_source()),
        "open": run(labelled_source(), strangers, ood_share=0.5),
        "own": run(own),
    }
    return {name: (session, lives[0]) for name, (session, lives, _) in found.items()}


@pytest.mark.parametrize("kind", ["labelled", "open", "own"])
@pytest.mark.parametrize("panel", TYPED, ids=lambda panel: panel.name)
def test_a_panels_data_are_of_its_type_and_plain(runs, panel, kind) -> None:
    session, live = runs[kind]
    for step in (None, live) if panel.live else (None,):
        data = json.loads(panel.value(session, step))
        assert faults(data, get_type_hints(panel.draw)["return"], panel.name) == []
        assert [text for text in strings(data) if DRAWN_WITH.search(text)] == []
