"""Promises about the code's shape that no other test would notice."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

from paths import ROOT

PACKAGE = ROOT / "cliptta_demo"


def imported(path: Path) -> set[str]:
    """Dotted names of all that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def test_what_is_installed_needs_nothing_beside_it_and_the_engine_no_page() -> None:
    engine = tuple(f"cliptta_demo.backend.methods.{name}" for name in ("adaptation", "base", "losses", "memory"))
    forbidden = {
        PACKAGE: ("tests", "tools", "training"),
        PACKAGE / "backend": ("gradio", "plotly", "cliptta_demo.page"),
        PACKAGE / "page": ("open_clip", "timm", "torch.nn", *engine),
    }
    for folder, names in forbidden.items():
        for path in folder.rglob("*.py"):
            assert not [name for name in imported(path) if f"{name}.".startswith(tuple(f"{n}." for n in names))], path


def layers() -> list[str]:
    """The folders, and the files that lie in no folder of their own, in the order that docs/architecture.md draws."""
    drawn = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("```text\n")[1].split("```")[0]
    return [name for line in drawn.splitlines() for name in line.split(":", 1)[1].split()]


LAYERS = layers()


def layer_of(module: str) -> str:
    """The layer that a module of the package lies in."""
    inside = module.removeprefix("cliptta_demo.")
    return max((layer for layer in LAYERS if f"{inside}.".startswith(f"{layer}.")), key=len)


def test_every_folder_imports_what_stands_before_it_alone() -> None:
    modules = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in PACKAGE.rglob("*.py")
    }
    roots = (
        "cliptta_demo",
        "cliptta_demo.__main__",
        "cliptta_demo.page",
        "cliptta_demo.backend",
    )  # hold or start others
    seen = 0
    for name, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.ImportFrom)
                and (node.module or "").startswith("cliptta_demo.")
                and name not in roots
            ):
                for alias in node.names:
                    other = full if (full := f"{node.module}.{alias.name}") in modules else node.module
                    here, there = LAYERS.index(layer_of(name)), LAYERS.index(layer_of(other))
                    assert there <= here, f"{name} imports {other}, which stands above it"
                    seen += 1
    assert seen > 1000


def test_no_module_imports_itself_round_a_corner() -> None:
    """Imports inside functions apart: those of registries, whose entries are built on what asks for them."""
    modules = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in PACKAGE.rglob("*.py")
    }

    def needed(path: Path) -> set[str]:
        found = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ImportFrom)]
        names = {(node.module or "", alias.name) for node in found for alias in node.names}
        return {full if (full := f"{module}.{name}") in modules else module for module, name in names}

    graph = {name: needed(path) & set(modules) - {name} for name, path in modules.items()}
    assert sum(map(len, graph.values())) > 200
    list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle
