"""An HTML file that needs nothing else: style sheets, scripts and data inside. It opens without a server."""

import html
import json
from collections.abc import Iterable
from typing import Any

from cliptta_demo.languages import language
from cliptta_demo.places import ASSETS

DARK = 'if (matchMedia("(prefers-color-scheme: dark)").matches) document.body.classList.add("dark");'


def in_script(data: dict[str, Any]) -> str:
    """Data as JSON that may stand inside a script element, which a ``<`` in a string could end or keep open."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def scoped(scripts: Iterable[str]) -> str:
    """Scripts of ``assets`` as one: the first is page.js, whose names the others know, each in a block of its own."""
    first, *others = ((ASSETS / name).read_text(encoding="utf-8") for name in scripts)
    blocks = "".join(f"{{\n{text}}}\n" for text in others)
    return f'((cliptta) => {{\n"use strict";\n{first}{blocks}}})((window.cliptta ??= {{ kinds: {{}} }}));\n'


def one_file(
    title: str,
    body: str,
    *,
    kind: str,
    styles: Iterable[str],
    scripts: Iterable[str],
    data: dict[str, Any],
    work: str,
) -> str:
    """The file's text.

    Args:
        title: plain text; body: HTML; kind: a class of its own for the style sheets.
        styles, scripts: names of files of ``assets/``, in the order in which they are read, see :func:`scoped`.
        data: what ``work``, a piece of script at the end, finds as ``DATA``.
    """
    text = in_script(data)
    styled = "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in styles)
    return (
        f'<!doctype html><html lang="{language().code}" dir="{language().direction}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{styled}</style></head>"
        f'<body><script>{DARK}</script><main class="gradio-container report {kind}">{body}</main>'
        f"<script>{scoped(scripts)}</script><script>const DATA = {text};{work}</script></body></html>"
    )
