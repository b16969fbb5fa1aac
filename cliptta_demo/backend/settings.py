"""Settings of a run, each declared once (see :mod:`.declare`), with the reason of its default.

Values are checked here, on the server's side, whatever a form or an address may claim: an unknown or out-of-range
value raises :class:`UserError` (a ``ValueError``) that names the field, the value and what is allowed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

from cliptta_demo.backend.choices import ORDERS, PREDICTIONS, RESETS, SCHEDULES
from cliptta_demo.backend.corruptions import CORRUPTION_CYCLE, CORRUPTIONS, corruption_name, corruption_words
from cliptta_demo.backend.declare import (
    Choices,
    Declared,
    Setting,
    check_choice,
    choice,
    number,
    settings_of,
    switch,
    whole,
)
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.own_settings import own_kind
from cliptta_demo.backend.registry import method_names
from cliptta_demo.languages import Text, say

GRADUAL = ("gradual", "gradual-cotta")


def _corruptions() -> Choices:
    others = {"none": Text("None"), CORRUPTION_CYCLE: Text("Cycle through all 15")}
    return others | {name: partial(corruption_name, name) for name in CORRUPTIONS}


def _scores() -> dict[str, str]:
    losses = import_module("cliptta_demo.backend.methods.losses")  # whose folder is built on settings
    return {name: name for name in losses.ID_SCORES}


def _shift(stream: "StreamSettings") -> str:
    """The corruption in short words: "fog 5", "fog to 5" where it rises, "no corruption"."""
    words, severity = corruption_words(stream.corruption), stream.severity
    if stream.corruption == "none":
        return words
    if stream.ramp:
        return say("{corruption} to {severity}", corruption=words, severity=severity)
    return f"{words} {severity}"


def _anew(adaptation: "AdaptationSettings") -> str:
    every = adaptation.reset_every
    others = {"shift": say("anew at new shifts"), "astray": say("anew when astray")}
    return others.get(adaptation.reset) or (say("anew every {count}", count=every) if every else say("never anew"))


def _falls(adaptation: "AdaptationSettings") -> str:
    halves = adaptation.rate_halves
    return say("rate halves after {count}", count=halves) if halves else say("constant rate")


# fmt: off
class AdaptationSettings(Declared):
    """What the adapting methods do with one batch."""

    learning_rate: float = number(
        1e-4, 0, 1, "the paper's; small backbones want more and bring their own tuned value",
        label=Text("Learning rate"), help=Text("Of Adam, on the normalisation layers only."), step=0.0001,
        option="lr", spoken="learning rate of Adam", mark=Text("lr {:g}"),
    )
    rate_halves: int = whole(
        0, 0, 1000, "constant, as in the paper",
        spoken="batches after which the rate is a half, after twice as many a third; 0: never", mark=_falls,
    )
    steps: int = whole(
        10, 1, 50, "the paper's",
        label=Text("Steps per batch"), help=Text("Optimiser steps on each batch."), slider=True, step=1,
        spoken="optimiser steps per batch", mark=Text("{} steps"),
    )
    rates: str = choice(
        "same", {"same": Text("The same for all"), "own": Text("Each its own")}, "one thing differs: the method",
        label=Text("Rate and steps"),
        help=Text("Each its own: what did best on four corruptions that no table reports."),
        spoken="rate and steps: same for all methods, or own, what choose has recorded",
        mark=lambda own: say("own rates") if own.rates == "own" else say("same rates"),
    )
    reset: str = choice(
        "every", RESETS, "with 0 batches never, as in the paper",
        label=Text("Start anew"),
        help=Text("Astray: the predictions' entropy, averaged as in SAR, falls below 0.2 nats."),
        spoken="when methods start from the source model again: {}", mark=_anew,
    )
    reset_every: int = whole(
        0, 0, 1000, "never, as in the paper; RDumb (Press et al. 2023) does after a while",
        label=Text("Start anew every … batches"), help=Text("0: never. Forgets what was learnt, good and bad."),
        spoken="batches after which methods start anew; 0: never", mark=_anew,
    )
    window: int = whole(
        1, 1, 512, "each batch by itself, as in the paper; small batches want a longer one",
        label=Text("Window"), help=Text("Batches that methods adapt to together; in between they only predict."),
        spoken="batches that methods adapt to together", mark=Text("window {}"),
    )
    regulariser_weight: float = number(
        1.0, 0, 100, "the paper's λ_reg, of the marginal-entropy regulariser",
        label=Text("λ_reg, CLIPTTA's regulariser"), help=Text("CLIPTTA's pull towards using all classes."),
        option="lambda-reg", spoken="weight of CLIPTTA's regulariser", mark="λ_reg {:g}",
    )
    tent_regulariser_weight: float = number(
        0.0, 0, 100, "TENT as published has none; 1 gives it CLIPTTA's",
        label=Text("λ_reg for TENT"), help=Text("0 is TENT as published; 1 lends it CLIPTTA's regulariser."),
        option="tent-lambda-reg", spoken="weight of the same regulariser in TENT", mark="TENT λ_reg {:g}",
    )
    memory_shots: int = whole(
        8, 0, 64, "the paper uses 4 to 16",
        label=Text("Memory shots per class"), help=Text("Confident images remembered per class."), slider=True, step=1,
        spoken="images remembered per class; 0: no memory", mark=Text("{} shots"),
    )
    memory_sample: int = whole(
        64, 1, 1024, "as many as a batch has, balanced over classes",
        spoken="remembered images that join each step", mark=Text("{} memory images"),
    )
    oce_weight: float = number(
        1.0, 0, 1000, "the paper's λ_oce",
        label=Text("λ_oce, weight of OCE"), help=Text("Pushes known images and strangers apart."),
        option="lambda-oce", spoken="weight of the outlier contrastive exposure", mark="λ_oce {:g}",
    )
    oce_gamma: float = number(
        0.005, 1e-6, 10, "the paper's γ",
        label="γ", help=Text("Softness of that split."),
        option="gamma", spoken="softness of the ID/OOD split", mark="γ {:g}",
    )
    score: str = choice(
        "max-log-probability", _scores, "the paper's ID score",
        label=Text("ID score"), spoken="ID score: {}", restart=Text("the ID score"),
    )
    symmetric: bool = switch(
        False, "the authors ran the row form of the contrastive loss only",
        label=Text("Symmetric loss"), help=Text("Adds the text-to-image half of the contrastive loss."),
        spoken="rows and columns in the loss", mark=lambda own: say("symmetric") if own.symmetric else say("rows only"),
    )
    caution: float = number(
        0.0, 0, 1, "none, as in the paper; ours", label=Text("CLIPTTA's caution"), mark=Text("caution {:g}"), step=0.1,
        help=Text("Ours, not the paper's: the surer zero-shot is of a batch, the slower CLIPTTA learns. 0: none."),
        spoken="zero-shot's entropy, as a share of its most, below which CLIPTTA's rate falls; 0: never",
    )
    prediction: str = choice(
        "after", PREDICTIONS, "the paper's, and one rule for all: what has adapted predicts",
        label=Text("Prediction"), help=Text("As authors report it: of many methods, the one before the last update."),
        spoken="which prediction of a batch counts: {}",
        mark=lambda own: say("predicts after") if own.prediction == "after" else say("predicts as authors do"),
    )


class StreamSettings(Declared):
    """Which images arrive, in which order, and how they are corrupted."""

    corruption: str = choice(
        "none", _corruptions, 'clean; "cycle" takes another of the 15 with every batch',
        label=Text("Corruption"), help=Text("ImageNet-C's, applied to every image."), group="shift",
        spoken="{}", mark=_shift,
    )
    severity: int = whole(
        5, 1, 5, "the paper reports 5",
        label=Text("Severity"), group="shift", slider=True, step=1, spoken="1 to 5; the paper reports 5", mark=_shift,
    )
    ramp: bool = switch(
        False, "the paper's severity is constant",
        label=Text("Ramp up"), help=Text("From 1 up to the severity, over the stream."), group="shift",
        spoken="let the severity rise from 1 over the stream", mark=_shift,
    )
    ood_share: float = number(
        0.0, 0, 0.9, "none; the paper's open set has 0.5",
        label=Text("OOD share"),
        help=Text("Of each batch: images of none of the classes; “Known or stranger?” then shows them."),
        group="shift", slider=True, step=0.05,
        spoken="their share of each batch, 0 to 0.9; default 0.5 with --ood", restart=Text("the OOD share"),
    )
    order: str = choice(
        "shuffled", ORDERS, "the paper's",
        label=Text("Order"),
        help=Text("Sorted and in runs, a batch holds few classes too. As given: a video's frames in order."),
        group="stream", spoken="of the classes: {}", restart=Text("the stream order"),
    )
    batch_size: int = whole(
        64, 1, 512, "the paper's is 128; 64 keeps a laptop live",
        label=Text("Batch size"), group="stream", restart=Text("the batch size"),
    )
    batches: int = whole(
        10, 1, 1000, "short enough to be watched",
        label=Text("Batches"), group="stream",
    )
    seed: int = whole(
        0, 0, 2**31 - 1, "any will do; the same one gives the same run",
        label=Text("Seed"), group="stream", restart=Text("the seed"),
    )
    schedule: str = choice(
        "one", SCHEDULES, "the paper's streams have one shift each",
        label=Text("Shifts"),
        help=Text("All but one shift take ImageNet-C's 15 in their order, whichever is chosen above."),
        group="schedule", spoken="which shifts come, batch by batch: {}", restart=Text("the schedule"),
    )
    shift_batches: int = whole(
        5, 1, 500, "two shifts in a stream of ten",
        label=Text("Batches per shift"), group="schedule", spoken="batches of one shift, or of one severity on its way",
        restart=Text("the schedule"),
    )
    recurring_shifts: int = whole(
        3, 1, 15, "a noise, a blur and brightness",
        label=Text("Shifts that recur"), group="schedule", spoken="how many shifts come again and again",
        restart=Text("the schedule"),
    )
    concentration: float = number(
        0.1, 0, 1000, "RoTTA's, NOTE's and SoTTA's; mariodoebler's is 0",
        label=Text("Concentration"), help=Text("Of runs and bursts: the smaller, the longer. 0: class after class."),
        group="schedule", step=0.1, spoken="of runs of classes and bursts of strangers; 0: class after class",
        restart=Text("the concentration"),
    )
    ood_bursts: bool = switch(
        False, "the paper mixes them evenly",
        label=Text("Strangers in bursts"), help=Text("As SoTTA's noise comes, rather than in each batch."),
        group="schedule", spoken="let strangers come in bursts", restart=Text("the bursts of strangers"),
    )
    batch_classes: int = whole(
        4, 1, 25, "StatA's authors take 1 to 4, 2 to 10 and 5 to 25",
        label=Text("Classes in a batch"), help=Text("With few classes in each batch: so many, drawn for each."),
        group="schedule", spoken="with the order few: classes in each batch, drawn for each",
        restart=Text("the classes in a batch"),
    )
    pace: float = number(
        0.0, 0, 10_000, "the stream waits, as in the paper",
        label=Text("Pace, ms an image"),
        help=Text("0: the stream waits. Else a method that takes longer misses batches, by its recorded time."),
        group="schedule", step=1, spoken="milliseconds from image to image; slower methods miss batches; 0: it waits",
        restart=Text("the pace"),
    )
# fmt: on

    @property
    def ordered(self) -> bool:
        """Whether the classes are put in an order, which needs labels."""
        return self.order not in ("shuffled", "given")

    @property
    def planned_whole(self) -> bool:
        """Whether its length decides what comes in each batch, so that it can't be made longer halfway."""
        return self.ordered or (self.ood_bursts and self.ood_share > 0)


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """One whole experiment: with the same settings, the same images give the same numbers.

    Attributes:
        own: method → its own settings, of the dataclass that it names as ``own``: of each method of the run that has
            some, at their defaults where they are not given.
    """

    methods: tuple[str, ...] = ("zero-shot", "tent", "cliptta")
    stream: StreamSettings = field(default_factory=StreamSettings)
    adaptation: AdaptationSettings = field(default_factory=AdaptationSettings)
    own: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not self.methods:
            raise UserError("methods is empty; choose at least one of: {names}.", names=", ".join(method_names()))
        for method in self.methods:
            check_choice("methods", method, method_names())
        if len(set(self.methods)) < len(self.methods):
            raise UserError("methods names one method twice: {names}.", names=", ".join(self.methods))
        kinds = {name: kind for name in self.methods if (kind := own_kind(name)) is not None}
        own = {name: self.own.get(name) or kind() for name, kind in kinds.items()}
        if wrong := [name for name, kind in kinds.items() if not isinstance(own[name], kind)]:
            raise UserError("own has settings for {names} that are another method's.", names=", ".join(wrong))
        object.__setattr__(self, "own", own)
        if self.images_together > (most := settings_of(StreamSettings)["batch_size"].high):
            text = Text("window is {window} batches of {size} images; together they may be at most {most} images.")
            raise UserError(text, window=self.adaptation.window, size=self.stream.batch_size, most=most)

    @property
    def images_together(self) -> int:
        """How many images a method adapts to at once."""
        return self.stream.batch_size * self.adaptation.window

    def declared(self) -> Iterator[tuple[str, Setting, Declared]]:
        """(name, declaration, the settings that hold its value) of all settings; a method's own: METHOD.SETTING."""
        own = ((f"{method}.", part) for method, part in self.own.items())
        for prefix, part in (("", self.stream), ("", self.adaptation), *own):
            for name, setting in settings_of(type(part)).items():
                yield f"{prefix}{name}", setting, part

    def flat(self) -> dict[str, Any]:
        """Name → value, as in :meth:`declared`."""
        return {name: getattr(part, setting.name) for name, setting, part in self.declared()}

    def to_dict(self) -> dict[str, Any]:
        """Plain nested dict, ready for JSON; without ``own`` where no method has settings of its own."""
        return {name: value for name, value in asdict(self).items() if name != "own" or value}
