"""What comes from outside of the package: files that ``CLIPTTA_PLUGINS`` names, and what installed packages offer.

They register methods, ID scores, corruptions and kinds of data sets when they are imported. That is the last thing that
importing :mod:`.methods` does, so that each process of a run has them: workers too.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from cliptta_demo.backend.errors import UserError

VARIABLE = "CLIPTTA_PLUGINS"  # paths, separated as in PATH
GROUP = "cliptta_demo.plugins"  # of entry points


def take_plugins(words: Sequence[str]) -> list[str]:
    """Adds what ``--plugin FILE`` names, wherever it stands, to the variable; the other words of the command line."""
    parser = argparse.ArgumentParser(prog="cliptta-demo", add_help=False, allow_abbrev=False)
    parser.add_argument("--plugin", action="append", default=[])
    taken, rest = parser.parse_known_args(words)
    files = [*_files(), *(Path(file).expanduser().resolve() for file in taken.plugin)]
    if files:
        os.environ[VARIABLE] = os.pathsep.join(map(str, dict.fromkeys(files)))
    return rest


def load_plugins() -> None:
    """Imports them, once in a process.

    Raises:
        UserError: one that there is not, or that can't be imported.
    """
    for file in _files():
        name = f"cliptta_plugin_{file.stem}"
        spec = spec_from_file_location(name, file)
        sys.modules[name] = module = module_from_spec(spec)  # where pickle finds what it defines
        _load(str(file), lambda spec=spec, module=module: spec.loader.exec_module(module))
    for point in entry_points(group=GROUP):
        _load(point.value, point.load)


def _load(name: str, work: Callable[[], object]) -> None:
    try:
        work()
    except Exception as error:
        raise UserError(f"The plugin '{name}' can't be loaded: {type(error).__name__}: {error}") from error


def _files() -> list[Path]:
    return [Path(file) for file in os.environ.get(VARIABLE, "").split(os.pathsep) if file]
