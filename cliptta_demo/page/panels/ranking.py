"""The panel of all methods, ranked by what they gained on the gallery's streams: the browser fetches its numbers."""

from typing import TypedDict

from cliptta_demo.backend.methods.registry import FAMILIES, METHODS, REFERENCE
from cliptta_demo.languages import Text
from cliptta_demo.page.form.fields import FORM
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.panel import address
from cliptta_demo.places import RANKING

STREAMS = {
    "corruptions": Text("15 corruptions"),
    "continual": Text("Corruptions one after another"),
    "gradual": Text("Corruptions that come and go"),
    "recurring": Text("Corruptions again and again"),
    "mixed": Text("Corruptions mixed in each batch"),
    "in runs": Text("One after another, classes in runs"),
}


class Listed(TypedDict):
    """A method: its label, its family's, and the year of its paper."""

    label: str
    family: str
    year: int


class About(TypedDict):
    """What the script reads.

    Attributes:
        file: the address of what was measured, see research/page_ranking.py.
        methods, datasets, streams: the words for its names.
    """

    file: str
    methods: dict[str, Listed]
    datasets: dict[str, str]
    streams: dict[str, str]


def about() -> About:
    """The words, in the language of the context."""
    return {
        "file": address(RANKING),
        "methods": {
            name: {
                "label": kind.label,
                "family": str(FAMILIES.get(kind.family, kind.family)),
                "year": int(kind.paper[-4:]),
            }
            for name, kind in METHODS.items()
            if name != REFERENCE
        },
        "datasets": {name: FORM["dataset"].words(name) for name in ("pictures", "cifar10", "tiny-imagenet")},
        "streams": {name: f"{words}" for name, words in STREAMS.items()},
    }


PANEL = Panel("ranking", Text("All methods, ranked"), waiting=about)
