"""Makes the worksheets' PDFs from their Markdown: python -m tools.make_worksheets

A line ``<!-- page -->`` ends a page; the lines to write on (``---``) share what room it leaves.
"""

import hashlib
import re
from pathlib import Path

from markdown_it import MarkdownIt
from paths import ROOT
from serving import profile

FOLDER = ROOT / "docs" / "worksheets"
BREAK = "<!-- page -->"
STYLE = """
    @page { size: A4; margin: 16mm 18mm; }
    body { font: 10.5pt/1.4 system-ui, "Noto Sans", sans-serif; color: #1b222b; margin: 0; }
    section.page { display: flex; flex-direction: column; height: 264mm; overflow: hidden; break-after: page; }
    section.page:last-child { break-after: auto; }
    h1 { font-size: 18pt; line-height: 1.2; margin: 0 0 6pt; }
    h2 { font-size: 12.5pt; margin: 10pt 0 2pt; break-after: avoid; }
    p, ol, ul { margin: 4pt 0 0; padding-left: 0; }
    ol, ul { padding-left: 14pt; }
    li { margin: 3pt 0; break-inside: avoid; }
    hr { border: 0; border-bottom: 0.3mm solid #9aa5b0; margin: 0; flex: 1 1 8mm; min-height: 7mm; }
    svg { flex: none; align-self: center; width: 92mm; height: auto; }
    table { border-collapse: collapse; font-size: 8pt; margin: 6pt 0; }
    th, td { text-align: left; padding: 1.5pt 8pt 1.5pt 0; border-bottom: 0.2mm solid #dcddd6; vertical-align: top; }
    code { font-size: 7.5pt; }
"""


def drawing(sheet: Path) -> str:
    """The triangle that stands in a sheet, as SVG; empty where none does."""
    return (FOLDER / "triangle.svg").read_text("utf-8") if "](triangle.svg)" in sheet.read_text("utf-8") else ""


def mark_of(sheet: Path) -> str:
    """What a PDF's title says of what it was made from."""
    made_from = sheet.read_text(encoding="utf-8") + drawing(sheet) + STYLE
    return hashlib.sha256(made_from.encode()).hexdigest()[:12]


def is_old(sheet: Path) -> bool:
    """Whether there is no PDF of it, or one of another text."""
    made = sheet.with_suffix(".pdf")
    return not made.exists() or mark_of(sheet).encode() not in made.read_bytes()


def page_of(sheet: Path) -> str:
    """The sheet as HTML; one with page breaks has full pages."""
    text = sheet.read_text(encoding="utf-8")
    title = f"{text.splitlines()[0].lstrip('# ')} ({mark_of(sheet)})"
    pages = [MarkdownIt().enable("table").render(part) for part in text.split(BREAK)]
    pages = [re.sub(r'<p><img src="triangle.svg".*?></p>', lambda _: drawing(sheet), page) for page in pages]
    body = "".join(f'<section class="page">{page}</section>' for page in pages) if len(pages) > 1 else pages[0]
    return f'<!doctype html><html lang="en"><title>{title}</title><style>{STYLE}</style><body>{body}</body></html>'


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
            page.set_content(page_of(sheet))
            page.pdf(path=sheet.with_suffix(".pdf"), prefer_css_page_size=True)
            print(sheet.with_suffix(".pdf").name)


if __name__ == "__main__":
    main()
