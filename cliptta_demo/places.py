"""Where the files lie that come along with the program and are no code."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_INSTALLED = _PACKAGE / "assets"  # where pyproject.toml puts them

# Scripts, styles, the opening example, the built-in pictures: in a checkout at the top, for people to find; in an
# installation inside the package, which is looked at first, since whatever else is called "assets" may lie next to it.
ASSETS = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "assets"
RANKING = ASSETS / "ranking.json"  # what the page ranks methods by, out of docs/gallery
