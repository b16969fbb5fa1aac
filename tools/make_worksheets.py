"""Makes the worksheets' PDFs from their Markdown: python -m tools.make_worksheets"""

import hashlib
from pathlib import Path

from markdown_it import MarkdownIt
from paths import ROOT
from serving import profile

FOLDER = ROOT / "docs" / "worksheets"
STYLE = """
    @page { margin: 18mm 20mm; }
    body { font: 11pt/1.5 system-ui, "Noto Sans", sans-serif; color: #1d242d; }
    h1 { font-size: 20pt; line-height: 1.2; margin: 0 0 10pt; }
    h2 { font-size: 13pt; margin: 16pt 0 5pt; break-after: avoid; }
    li { margin: 3pt 0; break-inside: avoid; }
    hr { border: 0; break-after: page; }
    em { font-style: normal; color: #0067a3; }
"""


def mark_of(text: str) -> str:
    """What a PDF's title says of the Markdown that it was made from."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def is_old(sheet: Path) -> bool:
    """Whether its PDF is of another text."""
    return mark_of(sheet.read_text(encoding="utf-8")).encode() not in sheet.with_suffix(".pdf").read_bytes()


def page_of(text: str) -> str:
    """The sheet as HTML."""
    title = f"{text.splitlines()[0].lstrip('# ')} ({mark_of(text)})"
    head = f'<!doctype html><html lang="en"><title>{title}</title><style>{STYLE}</style>'
    return f"{head}<body>{MarkdownIt().render(text)}</body></html>"


def sheets() -> list[Path]:
    """The Markdown files."""
    return sorted(FOLDER.glob("*.md"))


def main() -> None:
    """Writes a PDF beside each whose text has changed."""
    if not (old := [sheet for sheet in sheets() if is_old(sheet)]):
        return
    with profile() as context:
        browser = context.browser
        page = browser.new_page()
        for sheet in old:
            page.set_content(page_of(sheet.read_text(encoding="utf-8")))
            page.pdf(path=sheet.with_suffix(".pdf"), format="A4")
            print(sheet.with_suffix(".pdf").name)


if __name__ == "__main__":
    main()
