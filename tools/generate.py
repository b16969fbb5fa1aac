"""Writes all that is generated within a minute: make generate. Tests compare each file with what this would write.

Not among it is what takes minutes to hours, or data and code of others. ``cliptta-demo claims --record docs`` measures
what lessons and documents claim, and docs/tables; ``gallery``, ``choose`` and ``ablation`` measure docs/gallery and
docs/ablation.csv; tools/take_screenshots.py takes the README's pictures; ``training`` makes the built-in
model and pictures; tests/golden is from the methods' own releases. The texts that are made of such records are written.
"""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import pandas as pd
from paths import ROOT

from cliptta_demo.backend.methods.recorded import ABLATED_FILE
from cliptta_demo.languages import FOLDER, gather
from cliptta_demo.research import ablation, claims, gallery, ranking
from cliptta_demo.research.claims import Record
from cliptta_demo.research.text import read_streams
from cliptta_demo.settings_table import settings_page
from tools import make_example, make_worksheets

DOCS = ROOT / "docs"
GALLERY = DOCS / "gallery"


@cache
def streams() -> pd.DataFrame:
    """What the gallery's methods reached."""
    return read_streams(GALLERY / gallery.STREAMS_FILE)


TEXTS: dict[Path, Callable[[], str]] = {
    FOLDER / "messages.pot": lambda: gather.written(gather.template()),
    **{path: partial(gather.updated, path) for path in sorted(FOLDER.glob("*.po"))},
    **{
        path: partial(gather.updated, path, make_worksheets.template())
        for path in sorted(make_worksheets.FOLDER.glob("*.po"))
    },
    DOCS / "settings.md": settings_page,
    DOCS / "claims.md": lambda: claims.to_markdown(Record(read_streams(DOCS / claims.RECORD_FILE))),
    DOCS / "ablation.md": lambda: ablation.ablation_page(read_streams(DOCS / "ablation.csv")),
    ABLATED_FILE: lambda: ablation.ablation_numbers(read_streams(DOCS / "ablation.csv")),
    GALLERY / "ranking.md": lambda: ranking.ranking_page(streams()),
    gallery.MEASURED_FILE: lambda: gallery.measured_of(streams()),
    gallery.RANKING: lambda: gallery.ranking_json(streams()),
}


def main() -> None:
    """Writes them all."""
    for path, text in {path: text() for path, text in TEXTS.items()}.items():
        path.write_text(text, encoding="utf-8")
    make_worksheets.main()
    make_example.main()


if __name__ == "__main__":
    main()
