"""What is generated is what would be generated today; the finished run of the page has a test of its own."""

from pathlib import Path

import pytest

from tools.generate import TEXTS
from tools.make_worksheets import is_old, sheets


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_a_text_is_of_today(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == TEXTS[path](), "run: make generate"


def test_the_worksheets_pdfs_are_of_their_markdown() -> None:
    assert len(sheets()) == 2
    assert [sheet.name for sheet in sheets() if is_old(sheet)] == [], "run: make generate"
