"""Promises about the code's shape that no other test would notice."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import pytest
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


@pytest.mark.parametrize("path", sorted((PACKAGE / "backend").rglob("*.py")), ids=lambda path: path.stem)
def test_the_engine_knows_no_page(path: Path) -> None:
    forbidden = ("gradio", "plotly", "cliptta_demo.page")
    assert not [name for name in imported(path) if name.startswith(forbidden)]


def test_nothing_that_is_installed_needs_the_training() -> None:
    installed = [path for path in PACKAGE.rglob("*.py") if PACKAGE / "training" not in path.parents]
    names = {name for path in installed for name in imported(path)}
    assert "cliptta_demo.page" in names
    assert not [name for name in names if name.startswith("cliptta_demo.training")]


@pytest.mark.parametrize("path", sorted((PACKAGE / "page").rglob("*.py")), ids=lambda path: path.stem)
def test_the_page_works_through_the_engine(path: Path) -> None:
    engine = tuple(f"cliptta_demo.backend.methods.{name}" for name in ("adaptation", "base", "losses", "memory"))
    forbidden = ("open_clip", "timm", "torch.nn", "cliptta_demo.training", *engine)
    assert not [name for name in imported(path) if name.startswith(forbidden)]


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
