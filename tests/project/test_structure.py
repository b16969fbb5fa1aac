"""Promises about the code's shape and size that no other test would notice, and that what is generated is of today."""

import ast
import graphlib
from functools import cache

from paths import ROOT

from tools import size
from tools.generate import TEXTS
from tools.make_worksheets import is_old, sheets
from tools.make_worksheets import made as worksheets

PACKAGE = ROOT / "cliptta_demo"
# The folders, and the files that lie in no folder of their own, in the order that docs/architecture.md draws.
DRAWN = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("```text\n")[1].split("```")[0]
LAYERS = [name for line in DRAWN.splitlines() for name in line.split(":", 1)[1].split()]


@cache
def modules() -> dict[str, ast.Module]:
    """Dotted name → its code."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): ast.parse(path.read_bytes())
        for path in PACKAGE.rglob("*.py")
    }


def imported(code: ast.Module | list[ast.stmt]) -> set[str]:
    """Dotted names of the modules that it imports, or of what else it takes from a module."""
    names: set[str] = set()
    for node in ast.walk(code) if isinstance(code, ast.Module) else code:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in modules() else node.module or "" for name in inside}
    return names


def test_what_is_installed_needs_nothing_beside_it_and_the_engine_no_page() -> None:
    engine = tuple(f"cliptta_demo.backend.methods.{name}" for name in ("adaptation", "base", "losses", "memory"))
    forbidden = {
        "cliptta_demo": ("tests", "tools", "training"),
        "cliptta_demo.backend": ("gradio", "plotly", "cliptta_demo.page"),
        "cliptta_demo.page": ("open_clip", "timm", "torch.nn", *engine),
    }
    for folder, names in forbidden.items():
        for module, code in modules().items():
            if f"{module}.".startswith(f"{folder}."):
                found = [name for name in imported(code) if f"{name}.".startswith(tuple(f"{n}." for n in names))]
                assert not found, f"{module} imports {found}"


def layer_of(module: str) -> int:
    """The number of the layer that a module of the package lies in."""
    inside = module.removeprefix("cliptta_demo.")
    return LAYERS.index(max((layer for layer in LAYERS if f"{inside}.".startswith(f"{layer}.")), key=len))


def test_every_folder_imports_what_stands_before_it_alone() -> None:
    seen = 0
    for name in set(modules()) - {"cliptta_demo", "cliptta_demo.__main__", "cliptta_demo.page", "cliptta_demo.backend"}:
        for other in imported(modules()[name]):
            if other.startswith("cliptta_demo."):
                assert layer_of(other) <= layer_of(name), f"{name} imports {other}, which stands above it"
                seen += 1
    assert seen > 800


def test_no_module_imports_itself_round_a_corner() -> None:
    """Imports inside functions apart: those of registries, whose entries are built on what asks for them."""
    graph = {name: imported(code.body) & set(modules()) - {name} for name, code in modules().items()}
    assert sum(map(len, graph.values())) > 200
    list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


def test_the_project_is_within_its_limits() -> None:
    for name, lines in size.sizes().items():
        assert lines.total() <= size.LINES.get(name, lines.total()), f"{name}: make size"
    assert size.page_bytes() <= size.PAGE_BYTES
    assert size.long_files() == {}
    text = '"""Doc."""\n\n# comment\nx = """a\nb"""  # two lines\n\n'
    text += 'def f():\n    "Doc."\n    return (\n        x\n    )\n'
    assert size.code_lines(text) == 6


def test_what_is_generated_is_of_today() -> None:
    """The finished run of the page has a test of its own."""
    for path, made in TEXTS.items():
        assert path.read_text(encoding="utf-8") == made(), f"{path.name}: run make generate"
    assert [sheet.stem for sheet in sheets()] == ["45_minutes", "90_minutes", "answers"]
    assert [pdf for pdf, page in worksheets().items() if is_old(pdf, page)] == [], "run: make generate"
