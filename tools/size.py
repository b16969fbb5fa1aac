"""How much code there is, beside what the suite holds it to: make size

A line of code is one that a token stands on: blanks, comments and docstrings are not counted. ``cliptta_demo`` is what
is installed, the page's bytes are its Python, scripts and styles; tools and training are shown without a limit.
"""

import ast
import io
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("cliptta_demo", "tests", "tools", "training")
# What the suite allows. Whoever takes code away lowers them.
LINES = {"cliptta_demo": 17_740, "tests": 14_520}
PAGE_BYTES = 712_400
FILE_LINES = 300  # of all kinds
_BLANK = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def _docstrings(tree: ast.AST) -> Iterator[int]:
    """The lines that docstrings stand on."""
    for node in ast.walk(tree):
        documented = isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        if documented and ast.get_docstring(node):
            yield from range(node.body[0].lineno, node.body[0].end_lineno + 1)


def code_lines(text: str) -> int:
    """How many lines of code are in a Python file's text."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _BLANK:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines.difference(_docstrings(ast.parse(text))))


def sizes() -> dict[str, Counter[str]]:
    """For each folder at the top the lines of code of each folder right in it; its own files count under "."."""
    found = {name: Counter() for name in FOLDERS}
    for name in FOLDERS:
        for path in (ROOT / name).rglob("*.py"):
            inside = path.relative_to(ROOT / name).parts
            found[name][inside[0] if len(inside) > 1 else "."] += code_lines(path.read_text(encoding="utf-8"))
    return found


def page_bytes() -> int:
    """Bytes of the page's Python, scripts and styles."""
    assets = ROOT / "assets"
    files = [*(ROOT / "cliptta_demo" / "page").rglob("*.py"), *assets.glob("*.js"), *assets.glob("*.css")]
    return sum(path.stat().st_size for path in files)


def long_files() -> dict[str, int]:
    """Python files, scripts and styles of more lines than a file may have."""
    files = [path for name in FOLDERS for path in (ROOT / name).rglob("*.py")]
    files += [path for kind in ("*.js", "*.css") for path in (ROOT / "assets").glob(kind)]
    lines = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    return {name: count for name, count in lines.items() if count > FILE_LINES}


def main() -> None:
    """Prints a table."""
    for name, parts in sizes().items():
        limit = f" of {LINES[name]:,}" if name in LINES else ""
        print(f"{name:16}{parts.total():8,}{limit}")
        for part, lines in sorted(parts.items()):
            print(f"  {part:14}{lines:8,}")
    print(f"page, in bytes  {page_bytes():8,} of {PAGE_BYTES:,}")
    print(f"files of more than {FILE_LINES} lines: {long_files() or 'none'}")


if __name__ == "__main__":
    main()
