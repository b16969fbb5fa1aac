"""The panel of one turned knob: how each method's end depends on the rate, the steps or the size of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from cliptta_demo.languages import Text
from cliptta_demo.page.form.fields import FORM
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.numbers import Method, entries


@dataclass(frozen=True)
class Knob:
    """A setting that can be turned.

    Attributes:
        name: the field of the form; values: to try, for a learning rate as shares of the form's.
    """

    name: str
    values: tuple[float, ...]

    @property
    def label(self) -> str:
        """The setting's own, in the choice."""
        return FORM[self.name].setting.label


KNOBS = {
    knob.name: knob
    for knob in (
        Knob("learning_rate", (0.03, 0.1, 0.3, 1, 3, 10)),
        Knob("steps", (1, 2, 3, 5, 10, 20)),
        Knob("batch_size", (1, 2, 4, 8, 16, 32, 64, 128)),
    )
}


class Point(TypedDict):
    """What came out at one value of the knob.

    Attributes:
        value: of the setting; accuracy: method → 0 to 1, None without labels; spread: method → entropy of all
            predictions as a share of what all classes would give.
    """

    value: float
    accuracy: dict[str, float | None]
    spread: dict[str, float]


class Sweep(TypedDict):
    """What the panel draws.

    Attributes:
        setting: that is turned, as in the middle of a sentence; values: that it takes; usual: where the form has it.
        images: of each run; points: of the runs so far; unmoved: methods that the knob changes nothing for.
    """

    setting: str
    values: list[float]
    usual: float
    images: int
    methods: list[Method]
    unmoved: list[str]
    points: list[Point]


def sweep_data(
    knob: Knob,
    methods: Sequence[str],
    points: Sequence[Point],
    values: Sequence[float],
    usual: float,
    images: int,
    unmoved: Sequence[str],
) -> Sweep:
    """The runs so far, see :class:`Sweep`."""
    return {
        "setting": FORM[knob.name].label,
        "values": list(values),
        "usual": usual,
        "images": images,
        "methods": entries(methods),
        "unmoved": list(unmoved),
        "points": list(points),
    }


PANEL = Panel(
    name="sweep",
    title=Text("Turn one knob"),
    sentence=Text(
        "A method is only as good as its luck with the settings: run all of them at several values of one, and "
        "see who survives where."
    ),
)
