"""Paths of this machine that a run names, found before anything heavy is loaded."""

import os
from pathlib import Path

from cliptta_demo.backend.errors import UserError


def find_folder(path: Path | str) -> Path:
    """The folder at a path; a leading ``~`` is the home folder. Raises :class:`UserError` where there is none."""
    root = Path(os.path.expanduser(path))
    shown = root.name or str(path)
    if not str(path) or not os.path.exists(root):  # an empty path would mean the current folder
        raise UserError(f"The folder '{shown}' does not exist: check the path.")
    if not root.is_dir():
        raise UserError(f"'{shown}' is a file, not a folder: give a folder with one sub-folder per class.")
    return root


def find_tables(name: str) -> list[Path]:
    """The parquet files of ``PATH``, a file or a folder of them, sorted; conditions after a ``?`` are left out.

    Raises:
        UserError: there is none.
    """
    path = Path(name.partition("?")[0]).expanduser()
    found = [path] if path.is_file() else sorted(path.glob("*.parquet"))
    if not found:
        raise UserError(f"'{path}' is no parquet file and no folder with some: check the path.")
    return found
