"""Makes the worksheets' PDFs from their Markdown, in each language: python -m tools.make_worksheets

A line ``<!-- page -->`` ends a page; the lines to write on (``---``) share what room it leaves. Each ``.po`` beside the
sheets holds their lines in a language. Chinese and Japanese need a font that has them (Debian's fonts-noto-cjk).
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from babel.messages.catalog import Catalog
from markdown_it import MarkdownIt
from paths import ROOT
from serving import profile

from cliptta_demo.languages import Language, localised, read_language, speaking

FOLDER = ROOT / "docs" / "worksheets"
BREAK = "<!-- page -->"
# What stands before, between and after the words of a line: Markdown's signs, numbers and code, room to write, tags.
BETWEEN = re.compile(
    r"(^(?:#+ |\d+\. |- )|^!\[|\]\(triangle\.svg\)$|^---$|^<!--.*-->$"
    r"| *\|(?: (?:-+|[\d.]+|[A-Z]+|`[^`]*`)? ?\|)* *|(?: ?\\_)+ ?|</?(?:svg|text|rect|path|circle)[^>]*>)"
)
CELL = re.compile(r"\| [\d.]+ (?=\|)")
STYLE = """
    @page { size: A4; margin: 16mm 18mm; }
    body { font: 10.5pt/1.4 system-ui, "Noto Sans", sans-serif; color: #1b222b; margin: 0; }
    section.page { display: flex; flex-direction: column; height: 264mm; overflow: hidden; break-after: page; }
    section.page:last-child { break-after: auto; }
    h1 { font-size: 18pt; line-height: 1.2; text-wrap: balance; margin: 0 0 6pt; }
    h2 { font-size: 12.5pt; margin: 10pt 0 2pt; break-after: avoid; }
    p { margin: 4pt 0 0; }
    ol, ul { margin: 4pt 0 0; padding-inline-start: 14pt; padding-inline-end: 0; }
    li { margin: 3pt 0; break-inside: avoid; }
    hr { border: 0; border-bottom: 0.3mm solid #9aa5b0; margin: 0; flex: 1 1 8mm; min-height: 7mm; }
    svg { flex: none; align-self: center; width: 92mm; height: auto; }
    table { border-collapse: collapse; font-size: 8pt; margin: 6pt 0; }
    th, td { text-align: start; vertical-align: top; padding: 1.5pt 0; padding-inline-end: 8pt; }
    th, td { border-bottom: 0.2mm solid #dcddd6; }
    code { font-size: 7.5pt; }
"""


def translated(text: str, say: Callable[[str], str]) -> str:
    """A sheet's or a drawing's text with the words of each line said by ``say``, the signs between them as they are."""

    def said(part: str, between: int) -> str:
        return CELL.sub(lambda cell: localised(cell[0]), part) if between else part and say(part)

    lines = (BETWEEN.split(line) for line in text.split("\n"))
    return "\n".join("".join(said(part, number % 2) for number, part in enumerate(line)) for line in lines)


def template() -> Catalog:
    """The list of the sheets' lines, each with the sheets that have it."""
    found = Catalog(project="CLIPTTA demo: worksheets", fuzzy=False)
    for sheet in sheets():
        for text in (sheet.read_text("utf-8"), drawing(sheet)):
            translated(text, lambda words, at=sheet.name: str(found.add(words, locations=[(at, None)]).id))
    return found


def drawing(sheet: Path) -> str:
    """The triangle that stands in a sheet, as SVG; empty where none does."""
    return (FOLDER / "triangle.svg").read_text("utf-8") if "](triangle.svg)" in sheet.read_text("utf-8") else ""


def page_of(sheet: Path, language: Language) -> str:
    """The sheet as HTML in a language; one with page breaks has full pages. Its title ends with the text's mark."""

    def said(words: str) -> str:
        return str(language.words.get(words, words))

    with speaking(language):
        text, figure = translated(sheet.read_text("utf-8"), said), translated(drawing(sheet), said)
    mark = hashlib.sha256((text + figure + STYLE).encode()).hexdigest()[:12]
    pages = [MarkdownIt().enable("table").render(part) for part in text.split(BREAK)]
    pages = [re.sub(r'<p><img src="triangle.svg".*?></p>', lambda _: figure, page) for page in pages]
    body = "".join(f'<section class="page">{page}</section>' for page in pages) if len(pages) > 1 else pages[0]
    return (
        f'<!doctype html><html lang="{language.code}" dir="{language.direction}">'
        f"<title>{text.splitlines()[0].lstrip('# ')} ({mark})</title><style>{STYLE}</style><body>{body}</body></html>"
    )


def made() -> dict[Path, str]:
    """The PDF of each sheet in each language, as HTML."""
    languages = [Language(), *(read_language(str(path)) for path in sorted(FOLDER.glob("*.po")))]
    return {
        FOLDER / ("" if language.code == Language.code else language.code) / f"{sheet.stem}.pdf": page_of(
            sheet, language
        )
        for language in languages
        for sheet in sheets()
    }


def is_old(pdf: Path, page: str) -> bool:
    """Whether there is no such PDF, or one of another text."""
    mark = re.findall(r"\((\w{12})\)</title>", page)[0]
    written = pdf.read_bytes() if pdf.exists() else b""  # titles beyond Latin are in UTF-16, as hexadecimal digits
    return mark.encode() not in written and mark.encode("utf-16-be").hex().upper().encode() not in written


def sheets() -> list[Path]:
    """The Markdown files."""
    return sorted(FOLDER.glob("*.md"))


def main() -> None:
    """Writes each whose text has changed.

    Raises:
        ValueError: a page has more words than room.
    """
    if not (old := {pdf: text for pdf, text in made().items() if is_old(pdf, text)}):
        return
    with profile() as context:
        page = context.browser.new_page()
        for pdf, text in old.items():
            page.set_content(text)
            page.emulate_media(media="print")
            if page.evaluate(
                "[...document.querySelectorAll('.page')].some((one) => one.scrollHeight > one.clientHeight)"
            ):
                raise ValueError(f"{pdf}: a page is too full")
            pdf.parent.mkdir(exist_ok=True)
            page.pdf(path=pdf, prefer_css_page_size=True)
            print(pdf.relative_to(FOLDER))


if __name__ == "__main__":
    main()
