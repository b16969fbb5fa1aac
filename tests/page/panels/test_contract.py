"""What panels hand over is what their types say: plain numbers, names and keys; how they are drawn is not theirs."""

import json
import re
from typing import Any, get_type_hints

import pytest
from helpers import CLASSES, faults, labelled_source, random_images
from test_page_figures import run

from cliptta_demo.backend.data.sources import OOD_LABEL, GivenImages
from cliptta_demo.page.panels.stage import DRAWN

DRAWN_WITH = re.compile(r"[<>@]|&\w*;|%\{|#[0-9a-f]{3,6}\b|\b\d+(px|rem|%)\b|rgba?\(|--\w")  # HTML, CSS and Plotly's


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
@pytest.mark.parametrize("panel", DRAWN, ids=lambda panel: panel.name)
def test_a_panels_data_are_of_its_type_and_plain(runs, panel, kind) -> None:
    session, live = runs[kind]
    for step in (None, live) if panel.live else (None,):
        data = json.loads(panel.value(session, step))
        assert faults(data, get_type_hints(panel.draw)["return"], panel.name) == []
        assert [text for text in strings(data) if DRAWN_WITH.search(text)] == []
