"""An HTML file that needs nothing else: style sheets, scripts and data inside. It opens without a server."""

import html
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cliptta_demo.languages import language
from cliptta_demo.places import ASSETS

DARK = 'if (matchMedia("(prefers-color-scheme: dark)").matches) document.body.classList.add("dark");'


def in_script(data: dict[str, Any]) -> str:
    """Data as JSON that may stand inside a script element, which a ``<`` in a string could end or keep open."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def scoped(script: Path) -> str:
    """A script's text; one of ``assets`` in a scope of its own, where ``cliptta`` is what all of them share."""
    text = script.read_text(encoding="utf-8")
    own = script.parent == ASSETS
    return f"((cliptta) => {{\n{text}}})((window.cliptta ??= {{ kinds: {{}} }}));\n" if own else text


def one_file(
    title: str,
    body: str,
    *,
    kind: str,
    styles: Iterable[str],
    scripts: Iterable[str | Path],
    data: dict[str, Any],
    work: str,
) -> str:
    """The file's text.

    Args:
        title: plain text; body: HTML; kind: a class of its own for the style sheets.
        styles, scripts: names of files of ``assets/``, or paths, in the order in which they are read.
        data: what ``work``, a piece of script at the end, finds as ``DATA``.
    """
    text = in_script(data)
    styled = "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in styles)
    read = "".join(f"<script>{scoped(ASSETS / name)}</script>" for name in scripts)
    return (
        f'<!doctype html><html lang="{language().code}" dir="{language().direction}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{styled}</style></head>"
        f'<body><script>{DARK}</script><main class="gradio-container report {kind}">{body}</main>'
        f"{read}<script>const DATA = {text};{work}</script></body></html>"
    )
