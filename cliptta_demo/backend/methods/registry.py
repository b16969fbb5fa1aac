"""The methods by name, where plugins and scripts import it; and how they are told apart by eye.

Colours, and symbols for whoever sees the colours alike: a class says which it would like. Of methods shown together, no
two get the same as long as there are as many as methods; the style sheet has the colours themselves, for light and
dark, and the symbols' outlines.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cliptta_demo.backend.registry import FAMILIES, METHODS, REFERENCE, RELEASES, Released, definition, register

__all__ = ["FAMILIES", "METHODS", "REFERENCE", "RELEASES", "Released", "definition", "register"]


# Told apart with any kind of colour vision; ``--m-NAME`` in the style sheet.
COLOURS = ("grey", "vermilion", "blue", "green", "purple", "gold", "teal", "brown")
# Names as Plotly's; ``.marker.NAME`` in the style sheet.
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "triangle-down", "hexagon")


@dataclass(frozen=True)
class MethodLook:
    """How one method is drawn: its name for people, its marker, and the dash of its lines, as Plotly has it."""

    label: str
    colour: str
    symbol: str
    dash: str

    @property
    def mark(self) -> dict[str, str]:
        """What the browser needs to draw markers and lines (``cliptta.marker`` in assets/page.js)."""
        return {"colour": self.colour, "symbol": self.symbol, "dash": self.dash}


def looks(names: Iterable[str], methods: Mapping[str, str] | None = None) -> dict[str, MethodLook]:
    """How methods are drawn side by side, by name; ``methods``: what method each stands for, where names are others."""
    names = tuple(names)
    kinds = [METHODS[methods[name] if methods else name] for name in names]
    colours = share_out([kind.colour for kind in kinds], COLOURS)
    symbols = share_out([kind.symbol for kind in kinds], SYMBOLS)
    return {
        name: MethodLook(kind.label, colour, symbol, kind.dash)
        for name, kind, colour, symbol in zip(names, kinds, colours, symbols, strict=True)
    }


def share_out(wanted: Sequence[str], offered: Sequence[str]) -> list[str]:
    """Gives each what it wants; who comes second, or wants what there is not, takes the first that nobody wants.

    Beyond as many as are offered they come round again.
    """
    free = [one for one in offered if one not in wanted] or list(offered)
    given: list[str] = []
    late = 0
    for one in wanted:
        if one in given or one not in offered:
            one, late = free[late % len(free)], late + 1
        given.append(one)
    return given
