"""Promises about the code's shape that no other test would notice."""

import ast
import graphlib

from paths import ROOT

PACKAGE = ROOT / "cliptta_demo"
# The folders, and the files that lie in no folder of their own, in the order that docs/architecture.md draws.
DRAWN = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("```text\n")[1].split("```")[0]
LAYERS = [name for line in DRAWN.splitlines() for name in line.split(":", 1)[1].split()]
MODULES = {  # dotted name → its code
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
            names |= {name if name in MODULES else node.module or "" for name in inside}
    return names


def test_what_is_installed_needs_nothing_beside_it_and_the_engine_no_page() -> None:
    engine = tuple(f"cliptta_demo.backend.methods.{name}" for name in ("adaptation", "base", "losses", "memory"))
    forbidden = {
        "cliptta_demo": ("tests", "tools", "training"),
        "cliptta_demo.backend": ("gradio", "plotly", "cliptta_demo.page"),
        "cliptta_demo.page": ("open_clip", "timm", "torch.nn", *engine),
    }
    for folder, names in forbidden.items():
        for module, code in MODULES.items():
            if f"{module}.".startswith(f"{folder}."):
                found = [name for name in imported(code) if f"{name}.".startswith(tuple(f"{n}." for n in names))]
                assert not found, f"{module} imports {found}"


def layer_of(module: str) -> int:
    """The number of the layer that a module of the package lies in."""
    inside = module.removeprefix("cliptta_demo.")
    return LAYERS.index(max((layer for layer in LAYERS if f"{inside}.".startswith(f"{layer}.")), key=len))


def test_every_folder_imports_what_stands_before_it_alone() -> None:
    seen = 0
    for name in set(MODULES) - {"cliptta_demo", "cliptta_demo.__main__", "cliptta_demo.page", "cliptta_demo.backend"}:
        for other in imported(MODULES[name]):
            if other.startswith("cliptta_demo."):
                assert layer_of(other) <= layer_of(name), f"{name} imports {other}, which stands above it"
                seen += 1
    assert seen > 800


def test_no_module_imports_itself_round_a_corner() -> None:
    """Imports inside functions apart: those of registries, whose entries are built on what asks for them."""
    graph = {name: imported(code.body) & set(MODULES) - {name} for name, code in MODULES.items()}
    assert sum(map(len, graph.values())) > 200
    list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle
