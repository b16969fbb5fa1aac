"""Names that registries hold, read from the source of those who register: a wrong word is refused before torch loads.

Once a registry is there it is asked itself, since more may have been added from outside.
"""

import ast
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

REFERENCE = "zero-shot"  # always runs: deterioration and improvement are measured against it
_METHODS = Path(__file__).parent / "methods"


def method_names() -> tuple[str, ...]:
    """All methods, in the order in which they are offered."""
    loaded = "cliptta_demo.backend.methods" in sys.modules
    return tuple(sys.modules["cliptta_demo.backend.registry"].METHODS) if loaded else _written_methods()


def score_names() -> tuple[str, ...]:
    """All ID scores."""
    scores = sys.modules.get("cliptta_demo.backend.methods.scores")
    return tuple(scores.ID_SCORES) if scores else _written_scores()


def architectures() -> list[str]:
    """Those that open_clip knows."""
    open_clip = sys.modules.get("open_clip")
    return open_clip.list_models() if open_clip else [path.stem for path in _open_clip().glob("model_configs/*.json")]


def pretrained_tags(architecture: str) -> list[str]:
    """The weights that open_clip knows of an architecture."""
    if "open_clip" not in sys.modules:
        with suppress(LookupError, AttributeError):  # not in the table, or written in another way
            return _written_tags(architecture)
    import open_clip

    return open_clip.list_pretrained_tags_by_model(architecture)


@cache
def _written_methods() -> tuple[str, ...]:
    imports = (node for node in _parsed(_METHODS / "__init__.py").body if isinstance(node, ast.ImportFrom))
    modules = [alias.name for node in imports if node.module.endswith(".methods") for alias in node.names]
    return tuple(name for module in modules for name in _registered(_parsed(_METHODS / f"{module}.py")))


@cache
def _written_scores() -> tuple[str, ...]:
    calls = (node for node in ast.walk(_parsed(_METHODS / "scores.py")) if isinstance(node, ast.Call))
    return tuple(call.args[0].value for call in calls if ast.unparse(call.func) == "register_score")


def _registered(tree: ast.Module) -> Iterator[str]:
    """``name`` of each class under ``@register``, assigned by itself or with others."""
    for kind in tree.body:
        if isinstance(kind, ast.ClassDef) and any(ast.unparse(one) == "register" for one in kind.decorator_list):
            for node in (node for node in kind.body if isinstance(node, ast.Assign)):
                pairs = zip(*(getattr(side, "elts", [side]) for side in (node.targets[0], node.value)), strict=False)
                yield from (value.value for target, value in pairs if ast.unparse(target) == "name")


def _written_tags(architecture: str) -> list[str]:
    """From ``_PRETRAINED = {ARCHITECTURE: dict(TAG=…), …}``, where such a dict may have a name of its own."""
    body = _parsed(_open_clip() / "pretrained.py").body
    named = {ast.unparse(node.targets[0]): node.value for node in body if isinstance(node, ast.Assign)}
    table = named["_PRETRAINED"]
    found = dict(zip((key.value for key in table.keys), table.values, strict=True))[architecture]
    return [word.arg for word in named.get(ast.unparse(found), found).keywords]


def _open_clip() -> Path:
    return Path(find_spec("open_clip").submodule_search_locations[0])


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
