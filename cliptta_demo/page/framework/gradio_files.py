"""Which of its own scripts and style sheets Gradio will load in the browser, told beforehand.

Its first script names those that it needs, they name others, and so on: each turn costs a visitor far away the time of
a question and an answer. All of it stands in the built files that come with Gradio, which a release may name and write
otherwise: what is not found there is not told beforehand, and the page loads as it would anyway.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from importlib.resources import files

FRONTEND = files("gradio") / "templates" / "frontend"
_ENTRY = re.compile(r'"\./assets/(index-[\w-]+\.js)"')
_LISTED = re.compile(r"\bm\.f=(\[[^\]]*\])")  # a script's list of files, to which its imports point by number
_KIND = r"\b{kind}:\{{([^{{}}]*)\}}"  # where a kind of component is, its example and others
_IMPORTED = re.compile(r"\b(?:base|component):.*?__vite__mapDeps\(\[([\d,]+)\]")


def needed_files(kinds: Collection[str]) -> list[str]:
    """Names of files below ``assets/``, the first needed first; empty where Gradio is built otherwise.

    Args:
        kinds: of the components on the page, such as ``html`` and ``button``.
    """
    try:
        entry = _ENTRY.search(_read("index.html"))[1]
        first = _list_of(entry)
        core = next(name for name in first if name.startswith("core-") and name.endswith(".js"))
        return list(dict.fromkeys([entry, *first, *_blocks(first[0]), *_components(core, kinds)]))
    except (OSError, LookupError, TypeError, ValueError, StopIteration):
        return []


def _read(name: str) -> str:
    return (FRONTEND / name).read_text(encoding="utf-8")


def _list_of(script: str) -> list[str]:
    return [name.removeprefix("./") for name in json.loads(_LISTED.search(_read(f"assets/{script}"))[1])]


def _blocks(script: str) -> list[str]:
    """The page itself, with what it imports: listed up to the sheet of its own, before the form to log in."""
    listed = _list_of(script)
    return listed[: next(place for place, name in enumerate(listed) if name.startswith("Login-"))]


def _components(core: str, kinds: Collection[str]) -> list[str]:
    listed, text = _list_of(core), _read(f"assets/{core}")
    kinds_found = (re.search(_KIND.format(kind=re.escape(kind)), text) for kind in sorted(kinds))
    found = (numbers for kind in kinds_found if kind for numbers in _IMPORTED.findall(kind[1]))
    return [listed[int(number)] for numbers in found for number in numbers.split(",")]
